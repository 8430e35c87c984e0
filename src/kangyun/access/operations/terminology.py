"""The terminology operations, on the specification's and the site's own resources.

Source: https://hl7.org/fhir/R4/terminology-service.html
"""

from kangyun.access.operations.model import Call
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.fhir import Resource, terminology
from kangyun.fhir.terminology.operations import Operation as Answering


async def answered(name: str, carry_out: Answering, record: Record, call: Call) -> Resource:
    """Carries out a terminology operation. Raises NotFound, Gone where it was called on what is not there."""
    store = record.store
    instance = None
    if call.type is not None and call.id is not None:
        instance = (await record.read(call.type, call.id)).resource
    async with store.pool.connection() as connection:
        known = await store.terminology.current(connection)
    asked = terminology.Call(call.parameters, clock.instant(clock.now()), call.language, instance)
    answer = carry_out(known, asked)
    await record.leave_row(name, 200, [])
    return answer
