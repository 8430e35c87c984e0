"""A chart keeps the extremes of what it stands for, and is silent where nothing was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.model import Mark
from kangyun.devices.series.charting import of_curve, of_hours, period_of
from kangyun.devices.series.packing import HOUR, Curve, hours_of

DOUBTED = int(Mark.DOUBTED)
ROWS = st.dictionaries(
    st.integers(0, 40 * HOUR),
    st.tuples(st.integers(-500, 500), st.sampled_from((0, 1, DOUBTED))),
    min_size=1,
    max_size=60,
)


def curve(rows):
    at = sorted(rows)
    return Curve(*(np.array(one, np.int64) for one in (at, [rows[i][0] for i in at], [rows[i][1] for i in at])))


def seen(buckets):
    names = ("place", "all", "count", "mark", "low", "high", "mean")
    return [np.nan_to_num(getattr(buckets, name), nan=-9999.0).tolist() for name in names]


@given(ROWS, st.integers(1, 7))
def test_hours_and_samples_make_the_same_chart(rows, hours):
    samples = curve(rows)
    assert seen(of_hours(hours_of(samples), 0, hours * HOUR)) == seen(of_curve(samples, 0, hours * HOUR))


@given(ROWS, st.integers(1, 10 * HOUR))
def test_each_extreme_survives(rows, period):
    found = of_curve(curve(rows), 0, period)
    places = found.place.tolist()
    for at, (value, mark) in rows.items():
        place = places.index(at // period)
        judged = np.array([mark != DOUBTED])
        assert (~judged | (found.low[place] <= value) & (value <= found.high[place])).all()
    judged_values = [value for value, mark in rows.values() if mark != DOUBTED]
    assert max(judged_values, default=-9999) == np.nan_to_num(found.high, nan=-9999).max()
    assert int(found.all.sum()) == len(rows)


@pytest.mark.parametrize(
    ("span", "points", "period"),
    [(365 * 24 * HOUR, 365, 24 * HOUR), (365 * 24 * HOUR, 500, 18 * HOUR), (HOUR, 100, HOUR // 100), (5, 10, 1)],
)
def test_a_stretch_is_whole_hours_or_less_than_one(span, points, period):
    assert period_of(0, span, points) == period
