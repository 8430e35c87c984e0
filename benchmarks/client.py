"""A lean HTTP/1.1 client for load: one keep-alive connection a user, raw bytes in and out.

The load generator shares its cores with the server, so it does nothing that a measurement does not need: requests are
bytes that were built beforehand, responses are split into status, head and body and not looked into. No pipelining,
no redirects, no compression is asked for. Content-Length, chunked and close-delimited bodies are understood.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import NamedTuple, cast
from urllib.parse import urlsplit

JSON = "application/fhir+json"
DEFAULT_TIMEOUT = 60.0  # seconds


class Failure(Exception):
    """No whole response came: refused, closed, timed out, or not HTTP. The message is the kind of failure."""


class Response(NamedTuple):
    """Status, raw head (status line and headers), body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Returns a header's value, or None."""
        lower = self.head.lower()
        start = lower.find(b"\r\n" + name.lower().encode() + b":")
        if start < 0:
            return None
        start = self.head.index(b":", start) + 1
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else None].strip().decode("latin-1")


@dataclass(frozen=True)
class Target:
    """A FHIR server. `base` is the path of its base URL, without a slash at the end."""

    host: str
    port: int
    base: str
    secure: bool = False
    token: str | None = None

    @classmethod
    def of(cls, server: str, token: str | None = None) -> "Target":
        """Reads a base URL such as `http://127.0.0.1:8080/fhir`. Raises ValueError."""
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http URL: {server}")
        secure = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if secure else 80), parts.path.rstrip("/"), secure, token)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """Builds the bytes of a request. `path` is relative to the base, or begins with a slash."""
        return b"".join(self.pieces(method, path, body, headers))

    def pieces(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[bytes, bytes]:
        """Builds head and body apart, so that a large body is not copied."""
        url = path if path.startswith("/") else f"{self.base}/{path}" if path else self.base or "/"
        lines = [f"{method} {url} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Accept: {JSON}"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
            if not headers or "Content-Type" not in headers:
                lines.append(f"Content-Type: {JSON}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode(), body or b""


class _Wire(asyncio.Protocol):
    """Collects one response at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[Response] | None = None
        self._buffer = bytearray()
        self._status = 0
        self._head = b""
        self._body_start = -1  # -1 while the head is not complete
        self._length = -1  # of the body; -1 when chunked or until close
        self._chunked = False
        self._chunk_start = 0
        self._chunks: list[bytes] = []
        self._close_after = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if self._body_start >= 0 and self._length < 0 and not self._chunked:
            self._finish(bytes(self._buffer[self._body_start :]))
        else:
            waiter.set_exception(Failure("connection closed"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._advance()
        except (ValueError, IndexError):
            self._fail("not HTTP")

    def _advance(self) -> None:
        while self._body_start < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._read_head(bytes(self._buffer[:end]), end + 4)
        if self._chunked:
            self._read_chunks()
        elif 0 <= self._length <= len(self._buffer) - self._body_start:
            self._finish(bytes(self._buffer[self._body_start : self._body_start + self._length]))

    def _read_head(self, head: bytes, after: int) -> None:
        if not head.startswith(b"HTTP/1."):
            raise ValueError("no status line")
        self._status = int(head[9:12])
        if 100 <= self._status < 200:  # an interim response: the real one follows
            del self._buffer[:after]
            return
        lower = head.lower()
        self._head = head
        self._body_start = after
        self._close_after = b"\r\nconnection: close" in lower or head.startswith(b"HTTP/1.0")
        self._chunked = b"\r\ntransfer-encoding: chunked" in lower
        start = lower.find(b"\r\ncontent-length:")
        if start >= 0:
            self._length = int(lower[start + 17 :].split(b"\r\n", 1)[0])
        elif self._status in (204, 304):
            self._length = 0
        if self._chunked:
            self._length = -1
            self._chunk_start = after

    def _read_chunks(self) -> None:
        buffer = self._buffer
        while True:
            line = buffer.find(b"\r\n", self._chunk_start)
            if line < 0:
                return
            size = int(buffer[self._chunk_start : line].split(b";", 1)[0], 16)
            data = line + 2
            if size == 0:
                # Trailers are not used by any server that is measured: the empty line ends the body.
                if buffer.find(b"\r\n", data) < 0:
                    return
                self._finish(b"".join(self._chunks))
                return
            if len(buffer) < data + size + 2:
                return
            self._chunks.append(bytes(buffer[data : data + size]))
            self._chunk_start = data + size + 2

    def _finish(self, body: bytes) -> None:
        response = Response(self._status, self._head, body)
        close = self._close_after
        self._reset()
        if close and self.transport is not None:
            self.transport.close()
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(response)

    def _fail(self, kind: str) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Failure(kind))
        if self.transport is not None:
            self.transport.abort()

    def _reset(self) -> None:
        # What a server sends unasked after a response would be taken for the next one: it is dropped.
        self._buffer.clear()
        self._body_start = self._length = -1
        self._chunked = self._close_after = False
        self._chunks = []

    def timed_out(self) -> None:
        """Gives up on the response under way."""
        self._fail("timeout")


class Connection:
    """One user's connection; opened at the first request, and again after it was lost."""

    def __init__(self, target: Target, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._target = target
        self._timeout = timeout
        self._wire: _Wire | None = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def send(self, *data: bytes, timeout: float | None = None) -> Response:
        """Sends the bytes of one request and returns its response. Raises Failure."""
        wire = self._wire
        if wire is None or wire.transport is None or wire.transport.is_closing():
            wire = self._wire = await self._open()
        assert wire.transport is not None
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Response] = loop.create_future()
        wire.waiter = waiter
        timer = loop.call_later(timeout or self._timeout, wire.timed_out)
        for part in data:
            if part:
                wire.transport.write(part)
        try:
            return await waiter
        finally:
            timer.cancel()

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Response:
        """Builds and sends one request. Raises Failure."""
        return await self.send(*self._target.pieces(method, path, body, headers), timeout=timeout)

    async def _open(self) -> _Wire:
        context = ssl.create_default_context() if self._target.secure else None
        loop = asyncio.get_running_loop()
        try:
            connecting = loop.create_connection(_Wire, self._target.host, self._target.port, ssl=context)
            _, wire = await asyncio.wait_for(connecting, self._timeout)
        except TimeoutError:
            raise Failure("timeout while connecting") from None
        except OSError as error:
            raise Failure(f"cannot connect: {type(error).__name__}") from None
        return wire

    def close(self) -> None:
        """Closes the connection."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.close()
