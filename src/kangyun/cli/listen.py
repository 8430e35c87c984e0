"""`kangyun feed listen`: the messages of one institution, over MLLP, into the record until it is stopped.

A port of its own for each institution says whose messages they are. Without a certificate it listens on this machine
only: a tunnel or a gateway of the region's own ends the line there.
"""

import asyncio
import contextlib
import ipaddress
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from ssl import SSLContext, SSLError

import uvloop

from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.errors import Invalid, Unavailable
from kangyun.base.settings import read_settings
from kangyun.cli.feed import house_of
from kangyun.cli.reach import reached_database
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak
from kangyun.exchange.feeds.messages import Messages
from kangyun.exchange.hl7v2.listening import Bounds, Listener, server_context
from kangyun.exchange.hl7v2.mapping import Conventions, Feed, conventions, standard

FORGET_EVERY = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Line:
    """What the agreement with an institution says of its line. clients: whose certificates senders must show.

    by: who says so. test: messages of a test system (MSH-11 T, D) are taken as well.
    """

    institution: str
    by: str
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    clients: Path | None = None
    mapping: Path | None = None
    test: bool = False


def listen(line: Line, data: Path | None) -> None:
    """Listens until Ctrl-C or SIGTERM. Raises Invalid for a line that cannot be, Unavailable where it cannot listen."""
    house = house_of(line.institution)
    tls = _tls(line)
    said = _conventions(line.mapping)
    processing = frozenset({"P", "", "T", "D"} if line.test else {"P", ""})
    feed = Feed(house, line.institution, said, processing)
    with reached_database(read_settings(data=data)) as database:
        uvloop.run(_listen(line, feed, tls, data, database))


async def _listen(line: Line, feed: Feed, tls: SSLContext | None, data: Path | None, database: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    platform = await open_platform(read_settings(data=data, log_level="warning"), database)
    try:
        actor = replace(ADMINISTRATOR, reference=await acting(platform, line.by), institution=line.institution)
        messages = Messages(platform, actor, feed)
        # One group at a time: two would only wait for each other's locks.
        listener = Listener(messages.store, Bounds(groups=1), language=language())
        try:
            port = await listener.start(line.host, line.port, tls)
        except OSError as error:
            raise Unavailable("cli.feed-port", port=line.port, reason=type(error).__name__) from None
        announce(speak("cli.feed-listens", institution=line.institution, host=line.host, port=port))
        leave_alone_what_is_loaded()
        forgetting = asyncio.create_task(_forget(messages.forget))
        try:
            await stop.wait()
        finally:
            forgetting.cancel()
            await listener.stop()
    finally:
        await platform.close()


async def _forget(forget: Callable[[], Awaitable[None]]) -> None:
    """Forgets old messages, now and then; where the database is away, the next time."""
    while True:
        with contextlib.suppress(Unavailable):
            await forget()
        await asyncio.sleep(FORGET_EVERY)


def _tls(line: Line) -> SSLContext | None:
    if line.certificate is None or line.key is None:
        if line.certificate is not None or line.key is not None or line.clients is not None:
            raise Invalid("cli.feed-certificate")
        if not _is_here(line.host):
            raise Invalid("cli.feed-in-clear")
        return None
    try:
        return server_context(line.certificate, line.key, line.clients)
    except (OSError, SSLError):
        raise Invalid("cli.feed-certificate") from None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _conventions(file: Path | None) -> Conventions:
    if file is None:
        return standard()
    try:
        return conventions(file.read_text("utf-8"))
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
