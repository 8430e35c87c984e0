"""A name as it was written, understood: what it is, its parts, what stands beside it. Pure.

One form for one spelling: width, blanks, the dot between the parts of a minority name, private-use codes of rare
characters. What differs by more than spelling (simplified and traditional, homophones, slips) is for `comparing`.

The Patient keeps the name as it was written; this is only for finding and comparing.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

from kangyun.base.numbers.fillers import is_filler, narrow
from kangyun.identity.registration import characters, surnames

DOT = "\u00b7"
LONGEST = 200
"""Characters of a name that are looked at."""
Kind = Literal["chinese", "parts", "latin", "newborn", "unidentified", "masked", "none"]
"""`parts`: a minority or foreign name in Chinese characters. `newborn` and what follows name nobody."""

_HAN = re.compile(r"[〇㐀-鿿豈-﫿\ue000-\uf8ff\U00020000-\U0003ffff]+")
_LATIN = re.compile(r"[^\W\d_](?:[^\W\d_]|['’ -])*")
_BRACKETS = re.compile(r"[(\[{【〔〈《<「『](.*?)[)\]}】〕〉》>」』]|[(\[{【〔〈《<「『)\]}】〕〉》>」』]")
_MARKS = r"(?:(?![\ue000-\uf8ff])[\W\d_])+"
_BESIDE = re.compile(rf"^{_MARKS}|(?<=.){_MARKS}$")
_DOTS = re.compile(rf"\s*[{re.escape(surnames.DOTS)}.。]+\s*")
_BETWEEN = re.compile(r"[,，、\-‐-―_/]+")
_NUMBER = 6
"""Digits from which on what is no Chinese name is a number: 11010519491231002X."""
_LONG = 5
"""Chinese characters from which on a name without dots is a minority or foreign one."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name understood.

    text:    one form of it; parts between DOT or blanks.
    surname: family name, empty where nobody can tell it, as given: minority names, Latin ones.
    parts:   the parts of a name of several, else the one text.
    note:    what stood beside it: (大), a title, a number.
    mother:  of a newborn without a name, its mother's name; sex: what was said with it.
    order:   which of its mother's children it is, as far as that was said with it: 大 is 1, 小 may be 2 or 3.
    """

    text: str
    kind: Kind
    surname: str = ""
    given: str = ""
    parts: tuple[str, ...] = ()
    note: str = ""
    mother: str = ""
    sex: str = ""
    order: str = ""

    @property
    def joined(self) -> str:
        """The name without what stands between its parts."""
        return "".join(self.parts)


NONE = Name("", "none")


@lru_cache(65536)
def read(text: str) -> Name:
    """Returns what a written name says. Nothing raises: what is no name is of kind `none`."""
    text = narrow(text[:LONGEST])
    bare, note = _without_notes(text)
    bare = unicodedata.normalize("NFC", "".join(map(characters.standard, bare)))
    if is_filler(bare):
        return Name("", "none", note=note)
    if any(map(characters.han, bare)):
        return _chinese(bare, note)
    if sum(map(str.isdecimal, text)) >= _NUMBER:
        return Name("", "none", note=note)
    return Name("", "masked", note=note) if "*" in bare else _latin(bare, note)


def has_private_character(name: str) -> bool:
    """Whether a name holds a private-use code that no table explains: a rare character made for one font."""
    return any(characters.private(sign) and characters.standard(sign) == sign for sign in name)


def _without_notes(text: str) -> tuple[str, str]:
    """Returns a name without brackets, numbers and marks beside it, and what they said."""
    notes = [found[1] for found in _BRACKETS.finditer(text) if found[1]]
    bare = _BRACKETS.sub("", text).strip()
    stripped = bare if "*" in bare.strip("*") else bare.strip("*")
    notes += [part for part in _BESIDE.findall(stripped) if any(map(str.isalnum, part))]
    bare = _BESIDE.sub("", stripped) if any(sign.isalpha() or characters.private(sign) for sign in stripped) else ""
    return bare, " ".join(notes)


def _chinese(bare: str, note: str) -> Name:
    bare = _dotted(bare)
    compact = bare.replace(DOT, "")
    if _rules().unidentified.fullmatch(compact):
        return Name("", "unidentified", note=note)
    newborn = _newborn(compact, note)
    if newborn:
        return newborn
    if "*" in bare or "某" in bare[1:]:
        return Name("", "masked", note=note)
    titled = _rules().titles.fullmatch(compact)
    if titled:
        return replace(read(titled["name"]), note=f"{note} {titled['title']}".strip())
    parts = tuple(bare.split(DOT)) if DOT in bare else (compact,)
    if len(parts) > 1 or (len(compact) >= _LONG and compact[:2] not in surnames.compound_surnames()):
        return Name(DOT.join(parts), "parts", parts=parts, note=note)
    family, given = surnames.split(compact)
    return Name(compact, "chinese", family, given, (compact,), note)


def _dotted(bare: str) -> str:
    """Returns a name with one kind of dot between its parts, no blanks, and signs one with the marks they came to."""
    bare = _DOTS.sub(DOT, bare)
    pieces = bare.split()
    if DOT not in bare and len(pieces) > 1 and all(len(piece) > 1 for piece in pieces) and len(bare) > _LONG:
        bare = DOT.join(pieces)
    bare = _BETWEEN.sub(DOT, "".join(bare.split()))
    return unicodedata.normalize("NFC", re.sub(f"{DOT}+", DOT, bare).strip(DOT))


def _newborn(compact: str, note: str) -> Name | None:
    beside = _rules().newborn_beside.fullmatch(note)
    if beside:
        return Name("", "newborn", note=note, mother=compact, sex=_sex_of(beside["sex"]), order=_order_of(note))
    for rule in _rules().newborn:
        found = rule.fullmatch(compact)
        if found:
            mother = read(found["mother"]).text if found["mother"] else ""
            said = found["sex"]
            note = f"{note} {compact[found.end('mother') :]}".strip()
            surname = found.groupdict().get("surname") or ""
            order = _order_of(compact[found.end("mother") :].replace(said, "", 1))
            return Name("", "newborn", surname=surname, note=note, mother=mother, sex=_sex_of(said), order=order)
    return None


def _sex_of(said: str) -> str:
    return "female" if "女" in said else "male" if said in ("子", "男", "儿子", "男婴") else ""


def _order_of(beside: str) -> str:
    return next((_rules().orders[sign] for sign in beside if sign in _rules().orders), "")


def _latin(bare: str, note: str) -> Name:
    family_first = "," in bare
    words = [word for word in re.split(r"[\s,.·/_]+|(?<=\w{2})-", bare.upper().replace("’", "'")) if word]
    words = [word for word in words if word not in _rules().latin_titles] or words
    if not words or not any(_LATIN.fullmatch(word) for word in words):
        return Name("", "none", note=note)
    surname = words[0] if family_first and len(words) > 1 else ""
    return Name(" ".join(words), "latin", surname, " ".join(words[1:]) if surname else "", tuple(words), note)


@dataclass(frozen=True, slots=True)
class _Rules:
    unidentified: re.Pattern[str]
    newborn: tuple[re.Pattern[str], ...]
    newborn_beside: re.Pattern[str]
    titles: re.Pattern[str]
    latin_titles: frozenset[str]
    common: frozenset[str]
    orders: dict[str, str]


@cache
def _rules() -> _Rules:
    table: dict[str, Any] = tomllib.loads(files(__package__).joinpath("data", "names.toml").read_text("utf-8"))
    return _Rules(
        re.compile(table["unidentified"]),
        tuple(re.compile(rule) for rule in table["newborn"]),
        re.compile(table["newborn_beside"]),
        re.compile(rf"(?P<name>.+?)(?P<title>{table['titles']})"),
        frozenset(table["latin_titles"]),
        frozenset("".join(table["common"]).split()),
        table["orders"],
    )


def common_names() -> frozenset[str]:
    """Returns names that so many people have that they find nobody without more."""
    return _rules().common
