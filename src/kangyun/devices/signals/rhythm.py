"""A person's own rhythm: for each hour of the day and kind of day the middle and the spread of a metric. Pure.

Middle: the median of the hours' medians over the last days; spread: their median absolute deviation times 1.4826, so
that it is a standard deviation where all is normal. Both are drawn towards the person's own whole and, for the first
days, towards the population (`data/population.toml`), by weights of so many days. Recomputed each night, so that
a slow drift is followed, and a bad day is not.

Source of the estimates: Huber PJ, Ronchetti EM. Robust Statistics, 2nd ed., Wiley 2009 (median, MAD and its factor).
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
import numpy as np

from kangyun.devices.signals.model import Floats, Ints

HOURS = 48
"""24 of a working day, then 24 of a day of a weekend."""
MAD = 1.4826
KEPT_DAYS = 42
"""Days that a rhythm is learnt of; our choice."""
FOLDS = 4
"""Parts of the days of which each is held against the others; our choice."""
FEWEST_DAYS = 5
"""Before these nobody is said to be out of the own rhythm; our choice."""


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of somebody of whom nothing is known. weight: days that it counts as."""

    middle: float
    spread: float
    weight: float
    least_spread: float
    beyond: float
    by_hour: tuple[float, ...]


class Rhythm(NamedTuple):
    """middle, spread: HOURS each, in the metric's unit. days: it was learnt of."""

    middle: Floats
    spread: Floats
    days: int


@cache
def populations() -> Mapping[str, Population]:
    """Returns what is known of metrics at large."""
    raw = tomllib.loads(files(__package__).joinpath("data", "population.toml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Population])


def learn(metric: str, day: Ints, hour: Ints, value: Floats) -> Rhythm:
    """Returns the rhythm of hours' medians. day: counted from 1970-01-01 by the region's clock; hour: 0 to 23."""
    known = populations()[metric]
    count = len(np.unique(day))
    shape = np.tile(np.array(known.by_hour), 2)
    if not count:
        return Rhythm(known.middle + shape, np.full(HOURS, known.spread), 0)
    place = hour + 24 * ((day + 3) % 7 >= 5)
    # The person's own whole, apart from the course of the day, towards the population.
    level = float(np.median(value - shape[place]))
    level = (count * level + known.weight * known.middle) / (count + known.weight)
    rest = value - shape[place] - level
    whole = _spread(rest - np.median(rest), known.spread, count, known)
    middle, spread = np.empty(HOURS), np.empty(HOURS)
    for each in range(HOURS):
        here = rest[place == each]
        # An hour of one kind of day with few days behind it is mostly that of both, and that the whole.
        both = rest[place % 24 == each % 24]
        base = _drawn(both, 0.0, 4.0)
        own = _drawn(here, base, 4.0)
        middle[each] = shape[each] + level + own
        spread[each] = _spread(both - base, whole, len(both), known)
    return Rhythm(middle, spread, count)


def deviations(metric: str, day: Ints, hour: Ints, value: Floats) -> Floats:
    """Returns how far hours lie from the rhythm that was learnt of other days than their own.

    A rhythm fits the days it was learnt of better than those to come: intervals that are made of such deviations would
    be too narrow.
    """
    place = hour + 24 * ((day + 3) % 7 >= 5)
    found = np.empty(len(value))
    for fold in range(FOLDS):
        mine = day % FOLDS == fold
        if mine.any():
            found[mine] = value[mine] - learn(metric, day[~mine], hour[~mine], value[~mine]).middle[place[mine]]
    return found


def _drawn(values: Floats, towards: float, weight: float) -> float:
    if not len(values):
        return towards
    return (len(values) * float(np.median(values)) + weight * towards) / (len(values) + weight)


def _spread(rest: Floats, towards: float, count: int, known: Population) -> float:
    own = MAD * float(np.median(np.abs(rest))) if len(rest) else towards
    return max((count * own + known.weight * towards) / (count + known.weight), known.least_spread)


def upper(middle: Floats, spread: Floats, days: int, metric: str = "heart-rate") -> Floats:
    """Returns from where on a value is unusually high; infinitely far while too few days are known."""
    if days < FEWEST_DAYS:
        return np.full(HOURS, np.inf)
    return np.asarray(middle + populations()[metric].beyond * spread, np.float64)


def hourly(at: Ints, value: Floats, offset: int) -> tuple[Ints, Ints, Floats]:
    """Returns days, hours and medians of the hours that samples lie in. offset: of the region's clock, microseconds."""
    if not len(at):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    hours = (at + offset) // 3_600_000_000
    order = np.lexsort((value, hours))
    hours, value = hours[order], value[order]
    begins = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    counts = np.diff(np.append(begins, len(hours)))
    middle = (value[begins + (counts - 1) // 2] + value[begins + counts // 2]) / 2
    return hours[begins] // 24, hours[begins] % 24, middle
