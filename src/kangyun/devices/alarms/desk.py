"""The desk: the open alarms, one with all that is needed to act on it, and what is done about it. Operations of ours.

$alarms  by GET: state, level, rule, whose (desk, team, mine), _count; as=xlsx for a workbook
$alarm   by POST: id, reason; opens the person to who looks after the alarm
$acknowledge (id, words, minutes), $escalate (id, words), $note (id, words), $hand-over (id, to, words),
$close (id, outcome, words)

Who does not see an alarm is told that there is none.
"""

import base64
from collections.abc import Mapping
from datetime import tzinfo
from functools import partial
from typing import Any

import asyncpg

from kangyun.access.at_desk import open_by_alarm
from kangyun.access.circle import Circle, circle_of, team_of
from kangyun.access.events.people import called
from kangyun.access.linked import linked
from kangyun.access.operations import Call, Input, Operation
from kangyun.access.operations.model import Level, parameters
from kangyun.access.record import Record
from kangyun.access.staff import workbook
from kangyun.access.staff.posts import Staff
from kangyun.base import clock
from kangyun.base.errors import Invalid, NotFound, RuleBroken
from kangyun.base.texts import Language
from kangyun.devices.alarms.acting import Act, act, words_of
from kangyun.devices.alarms.course import parts_of, read_event
from kangyun.devices.alarms.plan import LEVELS
from kangyun.devices.alarms.raising import SQL, Alarms, instant_of
from kangyun.devices.alarms.roster import ROLES
from kangyun.devices.alarms.seeing import Watch, watch
from kangyun.devices.alarms.showing import HEADER, as_parts, evidence_of, row_of, shown
from kangyun.devices.alarms.states import State, table
from kangyun.devices.alarms.words import place_in_words, sentence_of
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.signals import Warning
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

COUNT, LARGEST = 50, 500
MOST_EXPORTED = 5_000
MOST_EVIDENCE = 50
LONGEST = 1_000  # characters of words
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WHY = "alarm: opened at the desk"
OPEN: tuple[State, ...] = ("raised", "escalated", "acknowledged")
_FIRST = [32_767, (1 << 63) - 1]
_LISTED = (
    Input("state", "code", True), Input("level", "code"), Input("rule", "code"), Input("whose", "code"),
    Input("as", "code"), Input("_count", "integer"),
)  # fmt: skip
_ACTS = {
    "acknowledge": (Input("id", "integer"), Input("words", "string"), Input("minutes", "integer")),
    "escalate": (Input("id", "integer"), Input("words", "string")),
    "note": (Input("id", "integer"), Input("words", "string")),
    "hand-over": (Input("id", "integer"), Input("to", "string"), Input("words", "string")),
    "close": (Input("id", "integer"), Input("outcome", "string"), Input("words", "string")),
}


async def alarms(record: Record, call: Call) -> Resource:
    """Returns the alarms that the actor sees, red first. Raises Forbidden, Invalid."""
    part, now = Alarms.of(record.gate), clock.now()
    watching = await watch(record, part, now)
    inputs = Inputs.of(call.parameters, frozenset(one.name for one in _LISTED))
    as_book = inputs.text("as") == "xlsx"
    count = inputs.count("_count")
    most = MOST_EXPORTED if as_book else COUNT if count is None else max(min(count, LARGEST), 1)
    place = _FIRST
    if call.cursor is not None:
        place = record.store.searcher.cursors.read(call.cursor, record.actor.reference, list(call.bound))
    rows, further = await _page(record, watching, await _asked(record, inputs), place, most)
    found = await shown(record, part, rows, call.language)
    await record.leave_row("alarms", 200, sorted({row["holder"] for row in rows}))
    if as_book:
        book = workbook("告警", HEADER, [row_of(one, part.zone) for one in found])
        return {"resourceType": "Binary", "contentType": XLSX, "data": base64.b64encode(book).decode()}
    answer = parameters(*(as_parts("alarm", one) for one in found))
    if further:
        bound = list(call.bound)
        following = record.store.searcher.cursors.write(further, record.actor.reference, bound)
        answer["parameter"].append({"name": "next", "valueString": following})
    return answer


