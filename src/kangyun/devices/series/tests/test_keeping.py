"""What is kept, for how long, and what is left of it when a person is erased."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.erasing import erase_also
from kangyun.base.errors import Unavailable
from kangyun.database.leases import is_held
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Wave
from kangyun.devices.series import background, days
from kangyun.devices.series.background import AT_ONCE, keep_compacted, keep_recorded, remove_old
from kangyun.devices.series.packing import HOUR
from kangyun.devices.series.tests.conftest import HEART, LATER
from kangyun.devices.series.vitals import condition
from kangyun.devices.series.waves import MOST_SAMPLES, Waves
from kangyun.store.erasure import Extent

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AT = days.microseconds(NOW)
ALWAYS = (-(1 << 62), 1 << 62)
ECG = metrics()["ecg-lead-i"].number


@pytest.fixture
def waves(kept):
    return Waves(kept)


@pytest.fixture
async def measured(samples, compaction, waves, platform, batch, holder):
    """Of one person: chunks, hot samples, a wave, and what nobody certain measured with the same device."""
    numbers = (await samples.series_of([1, 1, 1], [HEART, HEART, ECG], [holder, None, holder])).tolist()
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch(*((one, HEART, AT + at, 70) for one in numbers[:2] for at in range(50))))
    await compaction.run(LATER)
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch((numbers[0], HEART, AT + 100, 70)))
        await waves.insert(connection, [(numbers[2], Wave(ECG, AT, 4000, 0.0, 0.001, tuple(range(500))))])
    return numbers


async def rows(connection):
    tables = ("device_series", "device_sample", "device_chunk", "device_wave", "device_news")
    return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]


async def test_an_erased_person_leaves_nothing(platform, measured, holder):
    async with platform.pool.connection() as connection, connection.transaction():
        assert all(await rows(connection))
        await erase_also(connection, Extent((holder,), (), (), 0, ()))
        assert await rows(connection) == [0, 0, 0, 0, 0]


async def test_samples_that_come_for_an_erased_person_are_dropped(
    samples, compaction, platform, batch, measured, holder
):
    async with platform.pool.connection() as connection:
        await erase_also(connection, Extent((holder,), (), (), 0, ()))
        await samples.insert(connection, batch((measured[0], HEART, AT + 7, 70)))
    await compaction.run(LATER)
    async with platform.pool.connection() as connection:
        assert await rows(connection) == [0, 0, 0, 0, 0]


async def test_without_the_persons_key_no_curve_is_read(platform, readings, measured, holder):
    """As in a backup from before the erasure, whose chunks are there and whose key is not."""
    async with platform.pool.connection() as connection:
        key = await connection.fetchval("SELECT key FROM device_chunk WHERE series = $1", measured[0])
        assert await connection.fetchval("SELECT patient FROM data_key WHERE id = $1", key) == holder
        other = await connection.fetchval("SELECT key FROM device_chunk WHERE series = $1", measured[1])
        assert await connection.fetchval("SELECT patient FROM data_key WHERE id = $1", other) is None
    platform.gate.store.keys.forget([key])
    async with readings.reading() as connection:
        with pytest.raises(Unavailable):
            await readings.curves(connection, [measured[0]], *ALWAYS)


async def test_waves_come_back_as_they_were_and_once(platform, waves, measured):
    wave = Wave(ECG, AT + 5, 4000, 0.5, 0.001, (3, -7, 1 << 20, 0))
    async with platform.pool.connection() as connection:
        long = Wave(ECG, AT + 6, 4000, 0.0, 1.0, (0,) * (MOST_SAMPLES + 1))
        new = await waves.insert(connection, [(measured[2], one) for one in (wave, wave, long)])
        again = await waves.insert(connection, [(measured[2], wave)])
        found = await waves.read(connection, measured[2], ECG, AT + 1, AT + 10)
    assert (new, again) == ([True, False, False], [False])
    assert found == [wave]


async def test_days_are_made_ahead_with_what_is_there_and_dropped_when_long_empty(samples, platform, batch):
    tomorrow = AT + days.DAY
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch((1, HEART, tomorrow, 70), (1, HEART, AT - 40 * days.DAY, 70)))
        await days.keep(connection, NOW)
        made = await days.tables(connection)
        assert made == [f"device_sample_d2026{day}" for day in ("0309", "0310", "0311", "0312")] + [days.REST]
        assert await connection.fetchval("SELECT at FROM device_sample_d20260311") == tomorrow
        assert await connection.fetchval(f"SELECT count(*) FROM {days.REST}") == 1
        await days.keep(connection, NOW + timedelta(days=20))
        left = await days.tables(connection)
    # What still holds a sample stays.
    assert left == [f"device_sample_d2026{day}" for day in ("0311", "0329", "0330", "0331", "0401")] + [days.REST]


async def test_figures_tell_what_waits(compaction, platform, measured):
    zone = platform.gate.store.zone
    await compaction.run(NOW)
    async with platform.pool.connection() as connection:
        assert (await condition(connection, NOW, zone)).behind == timedelta()
        later = NOW + timedelta(days=2)
        found = await condition(connection, later, zone)
    # The day of NOW ended at midnight in the region's zone, and waits since then.
    assert found.behind == later - datetime(2026, 3, 10, 16, tzinfo=UTC)
    assert found.waiting > 0


async def test_what_is_kept_for_a_time_goes(platform, measured):
    async with platform.pool.connection() as connection:
        await remove_old(connection, 0)
        assert await connection.fetchval("SELECT count(*) FROM device_chunk") == 2
        await remove_old(connection, 30)
        assert await connection.fetchval("SELECT count(*) FROM device_chunk") == 0
        assert await connection.fetchval("SELECT count(*) FROM device_wave") == 0


async def test_the_background_makes_days_and_compacts(platform, samples, batch, holder):
    (series,) = (await samples.series_of([1], [HEART], [holder])).tolist()
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch((series, HEART, AT - 400 * 24 * HOUR, 70)))
    stop = asyncio.Event()
    task = asyncio.create_task(keep_compacted(platform, stop))
    async with platform.pool.connection() as connection, asyncio.timeout(10):
        while not await connection.fetchval("SELECT count(*) FROM device_chunk"):
            await asyncio.sleep(0.05)
    stop.set()
    await task


async def test_who_has_lost_the_lease_tells_nothing_more(platform, monkeypatch):
    stop, held = asyncio.Event(), []

    async def run(self):
        async with platform.pool.connection() as connection:
            held.append(await is_held(connection, "device observations"))
            if len(held) == 1:
                await connection.execute(LOSE)
        await asyncio.sleep(0.05)
        if len(held) == 3:
            stop.set()
        return AT_ONCE

    monkeypatch.setattr(background.Recording, "run", run)
    monkeypatch.setattr(background, "TELL_EVERY", 0.01)
    await asyncio.wait_for(keep_recorded(platform, stop), 10)
    assert held == [True] * 3


LOSE = """
SELECT pg_terminate_backend(l.pid, 1000) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.pid <> pg_backend_pid()
"""
