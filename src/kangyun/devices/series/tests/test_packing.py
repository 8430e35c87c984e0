"""What is packed comes out as it went in, whatever it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.model import Mark
from kangyun.devices.series.packing import (
    FEW,
    HOUR,
    MOST,
    SPARSE,
    Curve,
    hours_of,
    merged,
    packed,
    packed_hours,
    unpacked,
    unpacked_hours,
)

INSTANTS = st.integers(-(1 << 55), 1 << 55)
STEPS = st.integers(-(1 << 31) + 1, (1 << 31) - 1)
ROWS = st.dictionaries(INSTANTS, st.tuples(STEPS, st.integers(0, 63)), min_size=1, max_size=40)
# As a device measures: a period with gaps and trembling, and values that wander.
REGULAR = st.tuples(
    INSTANTS, st.sampled_from((1_000, 1_000_000, 60_000_000)), st.lists(st.integers(1, 3), min_size=1, max_size=200)
)


def samples(rows):
    at = sorted(rows)
    columns = (at, [rows[one][0] for one in at], [rows[one][1] for one in at])
    return Curve(*(np.array(column, np.int64) for column in columns))


def rows_of(found):
    return dict(zip(found.at.tolist(), zip(found.value.tolist(), found.mark.tolist(), strict=True), strict=True))


@given(ROWS)
def test_any_samples_come_out_as_they_went_in(rows):
    assert rows_of(unpacked(packed(samples(rows)))) == rows


@given(REGULAR)
def test_so_do_those_of_a_device(said):
    first, period, steps = said
    at = (first + np.cumsum(np.array(steps, np.int64)) * period).tolist()
    rows = {one: (place % 7 * 10, 0) for place, one in enumerate(at)}
    assert rows_of(unpacked(packed(samples(rows)))) == rows


@pytest.mark.parametrize("count", [1, 2, SPARSE - 1, SPARSE, MOST])
def test_so_do_few_and_many(count):
    chance = np.random.default_rng(count)
    at = np.cumsum(chance.integers(1, 10**9, count))
    whole = Curve(at, chance.integers(-(10**6), 10**6, count), chance.integers(0, 63, count))
    assert rows_of(unpacked(packed(whole))) == rows_of(whole)


@given(ROWS, ROWS)
def test_of_an_instant_what_stood_first_counts(rows, more):
    assert rows_of(merged(samples(rows), samples(more))) == more | rows


@pytest.mark.parametrize("body", [b"\x02" + bytes(60), b"\x01" + bytes(60)])
def test_what_is_no_chunk_is_refused(body):
    with pytest.raises(ValueError, match="version"):
        unpacked(body)


def test_a_quiet_heart_takes_under_a_byte_a_sample():
    at = np.arange(MOST, dtype=np.int64) * 10_000_000
    value = 70 + (np.arange(MOST) * 7919 % 5)
    assert len(packed(Curve(at, value, np.zeros(MOST, np.int64)))) < MOST


@given(ROWS)
def test_an_hour_says_what_its_samples_come_to(rows):
    near = {at % (5 * HOUR): row for at, row in rows.items()}
    doubted = int(Mark.DOUBTED | Mark.QUESTION)
    found = hours_of(samples(near))
    for hour in found:
        within = [row for at, row in near.items() if at // HOUR == hour["hour"]]
        judged = [value for value, mark in within if not mark & doubted]
        assert (hour["all"], hour["count"], hour["sum"]) == (len(within), len(judged), sum(judged))
        assert min(judged, default=hour["low"]) == hour["low"]
        assert max(judged, default=hour["high"]) == hour["high"]
    assert int(found["all"].sum()) == len(near)


def test_hours_are_kept_where_they_are_less_than_the_samples():
    dense = Curve(*(np.arange(FEW * 3, dtype=np.int64) * by for by in (HOUR // FEW, 1, 0)))
    sparse = Curve(*(np.arange(9, dtype=np.int64) * by for by in (HOUR, 1, 0)))
    assert unpacked_hours([packed_hours(dense)]).tolist() == hours_of(dense).tolist()
    assert packed_hours(sparse) == b""
