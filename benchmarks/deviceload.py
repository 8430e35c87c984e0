"""What devices would send, from a process of its own: into the log as the listener writes it, or by MQTT.

`benchmarks.devices` starts it and says by a `Wish` what to send. A message has two readings.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop

from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.devices.log import LogWriter, Record, open_writer
from kangyun.devices.model import Lane
from kangyun.testing.telemetry import Publisher

READINGS = 2  # of a message
WINDOW = 50
"""Messages of one connection that are on their way; what is due beyond waits."""


class Wish(msgspec.Struct):
    """What a load is to write. rate: readings a second, 0 for as fast as it goes. ago: seconds, for history."""

    data: str
    database: str
    devices: list[int]
    lane: int
    readings: int
    rate: float = 0.0
    ago: float = 0.0
    alarms: float = 0.0
    """So many a second, and as many SOS."""
    skip: int = 0
    """Devices that have alarmed before."""
    port: int = 0
    """Of the listener; 0: the log itself."""
    names: list[str] = []
    secrets: list[str] = []


async def loading(wish: Wish) -> asyncio.subprocess.Process:
    """Starts the load and waits until it is open. It writes one line of JSON when it is done."""
    command = [sys.executable, "-m", "benchmarks.deviceload"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(msgspec.json.encode(wish) + b"\n")
    await process.stdout.readline()
    return process


class Way(Protocol):
    """How messages get there. Each is a device's number and a payload."""

    async def send(self, lane: Lane, messages: Sequence[tuple[int, bytes]]) -> None:
        """Returns when they were acknowledged."""

    async def close(self) -> None:
        """Lets go."""


class ByLog:
    """As the listener does once a message is judged."""

    def __init__(self, log: LogWriter) -> None:
        self._log = log

    async def send(self, lane: Lane, messages: Sequence[tuple[int, bytes]]) -> None:
        now = time.time_ns() // 1000
        await self._log.append(lane, [Record(device, now, "plain", payload) for device, payload in messages])

    async def close(self) -> None:
        await self._log.close()


class Line:
    """One device's connection: what is due beyond its window waits."""

    def __init__(self, name: str, secret: str) -> None:
        self._waiting: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._made: deque[bytes] = deque()
        self._under_way: dict[int, tuple[int, asyncio.Future[None]]] = {}
        self._free = list(range(1, WINDOW + 1))
        self.publisher = Publisher(name, secret, WINDOW, lambda _: self._made.popleft(), self._done)
        self.publisher.stopped = True  # An acknowledgement brings nothing more by itself.

    def say(self, payload: bytes) -> asyncio.Future[None]:
        """Sends, now or when there is room; the future is done when it is acknowledged."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((payload, done))
        self._go_on()
        return done

    def _go_on(self) -> None:
        while self._waiting and self._free:
            payload, done = self._waiting.popleft()
            packet = self._free.pop()
            self._made.append(payload)
            self._under_way[self.publisher.sent] = packet, done
            self.publisher.publish([packet])

    def _done(self, number: int) -> None:
        packet, done = self._under_way.pop(number)
        self._free.append(packet)
        done.set_result(None)
        self._go_on()


class ByMqtt:
    """Through the listener, a connection a device."""

    def __init__(self, devices: Sequence[int], names: Sequence[str], secrets: Sequence[str]) -> None:
        self._lines = {device: Line(name, secret) for device, name, secret in zip(devices, names, secrets, strict=True)}

    async def open(self, port: int) -> None:
        """Connects all of them."""
        lines, loop = list(self._lines.values()), asyncio.get_running_loop()
        for start in range(0, len(lines), 50):
            some = [line.publisher for line in lines[start : start + 50]]
            await asyncio.gather(*(loop.create_connection(lambda one=one: one, "127.0.0.1", port) for one in some))
            if not all(await asyncio.gather(*(one.entered for one in some))):
                raise SystemExit("A device was not let in.")

    async def send(self, lane: Lane, messages: Sequence[tuple[int, bytes]]) -> None:
        await asyncio.gather(*[self._lines[device].say(payload) for device, payload in messages])

    async def close(self) -> None:
        for line in self._lines.values():
            line.publisher.close()


async def _load(wish: Wish) -> None:
    platform = await open_platform(Settings(data=Path(wish.data), connections=2), wish.database)
    way: Way
    if wish.port:
        way = by_mqtt = ByMqtt(wish.devices, wish.names, wish.secrets)
        await by_mqtt.open(wish.port)
    else:
        way = ByLog(open_writer(platform))
    print("open", flush=True)
    cpu = time.process_time()
    records, late = await (_paced(wish, way) if wish.rate else _at_once(wish, way))
    print(json.dumps({"late": late, "records": records, "cpu": time.process_time() - cpu}), flush=True)
    await way.close()
    await platform.close()


async def _at_once(wish: Wish, way: Way) -> tuple[int, float]:
    now, messages = time.time_ns() // 1_000_000, wish.readings // READINGS
    begin = now - int(wish.ago * 1000)
    for start in range(0, messages, 1000):
        numbers = range(start, min(start + 1000, messages))
        made = [_reading(wish.devices, number, begin - number // len(wish.devices) * 1000) for number in numbers]
        await way.send(Lane(wish.lane), made)
    return messages, 0.0


async def _paced(wish: Wish, way: Way) -> tuple[int, float]:
    """Sends at a rate, in ticks of 10 ms. Returns how many messages, and by how many seconds it was late at most."""
    waiting: set[asyncio.Future[None]] = set()
    usual = wish.devices[: len(wish.devices) * 9 // 10]
    others = iter(wish.devices[len(usual) + wish.skip :])
    began, sent, late, alarmed = time.monotonic(), 0, 0.0, 0
    while sent * READINGS < wish.readings:
        elapsed = time.monotonic() - began
        due = min(int(elapsed * wish.rate), wish.readings) // READINGS
        now = time.time_ns() // 1_000_000
        if due > sent:
            late = max(late, elapsed - sent * READINGS / wish.rate)
            # Each device at most once a millisecond: a second value at one instant would be refused.
            _put(waiting, way.send(Lane.LIVE, [_reading(usual, number, now) for number in range(sent, due)]))
            sent = due
        # No more than was planned where it is late: there are so many devices that have not alarmed.
        while alarmed < (min(elapsed, wish.readings / wish.rate) - 2) * wish.alarms:
            alarmed += 1
            _put(waiting, way.send(Lane.LIVE, [(next(others), b'{"m":"glucose","v":2.5,"t":%d}' % now)]))
            _put(waiting, way.send(Lane.EVENT, [(next(others), b'{"e":"sos","t":%d}' % now)]))
        await asyncio.sleep(0.01)
    await asyncio.gather(*waiting)
    return sent + alarmed * 2, late


def _put(waiting: set[asyncio.Future[None]], work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    waiting.add(task)
    task.add_done_callback(waiting.discard)


def _reading(devices: Sequence[int], number: int, at: int) -> tuple[int, bytes]:
    value = b'{"v":{"hr":%d,"spo2":%d},"t":%d,"s":%d}' % (60 + number % 40, 95 + number % 4, at, number)
    return devices[number % len(devices)], value


if __name__ == "__main__":
    uvloop.run(_load(msgspec.json.decode(sys.stdin.buffer.readline(), type=Wish)))
