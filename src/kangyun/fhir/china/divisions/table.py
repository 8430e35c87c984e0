"""Divisions to the county, with their history by year; and what any code says, down to the village.

Source: data/SOURCE.md
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from kangyun.fhir.china.divisions import places

Level = Literal["province", "prefecture", "county", "town", "village"]
LEVELS: tuple[Level, ...] = ("province", "prefecture", "county", "town", "village")
Basis = Literal["", "name", "notice", "memory"]

FIRST_EDITION = 1980
_FORMS = {2: 6, 4: 6, 6: 6, 9: 9, 12: 12}
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_LONGEST_CHAIN = 12  # successors of successors
_OF_DEMONSTRATION = "99"


@dataclass(frozen=True, slots=True)
class Division:
    """A division in one of its uses.

    since, until: years; in use from `since` (None: since before the history begins) to before `until` (None: still).
    successors:   codes that its area has had since; none where it is in use, or where no source says it.
    basis:        how the successors are known: "notice" by a public notice, "name" because the name went on under them
                  in the same year and place, "memory" from memory: unverified.
    path:         codes and names of what lies above it, the province first.
    """

    code: str
    name: str
    level: Level
    since: int | None = None
    until: int | None = None
    successors: tuple[str, ...] = ()
    basis: Basis = ""
    path: tuple[tuple[str, str], ...] = ()

    @property
    def whole_name(self) -> str:
        """Its name behind the names of what lies above it; what is only a collective name is left out."""
        return "".join(name for _, name in self.path if name not in _COLLECTIVE and "直辖" not in name) + self.name


_COLLECTIVE = frozenset({"市辖区", "县", "市"})
"""Names of prefectures that only hold counties together; so does what begins with 省直辖 and 自治区直辖."""


def plain(code: str) -> str | None:
    """Returns a code of 6, 9 or 12 digits as it stands in the table, None for what is no code.

    Two and four digits are a province and a prefecture; zeros behind a town or a county are no village and no town.
    """
    code = code.strip()
    if not _DIGITS.fullmatch(code) or len(code) not in _FORMS:
        return None
    code = code.ljust(_FORMS[len(code)], "0")
    if len(code) == 12 and code.endswith("000"):
        code = code[:9]
    return code[:6] if len(code) == 9 and code.endswith("000") else code


def is_demonstration(code: str) -> bool:
    """Whether a code is one of the fictitious division 99, which is that of demonstrations and of no place."""
    return code.strip().startswith(_OF_DEMONSTRATION)


def lookup(code: str, on: date | None = None) -> Division | None:
    """Returns what a code is, on a day or in its last use; None for one that is not, or was not on that day.

    Towns and villages have no history: a day is held against their county.
    """
    found = plain(code)
    if found is None:
        return None
    if len(found) == 6:
        return _use(found, on)
    county = _use(found[:6], on)
    names = places.names(found[:4])
    if county is None or found not in names:
        return None
    above = [*county.path, (county.code, county.name)]
    if len(found) == 9:
        return Division(found, names[found], "town", path=tuple(above))
    above.append((found[:9], names[found[:9]]))
    return Division(found, names[found], "village", path=tuple(above))


def in_edition(code: str, year: int) -> tuple[str, ...]:
    """Returns the county codes under which statistics of a year count what a code stands for; none if it is not known.

    A code of that year stands for itself. An abolished one leads to its successors, which may be several: then its
    area was divided, and no share is known.
    """
    found = plain(code)
    if found is None:
        return ()
    return tuple(dict.fromkeys(_followed(found[:6], year, 0)))


def editions() -> range:
    """Returns the years of which the table knows what was in use."""
    return range(FIRST_EDITION, latest_edition() + 1)


@cache
def latest_edition() -> int:
    """Returns the last year of the table."""
    return max(year for uses in table().values() for one in uses for year in (one.since, one.until) if year)


def in_use(one: Division, year: int) -> bool:
    """Whether a division was in use at the end of a year."""
    return (one.since is None or one.since <= year) and (one.until is None or year < one.until)


@cache
def table() -> Mapping[str, tuple[Division, ...]]:
    """Returns all uses of each code of 6 digits, the earliest first; without paths."""
    found: dict[str, tuple[Division, ...]] = {}
    text = files(__package__).joinpath("data", "counties.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        one = Division(
            row["code"], row["name"], level_of(row["code"]), _year(row["since"]), _year(row["until"]),
            tuple(row["successors"].split()), row["basis"],  # type: ignore[arg-type]
        )  # fmt: skip
        found[one.code] = (*found.get(one.code, ()), one)
    return found


def level_of(code: str) -> Level:
    """Returns the level of a code of 6, 9 or 12 digits, by its form."""
    if len(code) > 6:
        return "town" if len(code) == 9 else "village"
    return "province" if code.endswith("0000") else "prefecture" if code.endswith("00") else "county"


def _use(code: str, on: date | None) -> Division | None:
    fitting = [one for one in table().get(code, ()) if on is None or in_use(one, on.year)]
    return with_path(fitting[-1], on) if fitting else None


def with_path(one: Division, on: date | None = None) -> Division:
    """Returns a use of a county code with what lay above it on a day, or when it was last in use."""
    when = on.year if on is not None else _when(one)
    above = (_name_at(code, when) for code in _above(one.code))
    return replace(one, path=tuple(pair for pair in above if pair is not None))


def _when(one: Division) -> int:
    """A year in which it was in use, the last one."""
    return latest_edition() if one.until is None else one.until - 1


def _above(code: str) -> Iterator[str]:
    if not code.endswith("0000"):
        yield f"{code[:2]}0000"
        if not code.endswith("00"):
            yield f"{code[:4]}00"


def _name_at(code: str, year: int) -> tuple[str, str] | None:
    uses = table().get(code, ())
    fitting = [one for one in uses if in_use(one, year)] or list(uses)
    return (code, fitting[-1].name) if fitting else None


def _followed(code: str, year: int, steps: int) -> Iterator[str]:
    uses = table().get(code, ())
    if any(in_use(one, year) for one in uses):
        yield code
    elif steps < _LONGEST_CHAIN:
        last = max((one for one in uses if one.until is not None and one.until <= year), key=_when, default=None)
        for successor in last.successors if last is not None else ():
            yield from _followed(successor, year, steps + 1)


def _year(text: str) -> int | None:
    return int(text) if text else None
