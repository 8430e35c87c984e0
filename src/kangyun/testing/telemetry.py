"""Devices and a listener for them as a process of its own, on a folder of its own: for tests that kill, and benchmarks.

`Publisher` speaks MQTT by our own codec, as quickly as Python can: messages are made before, and sent again and again.
"""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import asyncpg
import msgspec

from kangyun.access.platform import Platform, open_platform
from kangyun.base.mqtt import Connect, PacketError, Publish, Splitter, Version, write
from kangyun.base.settings import read_settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.devices.log import open_reader
from kangyun.devices.model import Lane
from kangyun.devices.register.credentials import digester, draw_secret

START_WITHIN = 60.0  # seconds


class Listening:
    """An installation with devices `d-00001`… and, while it is started, `kangyun listen`. settings: of it."""

    def __init__(self, folder: Path, devices: int, **settings: object) -> None:
        self.data = folder
        self.port = _free_port()
        self.names = [f"d-{number:05}" for number in range(1, devices + 1)]
        self.secrets = {name: draw_secret() for name in self.names}
        self._server = EmbeddedServer(folder)
        self._settings = {
            "KANGYUN_DATABASE": self._server.url, "KANGYUN_DATA": str(folder), "KANGYUN_DEVICE_PORT": str(self.port),
            "KANGYUN_LANG": "en", **{f"KANGYUN_{name.upper()}": str(value) for name, value in settings.items()},
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Makes the database and the devices."""
        self._server.start()
        asyncio.run(prepare_database(self._server.url))
        asyncio.run(self._register())

    def start(self) -> int:
        """Starts the listener, waits until it listens, and returns the number of its process."""
        with (self.data / "listen.log").open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kangyun.cli", "listen"],
                env=os.environ | self._settings, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            )  # fmt: skip
        until = time.monotonic() + START_WITHIN
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.data / "listen.log").read_text("utf-8"))
            time.sleep(0.02)
        return self._process.pid

    def kill(self) -> None:
        """Ends the listener in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the listener as it is meant to end."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """Ends everything."""
        self.kill()
        self._server.stop()

    def kept(self) -> list[tuple[int, bytes]]:
        """Returns all that the log holds: numbers of devices and payloads."""
        return asyncio.run(self._kept())

    async def platform(self) -> Platform:
        """Opens the platform on the same data."""
        return await open_platform(read_settings(data=self.data), self._server.url)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    async def _register(self) -> None:
        platform = await self.platform()
        connection = await asyncpg.connect(self._server.url)
        digests = digester(platform.gate.store.keys.index_key)
        try:
            await connection.execute("INSERT INTO institution (reference) VALUES ('Organization/devices')")
            await connection.execute(
                "INSERT INTO device (name, institution, format)"
                " SELECT unnest($1::text[]), id, 'plain' FROM institution",
                self.names,
            )
            await connection.execute(
                "INSERT INTO device_credential (device, kind, digest, by)"
                " SELECT d.id, 'secret', g.digest, 'test' FROM unnest($1::text[], $2::bytea[]) AS g(name, digest)"
                " JOIN device AS d USING (name)",
                self.names, [digests.of("secret", name, self.secrets[name]) for name in self.names],
            )  # fmt: skip
        finally:
            await connection.close()
            await platform.close()

    async def _kept(self) -> list[tuple[int, bytes]]:
        platform = await self.platform()
        reader = open_reader(platform)
        found: list[tuple[int, bytes]] = []
        try:
            for lane in Lane:
                taken: dict[str, int] = {}
                while batches := await reader.read(lane, taken, most=50_000, most_bytes=1 << 27):
                    taken |= {batch.source: batch.until for batch in batches}
                    found += [(record.device, record.payload) for batch in batches for record in batch.records]
        finally:
            await reader.close()
            await platform.close()
        return found


class Publisher(asyncio.Protocol):
    """A device that sends and sends again. made: returns the payload of its n-th message.

    window: messages on their way. acknowledged: called with the number of each message that was.
    """

    def __init__(
        self, name: str, secret: str, window: int, made: Callable[[int], bytes], acknowledged: Callable[[int], object],
        version: Version = 4,
    ) -> None:  # fmt: skip
        self._name, self._secret, self._version = name, secret, version
        self._topic = f"hr1/cn/{name}/up".encode()
        self._made, self._acknowledged = made, acknowledged
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._numbers: dict[int, int] = dict.fromkeys(range(1, window + 1), 0)
        self._next = 0
        self.entered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = wire = cast(asyncio.Transport, transport)
        connect = Connect(self._version, self._name, user=self._name, password=self._secret.encode())
        wire.write(write(connect, self._version))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.entered.done():
            self.entered.set_result(False)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            data, frames = self._splitter.feed(data)
        except PacketError:
            self.close()
            return
        again = []
        for first, start, _stop in frames:
            if first == 0x20:
                self.entered.set_result(data[start + 1] == 0)
            elif first == 0x40:
                packet = data[start] << 8 | data[start + 1]
                self._acknowledged(self._numbers[packet])
                again.append(packet)
        if again and not self.stopped:
            self.publish(again)

    @property
    def sent(self) -> int:
        """How many messages went out."""
        return self._next

    def begin(self) -> None:
        """Sends a windowful; each acknowledgement brings the next message."""
        self.publish(list(self._numbers))

    def publish(self, packets: Sequence[int]) -> None:
        """Sends the next messages under these identifiers."""
        raws = []
        for packet in packets:
            self._numbers[packet] = self._next
            raws.append(write(Publish(self._topic, self._made(self._next), 1, packet), self._version))
            self._next += 1
        if self._transport is not None:
            self._transport.write(b"".join(raws))

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()


def payload(readings: int, at: int) -> bytes:
    """Returns a message of that many heart rates, a second apart, the last at `at` (milliseconds since 1970)."""
    if readings == 1:
        return b'{"m":"hr","v":72,"t":%d}' % at
    items = [{"m": "hr", "v": 60 + number % 40, "t": at - 1000 * number} for number in range(readings)]
    return msgspec.json.encode({"s": at, "r": items})


def anybody() -> ssl.SSLContext:
    """Returns the client's side of TLS for a certificate that was made for the occasion."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
