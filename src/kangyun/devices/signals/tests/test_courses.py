"""Rhythm, nights, forecasts, suspicion, patterns: on figures that are known."""

import numpy as np
import pytest

from kangyun.devices.signals import fitting, places, rhythm
from kangyun.devices.signals.forecast import fading, forecast
from kangyun.devices.signals.limits import standing_limits
from kangyun.devices.signals.nights import judged, resting
from kangyun.devices.signals.suspecting import Pressures, paired, suspected, uneven_hours
from kangyun.devices.signals.watchtable import watch_table

DAY = 20_000
HOUR = 3_600_000_000
MINUTE = 60_000_000
TABLE = watch_table()


def days_of(count, level, swing=8.0, seed=1):
    rng = np.random.default_rng(seed)
    day, hour = np.repeat(np.arange(DAY, DAY + count), 24), np.tile(np.arange(24), count)
    return day, hour, level - swing * np.cos((hour - 4) / 24 * 2 * np.pi) + rng.normal(0, 2, len(day))


def test_a_rhythm_follows_the_person_and_the_hour():
    found = rhythm.learn("heart-rate", *days_of(28, 60))
    assert found.days == 28
    assert found.middle[4] == pytest.approx(52, abs=2.5)
    assert found.middle[16] == pytest.approx(68, abs=2.5)
    assert (found.spread >= 3).all()


def test_few_days_are_drawn_towards_the_population_and_say_nothing_unusual():
    none = rhythm.learn("heart-rate", *(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)))
    two = rhythm.learn("heart-rate", *days_of(2, 50))
    many = rhythm.learn("heart-rate", *days_of(28, 50))
    assert none.middle.mean() > two.middle.mean() > many.middle.mean()
    assert np.isinf(rhythm.upper(two.middle, two.spread, two.days)).all()
    assert np.isfinite(rhythm.upper(many.middle, many.spread, many.days)).all()


def test_one_bad_day_does_not_move_the_rhythm():
    day, hour, value = days_of(28, 60)
    bad = np.where(day == DAY + 10, value + 40, value)
    change = rhythm.learn("heart-rate", day, hour, bad).middle - rhythm.learn("heart-rate", day, hour, value).middle
    assert np.abs(change).max() < 1.5


def test_hours_are_medians_by_the_regions_clock():
    at = np.array([DAY * 24 * HOUR, DAY * 24 * HOUR + MINUTE, DAY * 24 * HOUR + 2 * MINUTE, (DAY * 24 + 1) * HOUR])
    day, hour, value = rhythm.hourly(at, np.array([60.0, 99.0, 62.0, 70.0]), 8 * HOUR)
    assert (day.tolist(), hour.tolist(), value.tolist()) == ([DAY, DAY], [8, 9], [62.0, 70.0])


@pytest.mark.parametrize(
    ("last", "states"),
    [
        ([60, 60, 60], ["green"] * 3),
        ([63.5, 60, 60], ["yellow", "green", "green"]),
        ([64.5, 60, 64.5], ["yellow", "green", "yellow"]),
        ([64.5, 65, 66], ["yellow", "red", "red"]),
        ([64.5, 65, 60], ["yellow", "red", "green"]),
    ],
)
def test_the_heart_by_night(last, states):
    nights = [(DAY + number, 60.0) for number in range(20)] + [(DAY + 20 + n, rate) for n, rate in enumerate(last)]
    assert [one.state for one in judged(nights, TABLE.night)][-3:] == states


def test_a_missing_night_ends_what_was_running_and_few_nights_say_nothing():
    usual = [(DAY + number, 60.0) for number in range(20)]
    assert judged([*usual, (DAY + 20, 66.0), (DAY + 22, 66.0)], TABLE.night)[-1].state == "yellow"
    assert {one.state for one in judged([(DAY, 60.0), (DAY + 1, 70.0), (DAY + 2, 70.0)], TABLE.night)} == {"learning"}


def test_a_night_is_its_still_minutes():
    at = DAY * 24 * HOUR - 8 * HOUR + np.arange(7 * 60) * MINUTE
    rate = np.where(np.arange(420) < 60, 100.0, 60.0)
    found = resting(at, rate, at[:60], 8 * HOUR, TABLE.night)
    assert found == {DAY: pytest.approx(60.0)}
    assert resting(at[:100], rate[:100], at[:0], 8 * HOUR, TABLE.night) == {}


def test_a_deviation_fades_as_it_did():
    rng = np.random.default_rng(3)
    rest = np.zeros(2000)
    for step in range(1, 2000):
        rest[step] = 0.8 * rest[step - 1] + rng.normal()
    assert fading(rest) == pytest.approx(0.8, abs=0.05)
    found = forecast(rest, np.zeros(24))
    assert abs(found.middle[-1]) < abs(found.middle[0]) + 1e-9
    width = found.high - found.low
    assert (width[1] > width[0]).all()
    assert width[0][-1] > width[0][0]


