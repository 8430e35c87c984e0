"""The log on one disk: what was acknowledged is read, in order, once, from any position."""

import asyncio
import os

import pytest

from kangyun.base.errors import TooLong, Unavailable
from kangyun.devices.log import Record, writing
from kangyun.devices.log.frames import FRAME, SEGMENT, Sealers
from kangyun.devices.log.layout import newest_segment, segment_file
from kangyun.devices.log.reading import DiskReader
from kangyun.devices.log.writing import DiskWriter
from kangyun.devices.model import Lane

KEEP = 48 * 3600.0


def sealers():
    return Sealers(b"k" * 16, "sm4")


def record(number):
    return Record(number, 1_790_000_000_000_000 + number, "plain", b"payload of %d" % number)


def numbers(batches):
    return [one.device for batch in batches for one in batch.records]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def start(folder):
    return lambda: DiskWriter(folder, sealers(), lambda: True)


@pytest.fixture
async def written(folder, start):
    """Three groups of ten records in one segment; returns its file."""
    writer = start()
    for group in range(3):
        await writer.append(Lane.LIVE, [record(group * 10 + one) for one in range(10)])
    await writer.close()
    return segment_file(folder / "00000" / "live", 1)


@pytest.fixture
def reader(folder):
    return DiskReader(folder, sealers(), KEEP)


async def drained(reader, lane=Lane.LIVE, taken=None, most=7):
    """Reads to the end in small batches."""
    taken, found = dict(taken or {}), []
    while batches := await reader.read(lane, taken, most=most, most_bytes=1 << 20):
        found += batches
        taken |= {batch.source: batch.until for batch in batches}
    return found


async def test_what_was_appended_is_read_in_order(written, reader):
    assert numbers(await drained(reader)) == list(range(30))
    assert b"payload" not in written.read_bytes()


async def test_a_reader_goes_on_from_any_position(written, reader, folder):
    batches = await drained(reader, most=1)
    for count, batch in enumerate(batches, 1):
        other = DiskReader(folder, sealers(), KEEP)
        assert numbers(await drained(other, taken={batch.source: batch.until})) == list(range(count, 30))
        await other.close()


async def test_what_was_read_and_not_taken_in_is_read_again(written, reader):
    first = await reader.read(Lane.LIVE, {}, most=15, most_bytes=1 << 20)
    again = await reader.read(Lane.LIVE, {}, most=15, most_bytes=1 << 20)
    assert numbers(first) == list(range(15))
    assert numbers(again) == list(range(15))


async def test_lanes_and_writers_are_apart(folder, start, reader):
    one, other = start(), start()
    await asyncio.gather(
        one.append(Lane.LIVE, [record(1)]),
        other.append(Lane.LIVE, [record(2)]),
        other.append(Lane.EVENT, [record(3)]),
    )
    assert sorted(numbers(await drained(reader))) == [1, 2]
    assert numbers(await drained(reader, Lane.EVENT)) == [3]
    assert await drained(reader, Lane.BACKFILL) == []
    await asyncio.gather(one.close(), other.close())
    assert sorted(path.name for path in folder.iterdir()) == ["00000", "00001", "identity"]


async def test_a_shard_is_taken_over_and_no_position_is_used_twice(written, start, reader, folder):
    before = await drained(reader)
    writer = start()
    await writer.append(Lane.LIVE, [record(30)])
    after = await drained(reader, taken={before[-1].source: before[-1].until})
    assert numbers(after) == [30] and after[0].source == before[0].source and after[0].until > before[-1].until
    assert newest_segment(folder / "00000" / "live") == 2
    await writer.close()


async def test_frames_are_read_while_others_are_written(start, reader):
    writer = start()
    taken, found = {}, []
    for count in range(20):
        await writer.append(Lane.LIVE, [record(count)])
        await reader.wait([Lane.LIVE], taken, 1)
        batches = await reader.read(Lane.LIVE, taken, most=100, most_bytes=1 << 20)
        taken |= {batch.source: batch.until for batch in batches}
        found += numbers(batches)
    assert found == list(range(20))
    await writer.close()


@pytest.mark.parametrize("cut", [1, 5, FRAME.size - 1, FRAME.size, FRAME.size + 3, FRAME.size + 200])
async def test_a_torn_end_is_waited_for_then_cut(written, start, reader, cut):
    whole = written.read_bytes()
    last = whole.rfind(b"KYLF")
    os.truncate(written, last + cut)
    read = await drained(reader)
    assert numbers(read) == list(range(20)) and not any(batch.damage for batch in read)
    writer = start()
    await writer.append(Lane.LIVE, [record(99)])
    assert written.stat().st_size == last
    after = await drained(reader, taken={read[-1].source: read[-1].until})
    assert numbers(after) == [99] and not any(batch.damage for batch in after)
    await writer.close()


