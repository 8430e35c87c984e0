"""An installation with devices that people wear, a log on disk, and an intake whose judging is simple."""

import asyncio
import time

import msgspec
import pytest

from kangyun.devices.intake import running
from kangyun.devices.intake.opening import intake_of
from kangyun.devices.log import Record, open_reader, open_writer
from kangyun.devices.metrics import metrics
from kangyun.devices.register.register import open_register
from kangyun.devices.signals import Level, Warning

HOLDER = 4096
"""The first wearer's number; the device with number n is worn by HOLDER + n."""


class Judging:
    """Warns of each fall and SOS, and of a heart rate above 180."""

    def __init__(self):
        self.groups = []

    async def take(self, connection, group, events=None):
        self.groups.append(group)
        high = group.take((group.metric == metrics()["heart-rate"].number) & (group.value > 180))
        found = [
            Warning(rule="heart-rate", level=Level.RED, holder=holder, at=at, since=at)
            for holder, at in zip(high.holder.tolist(), high.at.tolist(), strict=True)
        ]
        return found + [
            Warning(rule=event.kind, level=Level.RED, holder=holder, at=event.at, since=event.at)
            for holder, event in events or []
        ]

    def forget(self, holders):
        pass


class World:
    """What a test speaks to."""

    def __init__(self, platform, judging):
        self.platform, self.judging = platform, judging
        self.register = open_register(platform)
        self.log = open_writer(platform)
        self.now = time.time_ns() // 1000
        self.devices = []

    async def make(self, count=1, users=1):
        async with self.platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO institution (reference) VALUES ('Organization/county') ON CONFLICT DO NOTHING"
            )
            for _ in range(count):
                device = await connection.fetchval(
                    "INSERT INTO device (name, institution, format) SELECT $1, id, 'plain' FROM institution"
                    " WHERE reference = 'Organization/county' RETURNING id", f"d{len(self.devices)}",
                )  # fmt: skip
                for key in range(users):
                    await connection.execute(
                        "INSERT INTO device_user (device, key, holder, since) VALUES ($1, $2, $3, '2020-01-01Z')",
                        device, str(key) if users > 1 else "", HOLDER + device + 1000 * key,
                    )  # fmt: skip
                self.devices.append(device)

    def record(self, message, device=0, received=None):
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        return Record(self.devices[device] if device < len(self.devices) else device, received or self.now, "plain",
            payload)  # fmt: skip

    def intake(self):
        return intake_of(self.platform, open_reader(self.platform), self.register, self.judging)

    async def take(self, intake=None, until=None, seconds=20.0):
        """Runs an intake until nothing waits in the log."""
        stop, intake = asyncio.Event(), intake or self.intake()
        running_ = asyncio.create_task(intake.run(stop))
        deadline = time.monotonic() + seconds
        while await self.waiting() and time.monotonic() < deadline and not running_.done():
            await asyncio.sleep(0.02)
        stop.set()
        await running_
        return intake

    async def waiting(self):
        reader = open_reader(self.platform)
        rows = await self.rows("SELECT source, taken FROM device_log_position")
        left = [await reader.behind(lane, dict(rows)) for lane in running.Lane]
        await reader.close()
        return sum(one.records for one in left)

    async def rows(self, sql, *given):
        async with self.platform.pool.connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *given)]

    async def table(self):
        """Everything that taking in makes, for comparing."""
        return [
            await self.rows(sql)
            for sql in (
                "SELECT s.device, s.metric, s.holder, v.at, v.value, v.mark FROM device_sample AS v"
                " JOIN device_series AS s ON s.id = v.series ORDER BY 1, 2, 3, 4",
                "SELECT device, kind, at, holder FROM device_event ORDER BY 1, 2, 3",
                "SELECT person, rule, level, count, round FROM alarm ORDER BY 1, 2, id",
                "SELECT alarm, kind, whom, rung FROM alarm_timer ORDER BY 1, 2, 3, 4",
                "SELECT device, reason, place, count FROM device_refusal ORDER BY 1, 2, 3",
                "SELECT device, key, reason, metrics FROM device_question ORDER BY 1, 2",
                "SELECT digest, reason FROM device_aside ORDER BY 1",
            )
        ]


@pytest.fixture
async def world(platform):
    made = []

    def judging():
        made.append(Judging())
        return made[-1]

    found = World(platform, judging)
    found.judgings = made
    yield found
    await found.log.close()
