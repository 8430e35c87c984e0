"""The arithmetic of latencies and errors."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recorder import MOST_KINDS_OF_ERRORS, Recorder, percentile


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_a_percentile_is_the_least_value_that_covers_its_share(values, share):
    ascending = sorted(values)
    found = percentile(ascending, share)
    assert sum(value <= found for value in ascending) >= share * len(ascending) - 1e-9
    assert sum(value < found for value in ascending) < share * len(ascending) + 1e-9


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles_of_1_to_100(share, value):
    assert percentile(list(map(float, range(1, 101))), share) == value


def test_nothing_measured_is_not_zero():
    summary = Recorder().summary("none", 1.0)
    assert math.isnan(summary.p99)
    assert summary.as_json()["p99"] is None
    assert summary.per_second == 0


def test_a_group_adds_up_its_names():
    recorder = Recorder()
    recorder.add("create A", 0.010, operations=5)
    recorder.add("create B", 0.030, operations=7)
    recorder.add("read A", 1.0)
    recorder.fail("create B", "500 broken")
    group = recorder.summary("create", 2.0, ["create A", "create B"])
    assert (group.requests, group.operations, group.errors) == (2, 12, 1)
    assert group.per_second == 6
    assert (group.p50, group.most, group.mean) == pytest.approx((10, 30, 20))
    assert recorder.summary("all", 2.0).requests == 3


def test_errors_are_counted_by_kind_and_the_kinds_are_limited():
    recorder = Recorder()
    for number in range(MOST_KINDS_OF_ERRORS + 30):
        recorder.fail("read", f"kind {number}")
    recorder.fail("read", "kind 0")
    assert len(recorder.errors) == MOST_KINDS_OF_ERRORS
    assert recorder.errors["read: kind 0"] == 2
    assert recorder.failed == MOST_KINDS_OF_ERRORS + 31
