"""Today: my residents with what is to be done about them; and the list by which they become mine.

Who looks after whom is a CareTeam (category family-doctor); an open alarm is its Flag, a stay that ended an
Encounter, a value an Observation. `rules.py` says what is out of range and who comes first, `roll.py` reads the list.
"""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Annotated

from kangyun.access.apps import App, Code, Query, Record, Reference
from kangyun.access.staff.sheets import XLSX
from kangyun.access.staff.sheets import template as template_of
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid
from kangyun.care.today import roll, rules
from kangyun.care.today.roll import Fault
from kangyun.care.today.rules import Rules, Value
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.search.dates import bounds

MINE = (("category", "urn:kangyun:care-team|family-doctor"), ("status", "active"))
MOST = 2_000  # residents of one doctor, as a contract has them at most
MOST_FOUND = 5_000  # of one kind, of one batch
AT_ONCE = 200  # registrations that are asked for together
STAYS = "IMP,ACUTE,NONAC,SS"
DESKS = frozenset({"registrar"})
_PATIENT = "Patient/"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm, by its number at the desk."""

    number: int
    level: Code
    rule: Code
    since: str


@dataclass(frozen=True, slots=True)
class Discharge:
    """A stay that ended. institution: by name. why: as it was written."""

    since: str
    until: str
    institution: str
    why: str


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """A value. side: high, low, abnormal; critical-high, critical-low, critical. range: what it is held against."""

    what: str
    value: str
    side: Code
    range: str
    at: str


@dataclass(frozen=True, slots=True)
class Resident:
    """Somebody whom the caller looks after, as he is shown to him. until: of the contract."""

    patient: Reference
    name: str
    gender: Code | None
    born: str | None
    until: str | None
    alarm: tuple[Alarm, ...]
    discharge: tuple[Discharge, ...]
    value: tuple[OutOfRange, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """My residents, who needs me first first. since: from when on discharges and values are shown."""

    since: str
    total: int
    resident: tuple[Resident, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a list would do, or has done. same: rows that stand so already."""

    holds: bool
    new: int
    changed: int
    same: int
    fault: tuple[Fault, ...]


async def today(record: Record) -> Day:
    """Returns the residents whose CareTeam names the caller, with what is to be done. Raises TooCostly."""
    given = rules.read_rules(record.rules("today.toml"))
    first = (clock.now().astimezone(record.zone) - timedelta(days=given.days)).date()
    since = datetime.combine(first, time(), record.zone).isoformat()
    teams = await record.search("CareTeam", ("participant", record.actor.reference), *MINE, most=MOST)
    mine = {
        _id(one["subject"]): one for one in teams if one.get("subject", {}).get("reference", "").startswith(_PATIENT)
    }
    found: list[Resident] = []
    rest = iter(mine)
    while ids := list(islice(rest, AT_ONCE)):
        found += await _some(record, dict.fromkeys(ids), given, since, {id_: mine[id_] for id_ in ids})
    found.sort(key=lambda one: (-_weight(one), one.name))
    return Day(since, len(found), tuple(found))


def _weight(one: Resident) -> int:
    return rules.weight(map(_plain, one.alarm), one.discharge, [each.side for each in one.value])


def _plain(one: Alarm) -> rules.Alarm:
    return rules.Alarm(one.number, one.level, one.rule, one.since)


