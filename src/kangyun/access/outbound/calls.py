"""HTTP calls out, through the guard: a message that is sent, a file that is read.

The standard library's client, in threads of its own: it is well kept and needs no package, and what is called here is
slow and rare beside what comes in. Redirects are not followed (they could lead past the guard), proxies of the
environment are not used, and a call ends when its time is over, whatever the other side does.
"""

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from kangyun.access.outbound.guard import Guard, Target
from kangyun.base.errors import Invalid, Unavailable
from kangyun.base.logging import current

AT_ONCE = 32
CONNECT = 5.0  # seconds
PIECE = 1 << 20  # bytes of a file that are read at once
SILENCE = 60.0  # seconds that a file may keep us waiting
PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that say: try again later."""
USER_AGENT = "Kangyun"
_FAILURES = (OSError, http.client.HTTPException, ValueError)
T = TypeVar("T")


class _Connection(http.client.HTTPConnection):
    """A connection to the address that the guard looked at."""

    def __init__(self, target: Target, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self._context = context
        self.is_cut = False

    def connect(self) -> None:
        self.sock = socket.create_connection((self._target.address, self._target.port), CONNECT)
        self.sock.settimeout(self.timeout)
        if self._target.secure:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._target.host)

    def cut(self) -> None:
        """Ends whatever another thread waits for on this connection."""
        self.is_cut = True
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Outbound:
    """Calls out. One for a process and a list of inner hosts."""

    guard: Guard
    _context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="outbound")
    )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float, *,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> int:  # fmt: skip
        """Sends a message and returns the status of the answer, whose body is not read.

        before: is done when the receiver has been reached and nothing has been said to it.
        Raises Invalid, Forbidden as the guard does; Unavailable when there is no answer within `seconds`.
        """
        target = await self._in_thread(lambda: self.guard.target(url))
        connection = _Connection(target, self._context, seconds)
        sent = _headers(target, headers)  # Here, as a thread does not know what is being worked on.

        def call() -> int:
            connection.request(method, target.path, body, sent)
            return connection.getresponse().status

        try:
            await self._within(seconds, connection, connection.connect)
            if before is not None:
                await before()
            return await self._within(seconds, connection, call)
        finally:
            connection.close()

    async def ask(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, most: int, *,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Sends a message by POST and returns the status and the body of the answer, of which no more is read than
        `most` bytes and one. before: as of `send`. Raises as `send`."""
        target = await self._in_thread(lambda: self.guard.target(url))
        connection = _Connection(target, self._context, seconds)
        sent = _headers(target, headers)

        def call() -> tuple[int, bytes]:
            connection.request("POST", target.path, body, sent)
            response = connection.getresponse()
            return response.status, response.read(most + 1)

        try:
            if before is not None:
                await self._within(seconds, connection, connection.connect)
                await before()
            return await self._within(seconds, connection, call)
        finally:
            connection.close()

    async def read(self, url: str) -> AsyncGenerator[bytes, None]:
        """Gives the pieces of a file. Raises as `send`, and for any status but 200 Invalid or Unavailable."""
        target = await self._in_thread(lambda: self.guard.target(url))
        connection = _Connection(target, self._context, SILENCE)
        sent = _headers(target, {"accept": "application/fhir+ndjson, */*", "accept-encoding": "identity"})

        def ask() -> http.client.HTTPResponse:
            connection.request("GET", target.path, headers=sent)
            return connection.getresponse()

        try:
            response = await self._within(SILENCE, connection, ask)
            if response.status != 200:
                passing = response.status >= 500 or response.status in PASSING
                raise (Unavailable if passing else Invalid)(
                    "access.outbound.status", status=response.status, expected=200
                )
            while piece := await self._within(SILENCE, connection, lambda: response.read(PIECE)):
                yield piece
            if response.length:  # So many bytes were still to come: the library leaves it to us to notice.
                raise Unavailable("access.outbound.failed", reason="IncompleteRead")
        finally:
            connection.close()

    def close(self) -> None:
        """Lets no more calls out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _within(self, seconds: float, connection: _Connection, call: Callable[[], T]) -> T:
        timer = asyncio.get_running_loop().call_later(seconds, connection.cut)
        try:
            found = await self._in_thread(call)
            if connection.is_cut:  # To the library the end of the headers and a connection's end are one.
                raise TimeoutError
            return found
        except _FAILURES as error:
            raise Unavailable("access.outbound.failed", reason=type(error).__name__) from None
        except asyncio.CancelledError:
            connection.cut()
            raise
        finally:
            timer.cancel()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _headers(target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    trace = current.get()
    passed_on = {} if trace is None else {"traceparent": trace.traceparent}
    return {"host": target.authority, "user-agent": USER_AGENT, **passed_on, **headers}
