"""The days of a person, minute by minute: when asleep, in bed, and how active. All that is measured follows from it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kangyun.simulate.physiology.person import Body

DAY_MINUTES = 1440
MINUTE = 60_000_000  # microseconds
ZONE_MINUTES = 480  # Beijing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Trace(NamedTuple):
    """Samples of one metric, by its name in `devices.metrics`. at: microseconds since 1970 in UTC, ascending."""

    metric: str
    at: Ints
    value: Floats

    def between(self, start: int, end: int) -> NDArray[np.bool_]:
        """Returns which samples lie in [start, end)."""
        return (self.at >= start) & (self.at < end)


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a body from midnight in Beijing on. day: the first, counted from 1970-01-01.

    at: the start of each minute, microseconds. hour: of the day, 0 to 24. activity: 0 (still) to 1 (hurrying).
    """

    body: Body
    day: int
    days: int
    at: Ints
    hour: Floats
    asleep: NDArray[np.bool_]
    in_bed: NDArray[np.bool_]
    activity: Floats

    def rng(self, what: int) -> np.random.Generator:
        """Returns a source of chance of its own for each thing that is measured."""
        person = self.body.person
        return np.random.default_rng([person.seed, person.number, self.day, self.days, what])


def span(body: Body, day: int, days: int) -> Span:
    """Draws the days of a body."""
    person = body.person
    rng = np.random.default_rng([person.seed, person.number, day, days, 1])
    minutes = days * DAY_MINUTES
    at = (np.arange(minutes, dtype=np.int64) + day * DAY_MINUTES - ZONE_MINUTES) * MINUTE
    hour = np.tile(np.arange(DAY_MINUTES) / 60.0, days)
    # The night before the first day counts, too.
    beds = (np.arange(-1, days) * 24 + body.bedtime + rng.normal(0, 0.4, days + 1)) * 60
    wakes = beds + (body.sleep + rng.normal(0, 0.4, days + 1)) * 60
    in_bed = marked(beds - 12, wakes + 8, minutes) > 0
    asleep = marked(beds, wakes, minutes) > 0
    up = rng.random(days + 1) < (0.25 if person.age < 60 else 0.7)
    left = (beds + rng.uniform(0.3, 0.8, days + 1) * (wakes - beds))[up]
    back = left + rng.uniform(4, 12, len(left))
    risen = marked(left, back, minutes) > 0
    asleep &= ~risen
    in_bed &= ~risen
    activity = walks(body, rng, day, days) * ~in_bed
    return Span(body, day, days, at, hour, asleep, in_bed, activity + 0.15 * risen)


def walks(body: Body, rng: np.random.Generator, day: int, days: int) -> Floats:
    """Draws when a person moves about, 0 to 1 for each minute; less on the days of a weekend."""
    weekend = (np.arange(day, day + days) + 3) % 7 >= 5
    count = rng.poisson(body.walks * np.where(weekend, 0.8, 1.0))
    of_day = np.repeat(np.arange(days), count)
    peak = np.where(rng.random(len(of_day)) < 0.5, 8.0, 17.5)
    when = np.where(rng.random(len(of_day)) < 0.5, rng.normal(peak, 1.2), rng.uniform(6.5, 21.0, len(of_day)))
    first = (of_day * 24 + np.clip(when, 0, 23.5)) * 60
    length = np.clip(rng.lognormal(2.2, 0.7, len(of_day)), 2, 75)
    return np.minimum(marked(first, first + length, days * DAY_MINUTES, rng.uniform(0.25, 0.9, len(of_day))), 1.0)


def marked(begin: Floats, end: Floats, minutes: int, weight: Floats | float = 1.0) -> Floats:
    """Returns for each minute the sum of the weights of the stretches that cover it."""
    edges = np.zeros(minutes + 1)
    np.add.at(edges, np.clip(begin, 0, minutes).astype(np.int64), weight)
    np.add.at(edges, np.clip(end, 0, minutes).astype(np.int64), -np.asarray(weight))
    # Sums of fractions come back to nothing only almost.
    return np.maximum(np.cumsum(edges[:-1]).round(9), 0.0)


def wandering(rng: np.random.Generator, minutes: int, every: int) -> Floats:
    """Returns noise of spread about 1 that changes slowly: independent each `every` minutes, straight between."""
    knots = rng.standard_normal(minutes // every + 2)
    share = np.arange(every) / every
    return (knots[:-1, None] * (1 - share) + knots[1:, None] * share).ravel()[:minutes]
