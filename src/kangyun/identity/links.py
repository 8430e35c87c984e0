"""Which registrations are one resident's. A link carries the resident's word along, in the same transaction.

Who decides that two registrations are one person (the resident index) comes to stand above this, with the ledger of
such decisions.
"""

import asyncpg

from kangyun.store.tokens import bucket_of
from kangyun.store.transaction import TAKE_LOCKS


async def link(connection: asyncpg.Connection, patient: int, resident: int | None) -> None:
    """Makes a registration (`res` of a Patient) one of a resident's; None takes it out again.

    resident: `res` that stands for the resident, the golden Patient's. A statement that begins after this returns sees
    the registration as the resident's word has it.
    """
    async with connection.transaction():
        members = await connection.fetch(_MEMBERS, patient, resident)
        numbers = {patient, *(row["patient"] for row in members), *([resident] if resident else [])}
        await connection.execute(TAKE_LOCKS, sorted({bucket_of(number) for number in numbers}))
        await connection.execute("SELECT link_patient($1, $2)", patient, resident)


_MEMBERS = """
SELECT patient FROM resident_link
WHERE resident = $2 OR resident = (SELECT resident FROM resident_link WHERE patient = $1)
"""
