"""What is remembered follows from what is stored: after a crash, a rollback or a replay the same comes out."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kangyun.access.kept import Kept
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Event
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.reading import Readings
from kangyun.devices.series.samples import Samples
from kangyun.devices.signals.keeping import Judging
from kangyun.devices.signals.model import Group, Level

ZONE = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000_000
NOON = 1_767_240_000_000_000
HOLDER = 71


@pytest.fixture
def judging(tmp_path, platform):
    return lambda: Judging.of(tmp_path, ZONE, Readings(Kept(platform.gate.store)))


@pytest.fixture
def intake(platform):
    """Takes rows (minutes after noon, metric, value) in, as the intake does; returns what is told."""
    samples = Samples(Kept(platform.gate.store))

    async def take(judging, *rows, events=None, commit=True):
        known = metrics()
        numbers = [known[name].number for _, name, _ in rows]
        series = await samples.series_of([1] * len(rows), numbers, [HOLDER] * len(rows))
        at = np.array([NOON + round(minute * MINUTE) for minute, _, _ in rows], np.int64)
        value = np.array([value for _, _, value in rows], float)
        mark = np.zeros(len(rows), np.int16)
        async with platform.pool.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            inserted = await samples.insert(connection, Batch(series, np.array(numbers, np.int16), at, value, mark))
            group = Group(
                np.full(len(rows), HOLDER), series, np.array(numbers), at, value, mark.astype(np.int64), inserted.new
            )
            warnings = await judging.take(connection, group, events)
            await (transaction.commit() if commit else transaction.rollback())
        return [(one.rule, one.level.name) for one in warnings]

    return take


HIGH = (0, "systolic-home", 186), (0, "diastolic-home", 112)


async def test_a_replay_after_a_crash_tells_nothing_again(judging, intake):
    assert await intake(judging(), *HIGH) == [("blood-pressure-high", "RED")]
    assert await intake(judging(), *HIGH) == []
    assert await intake(judging(), (30, "systolic-home", 165)) == []
    assert await intake(judging(), (40, "systolic-home", 188)) == [("blood-pressure-high", "RED")]


async def test_what_was_not_committed_is_told_when_it_comes_again(judging, intake):
    one = judging()
    assert await intake(one, *HIGH, commit=False) == [("blood-pressure-high", "RED")]
    one.forget([HOLDER])
    assert await intake(one, *HIGH) == [("blood-pressure-high", "RED")]


def minutely(metric, value, first, last):
    return [(minute, metric, value) for minute in range(first, last)]


@pytest.mark.parametrize("cut", [1, 8, 20, 33, 39])
async def test_a_restart_in_the_middle_changes_nothing(judging, intake, cut):
    rows = [*minutely("spo2", 97, 0, 20), *minutely("spo2", 86, 20, 40)]
    whole = await intake(judging(), *rows[:cut])
    whole += await intake(judging(), *rows[cut:])
    assert whole == [("spo2-low", "RED")]


async def test_a_restart_remembers_readings_by_hand(judging, intake):
    assert await intake(judging(), (0, "systolic-home", 165)) == []
    assert await intake(judging(), (700, "systolic-home", 168)) == [("blood-pressure-high", "AMBER")]


async def test_calm_after_a_warning_is_remembered_too(judging, intake):
    assert await intake(judging(), *HIGH) == [("blood-pressure-high", "RED")]
    assert await intake(judging(), (60, "systolic-home", 120)) == []
    assert await intake(judging(), (180, "systolic-home", 190)) == [("blood-pressure-high", "RED")]


async def test_an_sos_is_told_once(judging, intake):
    events = [(HOLDER, Event("sos", NOON, 38.9, 82.6))]
    one = judging()
    assert await intake(one, (0, "heart-rate", 80), events=events) == [("sos", "RED")]
    assert await intake(judging(), (1, "heart-rate", 80), events=events) == []


async def test_the_doctors_limits_are_read_and_changes_are_noticed(judging, intake, platform, monkeypatch):
    monkeypatch.setattr("kangyun.devices.signals.keeping.LOOK_EVERY", 0.0)
    one = judging()
    assert await intake(one, (0, "systolic-home", 150)) == []
    async with platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO signal_limit (holder, metric, side, level, value, by, key, why)"
            " VALUES ($1, 1, 'high', $2, 145, 'Practitioner/li', 0, '')",
            HOLDER, int(Level.RED),
        )  # fmt: skip
        await connection.execute("INSERT INTO signal_change (holder) VALUES ($1)", HOLDER)
    assert await intake(one, (10, "systolic-home", 150)) == [("blood-pressure-high", "RED")]
