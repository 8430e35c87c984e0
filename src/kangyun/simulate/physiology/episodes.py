"""What truly happens to a person, with its start: the truth that warnings are measured against. Pure.

Each kind is a shape over the minutes since its start, added to what would be measured without it. Shapes and heights
are our own, `unverified`: they say whether a rule finds such a shape, never how well it finds an illness.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from kangyun.simulate.physiology.home import METRES
from kangyun.simulate.physiology.span import MINUTE, Floats, Ints, Span, Trace

Kind: TypeAlias = Literal[
    "hypertensive-crisis", "tachycardia", "irregular-pulse", "infection", "hypoxia", "hypoglycaemia", "fluid-gain",
    "fall", "wandering", "sos",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
HOUR, DAY = 60.0, 1440.0  # minutes


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that happened. start: microseconds; of an infection it is the first hour of fever."""

    kind: Kind
    start: int

    @property
    def end(self) -> int:
        """When it is over, microseconds."""
        return self.start + int(LENGTHS[self.kind] * MINUTE)


LENGTHS: Mapping[Kind, float] = {
    "hypertensive-crisis": 4 * HOUR, "tachycardia": 1.5 * HOUR, "irregular-pulse": 10 * HOUR, "infection": 4 * DAY,
    "hypoxia": 5 * HOUR, "hypoglycaemia": 1 * HOUR, "fluid-gain": 5 * DAY, "fall": 40.0, "wandering": 3 * HOUR,
    "sos": 10.0,
}  # fmt: skip


def block(minutes: Floats, begin: float, end: float, rise: float) -> Floats:
    """Returns 0 to 1: up within `rise` minutes from `begin`, down within `rise` after `end`."""
    return np.clip(np.minimum((minutes - begin) / rise, (end + rise - minutes) / rise), 0.0, 1.0)


Shape: TypeAlias = Callable[[Floats, np.random.Generator], Floats]
SHAPES: Mapping[Kind, Mapping[str, Shape]] = {
    "hypertensive-crisis": {
        "systolic-home": lambda t, rng: 62 * block(t, 0, 4 * HOUR, 30),
        "diastolic-home": lambda t, rng: 34 * block(t, 0, 4 * HOUR, 30),
        "heart-rate": lambda t, rng: 12 * block(t, 0, 4 * HOUR, 30),
    },
    "tachycardia": {"heart-rate": lambda t, rng: 78 * block(t, 0, 90, 2)},
    "irregular-pulse": {
        "heart-rate": lambda t, rng: block(t, 0, 10 * HOUR, 10) * (32 + 17 * rng.standard_normal(len(t))),
    },
    "infection": {
        "heart-rate": lambda t, rng: 7 * block(t, -2.2 * DAY, 0, DAY) + 11 * block(t, 0, 3 * DAY, 12 * HOUR),
        "body-temperature": lambda t, rng: 2.2 * block(t, 0, 3 * DAY, 8 * HOUR),
        "respiratory-rate": lambda t, rng: 5 * block(t, 0, 3 * DAY, 12 * HOUR),
        "spo2": lambda t, rng: -2 * block(t, 0, 3 * DAY, 12 * HOUR),
    },
    "hypoxia": {
        "spo2": lambda t, rng: -11 * block(t, 0, 4 * HOUR, 60),
        "respiratory-rate": lambda t, rng: 9 * block(t, 0, 4 * HOUR, 60),
        "heart-rate": lambda t, rng: 14 * block(t, 0, 4 * HOUR, 60),
    },
    "hypoglycaemia": {
        "glucose": lambda t, rng: -30 * block(t, 0, 50, 15),
        "heart-rate": lambda t, rng: 10 * block(t, 0, 50, 15),
    },
    "fluid-gain": {"weight": lambda t, rng: np.clip(t / DAY, 0, 5) * 0.9},
    "fall": {"heart-rate": lambda t, rng: 22 * block(t, 0, 40, 2)},
    "wandering": {"heart-rate": lambda t, rng: 12 * block(t, 0, 3 * HOUR, 10)},
    "sos": {"heart-rate": lambda t, rng: 15 * block(t, 0, 10, 2)},
}
LEAST = {"glucose": 2.4, "spo2": 70.0}  # what a shape does not go below
FELT: Mapping[Kind, tuple[str, ...]] = {
    "hypertensive-crisis": ("systolic-home", "diastolic-home"), "hypoglycaemia": ("glucose",),
}  # fmt: skip
"""Who feels ill measures by hand: these metrics once more, and again five minutes later."""
AGAIN = (35, 40)  # minutes after the start


