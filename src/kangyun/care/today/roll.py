"""The list of contracted residents: a workbook of them, read row by row, becomes CareTeams.

All of it or nothing is carried out. Who is on the list is looked for among the registrations that the registrar sees;
his name is held against what is shown of it, which is masked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec

from kangyun.access.apps import Record
from kangyun.access.staff.sheets import Columns, Row, read_sheet
from kangyun.base.errors import Invalid, TooLong
from kangyun.base.texts import say
from kangyun.care.today import rules
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of

MOST_ROWS = 500
CATEGORY = {"system": "urn:kangyun:care-team", "code": "family-doctor", "display": "家庭医生签约"}
DOCTORS, NURSES = ("doctor", "family-doctor"), ("nurse",)
NURSE = {"coding": [{"system": "urn:kangyun:care-team-role", "code": "nurse"}], "text": "护士"}
_YEAR = timedelta(days=364)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a cell. line: as Excel counts."""

    line: int
    column: str
    text: str


class Wrong(Exception):
    """A row cannot be carried out. column: by its name in residents.toml."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(text)
        self.column, self.text = column, text


@dataclass(slots=True)
class Read:
    """What a list says: teams to write, how many of them are new, how many stand so already, and the faults."""

    teams: list[Resource]
    new: int
    same: int
    faults: list[Fault]


def columns(record: Record) -> Columns:
    """Returns how the list looks."""
    return msgspec.convert(record.rules("residents.toml"), Columns)


async def read_list(record: Record, file: bytes, today: date) -> Read:
    """Reads a workbook or CSV. Raises Invalid for what is none, TooLong."""
    wanted = columns(record)
    sheet = read_sheet(file, wanted.needed)
    if len(sheet.rows) > MOST_ROWS:
        raise TooLong("care.today.too-long", most=MOST_ROWS)
    found, staff, seen = Read([], 0, 0, []), dict[tuple[str, bool], str](), set[str]()
    for row in sheet.rows:
        cells = {name: row.cells.get(title, "").strip() for name, title in wanted.column.items()}
        try:
            if wanted.column["number"] in row.inexact or not cells["number"]:
                raise Wrong("number", "wrong-number")
            await _row(record, row, cells, today, found, staff, seen)
        except Wrong as wrong:
            text = say(f"care.today.{wrong.text}", record.language)
            found.faults.append(Fault(row.number, wanted.column[wrong.column], text))
    return found


async def _row(
    record: Record, row: Row, cells: Mapping[str, str], today: date, found: Read, staff: dict[tuple[str, bool], str],
    seen: set[str],
) -> None:  # fmt: skip
    patient = await _patient(record, cells)
    if patient in seen:
        raise Wrong("number", "twice")
    seen.add(patient)
    members: list[dict[str, Any]] = [
        {"member": {"reference": await _colleague(record, cells["doctor"], staff, nurse=False)}}
    ]
    if cells["nurse"]:
        nurse = {"reference": await _colleague(record, cells["nurse"], staff, nurse=True)}
        members.append({"role": [NURSE], "member": nurse})
    start = _day(cells["start"], "start") or today
    period = {"start": start.isoformat(), "end": (_day(cells["end"], "end") or start + _YEAR).isoformat()}
    if period["end"] < period["start"]:
        raise Wrong("end", "wrong-end")
    standing = await record.search(
        "CareTeam", ("patient", patient), ("category", "urn:kangyun:care-team|family-doctor"), ("status", "active")
    )
    wanted: dict[str, Any] = {"participant": members}
    # Without days a contract goes on as it stands; one that is over begins anew.
    is_over = bool(standing) and str(standing[0].get("period", {}).get("end") or "9")[:10] < today.isoformat()
    if cells["start"] or cells["end"] or not standing or is_over:
        wanted["period"] = period
    if standing and all(standing[0].get(name) == value for name, value in wanted.items()):
        found.same += 1
        return
    found.new += not standing
    made = {
        "resourceType": "CareTeam", "status": "active", "category": [{"coding": [CATEGORY]}],
        "subject": {"reference": f"Patient/{patient}"}, "name": "家庭医生签约团队",
    }  # fmt: skip
    found.teams.append((standing[0] if standing else made) | wanted)


async def _patient(record: Record, cells: Mapping[str, str]) -> str:
    """Returns the id of the registration with a number, the first of one resident. Raises Wrong."""
    try:
        found = await record.search("Patient", ("identifier", cells["number"].replace(",", "")))
    except Invalid:
        raise Wrong("number", "wrong-number") from None
    if not found:
        raise Wrong("number", "nobody")
    if len(found) > 1 and len(await _residents(record, [one["id"] for one in found])) > 1:
        raise Wrong("number", "several")
    first = found[0]
    if not rules.is_named(name_of(first), cells["name"]):
        raise Wrong("name", "other-name")
    return str(first["id"])


async def _residents(record: Record, ids: list[str]) -> set[frozenset[str]]:
    """Returns registrations by resident."""
    return {frozenset(await record.same([id_])) for id_ in ids}


async def _colleague(record: Record, name: str, known: dict[tuple[str, bool], str], *, nurse: bool) -> str:
    if (name, nurse) not in known:
        known[name, nurse] = await record.colleague(name, NURSES if nurse else DOCTORS) or ""
    if not known[name, nurse]:
        raise Wrong("nurse" if nurse else "doctor", "no-such-nurse" if nurse else "no-such-doctor")
    return known[name, nurse]


def _day(text: str, column: str) -> date | None:
    try:
        return date.fromisoformat(text.replace("/", "-")[:10]) if text else None
    except ValueError:
        raise Wrong(column, "wrong-day") from None
