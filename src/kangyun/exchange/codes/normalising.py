"""Names of local codes made comparable with those of lists. Pure; the words are `data/normalising.toml`.

Taken away is what does not say what it is: width, brackets, blanks, how sure somebody was (待查, ?), on which side.
What of that was taken is told, so that nobody takes a left for a right: a name without its side is a weaker one.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

_BRACKETS = re.compile(r"[(\[{【〔〈《「]([^()\[\]{}【】〔〕〈〉《》「」]*)[)\]}】〕〉》」]")
_DIGITS = re.compile(r"[0-9]+")
_SIGNS = re.compile(r"[\s,，、。;；:：\-–—_·.'\"“”‘’/\\|()\[\]{}【】〔〕〈〉《》「」]+")


class Words(msgspec.Struct, frozen=True):
    """The words of `normalising.toml`."""

    doubt: list[str]
    sides: list[str]
    counted: list[str]
    said_again: list[str]
    opposed: list[str]
    synonyms: dict[str, str]
    numerals: dict[str, str]
    units: dict[str, list[str]]


class Name(NamedTuple):
    """A name as it is compared. doubted: that somebody was not sure was taken away. side: which was, empty for none."""

    text: str
    doubted: bool = False
    side: str = ""


@cache
def words() -> Words:
    """Returns the words."""
    return msgspec.convert(
        tomllib.loads(files(__package__).joinpath("data", "normalising.toml").read_text("utf-8")), Words
    )


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Returns the patterns of doubt, of sides, and of numerals that count something."""
    said = words()
    either = "|".join(map(re.escape, sorted(said.doubt, key=len, reverse=True)))
    sides = "|".join(map(re.escape, said.sides))
    numerals = "|".join(map(re.escape, said.numerals))
    counted = "|".join(sorted(said.counted, key=len, reverse=True))
    return (
        re.compile(rf"(?:{either})"),
        re.compile(rf"^(?:{sides})|(?:{sides})(?=侧|$)"),
        re.compile(rf"(?<![a-z])({numerals})(?=(?:{counted}))|(?<=型)({numerals})(?![a-z])"),
    )


@lru_cache(200_000)
def normal(name: str) -> Name:
    """Returns a name as it is compared."""
    doubt, sides, counted = _patterns()
    text = unicodedata.normalize("NFKC", name.replace("？", "?")).casefold().strip()
    text = _BRACKETS.sub(_within, text)
    plain = doubt.sub("", text)
    doubted, text = plain != text, plain
    text = _SIGNS.sub("", text)
    found = sides.search(text)
    if found is not None and len(text) > len(found[0]) + 1:
        text = text.replace(found[0], "", 1)
    else:
        found = None
    text = counted.sub(lambda one: words().numerals[one[1] or one[2]], text)
    return Name(words().synonyms.get(text, text), doubted, found[0] if found is not None else "")


def opposed(one: str, other: str) -> bool:
    """Whether names (as they are compared) say the opposite or count differently: 上 and 下, 1型 and 2型."""
    if one == other:
        return False
    if _DIGITS.findall(one) != _DIGITS.findall(other):
        return True
    left, right = set(one) - set(other), set(other) - set(one)
    return any((one[0] in left and one[1] in right) or (one[1] in left and one[0] in right) for one in words().opposed)


def _within(found: re.Match[str]) -> str:
    """Returns what stays of what stands between brackets."""
    return "" if found[1].strip() in words().said_again else found[1]


def unit(text: str) -> str:
    """Returns a unit as it is compared; empty for none."""
    plain = text.strip().replace("⁹", "^9").replace("¹²", "^12")
    plain = unicodedata.normalize("NFKC", plain).casefold().replace(" ", "").replace("\u00b5", "\u03bc")
    return _units().get(plain, plain)


@cache
def _units() -> Mapping[str, str]:
    return {
        unicodedata.normalize("NFKC", other).casefold(): kept
        for kept, others in words().units.items()
        for other in others
    }


def code(text: str) -> str:
    """Returns a code as it is compared: width, case, blanks and the marks of cross and star are none of it."""
    return unicodedata.normalize("NFKC", text).casefold().strip().rstrip("+*†").replace(" ", "")