def happened(trace: Trace, episodes: Iterable[Episode], of: Span) -> Trace:
    """Returns the trace as it is with these episodes in it."""
    rng = of.rng(100)
    for one in episodes:
        shape = SHAPES[one.kind].get(trace.metric)
        if shape is None:
            continue
        if trace.metric in FELT.get(one.kind, ()) and len(trace.at) < len(of.at):
            trace = _felt(trace, one, of)
        added = shape((trace.at - one.start) / MINUTE, rng)
        value, floor = trace.value + added, LEAST.get(trace.metric)
        if floor is not None:
            value = np.where(added < 0, np.maximum(value, np.minimum(trace.value, floor)), value)
        trace = trace._replace(value=value.round(2 if trace.metric == "body-temperature" else 1))
    return trace


def _felt(trace: Trace, one: Episode, of: Span) -> Trace:
    """Returns the trace with the measurements that somebody makes who feels ill."""
    at = np.array([one.start + minutes * MINUTE for minutes in AGAIN], dtype=np.int64)
    inside = at <= of.at[-1]
    usual = np.full(int(inside.sum()), np.median(trace.value) if len(trace.value) else 0.0)
    whole, value = np.concatenate([trace.at, at[inside]]), np.concatenate([trace.value, usual])
    order = np.argsort(whole, kind="stable")
    return Trace(trace.metric, whole[order], value[order])


def strayed(latitude: Trace, longitude: Trace, episodes: Iterable[Episode], of: Span) -> tuple[Trace, Trace]:
    """Returns positions with wanderings in them: away from home at a slow walk, and brought back at the end."""
    narrowing = np.cos(np.radians(of.body.person.latitude))
    for one in episodes:
        if one.kind != "wandering":
            continue
        minutes = (latitude.at - one.start) / MINUTE
        metres = 55.0 * np.clip(minutes, 0, None) * (minutes <= LENGTHS["wandering"])
        latitude = latitude._replace(value=latitude.value + metres * 0.6 / METRES)
        longitude = longitude._replace(value=longitude.value + metres * 0.8 / METRES / narrowing)
    return latitude, longitude


def said(episodes: Iterable[Episode]) -> list[tuple[str, int]]:
    """Returns what devices say by themselves: the kind of the event and its instant."""
    return [(one.kind, one.start) for one in episodes if one.kind in ("fall", "sos")]


def draw(of: Span, rate: float, kinds: tuple[Kind, ...] = KINDS) -> list[Episode]:
    """Draws episodes, `rate` of each kind per hundred days on the mean, never in the first two weeks or at the end.

    They begin by day, apart from those that do not ask the hour.
    """
    rng, found = of.rng(101), []
    first, last = 15, of.days - 6
    for kind in kinds:
        count = rng.poisson(rate * max(last - first, 0) / 100)
        for day in sorted(rng.choice(np.arange(first, last), min(count, max(last - first, 0)), replace=False)):
            hour = rng.uniform(0, 24) if kind in ("infection", "hypoxia", "irregular-pulse") else rng.uniform(9, 20)
            found.append(Episode(kind, int(of.at[0] + (day * 1440 + int(hour * 60)) * MINUTE)))
    return sorted(found, key=lambda one: one.start)


def starts(episodes: Iterable[Episode]) -> Ints:
    """Returns when they began."""
    return np.array([one.start for one in episodes], dtype=np.int64)
