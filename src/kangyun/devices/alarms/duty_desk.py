"""The duty roster at the desk, and figures about alarms. Operations of ours.

$duty          by GET: institution; who is on duty, who may be, and the gaps of the next days. as=xlsx: the roster
$duty-import   by POST: institution, file (workbook or CSV, base64), dry-run (true unless said); replaces the roster
$alarm-figures by GET: from, to (days); by rule: how many, per 100 patient-days, how fast, how many were false

A roster is its desk's own business: duty officers of the institution, and administrators for any.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from kangyun.access.events.people import called
from kangyun.access.operations import Call, Input, Operation
from kangyun.access.operations.model import Level, parameters
from kangyun.access.record import Record
from kangyun.access.staff.posts import Staff, holders
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid
from kangyun.devices.alarms import roster
from kangyun.devices.alarms.desk import XLSX
from kangyun.devices.alarms.raising import SQL, Alarms
from kangyun.devices.alarms.seeing import DUTY, may_watch
from kangyun.devices.alarms.showing import as_parts
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

LOOK_AHEAD = timedelta(days=7)
MOST_WRONG = 200
LONGEST = timedelta(days=366)
_DUTY = (Input("institution", "string"), Input("as", "code"))
_IMPORT = (Input("institution", "string"), Input("file", "base64Binary"), Input("dry-run", "boolean"))
_FIGURES = (Input("from", "date"), Input("to", "date"))


async def duty(record: Record, call: Call) -> Resource:
    """Returns who is on duty, who may be, and the gaps of the next days. Raises Forbidden."""
    may_watch(record)
    part, inputs = Alarms.of(record.gate), Inputs.of(call.parameters, frozenset({"institution", "as"}))
    desk, name = await _desk(record, inputs.text("institution"))
    now = clock.now()
    async with record.store.pool.connection() as connection:
        there, named = await roster.on_duty(connection, part.plan, desk, name, now, part.zone)
        plan = await roster.roster_of(connection, desk, part.zone)
        employed = await roster.staffed(connection, plan, name)
        staff = [one for role in sorted(roster.ROLES) for one in await holders(connection, name, role)]
        people = [*there, *staff, *(one.who for one in plan.shifts), *(one.who for one in plan.stand_ins)]
        names = (await called(connection, record.store, people)).names
        book = await roster.written(connection, desk, part.zone, names) if inputs.text("as") == "xlsx" else None
    await record.leave_row("duty", 200, [])
    if book is not None:
        return {"resourceType": "Binary", "contentType": XLSX, "data": base64.b64encode(book).decode()}
    return parameters(
        {"name": "desk", "valueReference": {"reference": name}},
        *(_person("on-duty", one, names.get(one)) for one in there),
        {"name": "in-roster", "valueBoolean": named},
        *(_person("staff", one, names.get(one)) for one in dict.fromkeys(staff)),
        *_gaps(plan.gaps(now, now + LOOK_AHEAD, employed)),
    )


async def duty_import(record: Record, call: Call) -> Resource:
    """Reads a roster and says what is wrong and where it has gaps; without `dry-run` it then holds, if all is right.

    Raises Forbidden, Invalid, TooLong.
    """
    record.in_person()
    part, inputs = Alarms.of(record.gate), Inputs.of(call.parameters, frozenset(one.name for one in _IMPORT))
    desk, name = await _desk(record, inputs.text("institution"), own=True)
    try:
        file = base64.b64decode(inputs.text("file") or "", validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("fhir.search.value", parameter="file") from None
    staff = Staff.of(record.gate, name, roster.ROLES)
    async with record.store.pool.connection() as connection:
        read = await roster.read_roster(connection, file, staff, part.zone)
    dry = inputs.boolean("dry-run", True)
    holds = not dry and not read.wrong
    now = clock.now()
    async with record.store.pool.connection() as connection, connection.transaction():
        if holds:
            await roster.put(connection, desk, read, record.actor.reference)
        await record.leave_row_within(connection, "duty-import", 200 if holds or dry else 422)
    wrong = [{"line": line, "column": column, "wanted": wanted} for line, column, wanted in read.wrong[:MOST_WRONG]]
    told = {
        "holds": holds,
        "shifts": len(read.shifts),
        "stand-ins": len(read.stand_ins),
        "holidays": len(read.holidays),
    }
    return parameters(
        as_parts("result", told),
        *(as_parts("wrong", one) for one in wrong),
        *_gaps(read.roster(part.zone).gaps(now, now + LOOK_AHEAD)),
    )  # fmt: skip


async def figures(record: Record, call: Call) -> Resource:
    """Returns figures of alarms by rule, of the actor's desk; of all for administrators. Raises Forbidden, Invalid."""
    may_watch(record)
    part, inputs = Alarms.of(record.gate), Inputs.of(call.parameters, frozenset({"from", "to"}))
    last = _day(inputs.text("to"), clock.now().astimezone(part.zone).date())
    first = _day(inputs.text("from"), last - timedelta(days=29))
    if not timedelta(0) <= last - first < LONGEST:
        raise Invalid("fhir.search.value", parameter="from")
    since = datetime(first.year, first.month, first.day, tzinfo=part.zone)
    until = datetime(last.year, last.month, last.day, tzinfo=part.zone) + timedelta(days=1)
    desk = None if record.actor.administrator else record.institution
    async with record.store.pool.connection() as connection:
        days = await connection.fetchval(SQL["patient_days"], since, min(until, clock.now()), desk)
        rows = await connection.fetch(SQL["figures"], since, until, desk)
    await record.leave_row("alarm-figures", 200, [])
    return parameters(
        {"name": "from", "valueDate": first.isoformat()},
        {"name": "to", "valueDate": last.isoformat()},
        {"name": "patient-days", "valueInteger": days},
        *({"name": "rule", "part": _figures(row, days)} for row in rows),
    )