async def _asked(record: Record, inputs: Inputs) -> list[Any]:
    """Returns the conditions of `listed` before the place. Raises Invalid."""
    states = inputs.texts("state") or list(OPEN)
    level, whose = inputs.text("level"), inputs.text("whose")
    for name, value, known in (
        ("state", set(states), set(table().states)), ("level", {level} - {None}, set(LEVELS)),
        ("whose", {whose} - {None}, {"desk", "team", "mine"}),
    ):  # fmt: skip
        if not value <= known:
            raise Invalid("fhir.search.value", parameter=name)
    persons = None
    if whose == "team":
        team = await team_of(record.gate, record.actor.reference)
        async with record.store.pool.connection() as connection:
            persons = sorted({one.person for one in (await linked(connection, team)).values()})
    return [
        states, record.institution if whose == "desk" else None, record.actor.reference if whose == "mine" else None,
        persons, inputs.text("rule"), LEVELS[level] if level else None,
    ]  # fmt: skip


async def _page(
    record: Record, watching: Watch, asked: list[Any], place: list[int], most: int
) -> tuple[list[Any], list[int] | None]:
    """Returns alarms behind a place that are seen, and the place of the last, None where there are no more."""
    found: list[Any] = []
    while len(found) <= most:
        async with record.store.pool.connection() as connection:
            rows = await connection.fetch(SQL["listed"], *asked, *place, LARGEST)
        found += await watching.sees(rows)
        if len(rows) < LARGEST:
            break
        place = [rows[-1]["level"], rows[-1]["id"]]
    more = len(found) > most
    return found[:most], [found[most - 1]["level"], found[most - 1]["id"]] if more else None


async def alarm(record: Record, call: Call) -> Resource:
    """Returns one alarm and opens its person. Raises NotFound, Forbidden."""
    part = Alarms.of(record.gate)
    inputs = Inputs.of(call.parameters, frozenset({"id", "reason"}))
    row = await _seen(record, part, inputs)
    reason = (inputs.text("reason") or "").strip()[:LONGEST] or f"处理告警 {row['id']}"
    await open_by_alarm(record, row["holder"], row["id"], reason)
    circle = await circle_of(record.gate, row["person"], row["holder"], WHY)
    (one,) = await shown(record, part, [row], call.language)
    async with record.store.pool.connection() as connection:
        evidence = await evidence_of(connection, part, row["id"], MOST_EVIDENCE)
        events = await _events(connection, record, part, row["id"])
        names = (await called(connection, record.store, [*circle.doctors, *circle.nurses])).names
    newest = evidence[0] if evidence else None
    place = place_in_words(newest, circle.address) if newest else circle.address
    answer = as_parts("alarm", one | ({"place": place} if place else {}))
    return parameters(
        answer,
        _person(circle, names),
        *(_rests(one, part.zone, call.language) for one in evidence),
        *events,
    )


async def _seen(record: Record, part: Alarms, inputs: Inputs) -> Any:
    """Returns the row of an alarm that the actor sees. Raises NotFound, Forbidden."""
    watching = await watch(record, part, clock.now())
    id_ = inputs.count("id")
    if id_ is None:
        raise Invalid("fhir.terminology.parameter-needed", name="id")
    async with record.store.pool.connection() as connection:
        row = await connection.fetchrow(SQL["one"], id_)
    if row is None or not await watching.sees([row]):
        await record.leave_row("alarm", 404, [] if row is None else [row["holder"]])
        raise NotFound
    return row


async def _events(connection: asyncpg.Connection, record: Record, part: Alarms, id_: int) -> list[Resource]:
    """Returns what has happened to an alarm, in order, with the names of staff and institutions."""
    rows = await connection.fetch(SQL["events"], id_)
    events = [read_event(row["what"], row["by"], row["detail"]) for row in rows]
    named = {one for event in events for one in event.references() if not one.startswith("Patient/")}
    names = (await called(connection, record.store, named)).names
    made = []
    for row, event in zip(rows, events, strict=True):
        parts: list[Resource] = [{"name": "at", "valueInstant": clock.instant(row["at"])}, *parts_of(event, names)]
        if row["words"] is not None:
            words = (await part.kept.open(connection, row["key"], row["words"], words_of(id_))).decode()
            parts.append({"name": "words", "valueString": words})
        made.append({"name": "event", "part": parts})
    return made


