"""A simulated device's line: what is not acknowledged is kept, and sent again when the line is back."""

import asyncio

import pytest

from kangyun.base.mqtt import Ack, Connack, Connect, Kind, Publish, Splitter, read, write
from kangyun.simulate.telemetry import Line, Place
from kangyun.simulate.telemetry.line import Refused


class Platform:
    """A listener that acknowledges what it is told to."""

    def __init__(self):
        self.acknowledges, self.code = True, 0
        self.heard: list[tuple[bytes, bool]] = []
        self.connected: list[Connect] = []

    async def serve(self, reader, writer):
        splitter = Splitter()
        while data := await reader.read(65536):
            whole, frames = splitter.feed(data)
            for first, start, stop in frames:
                packet = read(first, whole, start, stop, 4)
                if isinstance(packet, Connect):
                    self.connected.append(packet)
                    writer.write(write(Connack(self.code), 4))
                elif isinstance(packet, Publish):
                    self.heard.append((bytes(packet.payload), packet.again))
                    if self.acknowledges:
                        writer.write(write(Ack(Kind.PUBACK, packet.packet), 4))
        writer.close()


@pytest.fixture
async def platform():
    made = Platform()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.place = Place("127.0.0.1", server.sockets[0].getsockname()[1])
    yield made
    server.close()
    await server.wait_closed()


async def until(true):
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def test_what_is_said_before_the_line_is_open_is_sent_then(platform):
    line = Line(platform.place, "d-1", "s", "cn")
    line.say(b"one")
    await line.open()
    line.say(b"two")
    await until(lambda: line.acknowledged == 2)
    assert sorted(payload for payload, _ in platform.heard) == [b"one", b"two"]
    assert (platform.connected[0].user, platform.connected[0].password) == ("d-1", b"s")
    line.close()


async def test_what_is_not_acknowledged_is_sent_again_and_says_so(platform):
    platform.acknowledges = False
    line = Line(platform.place, "d-1", "s", "cn")
    await line.open()
    line.say(b"one")
    await until(lambda: len(platform.heard) == 1)
    line.cut()
    platform.acknowledges = True
    await line.open()
    await until(lambda: line.acknowledged == 1)
    assert platform.heard == [(b"one", False), (b"one", True)]
    assert line.waiting == 0
    line.close()


async def test_who_is_not_let_in_is_told_the_code(platform):
    platform.code = 5
    line = Line(platform.place, "d-1", "wrong", "cn")
    with pytest.raises(Refused) as told:
        await line.open()
    assert told.value.code == 5
    assert not line.is_open