def _figures(row: Any, days: int) -> list[Resource]:
    told: list[Resource] = [
        {"name": "rule", "valueCode": row["rule"]},
        *({"name": name, "valueInteger": row[name]} for name in ("alarms", "warnings", "answered", "closed")),
    ]
    for name, value in (
        ("per-100-patient-days", row["alarms"] * 100 / days if days else None),
        ("seconds-to-answer-median", row["median"]),
        ("seconds-to-answer-90", row["ninety"]),
        ("false-share", row["false_alarms"] / row["closed"] if row["closed"] else None),
    ):
        if value is not None:
            told.append({"name": name, "valueDecimal": round(float(value), 4)})
    return told


def _day(text: str | None, otherwise: date) -> date:
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise Invalid("fhir.search.value", parameter="from") from None


async def _desk(record: Record, named: str | None, *, own: bool = False) -> tuple[int, str]:
    """Returns the desk that is asked for: number and reference. own: to change it. Raises Forbidden, Invalid."""
    actor = record.actor
    name = named or actor.institution
    if name != actor.institution and not actor.administrator:
        raise Forbidden("devices.alarms.not-your-desk")
    if own and not (actor.administrator or actor.role == DUTY):
        raise Forbidden("devices.alarms.not-your-desk")
    async with record.store.pool.connection() as connection:
        number = await connection.fetchval(SQL["institution_named"], name)
    if number is None:
        raise Invalid("fhir.search.value", parameter="institution")
    return number, name


def _person(part: str, reference: str, name: str | None) -> Resource:
    if "/" not in reference:  # role:…
        return {"name": part, "valueString": reference}
    return {"name": part, "valueReference": {"reference": reference, **({"display": name} if name else {})}}


def _gaps(found: Sequence[tuple[datetime, datetime]]) -> list[Resource]:
    return [
        {"name": "gap", "valuePeriod": {"start": clock.instant(begin), "end": clock.instant(end)}}
        for begin, end in found
    ]


_SYSTEM: frozenset[Level] = frozenset({"system"})
ROSTER: tuple[Operation, ...] = (
    Operation("duty", _SYSTEM, duty, "urn:kangyun:operation:duty", _DUTY),
    Operation("duty-import", _SYSTEM, duty_import, "urn:kangyun:operation:duty-import", _IMPORT, affects_state=True),
    Operation("alarm-figures", _SYSTEM, figures, "urn:kangyun:operation:alarm-figures", _FIGURES),
)
