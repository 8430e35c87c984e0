"""Leases: of several processes that could do a thing, one does it.

A lease is a session's advisory lock, so it ends with the connection, whatever became of its holder, and holding it
assigns no transaction id: it keeps back neither the feed nor a vacuum.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import asyncpg

from kangyun.database.pool import Pool


@contextlib.asynccontextmanager
async def lease(pool: Pool, name: str) -> AsyncIterator[asyncpg.Connection | None]:
    """Gives the connection that holds the lease, None while somebody else has it."""
    number = _number(name)
    async with pool.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", number):
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", number)


async def is_held(connection: asyncpg.Connection, name: str) -> bool:
    """Whether some process holds the lease."""
    held: bool = await connection.fetchval(_HELD, _number(name))
    return held


# A lock on an int8 is shown as its two halves.
_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()
    AND l.classid::int8 = ($1::int8 >> 32) & 4294967295 AND l.objid::int8 = $1::int8 & 4294967295
)
"""


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Returns after so many seconds, or at once when `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
