"""The rules as a typed table: `data/rules.toml`. Pure."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from kangyun.base.errors import Invalid
from kangyun.devices.signals.limits import JUDGED
from kangyun.devices.signals.model import Level

NAME = "signal-rules.toml"
MINUTE = 60_000_000  # microseconds

MADE_OF = ("systolic-home", "spo2", "heart-rate", "respiratory-rate", "body-temperature")
"""Metrics of which the score is made."""


class Persistence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of it there must be. minutes, samples: beyond on and on. score: of a score.

    times, of, within: so many of the last readings by hand, within so many minutes.
    """

    minutes: float = 0
    samples: int = 2
    times: int = 1
    of: int = 1
    within: float = 0
    score: int = 0


AT_ONCE = Persistence()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table; see there. Minutes, and units of the metrics."""

    id: str
    kind: Literal["limit", "gain", "band", "score", "event", "place", "watch"]
    refractory: float
    again: float
    metrics: tuple[str, ...] = ()
    side: Literal["low", "high"] = "high"
    rest: float = 0
    red: Persistence = AT_ONCE
    amber: Persistence = AT_ONCE
    yellow: Persistence = AT_ONCE
    margin: float = 0
    calm: float = 0
    within: float = 0
    apart: bool = False

    def needs(self, level: Level) -> Persistence:
        """Returns how much there must be for a level."""
        return {Level.RED: self.red, Level.AMBER: self.amber}.get(level, self.yellow)


class RuleTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table."""

    rule: tuple[Rule, ...]
    together: float
    share: float
    gap: float
    sparse: float
    walking: float

    def __getitem__(self, id_: str) -> Rule:
        return next(one for one in self.rule if one.id == id_)

    def makers(self, id_: str) -> frozenset[str]:
        """Returns the rules that say the same of the figures that a score is made of; none for what is no score."""
        if self[id_].kind != "score":
            return frozenset()
        made = set(MADE_OF)
        return frozenset(one.id for one in self.rule if one.kind == "limit" and made & set(one.metrics))

    def judged(self, id_: str) -> bool:
        """Whether it is a rule that looks at readings as they come."""
        return any(one.id == id_ and one.kind != "watch" for one in self.rule)

    def rank(self, id_: str) -> int:
        """Returns the place of a rule: of equal levels the first is told."""
        return next(place for place, one in enumerate(self.rule) if one.id == id_)

    def of_metric(self, metric: str, kind: str) -> list[Rule]:
        """Returns the rules of a kind that a metric can set off."""
        return [one for one in self.rule if one.kind == kind and metric in one.metrics]


def read_rules(raw: Mapping[str, Any]) -> RuleTable:
    """Returns a table that holds together. Raises Invalid, naming what is wrong."""
    try:
        table = msgspec.convert(raw, RuleTable)
    except msgspec.ValidationError as error:
        raise Invalid("devices.signals.wrong-rules", place=str(error)) from None
    known = {one.id for one in standing_rules().rule} if standing_rules.cache_info().currsize else None
    for place, one in enumerate(table.rule):
        wrong = set(one.metrics) - set(JUDGED) or (known is not None and one.id not in known)
        if wrong or not 0 <= one.refractory <= one.again:
            raise Invalid("devices.signals.wrong-rules", place=f"rule[{place}]")
    if known is not None and known - {one.id for one in table.rule}:
        raise Invalid("devices.signals.wrong-rules", place="rule")
    return table


@cache
def standing_rules() -> RuleTable:
    """Returns the table that comes with the platform."""
    raw = files(__package__).joinpath("data", "rules.toml").read_bytes()
    return msgspec.toml.decode(raw, type=RuleTable)
