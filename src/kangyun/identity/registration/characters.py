"""Chinese characters of names: private codes made standard, forms of one character folded, look-alikes. Pure.

The table `data/characters.tsv` is compiled from Unicode's Unihan database; see SOURCE.md.
"""

from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

_PRIVATE = range(0xE000, 0xF900)
# What GB 18030-2000 had no code of Unicode for when GBK's FE50 to FEA0 stood at private codes, and 2005 and 2022 have.
_ASSIGNED = {
    0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6, 0xE82C: 0x9FB7,
    0xE831: 0x215D7, 0xE832: 0x9FB8, 0xE83B: 0x2298F, 0xE843: 0x9FB9, 0xE854: 0x9FBA, 0xE855: 0x241FE, 0xE864: 0x9FBB,
}  # fmt: skip

SPARE_STROKES = 2
"""A part within a character has a stroke more or less than by itself."""


class Shape(NamedTuple):
    """How a character looks, in codes of input methods.

    standard: the character of the list of standard characters that it is a form of; itself where there is none.
    cangjie:  one to five letters, its parts from the top left; corners: four or five digits; both may be empty.
    spoofs:   characters that Unicode says it is taken for.
    """

    standard: str
    cangjie: str
    corners: str
    strokes: int
    spoofs: str


def han(sign: str) -> bool:
    """Whether it is a Chinese character, one of a private code included."""
    code = ord(sign)
    return 0x3400 <= code <= 0x9FFF or 0x20000 <= code <= 0x3FFFF or code == 0x3007 or 0xE000 <= code <= 0xFAFF


def private(sign: str) -> bool:
    """Whether it is a code for private use: a rare character of one font."""
    return ord(sign) in _PRIVATE or ord(sign) >= 0xF0000


def standard(sign: str) -> str:
    """Returns the standard code of a private one that GBK and GB 18030 gave; any other character itself."""
    return _private_codes().get(sign, sign)


def folded(sign: str) -> str:
    """Returns the character that it is a form of: traditional as simplified, 峯 as 峰; only for comparing.

    A character of the list of standard characters (通用规范汉字表, 2013) is itself: 喆 is not 哲.
    """
    shape = _shapes().get(sign)
    return shape.standard if shape else sign


@lru_cache(65536)
def look_alike(one: str, other: str) -> bool:
    """Whether a character is easily taken for another when read, scanned or typed by its shape.

    The limits are ours: they find three fifths of a list of known slips, and call one pair in 260 of usual characters
    of given names alike, as a test holds.
    """
    a, b = _shapes().get(one), _shapes().get(other)
    if a is None or b is None:
        return False
    if one in b.spoofs or other in a.spoofs:
        return True
    if not a.cangjie or not b.cangjie:
        return False
    strokes = abs(a.strokes - b.strokes)
    corners = sum(x == y for x, y in zip(a.corners[:4], b.corners[:4], strict=False))
    ending = _common(a.cangjie[::-1], b.cangjie[::-1])
    if _one_apart(a.cangjie, b.cangjie):
        return strokes <= (3 if max(len(a.cangjie), len(b.cangjie)) > 2 else 1)
    if _part_of(a.cangjie, b.cangjie):
        return strokes <= 4
    if strokes <= 3 and ((ending >= 2 and corners >= 2) or (ending >= 3 and corners >= 1)):
        return True
    return strokes <= 2 and corners == 4


def made_of(whole: str, parts: str) -> bool:
    """Whether a character may be written as its parts: 燚 as 火火火火, not 强 as 建国.

    By the first and last of its code of Cangjie, and as many strokes as the parts have, give or take `SPARE_STROKES`.
    """
    shape, shapes = _shapes().get(whole), [_shapes().get(sign) for sign in parts]
    known = [one for one in shapes if one is not None and one.cangjie]
    if shape is None or not shape.cangjie or len(known) < len(parts):
        return False
    ends = shape.cangjie[0] == known[0].cangjie[0] and shape.cangjie[-1] == known[-1].cangjie[-1]
    return ends and abs(sum(one.strokes for one in known) - shape.strokes) <= SPARE_STROKES


def _common(a: str, b: str) -> int:
    """Returns how many signs two strings begin with in common."""
    return next((place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _one_apart(a: str, b: str) -> bool:
    """Whether one letter is wrong, missing or too many."""
    if abs(len(a) - len(b)) > 1:
        return False
    return _common(a, b) + _common(a[::-1], b[::-1]) >= max(len(a), len(b)) - 1


def _part_of(a: str, b: str) -> bool:
    """Whether one character's parts are the beginning or the end of the other's."""
    short, long = sorted((a, b), key=len)
    return len(short) >= 2 and (long.startswith(short) or long.endswith(short))


@cache
def _shapes() -> dict[str, Shape]:
    found = {}
    for line in files(__package__).joinpath("data", "characters.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            sign, form, cangjie, corners, strokes, spoofs = (line.split("\t") + [""] * 5)[:6]
            found[sign] = Shape(form or sign, cangjie, corners, int(strokes or 0), spoofs)
    return found


@cache
def _private_codes() -> dict[str, str]:
    """Returns the characters of GBK's FE50 to FEA0, which Windows puts at U+E815 to U+E864."""
    trails = [trail for trail in range(0x50, 0xA1) if trail != 0x7F]
    found = {
        chr(0xE815 + place): bytes((0xFE, trail)).decode("gb18030", "ignore") for place, trail in enumerate(trails)
    }
    found |= {chr(private_code): chr(code) for private_code, code in _ASSIGNED.items()}
    return {sign: known for sign, known in found.items() if known and not private(known)}
