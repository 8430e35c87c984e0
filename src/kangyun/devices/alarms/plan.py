"""Who is told of an alarm, when, and who next, as rules. Pure.

The rules are data/alarms.toml, or the region's own file in its place.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid
from kangyun.devices.signals import Level

NAME = "alarms.toml"
Whom: TypeAlias = Literal["desk", "family", "resident", "family-doctor", "nurse", "head", "emergency"]
LEVELS = {"yellow": Level.YELLOW, "amber": Level.AMBER, "red": Level.RED}
SHOWN = {Level.YELLOW: "黄色", Level.AMBER: "橙色", Level.RED: "红色"}
_CLOCK = "%H:%M"


class Rung(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rung of the ladder. after: minutes since it paged. rules: of these only, () for those that no rung names."""

    level: Literal["yellow", "amber", "red"]
    after: float
    whom: tuple[Whom, ...]
    rules: tuple[str, ...] = ()
    hours: Literal["always", "day"] = "always"


class Due(NamedTuple):
    """Whom to tell at an instant, by which rung."""

    rung: int
    whom: Whom
    at: datetime


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules. Times are in minutes; day: from and to, by the region's clock."""

    edition: str
    old_after: float
    longest_promise: int
    hand_over: float
    late_after: float
    day: tuple[str, str]
    rungs: tuple[Rung, ...]
    fallback: dict[str, str]
    desks: dict[str, str] = {}
    emergency: dict[str, str] = {}
    gap_hours: float = 24
    ageless: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset({"sos", "fall"})
    again_after: float = 1
    stale_after: float = 720
    follow_after: float = 3
    repeat_every: float = 10
    unverified: bool = False

    def ladder(self, rule: str, level: int, now: datetime, zone: tzinfo) -> list[Due]:
        """Returns whom to tell when, from an instant on, of a rule and a level."""
        mine = [(place, one) for place, one in enumerate(self.rungs) if LEVELS[one.level] == level]
        named = [(place, one) for place, one in mine if rule in one.rules]
        found = named or [(place, one) for place, one in mine if not one.rules]
        due = []
        for place, one in found:
            at = now + timedelta(minutes=one.after)
            due += [Due(place, whom, self.by_day(at, zone) if one.hours == "day" else at) for whom in one.whom]
        return sorted(due, key=lambda one: (one.at, one.rung))

    def is_old(self, rule: str, at: datetime, now: datetime) -> bool:
        """Whether what happened at an instant is shown and pages nobody."""
        return rule not in self.ageless and now - at > timedelta(minutes=self.old_after)

    def by_day(self, at: datetime, zone: tzinfo) -> datetime:
        """Returns an instant, or the beginning of the next day where it is night then."""
        begin, end = (time.fromisoformat(one) for one in self.day)
        local = at.astimezone(zone)
        if begin <= local.time() < end:
            return at
        if local.time() >= end:
            local += timedelta(days=1)
        return local.replace(hour=begin.hour, minute=begin.minute, second=0, microsecond=0)

    def desk_of(self, institution: str) -> str:
        """Returns whose duty desk looks after what an institution gave out."""
        return self.desks.get(institution, institution)

    def fallback_of(self, desk: str) -> str:
        """Returns who looks after a desk's alarms while nobody stands in its roster."""
        return self.fallback.get(desk, self.fallback.get("", ""))

    def emergency_of(self, desk: str) -> str:
        """Returns through whom the emergency centre is told, '' for nobody."""
        return self.emergency.get(desk, self.emergency.get("", ""))


@lru_cache(maxsize=8)
def read_plan(data: Path) -> Plan:
    """Returns the region's rules, or those that come with the platform, as they were when this process first asked.

    Raises Invalid, naming what is wrong.
    """
    return checked(rules_of("kangyun.devices.alarms", NAME, data))


def standing_plan() -> Plan:
    """Returns the rules that come with the platform."""
    return checked(tomllib.loads(files(__package__).joinpath("data", NAME).read_text("utf-8")))


def checked(rules: Mapping[str, object]) -> Plan:
    """Returns rules that hold together. Raises Invalid."""
    try:
        plan = msgspec.convert(rules, Plan)
        begin, end = (datetime.strptime(one, _CLOCK) for one in plan.day)  # noqa: DTZ007
    except (msgspec.ValidationError, ValueError) as error:
        raise Invalid("devices.alarms.plan", place=str(error)) from None
    times = [plan.old_after, plan.hand_over, plan.late_after, plan.again_after, plan.stale_after, plan.follow_after]
    times += [one.after for one in plan.rungs]
    if begin >= end or min(times) < 0 or plan.repeat_every <= 0:
        raise Invalid("devices.alarms.plan", place="day, after")
    if not plan.fallback_of(""):
        raise Invalid("devices.alarms.plan", place="fallback")
    return plan
