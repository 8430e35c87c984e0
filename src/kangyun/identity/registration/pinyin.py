"""How a name sounds: syllables without tones, every reading of each character. Pure.

Readings are pypinyin's; family names first have those of `data/surnames.toml`. ü is v.
"""

from functools import cache
from typing import NamedTuple

from kangyun.identity.registration import characters, surnames
from kangyun.identity.registration.names import Name

_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("h", "f"))


class Sound(NamedTuple):
    """How a name may sound.

    usual:    a syllable for each character, as it is usually read; for Latin words the words.
    readings: for each character all that it may be read as.
    heard:    the same for who does not tell zh and z, n and l, h and f, or ng and n apart: input methods call it fuzzy.
    letters:  the usual reading without blanks: zhangwei.
    """

    usual: tuple[str, ...]
    readings: tuple[frozenset[str], ...]
    heard: tuple[frozenset[str], ...]
    letters: str

    @property
    def initials(self) -> str:
        """First letters of the usual reading: zw."""
        return "".join(syllable[0] for syllable in self.usual)


def sound(name: Name) -> Sound:
    """Returns how a name may sound."""
    if name.kind == "latin":
        words = tuple(_spelt(word) for word in name.parts)
        spelt = tuple(frozenset((word,)) for word in words)
        return Sound(words, spelt, tuple(frozenset((_heard(word),)) for word in words), "".join(words))
    alternatives = [_readings(sign) for sign in name.joined]
    family = surnames.surname_readings().get(name.surname, ())
    if len(name.surname) == 1 and family:
        alternatives[0] = tuple(dict.fromkeys((*family, *alternatives[0])))
    elif len(name.surname) == len(family) == 2:
        for place, syllable in enumerate(family):
            alternatives[place] = tuple(dict.fromkeys((syllable, *alternatives[place])))
    kept = [readings or (sign,) for readings, sign in zip(alternatives, name.joined, strict=True)]
    usual = tuple(readings[0] for readings in kept)
    heard = tuple(frozenset(map(_heard, readings)) for readings in kept)
    return Sound(usual, tuple(map(frozenset, kept)), heard, "".join(usual))


def same(one: Sound, other: Sound) -> bool:
    """Whether two names may sound the same in any reading, to any ear; a Latin name sounds as it is spelt."""
    if len(one.heard) != len(other.heard):
        return one.letters == other.letters
    return all(not a.isdisjoint(b) for a, b in zip(one.heard, other.heard, strict=True))


@cache
def _heard(syllable: str) -> str:
    """Returns one syllable for all that input methods offer as fuzzy readings of it."""
    initial = next((simple for full, simple in _INITIALS if syllable.startswith(full)), syllable[:1])
    rest = syllable[2 if syllable[1:2] == "h" and syllable[:1] in "zcs" else 1 :]
    return initial + (rest.removesuffix("g") if rest.endswith(("ang", "eng", "ing")) else rest)


def _spelt(word: str) -> str:
    """Returns a Latin word as pinyin is written here: small letters, LYU of passports and LÜ as lv."""
    small = word.casefold().replace("'", "").replace("ü", "v")
    return {"lyu": "lv", "nyu": "nv"}.get(small, small)


@cache
def _readings(sign: str) -> tuple[str, ...]:
    """Returns all readings of a character, the usual one first; of a letter or a rare character itself, or nothing."""
    if sign.isascii():
        return (sign.lower(),)
    # Its dictionaries take a quarter of a second: only for who meets Chinese.
    from pypinyin import Style, pinyin

    found = [reading for row in pinyin(sign, Style.NORMAL, heteronym=True, errors="ignore") for reading in row]
    if not found and (simple := characters.folded(sign)) != sign:
        return _readings(simple)
    return tuple(dict.fromkeys(reading for reading in found if reading.isascii() and reading.isalpha()))
