"""A cry for help without a device: `Patient/[id]/$call-help`, by the resident, or by who acts for him.

It goes the way that an SOS of a device goes: into the log before it is answered, then an alarm, of which the family and
the duty desk are told. It stands under the same device as what somebody types. It is no call of the emergency centre.
"""

import msgspec

from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.operations.model import Call, Operation, parameters
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden
from kangyun.devices.doors.opened import doors_of
from kangyun.devices.doors.typed import own_device
from kangyun.devices.formats import TYPED
from kangyun.devices.register.rights import registration
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

ACTION = "call-help"
_CRY = msgspec.json.encode({"e": "sos"})


async def call_help(record: Record, call: Call) -> Resource:
    """Raises an SOS of a resident. Raises Forbidden, NotFound, Unavailable."""
    record.in_person()
    Inputs.of(call.parameters, frozenset())
    if record.actor.role not in OF_RESIDENTS:
        raise Forbidden
    holder = await registration(record, call.id or "")
    async with record.store.pool.connection() as connection, connection.transaction():
        device = await own_device(connection, record, holder)
        await record.leave_row_within(connection, ACTION, 200, [holder])
    await doors_of(record.gate).keep(device, TYPED, 0, _CRY)
    return parameters({"name": "state", "valueCode": "sent"})


CALLING_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        ACTION, frozenset({"instance"}), call_help, "urn:kangyun:operation:call-help", (), frozenset({"Patient"}),
        affects_state=True,
    ),
)  # fmt: skip
