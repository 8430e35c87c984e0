"""One listening process: the register, the log and the listener opened, and what must run beside them."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

from kangyun.access.platform import Platform
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.errors import Invalid, PlatformError, Unavailable
from kangyun.base.settings import Settings
from kangyun.database.leases import pause
from kangyun.database.pool import LOST
from kangyun.devices.formats import read
from kangyun.devices.log import open_writer
from kangyun.devices.mqtt.across import Across
from kangyun.devices.mqtt.bounds import Bounds
from kangyun.devices.mqtt.listener import Listener
from kangyun.devices.mqtt.refusals import Refusals
from kangyun.devices.mqtt.tls import server_context, trust
from kangyun.devices.register.register import Register, open_register

logger = logging.getLogger(__name__)

ANCHORS_AT_MOST_EVERY, ANCHORS_EVERY = 1.0, 30.0  # seconds; the first where something has changed


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """Returns the TLS context by the settings; None without a certificate: then it listens on this machine only.

    Raises Invalid.
    """
    if settings.device_certificate and settings.device_key:
        return server_context(Path(settings.device_certificate), Path(settings.device_key))
    if settings.device_certificate or settings.device_key:
        raise Invalid("devices.mqtt.certificate")
    if not _is_here(settings.device_host):
        raise Invalid("devices.mqtt.in-clear")
    return None


async def run(
    platform: Platform,
    stop: asyncio.Event,
    tls: ssl.SSLContext | None = None,
    shared: socket.socket | None = None,
    *,
    bounds: Bounds | None = None,
    ready: Callable[[int], object] = lambda port: None,
) -> None:
    """Listens until `stop`. shared: the socket, where processes share a port. ready: told the port.

    Raises Unavailable where the port or the log cannot be had.
    """
    settings = platform.settings
    register = open_register(platform)
    log = open_writer(platform)
    refusals = Refusals(platform.pool, settings.time_zone)
    listener = Listener(register.credentials, log, read, refusals.note, bounds, register.provisioning)
    register.changes.on(listener.changed)
    across = Across(platform.pool, listener)
    try:
        if tls is not None:
            trust(tls, await register.credentials.anchors())
        async with asyncio.TaskGroup() as group:
            for follow in (across.follow, refusals.follow, register.changes.follow):
                group.create_task(follow(stop))
            if tls is not None:
                group.create_task(_follow_anchors(register, tls, stop))
            ready(await _started(listener, settings, tls, shared))
            await stop.wait()
    except* PlatformError as errors:
        raise _first(errors) from None
    finally:
        await listener.stop()
        await log.close()
        with contextlib.suppress(PlatformError, *LOST):
            await refusals.flush()


async def _started(
    listener: Listener, settings: Settings, tls: ssl.SSLContext | None, shared: socket.socket | None
) -> int:
    try:
        port = await listener.start(settings.device_host, settings.device_port, tls, shared)
    except OSError as error:
        raise Unavailable("devices.mqtt.port", reason=type(error).__name__) from None
    leave_alone_what_is_loaded()
    return port


async def _follow_anchors(register: Register, tls: ssl.SSLContext, stop: asyncio.Event) -> None:
    """Trusts the certificates that are registered meanwhile."""
    changed = asyncio.Event()
    register.changes.on(lambda _: changed.set())
    known: set[bytes] = set()
    while not stop.is_set():
        changed.clear()
        try:
            anchors = await register.credentials.anchors()
            trust(tls, [one for one in anchors if one not in known])
            known.update(anchors)
        except (PlatformError, *LOST) as error:
            logger.warning("mqtt: certificates are as they were: %s", type(error).__name__)
        await pause(stop, ANCHORS_AT_MOST_EVERY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANCHORS_EVERY):
                await _either(changed, stop)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _first(errors: BaseExceptionGroup[PlatformError]) -> PlatformError:
    found: Sequence[BaseException] = errors.exceptions
    while isinstance(found[0], BaseExceptionGroup):
        found = found[0].exceptions
    assert isinstance(found[0], PlatformError)
    return found[0]


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
