"""The rows of relations: written, taken back by what they follow from, and swept when their time is long over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from kangyun.access.policy import ANY_PURPOSE, Ground
from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.tokens import bucket_of

SWEEP_AFTER = "1 day"
SOON = timedelta(days=1)
Ended = tuple[int, datetime, datetime]
"""Of a relation that was to last for longer: the party, since when, and when it is over now."""


async def disclose(
    connection: asyncpg.Connection, patient: int, parties: Sequence[int], ground: Ground, opens: int, low: datetime,
    high: datetime, source: str,
) -> None:  # fmt: skip
    """Opens a registration, and the others of its resident, to parties. opens: labels that are closed otherwise."""
    async with connection.transaction():
        await connection.execute(TAKE_LOCKS, [bucket_of(patient)])
        rows = [(patient, party, ANY_PURPOSE, opens, low, high, ground.over, ground.name, source) for party in parties]
        await connection.executemany(_DISCLOSE, rows)
        await connection.execute("SELECT spread_rules($1)", [patient])


async def replace(
    connection: asyncpg.Connection, patient: int | None, source: str,
    found: Sequence[tuple[int, Ground, int, datetime, datetime]],
) -> list[Ended]:  # fmt: skip
    """Puts what follows from a resource now in place of what followed from it: (party, ground, opens, low, high).

    Returns what has ended by it more than a day before it would have.
    """
    async with connection.transaction():
        affected: set[int] = set(await connection.fetchval(_ABOUT, source))
        affected |= {patient} if patient is not None else set()
        await connection.execute(TAKE_LOCKS, sorted({bucket_of(one) for one in affected}))
        before = await connection.fetch(_TAKE, source)
        if patient is not None:
            await connection.executemany(
                _DISCLOSE,
                [
                    (patient, party, ANY_PURPOSE, opens, low, high, ground.over, ground.name, source)
                    for party, ground, opens, low, high in found
                ],
            )
        await connection.execute("SELECT spread_rules($1)", sorted(affected))
        now = await connection.fetchval("SELECT clock_timestamp()")
    lasting: dict[int, datetime] = {}
    for party, _, _, _, high in found:
        lasting[party] = max(high, lasting.get(party, high))
    ends = [(row["party"], row["low"], lasting.get(row["party"], now), row["high"]) for row in before if row["own"]]
    return [(party, low, until) for party, low, until, high in ends if high - until > SOON]


async def sweep(connection: asyncpg.Connection) -> int:
    """Removes what has been over for a day. Returns how many rows that were."""
    done = await connection.execute(f"DELETE FROM disclosure WHERE high < now() - interval '{SWEEP_AFTER}'")
    return int(done.rpartition(" ")[2])


_DISCLOSE = """
INSERT INTO disclosure (patient, about, party, purposes, opens, low, high, over, relation, ground, source)
VALUES ($1, $1, $2, $3, $4, $5, $6, $7, true, $8, $9)
"""
_TAKE = "DELETE FROM disclosure WHERE source = $1 RETURNING patient = about AS own, party, low, high"
_ABOUT = "SELECT coalesce(array_agg(DISTINCT about), '{}') FROM disclosure WHERE source = $1"
