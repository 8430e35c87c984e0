"""Registrations that the index does not have, or has by other rules: they are read and decided in the background.

Those from before there was an index, from a restored copy of older date, and all of them when the edition of the rules
rises. What a person decided stays. An interrupted run goes on where rows say that it came to.
"""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from kangyun.base.errors import Unavailable
from kangyun.database.leases import lease, pause
from kangyun.database.pool import LOST, Pool
from kangyun.identity.index import TYPE, ResidentIndex
from kangyun.identity.standing import SQL
from kangyun.store.batch import Stale
from kangyun.store.locks import take_locks
from kangyun.store.reader import Reader
from kangyun.store.tokens import bucket_of
from kangyun.store.transaction import ATTEMPTS
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

logger = logging.getLogger(__name__)

ACTOR = "platform"
WINDOW = 20_000 << 12
"""Numbers of `res` that are looked through at once for Patients that are not in the index."""
AT_ONCE = 100
RETRY = 5.0  # seconds


async def keep_caught_up(pool: Pool, index: ResidentIndex, reader: Reader, stop: asyncio.Event) -> None:
    """Catches up once. Of several processes, the one with the lease does."""
    while not stop.is_set():
        try:
            async with lease(pool, "residents") as connection:
                if connection is not None:
                    done = await catch_up(pool, index, reader, stop)
                    if done:
                        logger.info("residents: %d registrations", done)
                    return
        except (*LOST, Unavailable):  # Gone, or busy with others: what is done once has to be done some time.
            logger.warning("residents: the database does not answer; trying again")
        await pause(stop, RETRY)


async def catch_up(pool: Pool, index: ResidentIndex, reader: Reader, stop: asyncio.Event) -> int:
    """Brings in what is missing or of another edition, until `stop`. Returns how many registrations that were."""
    done = 0
    async with pool.connection() as connection:
        last = await connection.fetchval(_LAST)
        low = await connection.fetchval(_FIRST, _NUMBER) or last
    while low <= last and not stop.is_set():
        async with pool.connection() as connection:
            rows = await connection.fetch(_MISSING, _NUMBER, low, low + WINDOW)
        done += await _bring_in(pool, index, reader, [row["res"] for row in rows], stop)
        low += WINDOW
    after = 0
    while not stop.is_set():
        async with pool.connection() as connection:
            rows = await connection.fetch(SQL["of_other_edition"], index.rules.edition, after, AT_ONCE)
        if not rows:
            break
        done += await _bring_in(pool, index, reader, [row["patient"] for row in rows], stop)
        after = rows[-1]["patient"]
    return done


async def _bring_in(
    pool: Pool, index: ResidentIndex, reader: Reader, patients: Sequence[int], stop: asyncio.Event
) -> int:
    done = 0
    for start in range(0, len(patients), AT_ONCE):
        if stop.is_set():
            break
        chunk = patients[start : start + AT_ONCE]
        locks = {bucket_of(patient) for patient in chunk}
        for _ in range(ATTEMPTS):
            try:
                async with pool.connection_for_locks() as connection, connection.transaction():
                    await take_locks(connection, locks)
                    await _decide(connection, index, reader, chunk)
                done += len(chunk)
                break
            except Stale as stale:
                locks |= stale.buckets
    return done


async def _decide(
    connection: asyncpg.Connection, index: ResidentIndex, reader: Reader, patients: Sequence[int]
) -> None:
    found = [(patient, await reader.of_number(connection, patient)) for patient in patients]
    await index.register(
        connection,
        {patient: one.resource for patient, one in found if one is not None and not one.deleted and one.type == TYPE},
        ACTOR,
    )


_NUMBER = TYPE_NUMBERS[TYPE]
_LAST = f"SELECT coalesce(max(r.res), 0) FROM resource AS r WHERE {visible('r')}"
_FIRST = f"""
SELECT min(r.res) FROM resource AS r WHERE r.type = $1 AND NOT r.deleted AND {visible("r")}
AND NOT EXISTS (SELECT FROM registration AS g WHERE g.patient = r.res)
"""
_MISSING = f"""
SELECT r.res FROM resource AS r WHERE r.type = $1 AND r.res >= $2 AND r.res < $3 AND NOT r.deleted AND {visible("r")}
AND NOT EXISTS (SELECT FROM registration AS g WHERE g.patient = r.res) ORDER BY r.res
"""
