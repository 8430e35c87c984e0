"""What a row of the list must be. Pure."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.access.staff.sheets import LONGEST_CELL, Columns, Row
from kangyun.base.errors import Issue

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LICENCE = re.compile(r"[A-Za-z0-9-]{6,32}")
_BETWEEN = re.compile(r"[、,，;；/\s]+")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


class List(Columns, frozen=True, kw_only=True):
    """`data/staff.toml`. role: how a list names a role, and the role of the policy."""

    role: dict[str, str]


@cache
def the_list() -> List:
    """Returns how the list of staff looks."""
    text = files(__package__).joinpath("data", "staff.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), List)


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff, as a row has them. `left`: the day from which on they are gone."""

    row: Row
    number: str
    name: str
    institution: str
    department: str
    roles: tuple[str, ...]
    licence: str
    left: date | None


Fault = tuple[Row, Issue]
"""What is wrong, and in which row."""


def read_people(rows: Sequence[Row]) -> tuple[list[Person], list[Fault]]:
    """Returns the rows that are right, and all faults of the others."""
    people, faults = [], []
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        found = _Reading(row)
        person = found.person()
        before = first.setdefault((person.institution, person.number), row.number)
        if before != row.number and person.number:
            found.wrong("twice", "number", first=before)
        faults += [(row, issue) for issue in found.issues]
        if not found.issues:
            people.append(person)
    return people, faults


class _Reading:
    """Reads one row and notes what is wrong."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._columns = the_list().column
        self.issues: list[Issue] = []

    def wrong(self, what: str, column: str, **places: str | int) -> None:
        """Notes a fault: it names row and column, and does not quote the cell."""
        named = {"row": self._row.number, "column": self._columns[column], **places}
        self.issues.append(Issue("error", "value", f"access.staff.{what}", f"row[{self._row.number}].{column}", named))

    def person(self) -> Person:
        cells = {name: self._row.cells.get(title, "") for name, title in self._columns.items()}
        for name, text in cells.items():
            if len(text) > LONGEST_CELL:
                self.wrong("too-long", name, most=LONGEST_CELL)
            if self._columns[name] in self._row.inexact:
                self.wrong("as-number", name)
        for name in the_list().required:
            if not cells[name]:
                self.wrong("missing", name)
        for name, form in (("number", _NUMBER), ("licence", _LICENCE)):
            # Of what Excel has cut that alone is said: the form of what is left tells nobody anything.
            if cells[name] and self._columns[name] not in self._row.inexact and not form.fullmatch(cells[name]):
                self.wrong(name, name)
        left = self._day(cells["left"])
        return Person(
            self._row, cells["number"], cells["name"], cells["institution"], cells["department"],
            self._roles(cells["roles"], needed=left is None), cells["licence"], left,
        )  # fmt: skip

    def _roles(self, text: str, *, needed: bool) -> tuple[str, ...]:
        names = [name for name in _BETWEEN.split(text) if name]
        known = the_list().role
        if any(name not in known for name in names):
            self.wrong("role", "roles", roles="、".join(known))
        elif needed and not names:
            self.wrong("missing", "roles")
        return tuple(dict.fromkeys(known[name] for name in names if name in known))

    def _day(self, text: str) -> date | None:
        if not text:
            return None
        found = _DATE.fullmatch(text)
        try:
            if found:
                return date(*(int(part) for part in found.groups()))
        except ValueError:
            pass
        self.wrong("date", "left")
        return None
