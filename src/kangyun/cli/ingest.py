"""`kangyun ingest`: takes in what devices sent, from the log into samples, warnings and alarms."""

import asyncio
import signal
from pathlib import Path

import uvloop

from kangyun.access.platform import open_platform
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.children import tie_to_up, wait_for_up
from kangyun.cli.reach import reached_database
from kangyun.devices.intake.opening import ingest as take_in
from kangyun.devices.mappings import load_mappings

CONNECTIONS = 10


def ingest(data: Path | None = None, *, again: bool = False) -> None:
    """Takes in until Ctrl-C or SIGTERM. again: everything that the log still has, from its beginning."""
    tie_to_up()
    settings = read_settings(data=data, connections=CONNECTIONS)
    configure(settings.log_level)
    wait_for_up()
    with reached_database(settings) as database:
        uvloop.run(_ingest(settings, database, again))


async def _ingest(settings: Settings, database: str, again: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    load_mappings(settings.data)
    platform = await open_platform(settings, database)
    try:
        leave_alone_what_is_loaded()
        await take_in(platform, stop, again=again)
    finally:
        await platform.close()
