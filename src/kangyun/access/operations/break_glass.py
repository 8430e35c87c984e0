"""`Patient/$break-glass` and `Patient/[id]/$break-glass`: emergency access; and what its reviewers do.

Operations of our own. The resident is named by id, or by an identifier that is written on him or what he carries: each
registration that has it is opened, told and reviewed.
"""

from kangyun.access.events.people import Called, called
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.relations import emergency
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

KNOWN = frozenset({"reason", "identifier"})
REVIEW = frozenset({"id", "justified", "remark"})


async def break_glass(record: Record, call: Call) -> Resource:
    """Opens a record and says until when. Raises Forbidden, NotFound, Invalid."""
    emergency.may_break(record)
    inputs = Inputs.of(call.parameters, KNOWN)
    reason, identifier = emergency.checked_reason(inputs.text("reason")), inputs.text("identifier")
    opened = []
    for current in await emergency.found(record, call.id, identifier):
        ends = await emergency.break_glass(record, current, reason)
        assert current.stored is not None
        opened.append({"name": "patient", "valueReference": {"reference": f"Patient/{current.stored.id}"}})
    return parameters(*opened, {"name": "until", "valueInstant": clock.instant(ends)})


async def broken_glass(record: Record, call: Call) -> Resource:
    """Lists the times that somebody broke the glass: those nobody has looked at yet, or all. Raises Forbidden."""
    emergency.may_review(record)
    every = Inputs.of(call.parameters, frozenset({"all"})).boolean("all", False)
    found = await emergency.listed(record.gate, open_only=not every)
    await record.leave_row("list-break-glass", 200, sorted({one.patient for one in found}))
    async with record.store.pool.connection() as connection:
        people = await called(
            connection, record.store, {text for one in found for text in (one.actor, one.institution)}
        )
    return parameters(*({"name": "access", "part": _parts(one, people)} for one in found))


async def review_glass(record: Record, call: Call) -> Resource:
    """Notes a reviewer's opinion; one against it ends the access. Raises Forbidden, NotFound, Invalid, Conflict."""
    emergency.may_review(record)
    inputs = Inputs.of(call.parameters, REVIEW)
    number, justified = inputs.count("id"), inputs.boolean("justified", False)
    if number is None or justified != inputs.boolean("justified", True):
        raise Invalid("fhir.terminology.parameter-needed", name="id" if number is None else "justified")
    await emergency.review(record, number, justified=justified, remark=inputs.text("remark") or "")
    return parameters({"name": "id", "valueInteger": number})


def _parts(one: emergency.Broken, people: Called) -> list[Resource]:
    parts: list[Resource] = [
        {"name": "id", "valueInteger": one.id},
        {"name": "actor", "valueString": one.actor},
        {"name": "actorName", "valueString": people.name(one.actor)},
        {"name": "institution", "valueString": one.institution},
        {"name": "institutionName", "valueString": people.name(one.institution)},
        {"name": "reason", "valueString": one.reason},
        {"name": "began", "valueInstant": clock.instant(one.began)},
        {"name": "until", "valueInstant": clock.instant(one.ends)},
    ]
    if one.about:
        parts.append({"name": "patient", "valueReference": {"reference": one.about}})
    if one.told is not None:
        parts.append({"name": "told", "valueInstant": clock.instant(one.told)})
    if one.reviewed is not None:
        parts.append({"name": "reviewed", "valueInstant": clock.instant(one.reviewed)})
        parts.append({"name": "reviewedBy", "valueString": one.reviewed_by})
        parts.append({"name": "justified", "valueBoolean": one.justified})
    if one.remark:
        parts.append({"name": "remark", "valueString": one.remark})
    return parts
