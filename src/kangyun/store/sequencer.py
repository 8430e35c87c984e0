"""The sequencer: gives finished commits their dense positions in the feed. One in the whole installation, by its lease.

Source: facts/store.md 5.2; the proof that it loses and reorders nothing is `benchmarks/feed.py`.
"""

import asyncio

import asyncpg

from kangyun.database.leases import pause
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds, make_rounds_alone
from kangyun.database.vitals import tell

LEASE = "sequencer"
MOST = 10_000  # commits at once, so that a backlog is worked off in short transactions
IDLE = 0.05  # seconds between two looks when nothing came
BUSY = 0.01  # and when something did: a few commits more are numbered at once
RETRY = 1.0
# GIN's pending list is emptied here, so that no writer has to (facts/store.md 1(a)).
UPKEEP_EVERY = 1.0

_PENDING = """
SELECT coalesce(sum(gin_clean_pending_list(c.oid)), 0)::float8 FROM pg_class AS c
WHERE c.relkind = 'i' AND c.relnamespace = current_schema()::regnamespace
    AND c.relname ~ '^(resource_[0-9]+_tok|audit_[0-9]+_patients_idx)$'
"""
# A segment that fills has doubled before the server's own upkeep comes by, and without statistics the plans of searches
# are guesses. What is only inserted leaves the indexes nothing to clean. Versions are found by their key alone.
_GROWN = """
SELECT relname FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_mod_since_analyze > 5000 AND n_mod_since_analyze > 0.5 * n_live_tup
    AND relname ~ '^(resource|date_value|quantity_value|string_value)_[0-9]+$'
"""
_LOOK_AT = "VACUUM (ANALYZE, INDEX_CLEANUP OFF, SKIP_LOCKED) {}"
# The segment behind the one that the newest number is in is always there.
_SEGMENTS = """
SELECT make_log_segment(greatest(c.last_value, a.last_value, s.position) / (segment_numbers() * 4) + 1)
FROM commit_id AS c, audit_id AS a, sequencer AS s
"""


async def sequence(pool: Pool, stop: asyncio.Event) -> None:
    """Sequences commits until `stop`. Waits while another process holds the lease. Holds two connections."""

    async def work(connection: asyncpg.Connection) -> None:
        upkeep = asyncio.ensure_future(make_rounds("upkeep", lambda: _upkeep(pool), UPKEEP_EVERY, stop))
        try:
            await _sequence_with_lease(connection, stop)
        finally:
            upkeep.cancel()

    await make_rounds_alone(pool, LEASE, work, RETRY, stop)


async def _sequence_with_lease(connection: asyncpg.Connection, stop: asyncio.Event) -> None:
    while not stop.is_set():
        given = await connection.fetchval("SELECT given FROM sequence_commits($1)", MOST)
        if given < MOST:
            await pause(stop, BUSY if given else IDLE)


async def _upkeep(pool: Pool) -> None:
    """What must be done now and then, beside the sequencing: it may take longer than a commit should wait."""
    async with pool.connection() as connection:
        pages = await connection.fetchval(_PENDING)
        await tell(connection, {"gin_pending_pages": pages})
        await connection.execute(_SEGMENTS)
        for row in await connection.fetch(_GROWN):
            await connection.execute(_LOOK_AT.format(row[0]))
