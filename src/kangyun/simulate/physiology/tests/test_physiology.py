"""Bodies look like bodies, are the same again, and cost milliseconds; what happens to them starts where it is said."""

import time

import numpy as np
import pytest

from kangyun.simulate import physiology
from kangyun.simulate.physiology import MINUTE, Body, Person, faults, span
from kangyun.simulate.physiology.episodes import KINDS, Episode, draw, happened, said, strayed

DAY = 20_000
ILL = Person(3, 72, "male", frozenset({"hypertension", "diabetes"}))
WELL = Person(4, 35, "female")
MINUTELY = [
    physiology.heart_rate, physiology.spo2, physiology.temperature, physiology.respiratory_rate, physiology.steps,
    physiology.sleep_stage, physiology.in_bed, physiology.motion,
]  # fmt: skip
BOUNDS = {
    "heart-rate": (35, 190), "spo2": (85, 100), "body-temperature": (35.0, 38.0), "respiratory-rate": (6, 40),
    "steps": (0, 200), "sleep-stage": (0, 3), "in-bed": (0, 1), "motion": (0, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def ill():
    return span(Body.of(ILL), DAY, 60)


@pytest.fixture(scope="module")
def well():
    return span(Body.of(WELL), DAY, 60)


@pytest.mark.parametrize("generator", MINUTELY)
def test_a_metric_of_a_minute_stays_in_bounds_and_is_the_same_again(well, generator):
    trace = generator(well)
    lowest, highest = BOUNDS[trace.metric]
    assert len(trace.at) == 60 * 1440
    assert np.all(np.diff(trace.at) == MINUTE)
    assert lowest <= trace.value.min() <= trace.value.max() <= highest
    assert np.array_equal(generator(span(Body.of(WELL), DAY, 60)).value, trace.value)


def test_the_heart_is_slower_asleep_and_faster_on_a_walk(well):
    rate = physiology.heart_rate(well).value
    still = ~well.asleep & (well.activity == 0)
    assert np.median(rate[well.asleep]) + 5 < np.median(rate[still])
    assert np.median(rate[well.activity > 0.6]) > np.median(rate[still]) + 15


def test_a_person_sleeps_and_walks_like_one(well):
    assert 5.5 < well.asleep.mean() * 24 < 9
    assert 2_000 < physiology.steps(well).value.sum() / well.days < 20_000


def test_pressure_is_taken_about_twice_a_day_and_high_where_there_is_hypertension(ill, well):
    (systolic, diastolic), (usual, _) = physiology.pressure(ill), physiology.pressure(well)
    assert 60 * 1.4 < len(systolic.at) <= 120
    assert np.array_equal(systolic.at, diastolic.at)
    assert np.all(systolic.value > diastolic.value)
    assert np.median(systolic.value) > np.median(usual.value) + 10


def test_glucose_is_higher_with_diabetes_and_after_meals(ill, well):
    course = physiology.glucose_course(ill)
    at_one, at_five = course.value.reshape(60, 1440)[:, 13 * 60], course.value.reshape(60, 1440)[:, 5 * 60]
    assert at_one.mean() > at_five.mean() + 1.5
    assert np.median(physiology.glucose(ill).value) > np.median(physiology.glucose(well).value) + 1.5


def test_nights_are_at_home(well):
    latitude, _ = physiology.positions(well)
    away = np.abs(latitude.value - WELL.latitude) * 111_320
    assert np.quantile(away[well.asleep[::5]], 0.99) < 100


def test_a_year_of_a_minute_metric_takes_milliseconds():
    year = span(Body.of(WELL), DAY, 365)
    began = time.process_time()
    physiology.heart_rate(year)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("kind", "generator", "moved"),
    [
        ("tachycardia", physiology.heart_rate, 60),
        ("infection", physiology.temperature, 0.8),
        ("hypoxia", physiology.spo2, -7),
        ("hypoglycaemia", physiology.glucose_course, -2),
        ("fall", physiology.heart_rate, 10),
    ],
)
def test_an_episode_moves_its_metric_from_its_start_on(ill, kind, generator, moved):
    episode = Episode(kind, int(ill.at[0]) + 30 * 1440 * MINUTE)
    plain, changed = generator(ill), happened(generator(ill), [episode], ill)
    inside = plain.between(episode.start, episode.end)
    assert (np.mean(changed.value[inside] - plain.value[inside]) - moved) * np.sign(moved) > 0
    long_before = plain.at < episode.start - 5 * 1440 * MINUTE
    assert np.array_equal(changed.value[long_before], plain.value[long_before])


def test_who_feels_ill_measures_twice_more(ill):
    systolic, _ = physiology.pressure(ill)
    episode = Episode("hypertensive-crisis", int(ill.at[0]) + 30 * 1440 * MINUTE + 600 * MINUTE)
    changed = happened(systolic, [episode], ill)
    inside = changed.between(episode.start, episode.end)
    assert len(changed.at) == len(systolic.at) + 2
    assert changed.value[inside].max() > 180


def test_wandering_leads_away_from_home(ill):
    episode = Episode("wandering", int(ill.at[0]) + 30 * 1440 * MINUTE)
    latitude, _ = strayed(*physiology.positions(ill), [episode], ill)
    inside = latitude.between(episode.start + 60 * MINUTE, episode.end)
    assert np.min(np.abs(latitude.value[inside] - ILL.latitude)) * 111_320 > 1_000


def test_episodes_are_drawn_by_rate_and_devices_say_falls_and_sos(ill):
    found = draw(span(Body.of(ILL), DAY, 400), 3.0)
    assert {one.kind for one in found} == set(KINDS)
    assert {kind for kind, _ in said(found)} == {"fall", "sos"}
    assert min(one.start for one in found) > int(ill.at[0]) + 14 * 1440 * MINUTE


def test_faults_do_what_they_say(well):
    rng = np.random.default_rng(1)
    trace = physiology.heart_rate(well)
    hour = (int(well.at[600]), int(well.at[660]))
    assert len(set(faults.stuck(trace, *hour).value[600:660])) == 1
    assert len(faults.off_body(trace, rng, *hour, 0).at) < len(trace.at) - 40
    assert faults.drifting(trace, 0.5).value[-1] - trace.value[-1] == pytest.approx(30, abs=0.1)
    assert faults.clock_jump(trace, hour[0], MINUTE).at[600] == well.at[601]
    late = faults.outage(faults.Arrived.at_once(trace), *hour)
    assert (late.received - late.at).max() == pytest.approx(60 * MINUTE, abs=3e6)
    assert set(late.at) == set(trace.at)
    twice = faults.repeated(faults.Arrived.at_once(trace), rng, 0.1)
    assert len(twice.at) > len(trace.at)
    assert np.all(np.diff(twice.received) >= 0)
    assert np.mean(faults.noisy(trace, rng, 30).value != trace.value) == pytest.approx(0.02, abs=0.01)


def test_a_shared_cuff_has_the_others_readings_under_the_owners_key(ill, well):
    both, foreign = faults.shared(
        physiology.pressure(ill)[0], physiology.pressure(well)[0], np.random.default_rng(1), 0.3
    )
    assert 0.1 < foreign.mean() < 0.4
    assert np.all(np.diff(both.at) >= 0)
