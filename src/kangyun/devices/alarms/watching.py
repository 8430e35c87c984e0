"""What alarms need done beside requests, by `kangyun work`: of several processes, the one with the lease does it.

It looks each `LOOK` seconds, and when the next timer is due: nothing rings it, as the least server has no NOTIFY.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta

import asyncpg

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.database.leases import pause
from kangyun.database.pool import LOST
from kangyun.database.rounds import make_rounds_alone
from kangyun.devices.alarms.ladder import Ladder
from kangyun.devices.alarms.raising import Alarms
from kangyun.devices.alarms.relinking import relink

logger = logging.getLogger(__name__)

LOOK = 0.1  # seconds
PATIENCE = 2.0  # seconds until somebody else may have given the lease up
RELINK_EVERY = 10.0  # seconds
GAPS_EVERY = 600.0  # seconds
AGAIN_AFTER = timedelta(seconds=30)
"""An alarm that could not be told is tried again so much later: the others do not wait for it."""


async def keep_climbing(platform: Platform, stop: asyncio.Event) -> None:
    """Tells what is due, until `stop`."""
    ladder = Ladder(platform.gate, Alarms.of(platform.gate))
    await make_rounds_alone(
        platform.pool, "alarms", lambda connection: _climb(ladder, connection, stop), PATIENCE, stop
    )


async def _climb(ladder: Ladder, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
    failed: dict[int, datetime] = {}
    relinked = looked_ahead = clock.now() - timedelta(days=1)
    while not stop.is_set() and not connection.is_closed():
        now = clock.now()
        if (now - relinked).total_seconds() > RELINK_EVERY:
            await beside(_relink(connection, ladder, now))
            relinked = now
        if (now - looked_ahead).total_seconds() > GAPS_EVERY:
            await beside(ladder.tell_gaps(now))
            looked_ahead = now
        if not await look(ladder, now, failed):
            await pause(stop, LOOK if failed else _until(await ladder.next_due()))


async def _relink(connection: asyncpg.Connection, ladder: Ladder, now: datetime) -> None:
    async with connection.transaction():
        await relink(connection, ladder.alarms, now)


async def beside(work: Awaitable[object]) -> None:
    """Does what is not telling: where that fails it is tried again in its time, and alarms are told meanwhile."""
    try:
        await work
    except LOST:
        raise
    except Exception as error:
        logger.error("alarms: beside telling: %s", type(error).__name__)


async def look(ladder: Ladder, now: datetime, failed: dict[int, datetime]) -> int:
    """Does what is due and hears what became of notices; returns how much that was. failed: alarms, and until when."""
    done = await ladder.hear(now)
    for alarm in await ladder.due(now, [one for one, until in failed.items() if until > now]):
        try:
            done += await ladder.climb(alarm, now)
            failed.pop(alarm, None)
        except Exception as error:  # Whatever it is: the others do not wait for it, nor does this process end of it.
            failed[alarm] = now + AGAIN_AFTER
            logger.error("alarms: %d is told later: %s", alarm, type(error).__name__)
    return done


def _until(due: datetime | None) -> float:
    """Returns in how many seconds to look again."""
    return LOOK if due is None else min(LOOK, max((due - clock.now()).total_seconds(), 0.01))
