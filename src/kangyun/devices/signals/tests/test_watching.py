"""What is found by the clock and by night, on a real database: told once, and never of whose sensors are silent."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kangyun.access.kept import Kept
from kangyun.devices.metrics import metrics
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.reading import Readings
from kangyun.devices.series.samples import Samples
from kangyun.devices.signals.limits import standing_limits
from kangyun.devices.signals.nightly import Nightly
from kangyun.devices.signals.rules import standing_rules
from kangyun.devices.signals.watching import Watch
from kangyun.simulate import physiology
from kangyun.simulate.physiology import Body, Person, span
from kangyun.simulate.physiology.episodes import Episode, happened

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)  # 02:30 in Beijing
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # 13:00
MORNING = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 08:00
HOLDER = 71


@pytest.fixture
def told():
    """What alarms were asked to raise."""
    return []


@pytest.fixture
def tell(told):
    async def raise_(connection, warnings):
        told.extend(warnings)

    return raise_


@pytest.fixture
def watch(platform, tell):
    return Watch(platform.pool, standing_rules(), ZONE, tell)


@pytest.fixture
def stored(platform):
    """Stores traces of a holder and a device."""
    samples = Samples(Kept(platform.gate.store))

    async def store(*traces, holder=HOLDER):
        for name, at, value in traces:
            number = metrics()[name].number
            (series,) = await samples.series_of([1], [number], [holder])
            count = len(at)
            async with platform.pool.connection() as connection:
                await samples.insert(
                    connection,
                    Batch(
                        np.full(count, series), np.full(count, number, np.int16), np.asarray(at, np.int64),
                        np.asarray(value, float), np.zeros(count, np.int16),
                    ),
                )  # fmt: skip

    return store


@pytest.fixture
async def device(platform):
    """A cuff that a holder uses; `heard` says when it was heard of."""
    async with platform.pool.connection() as connection:
        number = await connection.fetchval(
            "INSERT INTO device (name, institution, format, kind)"
            " VALUES ('one', 1, 'plain', 'blood-pressure') RETURNING id"
        )
        await connection.execute(
            "INSERT INTO device_user (device, holder, since) VALUES ($1, $2, $3)",
            number, HOLDER, NOON - timedelta(days=90),
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO device_series (device, metric, holder) VALUES ($1, 40, $2), ($1, 41, $2)", number, HOLDER
        )

    async def heard(at, reading=None):
        async with platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO device_health (device, heard, reading) VALUES ($1, $2, $3)"
                " ON CONFLICT (device) DO UPDATE SET heard = excluded.heard, reading = excluded.reading",
                number, at, reading,
            )  # fmt: skip

    heard.number = number
    return heard


@pytest.fixture
def sensed(platform, device):
    """Stores samples of the device itself."""

    async def store(metric, at, value):
        async with platform.pool.connection() as connection:
            series = await connection.fetchval(
                "SELECT id FROM device_series WHERE device = $1 AND metric = $2",
                device.number,
                metrics()[metric].number,
            )
            await connection.execute(
                "INSERT INTO device_sample (series, at, value, mark) VALUES ($1, $2, $3, 0)",
                series, int(at.timestamp() * 1e6), value,
            )  # fmt: skip

    return store


def rules(warnings):
    return [one.rule for one in warnings]


async def test_a_silent_device_is_told_once_with_its_days(watch, device, told):
    await device(NOON - timedelta(hours=71))
    assert await watch.look_for_silence(NOON) == []
    await device(NOON - timedelta(days=3, hours=1))
    (warning,) = await watch.look_for_silence(NOON)
    assert (warning.rule, warning.figures, warning.device) == (
        "device-silent", {"device": "blood-pressure", "days": 3}, device.number
    )  # fmt: skip
    assert await watch.look_for_silence(NOON + timedelta(hours=1)) == []
    assert rules(told) == ["device-silent"]


async def test_a_device_that_says_only_how_full_it_is_is_silent(watch, device):
    await device(NOON, reading=NOON - timedelta(days=4))
    (warning,) = await watch.look_for_silence(NOON)
    assert (warning.rule, warning.figures["days"]) == ("device-silent", 4)


async def test_an_empty_bed_by_night(watch, device, sensed):
    await device(NIGHT)
    await sensed("in-bed", NIGHT - timedelta(minutes=50), 1)
    assert rules(await watch.look(NIGHT - timedelta(minutes=20))) == []
    assert rules(await watch.look(NIGHT)) == ["bed-not-returned"]
    assert await watch.look(NIGHT + timedelta(minutes=5)) == []


async def test_a_bed_sensor_that_is_silent_says_nothing_of_the_person(watch, device, sensed):
    await device(NIGHT - timedelta(minutes=50))
    await sensed("in-bed", NIGHT - timedelta(minutes=50), 1)
    assert await watch.look(NIGHT) == []


async def test_a_home_without_movement(watch, device, sensed):
    await device(NOON)
    await sensed("motion", NOON - timedelta(hours=4), 1)
    assert await watch.look(NOON) == []
    later = NOON + timedelta(hours=1, minutes=5)
    await device(later)
    assert rules(await watch.look(later)) == ["no-movement"]


async def test_nights_teach_the_rhythm_and_tell_what_raises_it(platform, stored, tell, told):
    day = (datetime(2026, 11, 23, tzinfo=UTC).date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()) - 30
    of = span(Body.of(Person(3, 60, "male")), day, 31)
    fever = [Episode("infection", int(of.at[0]) + (29 * 1440 + 600) * physiology.MINUTE)]
    heart, steps = happened(physiology.heart_rate(of), fever, of), physiology.steps(of)
    until = int(MORNING.timestamp() * 1e6)
    each = [
        trace._replace(at=trace.at[trace.at < until], value=trace.value[trace.at < until]) for trace in (heart, steps)
    ]
    await stored(*each)
    readings = Readings(Kept(platform.gate.store))
    nightly = Nightly(platform.pool, readings, standing_limits(), standing_rules(), ZONE, tell)
    async with platform.pool.connection() as connection:
        await connection.executemany(
            "INSERT INTO signal_night (holder, night, rate) VALUES ($1, $2, $3)",
            [(HOLDER, (MORNING - timedelta(days=2 + number)).date(), 58.0) for number in range(20)],
        )
    assert await nightly.look(MORNING) == 1
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM signal_rhythm WHERE holder = $1", HOLDER)
    assert row["days"] == 30
    assert min(row["middle"]) < np.mean(row["middle"]) - 4
    assert "night-heart-rate" in rules(told)
    count = len(told)
    assert await nightly.look(MORNING + timedelta(minutes=5)) == 1
    assert len(told) == count


async def test_a_week_of_high_readings_at_home_suspects(platform, stored, tell, told):
    at = [
        int((MORNING - timedelta(days=days, hours=hours)).timestamp() * 1e6)
        for days in range(1, 9)
        for hours in (0, 10)
    ]
    at = sorted(at)
    await stored(("systolic-home", at, [142.0] * len(at)), ("diastolic-home", at, [83.0] * len(at)))
    readings = Readings(Kept(platform.gate.store))
    await Nightly(platform.pool, readings, standing_limits(), standing_rules(), ZONE, tell).look(MORNING)
    (warning,) = told
    assert (warning.rule, warning.figures["mean"]) == ("suspected-hypertension", "142/83")
