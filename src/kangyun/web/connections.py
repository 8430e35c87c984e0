"""HTTP connections: uvicorn's, within bounds that it does not set itself.

The head of a request may be so large, and must have come within so many seconds; its body is the application's to
bound (`web.limits`). No forwarded header is believed, nothing is said of who serves.
"""

import asyncio
import socket
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 65_536  # bytes
HEAD_WITHIN = 30.0  # seconds
KEEP_ALIVE = 75.0  # seconds that a connection may be idle
STOP_WITHIN = 8  # seconds that requests may take when we are told to stop
LARGEST_MESSAGE = 65_536  # bytes of a websocket


class Connection(HttpToolsProtocol):
    """A connection whose requests must have a head of some size, in some time."""

    _head: int | None = 0
    """Bytes of the head that is coming; None while something else is."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_WITHIN, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head = 0
        if self._late is None:
            self._late = self.loop.call_later(HEAD_WITHIN, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        self._in_time()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("Request head too large.")

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


async def serve(application: Any, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT. Raises SystemExit when the application does not start."""
    config = Config(
        application,
        http=Connection,
        ws="websockets-sansio",
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
