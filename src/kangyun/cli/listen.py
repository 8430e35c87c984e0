"""`kangyun feed listen`: messages of HL7 v2 over MLLP, into the record until it is stopped.

A port of its own for each institution says whose messages they are; one process may have the lines of many. Without a
certificate a line listens on this machine only: a tunnel or a gateway of the region's own ends it there.
"""

import asyncio
import contextlib
import ipaddress
import signal
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket
from ssl import SSLContext, SSLError

import msgspec
import uvloop

from kangyun.access.platform import Platform, open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.errors import Invalid, PlatformError, Unavailable
from kangyun.cli import workers
from kangyun.cli.feed import house_of
from kangyun.cli.opened import settings_of
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


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as a file says it; its other files are named from where that file is."""

    institution: str
    port: int
    host: str = "127.0.0.1"
    certificate: str = ""
    key: str = ""
    clients: str = ""
    mapping: str = ""
    test: bool = False


class _Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: list[_Said]


def lines_of(file: Path, by: str) -> list[Line]:
    """Returns the lines of a file. Raises Invalid for one that says something else, or one port twice."""
    try:
        said = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _Lines).line
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Invalid("cli.feed-lines", file=str(file), problem=str(error)) from None
    places = [(one.host, one.port) for one in said if one.port]
    if not said or len(set(places)) < len(places):
        raise Invalid("cli.feed-lines-ports", file=str(file))

    def beside(name: str) -> Path | None:
        return file.parent / name if name else None

    return [
        Line(
            one.institution, by, one.host, one.port, beside(one.certificate), beside(one.key), beside(one.clients),
            beside(one.mapping), one.test,
        )
        for one in said
    ]  # fmt: skip


def listen(lines: Sequence[Line], data: Path | None, processes: int = 1) -> int:
    """Listens until Ctrl-C or SIGTERM. Returns the status. Raises Invalid for a line that cannot be, Unavailable.

    processes: that share the port of one line; the system gives each connection to one of them.
    """
    if processes > 1 and len(lines) > 1:
        raise Invalid("cli.feed-processes")
    prepared = []
    for line in lines:
        with _named(line):
            prepared.append((line, feed_of(line.institution, line.mapping, test=line.test), _tls(line)))
    with reached_database(settings_of(data)) as database:
        if processes == 1:
            uvloop.run(_listen(prepared, data, database))
            return 0
        return workers.run(
            lambda port: uvloop.run(_listen(prepared, data, database, port)),
            host=lines[0].host, port=lines[0].port, count=processes,
        )  # fmt: skip


def feed_of(institution: str, mapping: Path | None, *, test: bool = False) -> Feed:
    """Returns what the agreement with an institution says of its messages. Raises Invalid."""
    processing = frozenset({"P", "", "T", "D"} if test else {"P", ""})
    return Feed(house_of(institution), institution, _conventions(mapping), processing)


async def messages_of(platform: Platform, feed: Feed, by: str) -> Messages:
    """Returns what stores an institution's messages. by: who says so. Raises Invalid for nobody."""
    actor = replace(ADMINISTRATOR, reference=await acting(platform, by), institution=feed.institution)
    return Messages(platform, actor, feed)


async def _listen(
    lines: Sequence[tuple[Line, Feed, SSLContext | None]],
    data: Path | None,
    database: str,
    shared: socket | None = None,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    platform = await open_platform(settings_of(data), database)
    listeners: list[Listener] = []
    forgetting: asyncio.Task[None] | None = None
    try:
        for line, feed, tls in lines:
            messages = await messages_of(platform, feed, line.by)
            listeners.append(await _started(line, messages, tls, shared))
        leave_alone_what_is_loaded()
        forgetting = asyncio.create_task(_forget(messages.forget))
        await stop.wait()
    finally:
        if forgetting is not None:
            forgetting.cancel()
        await asyncio.gather(*(one.stop() for one in listeners))
        await platform.close()


async def _started(line: Line, messages: Messages, tls: SSLContext | None, shared: socket | None) -> Listener:
    # One group at a time: two of one house would only wait for each other's locks.
    listener = Listener(messages.store, Bounds(groups=1), language=language())
    try:
        port = await listener.start(line.host, line.port, tls, shared)
    except OSError as error:
        raise Unavailable("cli.feed-port", port=line.port, reason=type(error).__name__) from None
    announce(speak("cli.feed-listens", institution=line.institution, host=line.host, port=port))
    return listener


@contextlib.contextmanager
def _named(line: Line) -> Iterator[None]:
    """Says which line it is that cannot be."""
    try:
        yield
    except PlatformError:
        announce(speak("cli.feed-line", institution=line.institution, port=line.port), style="red")
        raise


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
