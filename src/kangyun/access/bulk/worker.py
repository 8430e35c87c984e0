"""The process that runs bulk jobs, `python -m kangyun.access.bulk.worker`: one for an installation's background work.

It is apart from what else runs in the background, which must not wait for a core; it is started when a job waits, and
ends when none did for a while.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

import uvloop

from kangyun.access.bulk import exporting, importing
from kangyun.access.bulk.folder import Folder
from kangyun.access.bulk.hands import Waiting, count_of, forked
from kangyun.access.platform import open_platform
from kangyun.base.errors import PlatformError
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.database.jobs import Jobs, is_asked_for, work
from kangyun.database.leases import pause
from kangyun.database.lifeline import end_with_parent
from kangyun.database.pool import Pool
from kangyun.store import building

logger = logging.getLogger(__name__)

IDLE = 30.0  # seconds
LOOK = 0.25
SWEEP_EVERY = 600.0


async def keep_running(settings: Settings, pool: Pool, stop: asyncio.Event) -> None:
    """Starts the process whenever a job waits and it does not run, and ends it when `stop` is set."""
    process: asyncio.subprocess.Process | None = None
    environment = os.environ | {"KANGYUN_DATA": str(settings.data), "KANGYUN_DATABASE": settings.database}
    while not stop.is_set():
        if process is not None and process.returncode is not None:
            process = None
        try:
            if process is None and await is_asked_for(pool):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "kangyun.access.bulk.worker", str(os.getpid())),
                    stdin=asyncio.subprocess.DEVNULL, env=environment, start_new_session=True,
                )  # fmt: skip
        except (PlatformError, OSError) as error:
            logger.warning("jobs: %s", type(error).__name__)
        await pause(stop, LOOK)
    if process is not None and process.returncode is None:
        process.terminate()
        await process.wait()


async def run(
    settings: Settings, stop: asyncio.Event, idle: float | None = IDLE, waiting: Sequence[Waiting] = ()
) -> None:
    """Runs bulk jobs until `stop`, or until none came for so long. `waiting`: hands for imports. Raises Unavailable."""
    platform = await open_platform(settings, settings.database)
    folder = Folder(settings.data)
    store = platform.gate.store
    handlers = {
        importing.KIND: importing.Importer(settings, settings.database, folder, [*waiting]).run,
        exporting.KIND: exporting.Exporter(platform, folder).run,
        building.JOB: building.builder(platform.pool, store.reindexer, store.registry),
    }
    try:
        await work(platform.pool, handlers, stop, idle=idle)
    finally:
        await platform.close()


async def sweep(settings: Settings, pool: Pool, stop: asyncio.Event) -> None:
    """Removes what has had its time, and what cancelled jobs left, now and then until `stop`."""
    folder, jobs, kept_for = Folder(settings.data), Jobs(pool), timedelta(hours=settings.bulk_hours)
    while not stop.is_set():
        try:
            # Asked in this order: a job that comes meanwhile is among those that stay.
            there = folder.jobs()
            left = set(await jobs.sweep(kept_for))
            for job in there:
                if job not in left:
                    folder.remove(job)
        except PlatformError as error:
            logger.warning("sweep: %s", type(error).__name__)
        await pause(stop, SWEEP_EVERY)


async def _main(settings: Settings, waiting: Waiting) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop, waiting=[waiting])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        end_with_parent(signal.SIGTERM, int(sys.argv[1]))
    chosen = read_settings()
    configure(chosen.log_level)
    # Most jobs are imports: the hands of the first are forked before there is a loop, and share what is loaded.
    uvloop.run(_main(chosen, forked(count_of(chosen))))
