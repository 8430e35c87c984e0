"""How the lists look, and how a row is read: each fault and each remark names sheet, row and column."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from kangyun.access.staff.sheets import LONGEST_CELL, Columns, Row
from kangyun.base.errors import Issue, Severity
from kangyun.fhir.china.codes import code_system
from kangyun.fhir.china.divisions import is_demonstration, lookup
from kangyun.fhir.china.divisions.table import Division

Kind = Literal["institutions", "departments", "maps"]
KINDS: tuple[Kind, ...] = ("institutions", "departments", "maps")
STATES = {"": True, "在用": True, "停用": False}
LOCAL = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)
"""A code that an institution gives itself. No sign that a search gives a meaning."""


@cache
def _lists() -> Mapping[str, Columns]:
    found = tomllib.loads(files(__package__).joinpath("data", "registers.toml").read_text("utf-8"))
    return {kind: msgspec.convert(found[kind], Columns) for kind in KINDS}


def the_list(kind: Kind) -> Columns:
    """Returns how a list looks."""
    return _lists()[kind]


class Reading:
    """One row while it is read. issues: what is wrong, and what is worth knowing of a row that is right."""

    def __init__(self, kind: Kind, row: Row, sheet: str, *, demonstration: bool) -> None:
        self.row = row
        self.issues: list[Issue] = []
        self._sheet = sheet
        self._list = the_list(kind)
        self._demonstration = demonstration
        self.cells = {name: row.cells.get(title, "") for name, title in self._list.column.items()}
        for name, text in self.cells.items():
            if len(text) > LONGEST_CELL:
                self.wrong("too-long", name, most=LONGEST_CELL)
            if self._list.column[name] in row.inexact:
                self.wrong("as-number", name)
        for name in self._list.required:
            if not self.cells[name]:
                self.wrong("missing", name)

    @property
    def right(self) -> bool:
        """Whether nothing was wrong so far."""
        return all(issue.severity != "error" for issue in self.issues)

    def wrong(self, what: str, column: str, **places: str | int) -> None:
        """Notes a fault."""
        self._note("error", what, column, places)

    def told(self, what: str, column: str, **places: str | int) -> None:
        """Notes a remark."""
        self._note("warning", what, column, places)

    def _note(self, severity: Severity, what: str, column: str, places: Mapping[str, str | int]) -> None:
        named: dict[str, str | int] = {
            "sheet": self._sheet, "row": self.row.number, "column": self._list.column[column],
            "value": masked(self.cells[column]), **places,
        }  # fmt: skip
        at = f"row[{self.row.number}].{column}"
        self.issues.append(Issue(severity, "value", f"access.registers.{what}", at, named))

    def local(self, column: str) -> str:
        """Returns a code that an institution gives itself."""
        text = self.cells[column]
        if text and not LOCAL.fullmatch(text):
            self.wrong("local-code", column)
        return text

    def active(self) -> bool:
        """Returns what the column of the state says."""
        if self.cells["status"] not in STATES:
            self.wrong("one-of", "status", words=listed_words(STATES))
        return STATES.get(self.cells["status"], True)

    def coded(self, column: str, system: str) -> tuple[str, str] | None:
        """Returns code and display of what a column has of a code system: a code or a name. None for an empty cell."""
        text = self.cells[column]
        if not text:
            return None
        found = _names(system).get(text)
        if found is None:
            listed = code_system(system)
            if listed is not None and listed["content"] == "fragment" and LOCAL.fullmatch(text):
                self.told("code-not-here", column, list=listed["title"])
                return text, ""
            self.wrong("code", column, list=listed["title"] if listed else system)
        return found

    def division_of_demonstration(self, column: str) -> None:
        """Notes that a column has the fictitious division: right in a demonstration only."""
        if not self._demonstration:
            self.wrong("demonstration", column)

    def division(self, column: str) -> Division | None:
        """Returns the division of a column, which may be abolished. That of demonstrations is for those."""
        text = self.cells[column]
        if not text:
            return None
        if is_demonstration(text):
            self.division_of_demonstration(column)
            return None
        found = lookup(text)
        if found is None:
            self.wrong("division", column)
        elif found.until is not None:
            after = "、".join(found.successors) or "—"
            self.told("division-abolished", column, until=found.until, name=found.name, after=after)
        return found


@cache
def _names(system: str) -> Mapping[str, tuple[str, str]]:
    """Returns code and display by code, by display, and by what else a concept is called."""
    listed = code_system(system)
    pairs = [(concept["code"], concept["display"]) for concept in (listed["concept"] if listed is not None else ())]
    others = [
        (one["value"], (concept["code"], concept["display"]))
        for concept in (listed["concept"] if listed is not None else ())
        for one in concept.get("designation", ())
    ]
    named = [(pair[1], pair) for pair in pairs] + others
    counted = Counter(name for name, _ in named)
    # What several codes are called says none of them; a code is a code, whatever else is called so.
    return {name: pair for name, pair in named if counted[name] == 1} | {pair[0]: pair for pair in pairs}


def listed_words(words: Iterable[str]) -> str:
    """Returns the words that a column may have, to be said."""
    return "、".join(word for word in words if word)


def masked(value: str) -> str:
    """Returns a value so that whoever has the list finds it, and nobody else reads it."""
    return value if len(value) < 3 else f"{value[:2]}…{value[-1]}" if len(value) > 6 else f"{value[0]}…"
