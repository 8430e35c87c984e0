"""A writer that is killed outright: what it had acknowledged is in the log, once and in order."""

import asyncio
import random
import subprocess
import sys
import time

import pytest

from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.reading import DiskReader
from kangyun.devices.model import Lane

# Appends as many at once as connections would, and says what was acknowledged.
WRITER = """
import asyncio, sys
from pathlib import Path
from kangyun.devices.log import writing
from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.model import Record
from kangyun.devices.model import Lane

writing.SEGMENT_BYTES = 200_000
first = int(sys.argv[2])

async def main():
    log = writing.DiskWriter(Path(sys.argv[1]), Sealers(b"k" * 16, "sm4"), lambda: True)
    async def one(lane, number):
        while True:
            await log.append(lane, [Record(number, number, "plain", b"x" * (number % 300))])
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()
            number += 30
    print("ready", flush=True)
    await asyncio.gather(*(one(Lane(place % 3), first + place) for place in range(30)))

asyncio.run(main())
"""
ROUND = 10_000_000


def killed_after(folder, seconds, first):
    """Runs a writer for so long; returns what it acknowledged."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(first)], stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    writer.kill()
    said = writer.stdout.read()
    writer.stdout.close()
    writer.wait()
    return [int(line) for line in said[: said.rfind(b"\n") + 1].split()]


async def read(folder):
    reader = DiskReader(folder, Sealers(b"k" * 16, "sm4"), 3600.0)
    found, damage, taken = [], [], {}
    for lane in Lane:
        while batches := await reader.read(lane, taken, most=1000, most_bytes=1 << 20):
            taken |= {batch.source: batch.until for batch in batches}
            found += [record.device for batch in batches for record in batch.records]
            damage += [one for batch in batches for one in batch.damage]
    await reader.close()
    return found, damage


def compared(folder, rounds):
    chosen, acknowledged = random.Random(rounds), []
    for number in range(rounds):
        acknowledged += killed_after(folder, chosen.uniform(0.02, 0.4), number * ROUND)
    found, damage = asyncio.run(read(folder))
    assert len(acknowledged) > 100 * rounds
    assert damage == []
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    # Of each sender in the order in which he sent.
    last: dict[tuple[int, int], int] = {}
    for one in found:
        sender = one // ROUND, one % ROUND % 30
        assert last.get(sender, -1) < one
        last[sender] = one


def test_what_was_acknowledged_is_there(tmp_path):
    compared(tmp_path / "log", 2)


@pytest.mark.soak
def test_what_was_acknowledged_is_there_after_twenty(tmp_path):
    compared(tmp_path / "log", 20)
