"""The sequencer: gives finished commits their dense positions in the feed. One in the whole installation, by its lease.

Source: facts/store.md 5.2; the proof that it loses and reorders nothing is `benchmarks/feed.py`.
"""

import asyncio
import logging

import asyncpg

from kangyun.base.errors import PlatformError
from kangyun.database.pool import Pool

logger = logging.getLogger(__name__)

LEASE = 0x6B61_7365
IDLE = 0.05  # seconds between two looks when nothing came
RETRY = 1.0
# GIN's pending list is emptied here, so that no writer has to (facts/store.md 1(a)).
CLEAN_EVERY = 1.0

_PENDING = """
SELECT gin_clean_pending_list(c.oid) FROM pg_class AS c
WHERE c.relkind = 'i' AND c.relname ~ '^resource_[0-9]+_tok$' AND c.relnamespace = current_schema()::regnamespace
"""


async def sequence(pool: Pool, stop: asyncio.Event) -> None:
    """Sequences commits until `stop`. Waits while another process holds the lease."""
    while not stop.is_set():
        try:
            async with pool.connection() as connection:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEASE):
                    try:
                        await _sequence_with_lease(connection, stop)
                    finally:
                        await connection.execute("SELECT pg_advisory_unlock($1)", LEASE)
        except (PlatformError, asyncpg.PostgresError) as error:
            logger.warning("sequencer: %s", type(error).__name__)
        await _pause(stop, RETRY)


async def _sequence_with_lease(connection: asyncpg.Connection, stop: asyncio.Event) -> None:
    cleaned = 0.0
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        given = await connection.fetchval("SELECT given FROM sequence_commits()")
        if loop.time() - cleaned > CLEAN_EVERY:
            await connection.execute(_PENDING)
            cleaned = loop.time()
        if not given:
            await _pause(stop, IDLE)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