async def _some(
    record: Record, ids: dict[str, None], given: Rules, since: str, teams: dict[str, Resource]
) -> list[Resident]:
    """Returns some residents. What is asked for is asked of all of their registrations."""
    whose = await record.same(list(ids))
    people = await record.search("Patient", ("_id", ",".join(ids)), most=AT_ONCE)
    if not whose:
        return []
    about = ("patient", ",".join(sorted(whose)))
    alarms: dict[str, list[Alarm]] = defaultdict(list)
    stays: dict[str, list[Discharge]] = defaultdict(list)
    values: dict[str, list[OutOfRange]] = defaultdict(list)
    # R4 has no search by a Flag's status: what is still on has no end.
    for flag in await record.search("Flag", about, ("date", f"ge{clock.instant(clock.now())}"), most=MOST_FOUND):
        if flag["status"] == "active" and (alarm := rules.alarm_of(flag)) is not None:
            alarms[whose[_id(flag["subject"])]].append(Alarm(alarm.number, alarm.level, alarm.rule, alarm.since))
    ended = [about, ("status", "finished"), ("class", STAYS), ("date", f"ge{since}")]
    encounters = [one for one in await record.search("Encounter", *ended, most=MOST_FOUND) if _ended(one, since)]
    houses = await _houses(record, encounters)
    for one in encounters:
        stays[whose[_id(one["subject"])]].append(_discharge(one, houses))
    asked = [
        about,
        ("date", f"ge{since}"),
        ("status", "final,amended,corrected"),
        ("category", "laboratory,vital-signs"),
    ]
    for one in await record.search("Observation", *asked, most=MOST_FOUND):
        values[whose[_id(one["subject"])]] += map(_value, rules.out_of_range(one, given, record.language))
    return [
        Resident(
            f"{_PATIENT}{one['id']}", name_of(one), one.get("gender"), one.get("birthDate"),
            teams[one["id"]].get("period", {}).get("end"), tuple(alarms[one["id"]]), tuple(stays[one["id"]]),
            tuple(sorted(values[one["id"]], key=lambda each: (rules.is_critical(each.side), each.at), reverse=True)),
        )
        for one in people
    ]  # fmt: skip


def _ended(encounter: Resource, since: str) -> bool:
    end = encounter.get("period", {}).get("end")
    return end is not None and bounds(end)[0] >= bounds(since)[0]


async def _houses(record: Record, encounters: Iterable[Resource]) -> dict[str, str]:
    ids = {_id(one["serviceProvider"]) for one in encounters if one.get("serviceProvider", {}).get("reference")}
    found = await record.search("Organization", ("_id", ",".join(sorted(ids)))) if ids else []
    return {one["id"]: str(one.get("name", "")) for one in found}


def _discharge(one: Resource, houses: dict[str, str]) -> Discharge:
    reasons = (str(each.get("text", "")) for each in one.get("reasonCode", ()))
    period, house = one["period"], houses.get(_id(one.get("serviceProvider", {})), "")
    return Discharge(str(period.get("start", "")), str(period["end"]), house, "、".join(filter(None, reasons)))


def _value(one: Value) -> OutOfRange:
    return OutOfRange(one.what, one.value, one.side, one.range, one.at)


def _id(reference: Resource) -> str:
    return str(reference.get("reference", "")).rpartition("/")[2]


async def import_residents(record: Record, *, file: str, dry_run: bool = True) -> Imported:
    """Reads a list of contracted residents, and carries it out where it has no fault and is no trial.

    file: a workbook or CSV, base64. Raises Forbidden, Invalid, TooLong.
    """
    _at_a_desk(record)
    try:
        content = base64.b64decode(file, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("care.today.unreadable", at="file") from None
    read = await roll.read_list(record, content, clock.now().astimezone(record.zone).date())
    holds = not dry_run and not read.faults
    if holds and read.teams:
        await record.commit(*read.teams)
    return Imported(holds, read.new, len(read.teams) - read.new, read.same, tuple(read.faults))


async def residents_template(record: Record) -> Annotated[Resource, "Binary"]:
    """Returns the empty workbook of the list."""
    _at_a_desk(record)
    wanted = roll.columns(record)
    content = template_of(wanted.column, wanted.note, wanted.title)
    return {"resourceType": "Binary", "contentType": XLSX, "data": base64.b64encode(content).decode()}


def _at_a_desk(record: Record) -> None:
    """Raises Forbidden for who would see by the list what he does not see without it."""
    if not (record.actor.role in DESKS or record.actor.administrator):
        raise Forbidden("care.today.desks-only")


APP = App(
    purpose="TREAT",
    reads=frozenset({"CareTeam", "Patient", "Flag", "Encounter", "Observation", "Organization"}),
    writes=frozenset({"CareTeam:family-doctor"}),
    operations={
        "CareTeam/$today": Query(today),
        "CareTeam/$import-residents": import_residents,
        "CareTeam/$residents-template": Query(residents_template),
    },
)
