"""A listener with a log that the test holds, devices that are known by their secrets, and a client on our own codec."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any

import pytest

from kangyun.base.errors import NotFound, Unavailable
from kangyun.base.mqtt import (
    Connack,
    Connect,
    Packet,
    Publish,
    Reason,
    Splitter,
    Suback,
    Subscribe,
    Subscription,
    Version,
    read,
    write,
)
from kangyun.devices.formats import read as read_format
from kangyun.devices.log import Record
from kangyun.devices.model import Lane
from kangyun.devices.mqtt import Bounds, Listener
from kangyun.devices.register.keys import Batch, Provisioned
from kangyun.devices.register.model import Admitted

SECRET = "s" * 43
PATIENCE = 5.0  # seconds


@dataclass
class HeldLog:
    """Keeps records; says that they are on disk at once, or when the test says so."""

    records: list[tuple[Lane, Record]] = field(default_factory=list)
    waiting: list[tuple[Lane, asyncio.Future[None]]] = field(default_factory=list)
    at_once: bool = True
    full: bool = False

    def put(self, lane: Lane, records: Sequence[Record]) -> asyncio.Future[None]:
        if self.full:
            raise Unavailable("access.disk-full")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.records += [(lane, one) for one in records]
        self.waiting.append((lane, done))
        if self.at_once:
            self.write()
        return done

    def write(self, *lanes: Lane) -> None:
        """What waits in these lanes, or in all, is on disk."""
        for lane, done in self.waiting:
            if (not lanes or lane in lanes) and not done.done():
                done.set_result(None)

    def lose(self) -> None:
        for _, done in self.waiting:
            done.set_exception(Unavailable("access.disk-full"))

    @property
    def payloads(self) -> list[bytes]:
        return [record.payload for _, record in self.records]


@dataclass
class Known:
    """The register: devices by name."""

    devices: dict[str, Admitted] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    lost: bool = False
    slow: float = 0.0

    async def check(self, name: str, secret: str) -> Admitted | None:
        await asyncio.sleep(self.slow)
        if self.lost:
            raise Unavailable
        return self.devices.get(name) if secret == SECRET else None

    async def by_certificate(self, der: bytes) -> Admitted | None:
        return self.devices.get("d-1")

    async def batch(self, key: str) -> Batch | None:
        return Batch(1, 1, "b") if key == "batch-key" else None

    async def provision(self, batch: Batch, serial: str, source: str) -> Provisioned:
        if serial != "SN1":
            raise NotFound("devices.register.no-such-serial")
        return Provisioned("d-1", "cn", SECRET)

    async def renew(self, device: int) -> Provisioned:
        return Provisioned(f"d-{device}", "cn", "new")

    async def still(self, admitted: Admitted) -> bool:
        return admitted.device not in self.gone


class Client:
    """Speaks by our own codec, and says what it was answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: Version) -> None:
        self.reader, self.writer, self.version = reader, writer, version
        self._splitter = Splitter()
        self._heard: list[Packet] = []

    def send(self, *packets: Packet) -> None:
        self.raw(b"".join(write(one, self.version) for one in packets))

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> Packet | None:
        """The next packet, None where the connection has ended."""
        async with asyncio.timeout(PATIENCE):
            while not self._heard:
                try:
                    data = await self.reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                data, frames = self._splitter.feed(data)
                self._heard += [read(first, data, start, stop, self.version) for first, start, stop in frames]
        return self._heard.pop(0)

    async def hear_all(self) -> list[Packet]:
        """All packets until the connection ends."""
        found = []
        while (packet := await self.hear()) is not None:
            found.append(packet)
        return found

    async def is_quiet(self) -> bool:
        """Whether nothing comes for a moment."""
        try:
            async with asyncio.timeout(0.1):
                return await self.hear() is not None and False
        except TimeoutError:
            return True

    async def connect(self, device: str = "d-1", secret: str = SECRET, **more: Any) -> Packet | None:
        more = {"user": device, "password": secret.encode()} | more
        self.send(Connect(self.version, device, **more))
        return await self.hear()

    async def listen(self, device: str = "d-1") -> None:
        self.send(Subscribe(1, (Subscription(f"hr1/cn/{device}/cmd", 1),)))
        assert await self.hear() == Suback(1, (Reason.GRANTED_QOS_1,))


def publish(
    payload: bytes, packet: int = 1, *, qos: int = 1, device: str = "d-1", kind: str = "up", **more: Any
) -> Publish:
    """A message of a device."""
    return Publish(f"hr1/cn/{device}/{kind}".encode(), payload, qos, packet if qos else 0, **more)


def pulse(value: int = 72, ago: float = 0.0) -> bytes:
    """A reading."""
    return b'{"m":"hr","v":%d,"t":%d}' % (value, (time() - ago) * 1000)


Dial = Callable[..., Awaitable[Client]]


@pytest.fixture
def log() -> HeldLog:
    return HeldLog()


@pytest.fixture
def known() -> Known:
    names = ("d-1", "d-2", "d-3")
    return Known(
        {
            name: Admitted(number, name, "cn", 1, "Organization/a", "plain", 480, 1)
            for number, name in enumerate(names, 1)
        }
    )


@pytest.fixture
def noted() -> list[tuple[int, str, str]]:
    return []


@pytest.fixture
def bounds() -> Bounds:
    return Bounds()


@pytest.fixture
async def listener(
    log: HeldLog, known: Known, noted: list[tuple[int, str, str]], bounds: Bounds
) -> AsyncIterator[Listener]:
    made = Listener(known, log, read_format, lambda *what: noted.append(what), bounds, known)
    yield made
    await made.stop(0.5)


@pytest.fixture
async def dial(listener: Listener) -> AsyncIterator[Dial]:
    """Opens a connection to the listener; by default a device's that has been let in."""
    port = await listener.start("127.0.0.1", 0)
    clients: list[Client] = []

    async def dialled(device: str | None = "d-1", version: Version = 5, **more: Any) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", port), version)
        clients.append(client)
        if device is not None:
            answer = await client.connect(device, **more)
            assert isinstance(answer, Connack) and not answer.reason
        return client

    yield dialled
    for client in clients:
        client.writer.close()
