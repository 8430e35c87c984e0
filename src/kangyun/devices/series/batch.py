"""Samples of many series as arrays, in the form in which they are kept. Pure: no database.

A value is kept as a whole number of steps of its metric's resolution, so that the same reading is the same number
whichever way it came, and what was once packed compares equal to what comes again.
"""

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kangyun.devices.metrics import metrics_by_number

Whole: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

MOST_STEPS = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples, each array of one length. metric: numbers of metrics. at: microseconds. value: in the metric's unit."""

    series: Whole
    metric: NDArray[np.int16]
    at: Whole
    value: NDArray[np.float64]
    mark: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of each sample of a batch.

    new:         it was not there. Only these go on to rules.
    conflicting: another value stands at that instant; the first stands.
    unfit:       no number, or beyond what can be kept.
    All else was there already, with the same value.
    """

    new: Flags
    conflicting: Flags
    unfit: Flags


@cache
def resolutions() -> NDArray[np.float64]:
    """Returns the resolution of each metric at the place of its number."""
    known = metrics_by_number()
    table = np.full(max(known) + 1, np.nan)
    for number, metric in known.items():
        table[number] = metric.resolution
    return table


@cache
def episodic() -> Flags:
    """Returns at the place of each metric's number whether somebody measures it, each time anew."""
    known = metrics_by_number()
    return np.array([number in known and known[number].kind == "episodic" for number in range(max(known) + 1)])


def steps(metric: NDArray[np.int16], value: NDArray[np.float64]) -> tuple[Whole, Flags]:
    """Returns values as steps, and which are none: 0 stands for these."""
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.rint(value / resolutions()[metric])
    unfit = ~(np.abs(found) <= MOST_STEPS)
    found[unfit] = 0
    return found.astype(np.int64), unfit


def in_order(series: Whole, at: Whole) -> tuple[Whole, Flags]:
    """Returns the places in order of (series, at), what came first before, and which of those in order are repeated."""
    order = np.lexsort((at, series))  # Stable.
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(series[order]) == 0) & (np.diff(at[order]) == 0)
    return order, again
