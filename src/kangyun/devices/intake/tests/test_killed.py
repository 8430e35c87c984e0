"""`kangyun ingest` is killed outright again and again: all that was acknowledged is taken in, each once."""

import asyncio
import os
import random
import subprocess
import sys

import pytest

from kangyun.devices.model import Lane

SECOND = 1_000_000
PRESSED = "SELECT device, at FROM device_event ORDER BY device, at"
STORED = """
SELECT s.device, v.at FROM device_sample AS v JOIN device_series AS s ON s.id = v.series ORDER BY s.device, v.at
"""


class Sending:
    """Devices that send while the intake is killed; what was acknowledged."""

    def __init__(self, world):
        self.world = world
        self.readings, self.events = set(), set()
        self._stop = asyncio.Event()

    async def run(self):
        number = 0
        while not self._stop.is_set():
            lane = (Lane.LIVE, Lane.LIVE, Lane.BACKFILL, Lane.EVENT)[number % 4]
            await getattr(self, f"_{lane.name.lower()}")(number)
            number += 1
            await asyncio.sleep(0.004)

    def stop(self):
        self._stop.set()

    async def _live(self, number, lane=Lane.LIVE):
        world, at = self.world, self.world.now - number * SECOND
        batch = [
            world.record({"m": "hr", "v": 60 + number % 20, "t": at // 1000, "s": number}, device)
            for device in range(8)
        ]
        await world.log.append(lane, batch)
        self.readings |= {(device, at // 1000 * 1000) for device in world.devices}

    async def _backfill(self, number):
        await self._live(number, Lane.BACKFILL)

    async def _event(self, number):
        world, at = self.world, (self.world.now + number * 1000) // 1000
        await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": at, "s": number}, number // 4 % 8)])
        self.events.add((world.devices[number // 4 % 8], at * 1000))


async def killed(world, database, data, rounds):
    """Runs the intake so often, kills it each time somewhere, and lets it finish; returns what was acknowledged."""
    sending, chosen = Sending(world), random.Random(rounds)
    senders = asyncio.create_task(sending.run())
    environment = os.environ | {
        "KANGYUN_DATABASE": database, "KANGYUN_DATA": str(data), "KANGYUN_LOG_LEVEL": "warning",
    }  # fmt: skip
    for _ in range(rounds):
        before = await world.rows("SELECT sum(taken) FROM device_log_position")
        process = subprocess.Popen([sys.executable, "-m", "kangyun.cli.part", "ingest"], env=environment)
        for _ in range(1500):
            if await world.rows("SELECT sum(taken) FROM device_log_position") != before:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(chosen.uniform(0, 0.25))
        process.kill()
        process.wait()
    sending.stop()
    await senders
    await world.take()
    return sending


async def compared(world, database, data, rounds):
    await world.make(8)
    sending = await killed(world, database, data, rounds)
    assert len(sending.events) > 20 * rounds
    assert await world.rows(STORED) == sorted(sending.readings)
    assert await world.rows(PRESSED) == sorted(sending.events)
    evidence = await world.rows("SELECT sum(count) FROM alarm")
    assert evidence == [(len(sending.events),)]
    assert await world.rows("SELECT count(*), sum(round) FROM alarm WHERE state <> 'closed'") == [(8, 8)]
    records, read = (await world.rows("SELECT sum(records), count(*) FROM device_log_position"))[0]
    assert (records, read) == (len(sending.readings) + len(sending.events), 3)
    assert await world.rows("SELECT FROM device_aside") == []


async def test_killed_it_takes_in_each_once(world, fresh_database, tmp_path):
    await compared(world, fresh_database, tmp_path, 2)


@pytest.mark.soak
async def test_killed_twenty_times_it_takes_in_each_once(world, fresh_database, tmp_path):
    await compared(world, fresh_database, tmp_path, 20)
