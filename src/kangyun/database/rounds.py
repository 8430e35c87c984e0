"""Rounds: work that a process does again and again until it stops; of several processes one does it, where it must.

Not jobs, which somebody asks for and which end. A database that is away is asked again, and that is said once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from kangyun.base.errors import PlatformError
from kangyun.database.leases import lease, pause
from kangyun.database.pool import TROUBLES, Pool

logger = logging.getLogger(__name__)
AFTER_A_DEFECT = 10.0
"""Seconds until a work is tried again that met a defect: it will mostly meet it again."""


async def make_rounds(what: str, work: Callable[[], Awaitable[object]], every: float, stop: asyncio.Event) -> None:
    """Does a work, waits so many seconds, and does it again, until `stop`. what: what the log calls it.

    A defect of one work holds up no other: it is logged with its place, once, and the work tried again.
    """
    told = ""
    while not stop.is_set():
        try:
            await work()
            told = ""
        except TROUBLES as error:
            reason = error.issues[0].text if isinstance(error, PlatformError) else type(error).__name__
            if reason != told:  # Once, not at each round for as long as the database is away.
                logger.warning("%s: %s", what, reason)
            told = reason
        except Exception as error:
            if (reason := f"{type(error).__name__}, a defect") != told:
                logger.error("%s: %s", what, reason, exc_info=error)
            told = reason
            await pause(stop, max(0.0, AFTER_A_DEFECT - every))
        await pause(stop, every)


async def make_rounds_alone(
    pool: Pool, leased: str, work: Callable[[asyncpg.Connection], Awaitable[object]], every: float, stop: asyncio.Event
) -> None:
    """Makes rounds in one of all processes: `work` is called with the connection that holds the lease of that name."""

    async def work_with_lease() -> None:
        async with lease(pool, leased) as connection:
            if connection is not None:
                await work(connection)

    await make_rounds(leased, work_with_lease, every, stop)


async def work_off(
    connection: asyncpg.Connection, work: Callable[[], Awaitable[object]], idle: float, stop: asyncio.Event
) -> None:
    """Does a work for as long as the connection holds its lease, until `stop`; it waits when there was nothing to do.

    work: returns what is true when it did something.
    """
    while not stop.is_set() and not connection.is_closed():
        if not await work():
            await pause(stop, idle)
