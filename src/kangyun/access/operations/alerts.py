"""`$alerts` and `$alert`: what was found odd in the audit trail, and what became of it. Not of the specification.

$alerts  by GET: state (open, looked-at, closed), rule, _count; newest first
$alert   by POST: id, state (looked-at, then closed), reason (when it is closed)
"""

from typing import Any

import asyncpg
import msgspec

from kangyun.access.alerts import table
from kangyun.access.alerts.rules import Rule
from kangyun.access.alerts.sentences import sentence
from kangyun.access.alerts.table import Shown
from kangyun.access.events.people import Called, called
from kangyun.access.events.rights import auditors_only, sees_all
from kangyun.access.events.rows import standing
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound, RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

LISTED = frozenset({"state", "rule", "_count"})
ANSWERED = frozenset({"id", "state", "reason"})
COUNT, LARGEST = 50, 500
LONGEST_REASON = 500
_NEWEST = (1 << 63) - 1


async def alerts(record: Record, call: Call) -> Resource:
    """Returns alerts. Raises Forbidden for all but the audit administrator and administrators, in person."""
    record.in_person()
    if not sees_all(record.actor):
        raise Forbidden("access.events.auditors-only")
    inputs = Inputs.of(call.parameters, LISTED)
    states = inputs.texts("state")
    if not set(states) <= set(table.STATES):
        raise Invalid("fhir.search.value", parameter="state")
    count = inputs.count("_count")
    most = COUNT if count is None else max(min(count, LARGEST), 1)
    cursors = record.store.searcher.cursors
    before = _NEWEST
    if call.cursor is not None:
        (before,) = cursors.read(call.cursor, record.actor.reference, list(call.bound))
    async with record.store.pool.connection() as connection:
        found = await table.listed(connection, states or None, inputs.text("rule"), before, most + 1)
        answer = parameters(*await _parts(connection, record, found[:most], call))
    if len(found) > most:
        place = cursors.write([found[most - 1].id], record.actor.reference, list(call.bound))
        answer["parameter"].append({"name": "next", "valueString": place})
    await record.leave_row("alerts", 200, [])
    return answer


async def alert(record: Record, call: Call) -> Resource:
    """Takes an alert to its next state and returns it. Raises Forbidden for all but the audit administrator."""
    record.in_person()
    auditors_only(record.actor)
    inputs = Inputs.of(call.parameters, ANSWERED)
    id_, state = inputs.count("id"), inputs.text("state")
    reason = (inputs.text("reason") or "").strip()
    if id_ is None or state not in table.STEPS:
        raise Invalid("fhir.search.value", parameter="id" if id_ is None else "state")
    if len(reason) > LONGEST_REASON or (state == table.CLOSED) != bool(reason):
        raise Invalid("access.alerts.reason", limit=LONGEST_REASON)
    async with record.store.pool.connection() as connection:
        # The step stands when its own row of the trail does.
        async with connection.transaction():
            if not await table.step(connection, id_, state, reason, record.actor.reference):
                if await table.one(connection, id_) is None:
                    raise NotFound
                raise RuleBroken("access.alerts.no-such-step", state=state, before=table.STEPS[state])
            await record.leave_row_within(connection, f"alert-{state}", 200)
        shown = await table.one(connection, id_)
        assert shown is not None
        (part,) = await _parts(connection, record, [shown], call)
    return parameters(part)


async def _parts(connection: asyncpg.Connection, record: Record, found: list[Shown], call: Call) -> list[Resource]:
    patients = await standing(connection, record.store, {one.patient for one in found if one.patient})
    people = {one for shown in found for one in (shown.actor, shown.institution) if one}
    names = await called(connection, record.store, people)
    references = {res: f"{stored.type}/{stored.id}" for res, stored in patients.items()}
    return [_part(record, one, names, references, call) for one in found]


def _part(record: Record, shown: Shown, names: Called, patients: dict[int, str], call: Call) -> dict[str, Any]:
    rule = msgspec.json.decode(shown.definition, type=Rule)
    text = sentence(shown, rule, names, patients.get(shown.patient, ""), call.language, record.store.zone)
    said: list[dict[str, Any]] = [
        {"name": "id", "valueInteger": shown.id},
        {"name": "rule", "valueCode": shown.rule},
        {"name": "state", "valueCode": shown.state},
        {"name": "text", "valueString": text},
        {"name": "began", "valueInstant": clock.instant(shown.began)},
        {"name": "ended", "valueInstant": clock.instant(shown.ended)},
        {"name": "count", "valueInteger": shown.number},
        {"name": "limit", "valueInteger": shown.limit},
        {"name": "unverified", "valueBoolean": rule.unverified},
        {"name": "basis", "valueString": rule.source},
    ]
    for name, reference in (("who", shown.actor), ("institution", shown.institution)):
        if reference:
            said.append({"name": name, "valueReference": {"reference": reference, "display": names.name(reference)}})
    if shown.patient in patients:
        said.append({"name": "patient", "valueReference": {"reference": patients[shown.patient]}})
    for name, value in (("role", shown.role), ("source", shown.source), ("reason", shown.reason)):
        if value:
            said.append({"name": name, "valueString": value})
    if shown.changed is not None:
        said.append({"name": "by", "valueReference": {"reference": shown.changed_by}})
        said.append({"name": "changed", "valueInstant": clock.instant(shown.changed)})
    return {"name": "alert", "part": said}