def test_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(60):
        rest = rng.standard_t(4, 700)
        found = forecast(rest[:600], np.zeros(24))
        inside.append((rest[600:624] >= found.low) & (rest[600:624] <= found.high))
    share = np.mean(inside, axis=(0, 2))
    assert share[0] == pytest.approx(0.80, abs=0.04)
    assert share[1] == pytest.approx(0.95, abs=0.03)


def test_where_little_is_known_no_interval_is_said():
    found = forecast(np.full(30, np.nan), np.full(5, 70.0))
    assert found.middle.tolist() == [70.0] * 5
    assert np.isnan(found.low).all()


def pressures(rows):
    day, systolic, diastolic = zip(*rows, strict=True) if rows else ((), (), ())
    return Pressures(np.array(day, np.int64), np.array(systolic, float), np.array(diastolic, float))


def week(systolic, diastolic, days=7, each=2):
    return pressures([(DAY - number, systolic, diastolic) for number in range(1, days + 1) for _ in range(each)])


@pytest.mark.parametrize(
    ("home", "office", "place"),
    [
        (week(136, 80), pressures([]), "home"),
        (week(128, 86), pressures([]), "home"),
        (week(134, 84), pressures([]), None),
        (week(150, 95, days=4), pressures([]), None),
        (week(150, 95, each=1), pressures([]), None),
        (pressures([]), pressures([(DAY - 20, 142, 80), (DAY - 10, 150, 80), (DAY - 3, 138, 92)]), "office"),
        (pressures([]), pressures([(DAY - 10, 142, 80), (DAY - 10, 150, 80), (DAY - 3, 138, 92)]), None),
        (pressures([]), pressures([(DAY - 40, 142, 80), (DAY - 10, 150, 80), (DAY - 3, 138, 92)]), None),
    ],
)
def test_pressures_of_days_suspect(home, office, place):
    found = suspected(home, office, DAY, standing_limits(), TABLE.suspect)
    assert (found and found.place) == place


def test_values_of_one_measurement_belong_together():
    found = paired(np.array([1, 2, 3]), np.array([120.0, 130, 140]), np.array([2, 3]), np.array([80.0, 90]), 0)
    assert found.systolic.tolist() == [130, 140]


def test_an_uneven_pulse_shows_in_still_hours_only():
    rng = np.random.default_rng(5)
    at = np.arange(600) * MINUTE
    even, uneven = 70 + rng.normal(0, 2, 600), 90 + rng.normal(0, 20, 600)
    assert len(uneven_hours(at, even, at[:0], TABLE.pulse)[0]) == 0
    assert len(uneven_hours(at, uneven, at[:0], TABLE.pulse)[0]) == 10
    assert len(uneven_hours(at, uneven, at, TABLE.pulse)[0]) == 0


FATHER = fitting.pattern(
    {"systolic-home": np.array([150.0, 148, 155, 146, 152, 149]), "diastolic-home": np.full(6, 90.0)}
)
MOTHER = fitting.pattern(
    {"systolic-home": np.array([118.0, 120, 116, 122, 119, 117]), "diastolic-home": np.full(6, 72.0)}
)


@pytest.mark.parametrize(
    ("reading", "others", "alarming", "fits"),
    [
        ({"systolic-home": 152, "diastolic-home": 91}, [MOTHER], False, True),
        ({"systolic-home": 117, "diastolic-home": 71}, [MOTHER], False, False),
        ({"systolic-home": 190, "diastolic-home": 112}, [MOTHER], True, True),
        ({"systolic-home": 95, "diastolic-home": 50}, [], False, False),
        ({"systolic-home": 210, "diastolic-home": 120}, [], True, True),
    ],
)
def test_whose_reading_it_is(reading, others, alarming, fits):
    assert fitting.fit(reading, FATHER, others, alarming=alarming).fits == fits


def test_without_a_pattern_a_reading_is_its_owners():
    assert fitting.fit({"systolic-home": 150}, fitting.pattern({})) == fitting.Fit(True, None)


def test_where_somebody_usually_is():
    rng = np.random.default_rng(6)
    north, night = rng.normal(0, 0.001, 400), np.tile([True, False], 200)
    latitude = np.where(night, 38.9 + north / 100, 38.9 + north)
    home = places.usual_area(latitude, np.full(400, 82.6), night)
    assert home is not None
    assert home[0] == pytest.approx(38.9, abs=1e-3)
    assert home[2] == places.LEAST_RADIUS
    assert places.usual_area(latitude[:50], np.full(50, 82.6), night[:50]) is None
    assert places.metres(38.9, 82.6, 39.9, 82.6) == pytest.approx(111_195, rel=1e-3)
