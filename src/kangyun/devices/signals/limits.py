"""Limits: which stand for a person, the doctor's before the table's. Pure; the table is `data/limits.toml`."""

import math
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from kangyun.base.errors import Invalid
from kangyun.devices.metrics import metrics
from kangyun.devices.signals.model import Level

NAME = "limits.toml"
Purpose: TypeAlias = Literal["告警", "可疑", "临床目标", "公卫考核口径"]
Side: TypeAlias = Literal["low", "high"]
Bound: TypeAlias = Literal["at-least", "at-most", "above", "below"]
LEVELS: Mapping[str, Level] = {"info": Level.INFO, "yellow": Level.YELLOW, "amber": Level.AMBER, "red": Level.RED}
CONDITIONS = ("heart-failure", "copd", "diabetes", "hypertension", "dementia", "spo2-scale-2", "oxygen")
"""What a doctor may set about a person for the rules."""
JUDGED = (
    "spo2", "systolic-home", "diastolic-home", "systolic-office", "diastolic-office", "systolic-ambulatory",
    "diastolic-ambulatory", "glucose", "heart-rate", "respiratory-rate", "body-temperature", "weight", "battery",
)  # fmt: skip
"""Metrics that limits can be set for; their place here is their column in what is remembered."""
ADULT = 40
"""The age that is taken where none is known."""
SIX = 6
"""Thresholds of a metric: low of yellow, amber and red, then high of yellow, amber and red."""

Thresholds: TypeAlias = NDArray[np.float32]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"bound": "is"}):
    """A row of the table; see there."""

    metric: str
    purpose: Purpose
    level: Literal["info", "yellow", "amber", "red"]
    bound: Bound
    value: float
    edition: str
    source: str
    verified: bool
    ages: tuple[float, float] = (0, 200)
    needs: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    gain_days: int | None = None

    @property
    def side(self) -> Side:
        """Whether it is a limit above or below. Of a goal of treatment: from where on it is not reached."""
        up = self.bound in ("at-least", "above")
        return ("high" if up else "low") if self.purpose in ("告警", "可疑") else ("low" if up else "high")

    def holds_for(self, age: float, conditions: Collection[str]) -> bool:
        """Whether it is a limit for a person."""
        mine = frozenset(conditions)
        return self.ages[0] <= age < self.ages[1] and self.needs <= mine and not self.unless & mine

    def inclusive(self) -> float:
        """Returns the first value that is beyond, of those that the metric's resolution can have."""
        step = metrics()[self.metric].resolution
        return self.value + {"above": step, "below": -step}.get(self.bound, 0.0)


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond these values a single reading asks for another."""

    metric: str
    low: float
    high: float


class Own(NamedTuple):
    """A limit that a doctor has set for one person: beyond it and at it."""

    metric: str
    side: Side
    level: Level
    value: float


class Facts(NamedTuple):
    """What limits depend on, of one person. age: years, None where not known."""

    age: float | None = None
    conditions: frozenset[str] = frozenset()
    own: tuple[Own, ...] = ()


class LimitTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table."""

    limit: tuple[Limit, ...]
    again: tuple[Again, ...] = ()

    def of(self, facts: Facts, purpose: Purpose | None = None) -> list[Limit]:
        """Returns the limits of the table for a person, in its order."""
        age = ADULT if facts.age is None else facts.age
        return [
            one for one in self.limit
            if (purpose is None or one.purpose == purpose) and one.holds_for(age, facts.conditions)
        ]  # fmt: skip

    def gain(self, facts: Facts) -> Limit | None:
        """Returns by how much a weight may rise within days, None where nothing is said for the person."""
        return next((one for one in self.of(facts, "告警") if one.gain_days is not None), None)

    def thresholds(self, facts: Facts) -> Thresholds:
        """Returns the first values beyond as (metric of JUDGED, SIX); what has no limit is infinitely far.

        A doctor's limit takes the place of the table's of its metric, side and level; and no limit of a lower level
        stays beyond it, as a value that is red by the doctor must not be amber by the table only further out.
        """
        found = np.empty((len(JUDGED), SIX), np.float32)
        found[:, :3], found[:, 3:] = -math.inf, math.inf
        for one in self.of(facts, "告警"):
            if one.gain_days is None and one.metric in JUDGED:
                found[JUDGED.index(one.metric), _column(one.side, LEVELS[one.level])] = one.inclusive()
        for own in facts.own:
            row = found[JUDGED.index(own.metric)]
            row[_column(own.side, own.level)] = own.value
            for level in range(Level.YELLOW, own.level):
                place = _column(own.side, Level(level))
                # Looser than the doctor's: what lies between is red by the doctor, so nothing is amber only.
                if (own.side == "high") == bool(row[place] >= own.value):
                    row[place] = math.inf if own.side == "high" else -math.inf
        return found

    def stated(self, facts: Facts, metric: str, side: Side, level: Level, first: float) -> float:
        """Returns a limit as it is written, 3.0 where it is `below 3.0`. first: the first value beyond it."""
        if any((one.metric, one.side, one.level) == (metric, side, level) for one in facts.own):
            return first
        written = [
            one.value for one in self.of(facts, "告警")
            if (one.metric, one.side, LEVELS[one.level]) == (metric, side, level) and one.gain_days is None
        ]  # fmt: skip
        return written[-1] if written and math.isfinite(first) else first


def _column(side: Side, level: Level) -> int:
    return int(level) - 1 + (3 if side == "high" else 0)


def reached(row: Thresholds, side: Side, level: Level) -> float:
    """Returns the first value beyond, of a metric's thresholds; infinite where there is no limit."""
    return float(row[_column(side, level)])


def read_limits(raw: Mapping[str, Any]) -> LimitTable:
    """Returns a table that holds together. Raises Invalid, naming what is wrong."""
    try:
        table = msgspec.convert(raw, LimitTable)
    except msgspec.ValidationError as error:
        raise Invalid("devices.signals.wrong-limits", place=str(error)) from None
    for place, one in enumerate(table.limit):
        unknown = one.metric not in metrics() or (one.needs | one.unless) - set(CONDITIONS)
        if unknown or (one.purpose == "告警" and (one.metric not in JUDGED or one.level == "info")):
            raise Invalid("devices.signals.wrong-limits", place=f"limit[{place}]")
    return table


@cache
def standing_limits() -> LimitTable:
    """Returns the table that comes with the platform."""
    raw = files(__package__).joinpath("data", NAME).read_bytes()
    return read_limits(msgspec.toml.decode(raw))


def conflicts(own: Iterable[Own]) -> list[Own]:
    """Returns limits that cannot be: of metrics that cannot have any, or of which a lower level lies further out."""
    wrong, known = [], metrics()
    limits = list(own)
    for one in limits:
        metric = known.get(one.metric)
        outside = metric is None or one.metric not in JUDGED or not metric.lowest <= one.value <= metric.highest
        crossed = any(
            other.metric == one.metric and other.side != one.side
            and (one.value <= other.value if one.side == "high" else one.value >= other.value)
            for other in limits
        )  # fmt: skip
        turned = any(
            (other.metric, other.side) == (one.metric, one.side) and other.level < one.level
            and (other.value > one.value if one.side == "high" else other.value < one.value)
            for other in limits
        )  # fmt: skip
        if outside or crossed or turned:
            wrong.append(one)
    return wrong
