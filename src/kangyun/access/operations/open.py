"""`Patient/[id]/$open`, also of the other types that are persons: shows somebody whole to who sees persons masked, for
a stated reason and for a time.

An operation of our own. It opens nothing that the actor may not see; what it opens is audited as `open`.
"""

from kangyun.access.opened import open_person
from kangyun.access.operations.model import Call, parameters
from kangyun.access.reasons import letters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Gone, Invalid
from kangyun.base.statuses import status_of
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

KNOWN = frozenset({"reason"})
ACTION = "open"
SHORTEST_REASON, LONGEST_REASON = 2, 500  # characters; 就诊 is a reason


async def open_(record: Record, call: Call) -> Resource:
    """Opens a person to the actor and says until when. Raises Invalid, NotFound, Gone, Forbidden."""
    reason = (Inputs.of(call.parameters, KNOWN).text("reason") or "").strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not letters(reason):
        raise Invalid("access.open-reason", at="reason", least=SHORTEST_REASON, most=LONGEST_REASON)
    assert call.type is not None and call.id is not None
    record.may_read(call.type)
    record.may_open(call.type)
    name, store = (call.type, call.id), record.store
    async with store.pool.connection() as connection, connection.transaction():
        current = (await store.reader.locate(connection, [name], record.sight)).get(name)
        stored = current.stored if current is not None else None
        patients = [] if current is None or current.patient is None else [current.patient]
        if current is not None and stored is not None and not stored.deleted:
            person = current.res if current.patient is None else current.patient
            ends = await open_person(connection, store.keys, record.actor, person, reason)
            await record.leave_row_within(connection, ACTION, 200, patients)
            return parameters(
                {"name": "person", "valueReference": {"reference": f"{call.type}/{call.id}"}},
                {"name": "until", "valueInstant": clock.instant(ends)},
            )
    refused = Gone() if stored is not None else record.absence(call.id, current)
    await record.leave_row(ACTION, status_of(refused), patients or await record.hidden(*name))
    raise refused
