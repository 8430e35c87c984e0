"""What rules tell, and that it does not depend on how samples came in groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.devices.metrics import metrics
from kangyun.devices.model import Event, Mark
from kangyun.devices.signals.judging import Judge
from kangyun.devices.signals.limits import Facts, Own
from kangyun.devices.signals.model import NOBODY, Group, Level

MINUTE = 60_000_000
NOON = 1_767_240_000_000_000


@pytest.fixture
def judge():
    return Judge()


def told(warnings):
    return [(one.rule, one.level.name) for one in warnings]


def minutely(metric, value, minutes, start=0):
    return [(start + minute, metric, value) for minute in range(minutes)]


def test_a_red_pressure_is_told_at_once_with_its_figures(judge, samples):
    (warning,) = judge.judge(samples((0, "systolic-home", 186), (0, "diastolic-home", 112)))
    assert (warning.rule, warning.level) == ("blood-pressure-high", Level.RED)
    assert warning.figures["value"] == "186/112"
    assert warning.figures["limit"] == "180/110"
    assert [one.value for one in warning.rests] == [186, 112]
    assert warning.key == f"7:blood-pressure-high:{NOON}"


def test_one_amber_pressure_is_not_told_and_two_of_three_are(judge, samples):
    assert judge.judge(samples((0, "systolic-home", 165), (0, "diastolic-home", 85))) == []
    assert judge.judge(samples((300, "systolic-home", 150), (300, "diastolic-home", 85))) == []
    (warning,) = judge.judge(samples((600, "systolic-home", 168), (600, "diastolic-home", 85)))
    assert (warning.rule, warning.level) == ("blood-pressure-high", Level.AMBER)
    assert warning.figures["mean"] == "161/85"


@pytest.mark.parametrize(
    ("metric", "value", "rule", "minutes"),
    [
        ("heart-rate", 140, "heart-rate-high", 6),
        ("heart-rate", 33, "heart-rate-low", 9),
        ("spo2", 86, "spo2-low", 6),
        ("respiratory-rate", 32, "breathing-high", 11),
        ("body-temperature", 41.2, "temperature-high", 11),
    ],
)
def test_what_is_measured_on_and_on_is_told_when_it_lasts(judge, samples, metric, value, rule, minutes):
    usual = {"heart-rate": 70, "spo2": 97, "respiratory-rate": 15, "body-temperature": 36.5}[metric]
    rows = minutely(metric, usual, 30) + minutely(metric, value, minutes, 30)
    (warning,) = judge.judge(samples(*rows))
    assert (warning.rule, warning.level) == (rule, Level.RED)
    assert warning.since == NOON + 30 * MINUTE
    assert warning.at == NOON + (30 + minutes - 1) * MINUTE


def test_a_single_spike_is_not_told(judge, samples):
    rows = [*minutely("spo2", 97, 30), (30, "spo2", 75), *minutely("spo2", 97, 30, 31)]
    assert judge.judge(samples(*rows)) == []


def test_a_single_measurement_with_a_clip_counts_at_once(judge, samples):
    assert told(judge.judge(samples((0, "spo2", 84)))) == [("spo2-low", "RED")]


def test_a_walk_explains_a_fast_heart(judge, samples):
    walk = [(minute, "steps", 110.0) for minute in range(40)]
    assert judge.judge(samples(*walk, *minutely("heart-rate", 135, 40, 1))) == []


def test_what_was_told_is_not_told_again_until_it_was_calm(judge, samples):
    high, low = minutely("spo2", 86, 10), minutely("spo2", 97, 20, 10)
    assert told(judge.judge(samples(*high, *low))) == [("spo2-low", "RED")]
    assert judge.judge(samples(*minutely("spo2", 86, 10, 30))) == []  # Within the two hours of its silence.
    assert judge.judge(samples(*minutely("spo2", 97, 120, 40))) == []
    assert told(judge.judge(samples(*minutely("spo2", 86, 10, 160)))) == [("spo2-low", "RED")]


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        ([(0, 186, 112), (2, 184, 110)], ["186/112", "184/110"]),
        ([(0, 190, 112), (14, 236, 128)], ["190/112", "236/128"]),
        ([(0, 186, 112), (40, 120, 80), (60, 186, 112)], ["186/112"] * 2),
    ],
)
def test_each_red_by_hand_is_told_at_its_own_instant(judge, samples, rows, values):
    warnings = [
        warning for minute, upper, lower in rows
        for warning in judge.judge(samples((minute, "systolic-home", upper), (minute, "diastolic-home", lower)))
    ]  # fmt: skip
    assert told(warnings) == [("blood-pressure-high", "RED")] * 2
    assert [one.figures["value"] for one in warnings] == values
    assert len({one.key for one in warnings}) == 2


def test_a_further_red_says_the_one_before_as_well(judge, samples):
    rows = [(minute, name, value) for minute, *pair in ((0, 186, 112), (5, 184, 110)) for name, value in zip(
        ("systolic-home", "diastolic-home"), pair, strict=True)]  # fmt: skip
    assert [one.value for one in judge.judge(samples(*rows))[1].rests] == [186, 112, 184, 110]


def test_a_value_at_the_line_does_not_ring_all_day(judge, samples):
    rows = [(minute * 30, "systolic-home", 159 + 2 * (minute % 2)) for minute in range(40)]
    assert len(judge.judge(samples(*rows))) == 1


def test_what_gets_worse_is_told_at_once(judge, samples):
    rows = minutely("spo2", 90, 20) + minutely("spo2", 85, 6, 20)
    assert told(judge.judge(samples(*rows))) == [("spo2-low", "AMBER"), ("spo2-low", "RED")]


def test_several_metrics_out_at_once_are_one_warning_of_the_worst(judge, samples):
    rows = [
        (minute, metric, value)
        for minute in range(30)
        for metric, value in (("heart-rate", 118), ("spo2", 90), ("respiratory-rate", 26))
    ]
    warnings = judge.judge(samples(*rows))
    assert told(warnings) == [("spo2-low", "AMBER")]


def test_what_looks_impossible_asks_once_and_is_believed_twice(judge, samples):
    assert told(judge.judge(samples((0, "systolic-home", 275)))) == [("measure-again", "YELLOW")]
    assert told(judge.judge(samples((6, "systolic-home", 271)))) == [("blood-pressure-high", "RED")]


@pytest.mark.parametrize("mark", [Mark.DOUBTED, Mark.LATE, Mark.QUESTION, Mark.LATE | Mark.TYPED])
def test_marked_samples_warn_nobody(judge, samples, mark):
    assert judge.judge(samples((0, "systolic-home", 190), mark=int(mark))) == []


@pytest.mark.parametrize("mark", [Mark.NONE, Mark.TYPED, Mark.CLOCK, Mark.ZONE])
def test_typed_and_corrected_samples_warn(judge, samples, mark):
    assert told(judge.judge(samples((0, "systolic-home", 190), mark=int(mark)))) == [("blood-pressure-high", "RED")]


def test_what_was_stored_before_and_what_is_nobodys_warns_nobody(judge, samples):
    assert judge.judge(samples((0, "systolic-home", 190), new=False)) == []
    assert judge.judge(samples((0, "systolic-home", 190), holder=NOBODY)) == []


def test_the_doctors_limit_stands_before_the_tables(judge, samples):
    place = judge.memory.place(7)
    judge.memory.learn(place, Facts(70, frozenset(), (Own("systolic-home", "high", Level.RED, 200.0),)))
    assert judge.judge(samples((0, "systolic-home", 186))) == []
    (warning,) = judge.judge(samples((200, "systolic-home", 204)))
    assert (warning.level, warning.figures["limit"], warning.figures["own"]) == (Level.RED, "200", 1)


def test_weight_in_heart_failure(judge, samples):
    days = [(1440 * day, "weight", value) for day, value in enumerate((70.0, 70.4, 71.2, 72.3))]
    assert judge.judge(samples(*days)) == []
    judge.memory.learn(judge.memory.place(8), Facts(70, frozenset({"heart-failure"})))
    (warning,) = judge.judge(samples(*days, holder=8))
    assert (warning.rule, warning.figures["gain"]) == ("weight-gain", 2.3)


def test_oxygen_by_scale_two_where_the_doctor_has_set_it(judge, samples):
    judge.memory.learn(judge.memory.place(8), Facts(70, frozenset({"spo2-scale-2"})))
    rows = minutely("spo2", 88, 30)
    assert told(judge.judge(samples(*rows))) == [("spo2-low", "RED")]
    assert judge.judge(samples(*rows, holder=8)) == []


def test_a_score_where_all_its_measurements_are_there(judge, samples):
    vitals = [(0, "respiratory-rate", 22), (0, "spo2", 94), (0, "heart-rate", 100), (0, "body-temperature", 38.3)]
    (warning,) = judge.judge(samples(*vitals, (5, "systolic-home", 98), (5, "diastolic-home", 60)))
    assert (warning.rule, warning.level, warning.figures["score"]) == ("news2", Level.RED, 7)


def test_falls_and_sos_come_with_their_place(judge):
    event = Event("sos", NOON, 38.9, 82.6)
    nothing = Group(*(np.array([], np.int64) for _ in range(4)), np.array([]), *(np.array([], np.int64) for _ in "12"))
    (warning,) = judge.judge(nothing, [(7, event)])
    assert (warning.rule, warning.level, warning.position) == ("sos", Level.RED, (38.9, 82.6))
    assert judge.judge(nothing, [(7, event)]) == []
    assert (
        told(judge.judge(nothing, [(7, Event("sos", NOON - 1)), (7, Event("sos", NOON + 1))])) == [("sos", "RED")] * 2
    )
    assert judge.judge(nothing, [(7, Event("bed-left", NOON))]) == []


def test_wandering_is_told_after_some_minutes_away(judge, samples):
    place = judge.memory.place(7)
    judge.memory.area[place] = (38.9, 82.6, 1000.0)
    rows = [
        (minute, metric, value)
        for minute in range(0, 60, 5)
        for metric, value in (("latitude", 38.9 + minute * 0.001), ("longitude", 82.6))
    ]
    (warning,) = judge.judge(samples(*rows))
    assert (warning.rule, warning.level) == ("wandering", Level.AMBER)
    assert warning.figures["usual"] == 1.0


METRICS = ["heart-rate", "spo2", "systolic-home", "steps", "glucose"]
VALUES = {
    "heart-rate": [60, 75, 112, 135, 38], "spo2": [97, 93, 90, 86], "systolic-home": [120, 165, 182, 85, 270],
    "steps": [0, 110], "glucose": [5.5, 3.5, 2.5, 18.0],
}  # fmt: skip


@st.composite
def courses(draw):
    """Rows by instants that ascend, each instant with some metrics."""
    rows, minute = [], 0
    for _ in range(draw(st.integers(1, 30))):
        minute += draw(st.sampled_from([1, 1, 2, 5, 20, 200]))
        for metric in draw(st.lists(st.sampled_from(METRICS), min_size=1, max_size=3, unique=True)):
            rows.append((minute, metric, draw(st.sampled_from(VALUES[metric])), draw(st.sampled_from([7, 8]))))
    return rows


def _group(rows):
    known = metrics()
    numbers = np.array([known[row[1]].number for row in rows], np.int64)
    holders = np.array([row[3] for row in rows], np.int64)
    return Group(
        holders, holders * 100 + numbers, numbers, np.array([NOON + row[0] * MINUTE for row in rows], np.int64),
        np.array([row[2] for row in rows], float), np.zeros(len(rows), np.int64), np.ones(len(rows), bool),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(courses(), st.randoms(use_true_random=False), st.data())
def test_neither_order_in_a_group_nor_how_groups_are_cut_changes_what_is_told(rows, random, data):
    whole = Judge().judge(_group(rows))
    shuffled = random.sample(rows, len(rows))
    assert Judge().judge(_group(shuffled)) == whole
    cut = data.draw(st.sampled_from(sorted({row[0] for row in rows})))
    parts = [[row for row in rows if row[0] <= cut], [row for row in rows if row[0] > cut]]
    judge = Judge()
    assert [one for part in parts if part for one in judge.judge(_group(part))] == whole


def test_a_sensor_that_lies_on_the_table_is_not_a_person(judge, samples):
    ghosts = [(30 + minute, "spo2", 70.0) for minute in (4, 9, 14, 17, 22, 27, 33, 36, 38)]
    assert judge.judge(samples(*minutely("spo2", 97, 30), *ghosts, *minutely("spo2", 97, 20, 70))) == []


@pytest.mark.parametrize(("period", "told_after"), [(1, 5), (2, 10), (5, 25), (10, 50)])
def test_a_device_that_sends_rarely_is_told_of_later(judge, samples, period, told_after):
    usual = [(minute, "spo2", 97.0) for minute in range(0, 60, period)]
    low = [(60 + minute, "spo2", 85.0) for minute in range(0, 60, period)]
    (warning,) = judge.judge(samples(*usual, *low))
    assert (warning.rule, warning.level) == ("spo2-low", Level.RED)
    assert warning.at == NOON + (60 + told_after) * MINUTE


SECONDS = 3 / 60


@pytest.mark.parametrize("mark", [Mark.NONE, Mark.TYPED])
@pytest.mark.parametrize("apart", [0, SECONDS, 9])
@pytest.mark.parametrize("first", ["systolic-home", "glucose"])
def test_a_red_of_another_rule_is_always_told(judge, samples, first, apart, mark):
    second = {"systolic-home": "glucose", "glucose": "systolic-home"}[first]
    red = {"systolic-home": 191, "glucose": 2.4}
    rows = [(0, first, red[first]), (apart, second, red[second])]
    warnings = judge.judge(samples(*rows, mark=int(mark)))
    assert sorted(told(warnings)) == [("blood-pressure-high", "RED"), ("glucose-low", "RED")]


def test_after_a_red_what_is_less_adds_nothing(judge, samples):
    warnings = judge.judge(samples((0, "glucose", 2.4), (1, "systolic-home", 165), (2, "systolic-home", 166)))
    assert told(warnings) == [("glucose-low", "RED")]


VITALS = [(0, "respiratory-rate", 22), (0, "heart-rate", 100), (0, "body-temperature", 38.3)]


@pytest.mark.parametrize("before", [0, 5])
def test_a_score_adds_nothing_to_the_reds_that_make_it(judge, samples, before):
    warnings = judge.judge(samples(*VITALS, (5 - before, "spo2", 80), (5, "systolic-home", 98)))
    assert told(warnings) == [("spo2-low", "RED")]


def test_a_score_is_told_beside_a_red_that_is_not_of_it(judge, samples):
    warnings = judge.judge(samples(*VITALS, (0, "spo2", 94), (4, "glucose", 2.4), (5, "systolic-home", 98)))
    assert told(warnings) == [("glucose-low", "RED"), ("news2", "RED")]


def test_a_limit_is_said_as_it_is_written_and_no_mean_of_a_single_reading(judge, samples):
    first, second = judge.judge(samples((0, "glucose", 2.8), (20, "glucose", 2.6)))
    assert (first.figures["limit"], "mean" in first.figures) == ("3.0", False)
    assert second.figures["mean"] == "2.7"


def test_a_red_that_comes_after_a_later_one_is_told_too(judge, samples):
    assert told(judge.judge(samples((2, "systolic-home", 184)))) == [("blood-pressure-high", "RED")]
    (earlier,) = judge.judge(samples((0, "systolic-home", 186)))
    assert earlier.at == NOON
    assert judge.judge(samples((2, "systolic-home", 184))) == []
