"""Registrations made one resident's as a test wants it, whatever the index thinks of them."""

import asyncpg

from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.tokens import bucket_of


async def link(connection: asyncpg.Connection, patient: int, resident: int | None) -> None:
    """Makes a registration (`res` of a Patient) one of a resident's (any number); None takes it out again."""
    async with connection.transaction():
        members = [row["patient"] for row in await connection.fetch(_MEMBERS, patient, resident)]
        buckets = {bucket_of(number) for number in (patient, *members, *([resident] if resident else []))}
        await connection.execute(TAKE_LOCKS, sorted(buckets))
        await connection.execute("DELETE FROM resident_link WHERE patient = $1", patient)
        if resident is not None:
            await connection.execute("INSERT INTO resident_link (patient, resident) VALUES ($1, $2)", patient, resident)
        await connection.execute("SELECT spread_rules($1)", [patient, *members])


_MEMBERS = """
SELECT patient FROM resident_link
WHERE resident = $2 OR resident = (SELECT resident FROM resident_link WHERE patient = $1)
"""
