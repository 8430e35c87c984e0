"""HTTP connections: uvicorn's, within bounds that it does not set itself.

The head of a request may be so large, and must have come within so many seconds; its body is the application's to
bound (`web.limits`), but for what is no body: trailers, the extensions of chunks, and what comes after the answer. A
process has so many connections. Forwarded headers are `web.proxies`' business; nothing is said of who serves.

Source: RFC 9112 (HTTP/1.1)
"""

import asyncio
import resource
import socket
from functools import cache
from typing import Any

import httptools
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kangyun.web.line import Line

LARGEST_HEAD = 65_536  # bytes; and of anything else that is neither head nor body
HEAD_WITHIN = 30.0  # seconds
KEEP_ALIVE = 75.0  # seconds that a connection may be idle
STOP_WITHIN = 8  # seconds that requests may take when we are told to stop
LARGEST_MESSAGE = 65_536  # bytes of a websocket
MOST_AT_ONCE = 100  # requests that one connection may have waiting
MOST_LINGERED = 16 << 20  # bytes that are read and forgotten after an answer that came early
OTHER_FILES = 256  # that a process may need beside its connections


class Connection(HttpToolsProtocol):
    """A connection whose requests must have a head of some size, in some time."""

    _line: Line
    _late: asyncio.TimerHandle | None = None
    _head: int | None = None
    """Bytes of the head that is coming; None while something else is."""
    _barren = 0
    """Bytes since the last that ended a head or a message, or belonged to a body."""
    _websocket = False
    _deaf = False
    """What comes can no longer be understood."""
    _framing = False
    """What is parsed is no request, but says how long the body of one is."""

    # --- the transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._line = Line(transport, self.loop, self._is_being_asked)
        super().connection_made(self._line)  # type: ignore[arg-type]
        self._expect_head()
        if len(self.connections) > most_connections():
            others = (one for one in self.connections if isinstance(one, Connection) and one is not self)
            next((one for one in others if one.is_idle), self).give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._line.unwatch()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._line.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._line.unwatch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the line open for the answer to who has asked and only closed his own side."""
        if self.is_idle or self._line.lingering or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        if self._line.lingering or self._deaf:
            self._barren += len(data)
            if self._barren > MOST_LINGERED:
                self._line.raw.abort()
            return
        self._unset_keepalive_if_required()
        if self._late is None and self.is_idle:
            self._expect_head()
        self._barren += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            large = self._head is not None and self._head > LARGEST_HEAD
            self._refuse(431 if large else 400)
        else:
            if self._barren > LARGEST_HEAD:
                self._refuse(400 if self._head is None else 431)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def give_up(self) -> None:
        """Ends the connection at once: others need its place."""
        self._line.raw.abort()

    def shutdown(self) -> None:
        if self._line.lingering:
            self.give_up()
        else:
            super().shutdown()

    def _is_being_asked(self) -> bool:
        return self._head is not None or (self.cycle is not None and self.cycle.more_body)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(HEAD_WITHIN, self._line.raw.close)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # --- the parser's side

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._websocket:
                    self._become_websocket()
                    return
                # An upgrade that we do not know is passed over (RFC 9110, section 7.8); the parser would have its body
                # passed over, too.
                data = data[upgrade.args[0] :]
                self._frame()
            else:
                return

    def _frame(self) -> None:
        """Has a new parser read the body of a request whose head was read, and what follows."""
        names = (b"content-length", b"transfer-encoding")
        fields = b"".join(b"%s: %s\r\n" % field for field in self.headers if field[0] in names)
        self.parser = httptools.HttpRequestParser(self)
        self._framing = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + (fields or b"content-length: 0\r\n") + b"\r\n")
        self._framing = False

    def on_message_begin(self) -> None:
        if not self._framing:
            self._head = 0
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._head is not None:
            self._head += len(url)
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:  # Else it is a trailer.
            self._head += len(name) + len(value) + 4
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._barren = 0
        if self._head is None:  # See `_frame`.
            return
        method, version = self.parser.get_method(), self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if self._head > LARGEST_HEAD or version not in ("1.0", "1.1") or method == b"CONNECT":
            raise ValueError("not a request to us")
        if hosts > 1 or (not hosts and version == "1.1"):
            raise ValueError("one host is needed")
        if len(self.pipeline) >= MOST_AT_ONCE:
            raise ValueError("too many requests, and no answer read")
        self._head = None
        self._in_time()
        bodiless = not any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        self._websocket = (
            self.parser.should_upgrade()
            and method == b"GET"
            and bodiless
            and self.is_idle
            and self._get_upgrade() == b"websocket"
        )
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._barren = 0
        if self._websocket or not self.parser.should_upgrade():  # Else the body is still to come: see `_frame`.
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        return self._websocket

    def _become_websocket(self) -> None:
        self._in_time()
        self.transport = self._line.raw
        self.handle_websocket_upgrade()

    # --- the answers

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_idle and self.cycle.more_body:
            self.transport.close()  # Who goes on sending what nobody wants is not read to the end.

    def _refuse(self, status: int) -> None:
        """Says that what came is no request, after the answers to those that came before it."""
        self._deaf = True
        self._barren = 0
        if not self.is_idle and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return
        if not self.is_idle:  # It is the body of a request that is broken: the application need not wait for it.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not self.pipeline and (self.is_idle or not self.cycle.response_started):
            self.transport.write(_bare(status))
        self.transport.close()


class Websocket(WebSocketsSansIOProtocol):
    """A websocket that answers a handshake which it cannot read."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_bare(400))
            self.transport.close()


def _bare(status: int) -> bytes:
    """Returns an answer that says its status only, and that it is the last."""
    return STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n"


@cache
def most_connections() -> int:
    """Returns how many connections a process may have: as many as the system lets it open, but for some files."""
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        most = hard
    return max(most - OTHER_FILES, most // 2)


async def serve(application: Any, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT. Raises SystemExit when the application does not start."""
    config = Config(
        application,
        http=Connection,
        ws=Websocket,
        ws_max_size=LARGEST_MESSAGE,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(KEEP_ALIVE),
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    await Server(config).serve(sockets=[listener])
