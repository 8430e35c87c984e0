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
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    async with pool.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", number):
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", number)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Returns after so many seconds, or at once when `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
