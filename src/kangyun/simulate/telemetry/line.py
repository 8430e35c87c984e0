"""A device's connection over MQTT 3.1.1: it keeps what is not acknowledged, and sends it again when the line is back.

Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Final, cast

from kangyun.base.mqtt import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Ping,
    Publish,
    Splitter,
    read,
    write,
    write_publish,
)

VERSION: Final = 4
KEEP_ALIVE = 300  # seconds
PATIENCE = 15.0  # seconds for an answer to a CONNECT
MOST_KEPT = 10_000  # messages that a device keeps; after that the oldest are lost, as on a real one
PACKETS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Where the platform listens. tls: None in clear, which only a machine of one's own does."""

    host: str
    port: int
    tls: SSLContext | None = None


class Refused(ConnectionError):
    """The platform does not let this device in. code: of CONNACK."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Line:
    """One device. acknowledged: how many of its messages the platform says it has on disk."""

    place: Place
    name: str
    secret: str
    region: str
    acknowledged: int = 0
    lost: int = 0
    _kept: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    _next: int = 1
    _protocol: "_Protocol | None" = None

    @property
    def is_open(self) -> bool:
        """Whether messages leave now."""
        return self._protocol is not None

    @property
    def waiting(self) -> int:
        """Messages that are not acknowledged."""
        return len(self._kept)

    def say(self, payload: bytes, part: str = "up") -> None:
        """Sends a message, now or when the line is back."""
        packet = self._free()
        topic = f"hr1/{self.region}/{self.name}/{part}".encode()
        self._kept[packet] = write_publish(Publish(topic, payload, 1, packet), VERSION)
        if self._protocol is not None:
            self._protocol.send(self._kept[packet])

    async def open(self) -> None:
        """Connects, and sends again what was not acknowledged. Raises OSError, Refused."""
        loop = asyncio.get_running_loop()
        place = self.place
        _, protocol = await loop.create_connection(lambda: _Protocol(self), place.host, place.port, ssl=place.tls)
        connect = Connect(VERSION, self.name, True, KEEP_ALIVE, self.name, self.secret.encode())
        protocol.send(write(connect, VERSION))
        try:
            code = await asyncio.wait_for(protocol.admitted, PATIENCE)
        except TimeoutError:
            protocol.end()
            raise ConnectionError from None
        if code:
            protocol.end()
            raise Refused(code)
        self._protocol = protocol
        protocol.beat(loop)
        for kept in list(self._kept.values()):
            # The second time it says so: DUP is bit 3 of the first byte.
            protocol.send(bytes((kept[0] | 8,)) + kept[1:])

    def cut(self) -> None:
        """Ends the connection without a word, as a device does that has no line any more."""
        if self._protocol is not None:
            self._protocol.end()
            self._protocol = None

    def close(self) -> None:
        """Says goodbye and ends the connection."""
        if self._protocol is not None:
            self._protocol.send(write(Disconnect(), VERSION))
        self.cut()

    def heard(self, packet: int) -> None:
        if self._kept.pop(packet, None) is not None:
            self.acknowledged += 1

    def gone(self, protocol: "_Protocol") -> None:
        if self._protocol is protocol:
            self._protocol = None

    def _free(self) -> int:
        if len(self._kept) >= MOST_KEPT:
            self._kept.popitem(last=False)
            self.lost += 1
        while self._next in self._kept:
            self._next = self._next % PACKETS + 1
        taken, self._next = self._next, self._next % PACKETS + 1
        return taken


class _Protocol(asyncio.Protocol):
    def __init__(self, line: Line) -> None:
        self._line = line
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._beating: asyncio.TimerHandle | None = None
        self.admitted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        whole, frames = self._splitter.feed(data)
        for first, start, stop in frames:
            match read(first, whole, start, stop, VERSION):
                case Ack(kind=Kind.PUBACK, packet=packet):
                    self._line.heard(packet)
                case Connack(reason=reason) if not self.admitted.done():
                    self.admitted.set_result(reason)
                case _:
                    pass  # What the platform asks of a device, this one does not do.

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.admitted.done():
            self.admitted.set_exception(exc or ConnectionResetError())
        if self._beating is not None:
            self._beating.cancel()
        self._line.gone(self)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beating = loop.call_later(KEEP_ALIVE * 0.8, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self.send(write(Ping(Kind.PINGREQ), VERSION))
        self.beat(loop)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()
