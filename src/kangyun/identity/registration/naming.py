"""How alike two names are, Chinese ones above all. Pure; `comparing` puts it into its table.

The first grade that holds counts:

- `exact`: the same characters, whatever the blanks, widths and dots;
- `variant`: the same after folding traditional, variant and private-use characters;
- `sound`: the same pinyin without tones in any reading, for ears and fingers that do not tell zh and z, n and l, h and
  f, or ng and n apart too, or a Latin name spelt as the other sounds;
- `swapped`: family and given name, or the two characters of a given name, the other way round;
- `look-alike`: one character other, of a shape that is taken for it, or written as its parts: 韦昷 for 韫;
- `parts`: of a minority or foreign name some parts, others left out, an initial, or the last cut short;
- `transcribed`: a minority or foreign name in Latin letters, and one in Chinese characters of the same consonants;
- `one-character`: one character other, missing or too many, in a name of three or more;
- `given`: a given name of two characters or more under another family name, or a husband's before one's own;
- `near-sound`: pinyin two letters apart at most.
"""

from functools import lru_cache
from typing import NamedTuple

from kangyun.identity.registration import characters, pinyin, surnames, transcribed
from kangyun.identity.registration.names import Name, read
from kangyun.identity.registration.slips import differing, transposed, within

GRADES = (
    "exact", "variant", "sound", "swapped", "look-alike", "parts", "transcribed", "one-character", "given",
    "near-sound",
)  # fmt: skip
EXACT, VARIANT, SOUND, SWAPPED, LOOK_ALIKE, PARTS, TRANSCRIBED, ONE_CHARACTER, GIVEN, NEAR_SOUND, OTHER = range(11)
MOST_PARTS = 4
"""Characters that one may be written as: 燚 as 火火火火."""
LEAST_LETTERS = 5
"""Letters of a pinyin or Latin name from which on two wrong ones may be a slip."""


class _Known(NamedTuple):
    """A name understood: its characters folded, how it sounds."""

    name: Name
    folded: str
    sound: pinyin.Sound
    letters: frozenset[str]


def chinese_name(one: str, other: str) -> int:
    """Grades two names; `OTHER` where one of them names nobody."""
    if one == other:
        return EXACT
    x, y = _known(one), _known(other)
    a, b = x.name, y.name
    if not a.text or not b.text:
        return OTHER
    if x.folded == y.folded:
        return EXACT if a.joined == b.joined else VARIANT
    if pinyin.same(x.sound, y.sound):
        return SOUND
    if a.kind == b.kind == "latin":
        grade = _latin(a, b)
    elif "latin" in (a.kind, b.kind):
        grade = _across(x, y)
    else:
        grade = _written(a, x.folded, b, y.folded)
    return NEAR_SOUND if grade == OTHER and _near(x, y) else grade


def _near(x: _Known, y: _Known) -> bool:
    a, b = x.sound.letters, y.sound.letters
    # A slip adds one letter to a name at most, and takes one away.
    if min(len(a), len(b)) < LEAST_LETTERS or len(x.letters ^ y.letters) > 4:
        return False
    return within(a, b, 2)


@lru_cache(65536)
def _known(text: str) -> _Known:
    name = read(text)
    sound = pinyin.sound(name)
    return _Known(name, folded(name.joined), sound, frozenset(sound.letters))


@lru_cache(65536)
def folded(name: str) -> str:
    """Returns a name with each character as the standard one that it is a form of."""
    return "".join(map(characters.folded, name))


