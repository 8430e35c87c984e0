"""A list of devices to enrol, read: each fault names row and column. Pure."""

import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.access.staff.sheets import LONGEST_CELL, Columns, Row, Sheet
from kangyun.base.errors import Issue
from kangyun.devices.register.keys import BATCH_USER
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.model import NAME

DEFAULT_FORMAT = "plain"
DEFAULT_REGION = "cn"
DEFAULT_ZONE = 480  # minutes
RESERVED = frozenset({BATCH_USER})
_SERIAL = re.compile(r"[A-Za-z0-9._\-:]{1,64}", re.ASCII)
"""It is a client id and a part of a topic, too."""
_REGION = re.compile(r"[a-z0-9][a-z0-9\-]{0,31}", re.ASCII)
_ZONE = re.compile(r"([+-])(\d\d):([0-5]\d)", re.ASCII)
_MOST_ZONE = 14 * 60


@cache
def the_list() -> Columns:
    """Returns how the list of devices looks."""
    return msgspec.convert(
        tomllib.loads(files(__package__).joinpath("data", "devices.toml").read_text("utf-8")), Columns
    )  # fmt: skip


class Wanted(msgspec.Struct, frozen=True):
    """A device that a row asks for. name '': the platform draws one. batch, certificate '': it gets a secret."""

    row: int
    kind: str
    maker: str
    model: str
    serial: str
    name: str
    format: str
    region: str
    zone: int
    batch: str
    certificate: str


def read(sheet: Sheet, formats: Collection[str]) -> tuple[list[Wanted], list[tuple[Row, Issue]]]:
    """Returns what the rows ask for, and the faults of those that are wrong. formats: names of those there are."""
    wanted: list[Wanted] = []
    faults: list[tuple[Row, Issue]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in sheet.rows:
        reading = _Reading(row, sheet.name)
        found = reading.wanted(formats)
        for place in (("serial", found.serial), ("name", found.name)):
            if place[1] and place in seen:
                reading.wrong("list-twice", place[0], first=seen[place])
            seen.setdefault(place, row.number)
        faults += [(row, issue) for issue in reading.issues]
        if not reading.issues:
            wanted.append(found)
    return wanted, faults


def fault(row: Row, what: str, column: str, sheet: str, **places: str | int) -> Issue:
    """Returns a fault of a row."""
    titles: Mapping[str, str] = the_list().column
    named: dict[str, str | int] = {"sheet": sheet, "row": row.number, "column": titles[column], **places}
    return Issue("error", "value", f"devices.register.{what}", f"row[{row.number}].{column}", named)


class _Reading:
    def __init__(self, row: Row, sheet: str) -> None:
        self.row = row
        self.issues: list[Issue] = []
        self._sheet = sheet
        columns = the_list().column
        self._cells = {name: row.cells.get(title, "").strip() for name, title in columns.items()}
        for name, text in self._cells.items():
            if len(text) > LONGEST_CELL or columns[name] in row.inexact:
                self.wrong("list-inexact", name)
        for name in the_list().required:
            if not self._cells[name]:
                self.wrong("list-missing", name)

    def wrong(self, what: str, column: str, **places: str | int) -> None:
        self.issues.append(fault(self.row, what, column, self._sheet, **places))

    def wanted(self, formats: Collection[str]) -> Wanted:
        cells = self._cells
        kind = kinds().called(cells["kind"])
        if cells["kind"] and kind is None:
            self.wrong("list-kind", "kind", words="、".join(one.zh for one in kinds().kind.values()))
        if cells["serial"] and not _SERIAL.fullmatch(cells["serial"]):
            self.wrong("list-serial", "serial")
        if cells["name"] and (not NAME.fullmatch(cells["name"]) or cells["name"] in RESERVED):
            self.wrong("list-name", "name")
        format_ = cells["format"] or DEFAULT_FORMAT
        if format_ not in formats:
            self.wrong("list-format", "format", words="、".join(sorted(formats)))
        region = cells["region"] or DEFAULT_REGION
        if not _REGION.fullmatch(region):
            self.wrong("list-region", "region")
        if cells["batch"] and cells["certificate"]:
            self.wrong("list-both", "certificate")
        return Wanted(
            self.row.number, kind or "", cells["maker"], cells["model"], cells["serial"], cells["name"], format_,
            region, self._zone(), cells["batch"], cells["certificate"],
        )  # fmt: skip

    def _zone(self) -> int:
        text = self._cells["zone"]
        if not text:
            return DEFAULT_ZONE
        found = _ZONE.fullmatch(text)
        minutes = int(found[2]) * 60 + int(found[3]) if found else _MOST_ZONE + 1
        if minutes > _MOST_ZONE:
            self.wrong("list-zone", "zone")
            return DEFAULT_ZONE
        return -minutes if found and found[1] == "-" else minutes
