"""What a chart shows of samples: stretches of time with the least, the most and the mean of each. Pure.

A stretch without samples is not there: a device that was silent draws no line. The least and the most are kept, so
that a peak of one sample is seen in a year. What is doubted, or asked about, is counted and marked, and draws nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kangyun.devices.series.batch import Whole
from kangyun.devices.series.packing import HOUR, HOURS, UNJUDGED, Curve


@dataclass(frozen=True, slots=True)
class Buckets:
    """Stretches of one length (`period`, microseconds) from `since` on; those with samples, by their place.

    count: of samples that are judged; low, high, mean: of these, in steps; NaN where there are none. all: with the
    others. mark: of all.
    """

    since: int
    period: int
    place: Whole
    all: Whole
    count: Whole
    mark: Whole
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]


def period_of(since: int, until: int, points: int) -> int:
    """Returns how long a stretch is, so that there are at most `points`: whole hours where it is an hour or longer."""
    period = max(-(-(until - since) // points), 1)
    return period if period < HOUR else -(-period // HOUR) * HOUR


def of_curve(curve: Curve, since: int, period: int) -> Buckets:
    """Returns the stretches of samples."""
    judged = (curve.mark & UNJUDGED) == 0
    return _buckets(
        since, period, (curve.at - since) // period, np.ones(len(curve), np.int64), judged.astype(np.int64),
        curve.mark, np.where(judged, curve.value, _MOST), np.where(judged, curve.value, -_MOST),
        np.where(judged, curve.value, 0),
    )  # fmt: skip


def of_hours(hours: NDArray[np.void], since: int, period: int) -> Buckets:
    """Returns the stretches of hours (HOURS), in any order; an hour is where it begins."""
    assert hours.dtype == HOURS
    ordered = hours[np.argsort(hours["hour"], kind="stable")]
    place = (ordered["hour"].astype(np.int64) * HOUR - since) // period
    names = ("all", "count", "mark", "low", "high", "sum")
    return _buckets(since, period, place, *(ordered[name].astype(np.int64) for name in names))


def _buckets(
    since: int, period: int, place: Whole, all_: Whole, count: Whole, mark: Whole, low: Whole, high: Whole, sum_: Whole
) -> Buckets:
    """Places are in order."""
    if not len(place):
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return Buckets(since, period, none, none, none, none, nothing, nothing, nothing)
    begins = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    counts = np.add.reduceat(count, begins)
    empty = counts == 0
    ends = (np.minimum.reduceat(low, begins), np.maximum.reduceat(high, begins), np.add.reduceat(sum_, begins))
    least, most, total = (np.where(empty, np.nan, one) for one in ends)
    return Buckets(
        since, period, place[begins], np.add.reduceat(all_, begins), counts, np.bitwise_or.reduceat(mark, begins),
        least, most, total / np.maximum(counts, 1),
    )  # fmt: skip


_MOST = 1 << 40
