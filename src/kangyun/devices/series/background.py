"""What series need done beside requests: days made, closed ones compacted, old ones removed, the record told.

Each by one process at a time, whoever holds the lease.
"""

import asyncio
import logging
from datetime import timedelta

import asyncpg

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.database.leases import lease, pause
from kangyun.database.pool import TROUBLES
from kangyun.database.rounds import make_rounds_alone
from kangyun.database.statements import statements
from kangyun.devices.series import days
from kangyun.devices.series import erasing as erasing  # An erasure of a person reaches series, too.
from kangyun.devices.series.compacting import Compaction
from kangyun.devices.series.recording import AT_ONCE, Recording

logger = logging.getLogger(__name__)

SQL = statements("devices.series")
COMPACT_EVERY = 900.0  # seconds
AGAIN_AFTER = 10.0  # seconds
TELL_EVERY = 1.0  # seconds


async def keep_compacted(platform: Platform, stop: asyncio.Event) -> None:
    """Keeps the days, until `stop`."""
    compaction = Compaction(Kept(platform.gate.store))
    while not stop.is_set():
        wait = COMPACT_EVERY
        try:
            async with lease(platform.pool, "device series") as connection:
                if connection is not None:
                    await days.keep(connection, clock.now())
                    await compaction.run(clock.now())
                    await remove_old(connection, platform.gate.settings.series_days)
        except TROUBLES as error:
            # Such as where others were in the way of a day's table: soon again, at the first start there is none ahead.
            logger.warning("series: %s", type(error).__name__)
            wait = AGAIN_AFTER
        await pause(stop, wait)


async def keep_recorded(platform: Platform, stop: asyncio.Event) -> None:
    """Tells the record, until `stop`."""
    recording = Recording(platform)

    async def work(connection: asyncpg.Connection) -> None:
        # Who has lost the lease goes on with nothing: by then another may tell the same.
        while await recording.run() == AT_ONCE and not (stop.is_set() or connection.is_closed()):
            pass

    await make_rounds_alone(platform.pool, "device observations", work, TELL_EVERY, stop)


async def remove_old(connection: asyncpg.Connection, kept_days: int) -> None:
    """Removes chunks and waves that ended longer ago. kept_days: 0 keeps all. Their Observations stay."""
    if kept_days:
        before = days.microseconds(clock.now() - timedelta(days=kept_days))
        await connection.execute("DELETE FROM device_chunk WHERE until < $1", before)
        await connection.execute("DELETE FROM device_wave WHERE at < $1", before)


SERIES_BACKGROUND = (keep_compacted, keep_recorded)
