"""`kangyun serve` and `kangyun work`: the parts as separate processes, on a database that is there."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import asyncpg
import uvloop
from granian import Granian
from granian.constants import Interfaces, Loops

from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.database.migrations import migrate
from kangyun.database.pool import Pool
from kangyun.store.sequencer import sequence

PACKAGES = ["store"]
"""Packages with migrations, from the lowest layer to the highest."""
# How `up` tells its child processes where the database is.
DATABASE_VARIABLE = "KANGYUN_DATABASE"


def serve(data: Path | None, port: int | None, host: str | None) -> None:
    """Serves HTTP until told to stop, one process a core."""
    settings = read_settings(data=data, port=port, host=host)
    if not settings.database:
        raise Unavailable("cli.no-database")
    for name in ("data", "port", "host", "database"):
        os.environ[f"KANGYUN_{name.upper()}"] = str(getattr(settings, name))
    Granian(
        "kangyun.web.process:application",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=settings.workers or os.cpu_count() or 1,
        respawn_failed_workers=True,
        backlog=2048,
        log_level="warning",  # type: ignore[arg-type]
        websockets=True,
        workers_kill_timeout=10,
    ).serve()


def work(data: Path | None) -> None:
    """Runs the background work until told to stop."""
    settings = read_settings(data=data)
    if not settings.database:
        raise Unavailable("cli.no-database")
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Pool(settings.database, size=4) as pool:
        await sequence(pool, stop)


async def prepare_database(url: str) -> None:
    """Brings the schema up to date."""
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, PACKAGES)
    finally:
        await connection.close()
