"""How long what was told is kept: erased with whom it is about, removed when its days are over. And its figures."""

import asyncio
from collections.abc import Sequence

import asyncpg

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.database.vitals import Vitals

AT_ONCE = 1_000
SWEEP_EVERY = 3600.0  # seconds
UNTAKEN_DAYS = 30
"""Days that an outcome waits for who asked: longer, and nobody does."""


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Erases what was said about residents, and what is known of them as readers. An eraser of `access.erasing`."""
    await connection.execute(_FORGET_MESSAGES, list(patients))
    await connection.execute(_FORGET_READERS, list({*patients, *resources}))


async def sweep(connection: asyncpg.Connection, days: int) -> int:
    """Removes messages that ended so many days ago, outcomes that nobody took, counts and receipts of former days."""
    gone = done = AT_ONCE
    while done == AT_ONCE:
        done = int((await connection.execute(_SWEEP, days, AT_ONCE)).rpartition(" ")[2])
        gone += done
    await connection.execute(_SWEEP_OUTCOMES, UNTAKEN_DAYS)
    await connection.execute(_SWEEP_DAYS, days)
    await connection.execute(_SWEEP_RECEIPTS)
    return gone - AT_ONCE


async def keep_sweeping(pool: Pool, days: int, stop: asyncio.Event) -> None:
    """Sweeps each hour until `stop`."""

    async def once() -> None:
        async with pool.connection() as connection:
            await sweep(connection, days)

    await make_rounds("outbox: sweep", once, SWEEP_EVERY, stop)


async def outbox_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how late the outbox is with what is red, and what failed in the last hour."""
    row = await connection.fetchrow(_VITALS)
    return [
        ("kangyun_outbox_red_late_seconds", "How long the oldest red message has been due.", row["late"]),
        ("kangyun_outbox_waiting", "Messages that wait for their time.", row["waiting"]),
        ("kangyun_outbox_failed", "Requests of the last hour that a provider did not take.", row["failed"]),
        ("kangyun_outbox_not_reached", "Red messages of the last hour that reached nobody.", row["not_reached"]),
    ]


_FORGET_MESSAGES = "DELETE FROM outbox_message WHERE holder = ANY ($1::int8[])"
_FORGET_READERS = "DELETE FROM outbox_reader WHERE holder = ANY ($1::int8[])"
_SWEEP = """
DELETE FROM outbox_message WHERE id IN (
    SELECT id FROM outbox_message WHERE ended < clock_timestamp() - make_interval(days => $1::int4) LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""
_SWEEP_OUTCOMES = "DELETE FROM outbox_outcome WHERE at < clock_timestamp() - make_interval(days => $1::int4)"
_SWEEP_DAYS = "DELETE FROM outbox_day WHERE day < current_date - $1::int4"
_SWEEP_RECEIPTS = "DELETE FROM outbox_receipt WHERE heard < clock_timestamp() - interval '1 day'"
_VITALS = """
SELECT
    (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(due)), 0)::float8 FROM outbox_message
     WHERE state = 'climbing' AND urgency = 0 AND due < clock_timestamp()) AS late,
    (SELECT count(*)::float8 FROM outbox_message WHERE state = 'waiting') AS waiting,
    (SELECT count(*)::float8 FROM outbox_attempt WHERE changed > clock_timestamp() - interval '1 hour'
     AND state IN ('refused', 'failed', 'throttled', 'unknown')) AS failed,
    (SELECT count(*)::float8 FROM outbox_message WHERE ended > clock_timestamp() - interval '1 hour'
     AND urgency = 0 AND state IN ('not-reached', 'unanswered')) AS not_reached
"""