@pytest.mark.parametrize(
    ("frame", "byte", "lost", "reason"),
    [
        (0, FRAME.size + 40, range(10), "checksum"),
        (1, FRAME.size + 40, range(10, 20), "checksum"),
        (2, FRAME.size + 40, range(20, 30), "checksum"),
        (0, 0, range(10), "no frame"),
        (1, 9, range(10, 20), "no frame"),
        (1, FRAME.size - 1, range(10, 20), "no frame"),
    ],
)
async def test_damage_is_told_with_its_place(written, reader, frame, byte, lost, reason):
    data = bytearray(written.read_bytes())
    at = SEGMENT.size
    for _ in range(frame):
        at = data.find(b"KYLF", at + 1)
    data[at + byte] ^= 0x40
    written.write_bytes(data)
    read = await drained(reader)
    assert numbers(read) == [one for one in range(30) if one not in lost]
    told = [damage for batch in read for damage in batch.damage]
    assert sum(damage.records for damage in told) == 10
    assert reason in told[0].reason and f"0000000001@{at}" in told[0].place


async def test_a_frame_that_was_moved_does_not_open(written, reader, folder):
    other = segment_file(folder / "00000" / "backfill", 1)
    other.write_bytes(written.read_bytes())
    read = await drained(reader, Lane.BACKFILL)
    assert numbers(read) == []
    assert {damage.reason for batch in read for damage in batch.damage} == {"header of the segment", "seal"}


async def test_a_segment_that_is_missing_is_told(written, start, reader, monkeypatch):
    monkeypatch.setattr(writing, "SEGMENT_BYTES", 1)
    writer = start()
    for count in (30, 31, 32):
        await writer.append(Lane.LIVE, [record(count)])
    await writer.close()
    segment_file(written.parent, 3).unlink()
    read = await drained(reader)
    assert numbers(read) == [*range(31), 32]
    assert [damage.reason for batch in read for damage in batch.damage] == ["missing"]


async def test_large_records_go_in_frames_that_can_be_read(start, reader):
    writer = start()
    sent = [Record(number, number, "plain", bytes(5_000_000)) for number in range(4)]
    await writer.append(Lane.LIVE, sent)
    with pytest.raises(TooLong):
        await writer.append(Lane.LIVE, [Record(9, 9, "plain", bytes(16_000_001))])
    assert numbers(await drained(reader)) == [0, 1, 2, 3]
    await writer.close()


async def test_a_full_disk_takes_events_only(folder):
    writer = DiskWriter(folder, sealers(), lambda: False)
    for lane in (Lane.LIVE, Lane.BACKFILL):
        with pytest.raises(Unavailable):
            await writer.append(lane, [record(1)])
    await writer.append(Lane.EVENT, [record(1)])
    await writer.close()


@pytest.mark.parametrize("call", ["write", "fdatasync"])
async def test_what_the_disk_did_not_take_is_not_promised(start, reader, monkeypatch, call):
    writer = start()
    await writer.append(Lane.LIVE, [record(1)])
    asked = []

    def fails(*given):
        asked.append(given)
        raise OSError(28, "no space")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fails)
        with pytest.raises(Unavailable):
            await writer.append(Lane.LIVE, [record(2)])
    assert asked
    await writer.append(Lane.LIVE, [record(3)])
    read = await drained(reader)
    assert numbers(read) == [1, 3] and not any(batch.damage for batch in read)
    await writer.close()


async def test_how_far_behind_it_is(written, reader):
    behind = await reader.behind(Lane.LIVE, {})
    assert behind.records == 30 and behind.seconds > 0
    batches = await reader.read(Lane.LIVE, {}, most=12, most_bytes=1 << 20)
    taken = {batch.source: batch.until for batch in batches}
    assert (await reader.behind(Lane.LIVE, taken)).records == 18
    taken |= {batch.source: batch.until for batch in await drained(reader, taken=taken)}
    assert (await reader.behind(Lane.LIVE, taken)) == type(behind)(0, 0.0)


async def test_what_was_taken_in_goes_after_its_time(written, start, folder, monkeypatch):
    monkeypatch.setattr(writing, "SEGMENT_BYTES", 1)
    writer = start()
    await writer.append(Lane.LIVE, [record(30)])
    await writer.append(Lane.LIVE, [record(31)])
    kept, soon = DiskReader(folder, sealers(), KEEP), DiskReader(folder, sealers(), -1)
    position = {batch.source: batch.until for batch in await drained(kept)}
    assert await kept.release(position) == 0
    assert await soon.release({}) == 0
    assert await soon.release(position) > 0
    assert numbers(await drained(DiskReader(folder, sealers(), KEEP))) == [31]
    await writer.close()
    assert await soon.release(position) > 0
    assert numbers(await drained(DiskReader(folder, sealers(), KEEP))) == []
    # What comes next is none the less read from the position that was reached.
    writer = start()
    await writer.append(Lane.LIVE, [record(32)])
    assert numbers(await drained(kept, taken=position)) == [32]
    await writer.close()


async def test_a_log_made_anew_is_another(written, reader, folder):
    (position,) = {batch.source for batch in await drained(reader)}
    (folder / "identity").unlink()
    fresh = DiskReader(folder, sealers(), KEEP)
    assert position not in await fresh.starts()