def _written(a: Name, x: str, b: Name, y: str) -> int:
    """Grades two names in Chinese characters, `x` and `y` being them folded."""
    if _turned(a, x) == y or _turned(b, y) == x:
        return SWAPPED
    if "parts" in (a.kind, b.kind) and _some_parts(_folded_parts(a), _folded_parts(b)):
        return PARTS
    if len(x) == len(y):
        if transposed(x, y):
            return SWAPPED
        places = differing(x, y)
        if len(places) == 1 and len(x) > 1:
            if characters.look_alike(x[places[0]], y[places[0]]):
                return LOOK_ALIKE
            if places[0] > 0 and len(x) > 2:
                return ONE_CHARACTER
    elif max(len(x), len(y)) > 2 and min(len(x), len(y)) > 1 and x[0] == y[0] and within(x, y, 1):
        return ONE_CHARACTER
    given = folded(a.given)
    if len(given) > 1 and given == folded(b.given):
        return GIVEN
    return _at_length(*sorted((x, y), key=len))


def _at_length(short: str, long: str) -> int:
    """Grades two folded names of which one may be longer by a husband's family name or a character's parts."""
    more = len(long) - len(short)
    if len(short) < 2 or not 1 <= more <= MOST_PARTS - 1:
        return OTHER
    if long.endswith(short):
        return GIVEN if surnames.split(long)[0] == long[:more] else OTHER
    return LOOK_ALIKE if any(_in_parts(short, long, place, more + 1) for place in range(1, len(short))) else OTHER


def _in_parts(short: str, long: str, place: int, parts: int) -> bool:
    """Whether the longer name has parts in the place of one character of the shorter."""
    written = long[place : place + parts]
    return short[:place] + written + short[place + 1 :] == long and characters.made_of(short[place], written)


def _turned(name: Name, whole: str) -> str:
    """Returns a folded name with its given name first."""
    return whole[len(name.surname) :] + whole[: len(name.surname)]


def _folded_parts(name: Name) -> tuple[str, ...]:
    return tuple(map(folded, name.parts))


def _some_parts(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the shorter name's parts stand in the longer in their order, one at least in full.

    A name without dots is a part itself, so that it may begin or end the other.
    """
    short, long = sorted((one, other), key=lambda parts: (len(parts), len("".join(parts)), parts))
    whole = "".join(long)
    if len(short) == 1:
        return len(short[0]) >= 3 and (whole.startswith(short[0]) or whole.endswith(short[0]))
    rest, full = list(long), False
    for nth, part in enumerate(short, 1):
        # Where a field ends, it is the last part that is cut.
        cut = nth == len(short)
        found = next(
            (
                place
                for place, whole in enumerate(rest)
                if _is_short_for(part, whole) or (cut and whole.startswith(part))
            ),
            None,
        )
        if found is None:
            return False
        full = full or (rest[found] == part and len(part) > 1)
        del rest[: found + 1]
    return full


def _is_short_for(part: str, whole: str) -> bool:
    """Whether a part is the other one, or an initial of it, either way."""
    if part == whole:
        return True
    letter, word = sorted((part, whole), key=len)
    return len(letter) == 1 and letter.isascii() and pinyin.sound(read(word)).letters[:1] == letter.casefold()


def _latin(a: Name, b: Name) -> int:
    """Grades two names in Latin letters; words in any order are the same name turned."""
    if sorted(a.parts) == sorted(b.parts):
        return SWAPPED
    x, y = a.joined, b.joined
    if min(len(x), len(y)) >= LEAST_LETTERS and within(x, y, 1):
        return ONE_CHARACTER
    for one in (a.parts, a.parts[::-1]):
        if min(len(one), len(b.parts)) > 1 and _some_parts(one, b.parts):
            return PARTS
    return OTHER


def _across(x: _Known, y: _Known) -> int:
    """Grades a Latin name and a Chinese one: its pinyin with the given name first, WEI ZHANG, or its consonants."""
    latin, han = (x, y) if x.name.kind == "latin" else (y, x)
    usual, count = han.sound.usual, len(han.name.surname)
    if "".join((*usual[count:], *usual[:count])) == latin.sound.letters:
        return SWAPPED
    return TRANSCRIBED if transcribed.alike(usual, latin.name.parts) else OTHER
