"""`kangyun listen`: devices that speak MQTT, until it is stopped. (Hospitals' HL7 v2 is `kangyun feed listen`.)"""

import asyncio
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from socket import socket
from ssl import SSLContext

import uvloop

from kangyun.access.platform import open_platform
from kangyun.base.errors import Invalid
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli import workers
from kangyun.cli.children import UP, tie_to_up, wait_for_up
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, speak
from kangyun.devices.mappings import load_mappings
from kangyun.devices.mqtt import Bounds, running

FILES = 256
"""What is open besides devices' connections, at most: the database, the log, what is loaded."""


def listen(data: Path | None = None, host: str | None = None, port: int | None = None) -> int:
    """Listens until Ctrl-C or SIGTERM. Returns the status. Raises Invalid, Unavailable."""
    tie_to_up()
    settings = read_settings(data=data, device_host=host, device_port=port)
    if not settings.device_port:
        raise Invalid("cli.no-device-port")
    configure(settings.log_level)
    tls = running.tls_of(settings)
    wait_for_up()
    with reached_database(settings) as database:
        if settings.device_workers == 1:
            patience = workers.STOP_WITHIN if UP in os.environ else 0.0
            workers.refuse_taken(settings.device_host, settings.device_port, patience)
            uvloop.run(_listen(settings, database, tls))
            return 0
        return workers.run(
            lambda shared: uvloop.run(_listen(settings, database, tls, shared)),
            host=settings.device_host, port=settings.device_port, count=settings.device_workers,
        )  # fmt: skip


def _bounds() -> Bounds:
    """Lets this process have as many files as it may, and no more connections than that leaves room for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    usual = Bounds()
    return usual if most == resource.RLIM_INFINITY else replace(usual, connections=min(usual.connections, most - FILES))


async def _listen(settings: Settings, database: str, tls: SSLContext | None, shared: socket | None = None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    load_mappings(settings.data)
    platform = await open_platform(settings, database)
    try:
        await running.run(platform, stop, tls, shared, bounds=_bounds(), ready=lambda port: _tell(settings, port))
    finally:
        await platform.close()


def _tell(settings: Settings, port: int) -> None:
    announce(speak("cli.devices-listen", host=settings.device_host, port=port))
