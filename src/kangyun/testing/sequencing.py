"""Gives a test's commits their positions and seals its audit rows, as the background work does: at once, and wholly.

What a transaction may still overtake is neither given out nor sealed, and the server counts those of every database:
what another test is about would hold it back for a moment, which background work waits out and a test must, too.
"""

import asyncio

import asyncpg

from kangyun.access.trail.chain import Seal
from kangyun.access.trail.rows import last_seal
from kangyun.access.trail.sealing import seal_once

_ELSEWHERE = """
SELECT array_agg((pid, backend_xid)::text) FROM pg_stat_activity
WHERE datname <> current_database() AND backend_xid IS NOT NULL
    AND ($1::text[] IS NULL OR (pid, backend_xid)::text = ANY($1))
"""


async def give_positions(connection: asyncpg.Connection, most: int = 1000) -> int:
    """Gives at most so many commits their positions in the feed. Returns how many."""
    await _others_end(connection)
    given: int = await connection.fetchval("SELECT given FROM sequence_commits($1)", most)
    return given


async def seal_all(connection: asyncpg.Connection) -> list[Seal]:
    """Seals every audit row. Returns the new seals."""
    await _others_end(connection)
    last, more, new = await last_seal(connection), True, []
    while more:
        made, more = await seal_once(connection, last)
        last = made[-1] if made else last
        new += made
    return new


async def _others_end(connection: asyncpg.Connection) -> None:
    """Waits until what is open in other databases now has ended."""
    async with asyncio.timeout(60):
        still = await connection.fetchval(_ELSEWHERE, None)
        while still:
            await asyncio.sleep(0.005)
            still = await connection.fetchval(_ELSEWHERE, still)
