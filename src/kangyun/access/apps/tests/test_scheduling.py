"""Schedules: when they are due, for any moment; and on a real database, done once each time."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.access.apps import App, Installed, Schedule, scheduling
from kangyun.access.apps.scheduling import due, keep_schedules
from kangyun.base import clock

ZONE = ZoneInfo("Asia/Shanghai")
MOMENTS = st.integers(630_000_000, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
PATIENCE = 20.0  # seconds
settings.register_profile("schedules", deadline=None)
settings.load_profile("schedules")


async def nothing(record):
    """Does nothing."""


@given(MOMENTS, st.times())
def test_a_time_of_day_is_due_once_a_day_of_the_region(now, at):
    found = due(Schedule(run=nothing, at=at), now, ZONE)
    assert found <= now
    assert found.astimezone(ZONE).time() == at
    assert now - found < timedelta(days=1, hours=2)  # Summer time was until 1991.


@given(MOMENTS, st.timedeltas(timedelta(minutes=1), timedelta(days=400)))
def test_an_interval_is_due_once_in_each(now, every):
    found = due(Schedule(run=nothing, every=every), now, ZONE)
    assert found <= now < found + every
    assert due(Schedule(run=nothing, every=every), found, ZONE) == found


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.now = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def turned(monkeypatch):
    """The clock of schedules."""
    made = Clock()
    monkeypatch.setattr(scheduling, "LOOK", 0.01)
    monkeypatch.setattr(clock, "now", made)
    return made


@pytest_asyncio.fixture
async def start(platform):
    """Starts schedules, as so many processes."""
    stop, tasks = asyncio.Event(), []

    async def start_(*apps, processes=1):
        tasks.extend(asyncio.ensure_future(keep_schedules(platform, apps, stop)) for _ in range(processes))
        async with asyncio.timeout(PATIENCE):
            while not await _rows(platform):
                await asyncio.sleep(0.02)

    yield start_
    stop.set()
    await asyncio.gather(*tasks)


async def _rows(platform):
    async with platform.pool.connection() as connection:
        return await connection.fetch("SELECT name, done FROM app_schedule")


def app(run, **when):
    when = when or {"every": timedelta(hours=1)}
    return Installed("care.one", App(purpose="TREAT", schedules={"hourly": Schedule(run=run, **when)}))


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.02)


async def test_it_is_done_once_an_hour_by_one_process_in_the_app_s_name(start, turned):
    done = []

    async def run(record):
        done.append((turned.now.hour, record.actor.reference, record.actor.purpose))

    await start(app(run), processes=2)
    await asyncio.sleep(0.1)
    assert done == []  # It begins with the time to come.
    turned.now += timedelta(minutes=40)
    await until(lambda: len(done) == 1)
    await asyncio.sleep(0.1)
    turned.now += timedelta(hours=5)  # Of those that went by, one is made up for.
    await until(lambda: len(done) == 2)
    await asyncio.sleep(0.1)
    assert done == [(9, "Device/app-one", "TREAT"), (14, "Device/app-one", "TREAT")]


async def test_what_fails_is_tried_again_and_quotes_nobody(start, turned, caplog):
    tries = []

    async def run(record):
        tries.append(1)
        if len(tries) < 3:
            raise KeyError("张三")

    await start(app(run))
    turned.now += timedelta(hours=1)
    await until(lambda: len(tries) == 3)
    await asyncio.sleep(0.1)
    assert len(tries) == 3
    assert "app/one/hourly: KeyError" in caplog.text
    assert "张三" not in caplog.text