def _person(circle: Circle, names: Mapping[str, str]) -> Resource:
    age = circle.age(clock.now().date())
    told: dict[str, Any] = {
        "name": circle.name, "gender": circle.gender, "age": age, "phone": "、".join(circle.phones),
        "address": circle.address, "series": f"Patient/{circle.patients[0]}/$series" if circle.patients else "",
    }  # fmt: skip
    made = as_parts("person", {name: value for name, value in told.items() if value})
    made["part"] += [
        {"name": name, "valueReference": {"reference": reference, "display": names.get(reference, reference)}}
        for name, many in (("doctor", circle.doctors), ("nurse", circle.nurses))
        for reference in many
    ]
    made["part"] += [{"name": "family", "valueCode": one.relation} for one in circle.family]
    return made


def _rests(one: Warning, zone: tzinfo, language: Language) -> Resource:
    said = sentence_of(one, zone, clock.now(), language=language)
    metrics = dict.fromkeys(
        metrics_by_number()[rest.metric].name for rest in one.rests if rest.metric in metrics_by_number()
    )
    told: dict[str, Any] = {"at": clock.instant(instant_of(one.at)), "text": said}
    if one.position is not None:
        told |= {"latitude": f"{one.position[0]:.6f}", "longitude": f"{one.position[1]:.6f}", "datum": "WGS-84"}
    made = as_parts("evidence", told)
    made["part"] += [{"name": "metric", "valueCode": name} for name in metrics]
    return made


async def _act(step: str, record: Record, call: Call) -> Resource:
    """Does something about an alarm and says how it stands. Raises NotFound, Forbidden, RuleBroken, Invalid."""
    record.in_person()
    part = Alarms.of(record.gate)
    inputs = Inputs.of(call.parameters, frozenset(one.name for one in _ACTS[step]))
    row = await _seen(record, part, inputs)
    words, outcome, to = ((inputs.text(name) or "").strip() if name in names(step) else "" for name in _SAID)
    if len(words) > LONGEST or (to and not to.startswith("Practitioner/")):
        raise Invalid("fhir.search.value", parameter="words" if len(words) > LONGEST else "to")
    minutes = inputs.count("minutes") if step == "acknowledge" else None
    asked = Act(step, record.actor.reference, words, outcome, to, minutes)
    async with record.store.pool.connection() as connection, connection.transaction():
        if to:
            await _check_staff(connection, record, row["desk"], to)
        state = await act(connection, part, record.gate.outbox, row["id"], asked, clock.now())
        await record.leave_row_within(connection, f"alarm-{step}", 200, [row["holder"]])
    shown_as = table().states[state].zh
    return parameters(as_parts("alarm", {"id": row["id"], "state": state, "state-text": shown_as}))


async def _check_staff(connection: asyncpg.Connection, record: Record, desk: int, to: str) -> None:
    """Raises RuleBroken where somebody is not on the staff of a desk's institution now."""
    name = await connection.fetchval(SQL["institution"], desk) or ""
    if await Staff.of(record.gate, name, ROLES).named(connection, to) != to:
        raise RuleBroken("devices.alarms.not-on-staff")


_SAID = ("words", "outcome", "to")


def names(step: str) -> set[str]:
    """Returns what may be said with a step."""
    return {one.name for one in _ACTS[step]}


def _operation(name: str, carry_out: Any, inputs: tuple[Input, ...], *, changes: bool) -> Operation:
    system: frozenset[Level] = frozenset({"system"})
    return Operation(name, system, carry_out, f"urn:kangyun:operation:{name}", inputs, affects_state=changes)


DESK: tuple[Operation, ...] = (
    _operation("alarms", alarms, _LISTED, changes=False),
    _operation("alarm", alarm, (Input("id", "integer"), Input("reason", "string")), changes=True),
    *(_operation(step, partial(_act, step), inputs, changes=True) for step, inputs in _ACTS.items()),
)
