"""What rules find at one instant of one person, and whether it is told. The careful path: `judging` calls it for few.

Samples come in the order of their instants. What is found depends on them, on `Memory`, and on what was told before,
so that the same samples give the same warnings however they were grouped.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from kangyun.devices.model import Event
from kangyun.devices.signals import news2
from kangyun.devices.signals.course import LEVELS, Run, Told, together
from kangyun.devices.signals.figures import Sample, joined, level_of, rest
from kangyun.devices.signals.limits import JUDGED, Thresholds, reached
from kangyun.devices.signals.memory import BY_HAND, LATITUDE, LONGITUDE, NUMBERS, STEPS, Memory
from kangyun.devices.signals.model import Level, Rest, Warning
from kangyun.devices.signals.places import metres
from kangyun.devices.signals.rules import MINUTE, Rule, RuleTable

WEEK = 7 * 1440 * MINUTE
KNOWN = 120 * MINUTE
"""What is measured on and on is known for so long: what is older is in chunks, and counts as if it had never been."""
TOLD_WITH = 30 * MINUTE
"""Readings by hand of so long before belong to the same warning."""
SCORED = {"spo2": "spo2", "heart-rate": "heart-rate", "respiratory-rate": "respiratory-rate",
          "body-temperature": "body-temperature"}  # fmt: skip
POSITIONED = "wandering"


NOTHING: dict[str, float | str] = {}


class Found(NamedTuple):
    """What a rule finds at an instant. beyond: not well within the limits yet. level: INFO where it finds nothing."""

    level: Level
    beyond: bool
    since: int
    rests: tuple[Rest, ...] = ()
    figures: dict[str, float | str] = NOTHING


class Finder:
    """Looks at persons closely. told and runs: by place and rule."""

    def __init__(self, memory: Memory, rules: RuleTable, again: dict[int, tuple[float, float]], zone: ZoneInfo) -> None:
        self.memory, self.rules, self.zone = memory, rules, zone
        self.told: dict[int, dict[str, Told]] = {}
        self.runs: dict[int, dict[str, Run]] = {}
        self.changed: set[tuple[int, str]] = set()
        self.silent = False
        self._again = again
        # Somebody measured once more: each red of these is told, so that both figures can be said.
        self._pressed = {
            rule.id for rule in rules.rule
            if rule.kind == "limit" and any(BY_HAND[JUDGED.index(name)] for name in rule.metrics)
        }  # fmt: skip
        self._by_column: dict[int, list[Rule]] = {
            column: [
                rule for rule in rules.rule if name in rule.metrics and rule.kind in ("limit", "band", "gain", "score")
            ]
            for column, name in enumerate(JUDGED)
        }

    def take(self, place: int, holder: int, samples: Sequence[Sample]) -> list[Warning]:
        """Takes a person's samples in the order of their instants. Returns what is told."""
        told: list[Warning] = []
        for at, moment in groupby(samples, key=lambda one: one.at):
            told += self._instant(place, holder, at, list(moment))
        self.settle_activity(place)
        return told

    def take_event(self, place: int, holder: int, event: Event) -> list[Warning]:
        """Takes what the device itself says. Returns what is told: a fall or an SOS, at once."""
        if event.kind not in ("sos", "fall"):
            return []
        rule = self.rules[event.kind]
        told = self._told(place).get(rule.id)
        # What a second device says of an earlier instant is another event.
        if told is not None and (told.at == event.at or (told.at < event.at and told.still(rule, Level.RED, event.at))):
            return []
        self._tell(place, rule.id, Told(Level.RED, event.at, calm=True))
        placed = event.latitude is not None and event.longitude is not None
        position = (event.latitude, event.longitude) if placed else None
        return [
            Warning(
                rule=rule.id, level=Level.RED, holder=holder, at=event.at, since=event.at,
                rests=(Rest(0, 0, event.at, 1.0),), position=position,  # type: ignore[arg-type]
            )
        ]  # fmt: skip

    def forget(self, place: int) -> None:
        """Drops what is remembered of the person at a place."""
        self.told.pop(place, None)
        self.runs.pop(place, None)
        self.changed = {one for one in self.changed if one[0] != place}

    def _told(self, place: int) -> dict[str, Told]:
        return self.told.setdefault(place, {})

    def _tell(self, place: int, rule: str, told: Told) -> None:
        self._told(place)[rule] = told
        self.changed.add((place, rule))

    def _instant(self, place: int, holder: int, at: int, moment: list[Sample]) -> list[Warning]:
        present = {one.column: one for one in moment}
        for one in moment:
            if BY_HAND[one.column]:
                self.memory.insert(place, one.column, at, one.value)
        found: dict[str, Found] = {}
        doubted = self._doubted(place, present)
        if doubted is not None:
            found["measure-again"] = doubted
        for rule in self._touched(present):
            seen = self._look(rule, place, at, present, doubted is not None)
            if seen is not None:
                found[rule.id] = seen
        if LATITUDE in present and LONGITUDE in present:
            strayed = self._strayed(place, at, present)
            if strayed is not None:
                found[POSITIONED] = strayed
        warnings = self._decide(place, holder, at, found)
        self._remember(place, at, moment)
        return warnings

    def _touched(self, present: dict[int, Sample]) -> list[Rule]:
        touched: dict[str, Rule] = {}
        for column in present:
            for rule in self._by_column.get(column, ()):
                touched[rule.id] = rule
        return list(touched.values())

    def _remember(self, place: int, at: int, moment: list[Sample]) -> None:
        memory = self.memory
        for one in moment:
            if one.at > memory.newest[place, one.column]:
                memory.before[place, one.column] = memory.newest[place, one.column]
                memory.newest[place, one.column] = one.at
                memory.last[place, one.column] = one.value
            # A step counts for what is measured after it, so that order within an instant does not matter.
            if one.column == STEPS and one.value >= self.rules.walking:
                memory.walked[place] = max(int(memory.walked[place]), at)

    def _decide(self, place: int, holder: int, at: int, found: dict[str, Found]) -> list[Warning]:
        told = self._told(place)
        ringing: dict[str, Found] = {}
        for id_, one in found.items():
            rule, former = self.rules[id_], told.get(id_)
            if former is not None and at > former.at and former.settle(rule, one.beyond, at):
                self.changed.add((place, id_))
            if self.silent:
                continue
            further = one.level == Level.RED and id_ in self._pressed and former is not None and at != former.at
            if further or (one.level > Level.INFO and (former is None or not former.still(rule, one.level, at))):
                ringing[id_] = one
        said = [id_ for id_ in ringing if self.rules[id_].apart]
        shared = sorted(
            (id_ for id_ in ringing if not self.rules[id_].apart),
            key=lambda id_: (-ringing[id_].level, self.rules.rank(id_)),
        )
        reds = {id_ for id_ in shared if ringing[id_].level == Level.RED}
        alone = [id_ for id_ in shared if not self._explained(id_, ringing[id_].level, reds, told, at)]
        # Each red is told by itself; of what is less, the worst, and only beside no red.
        telling = [id_ for id_ in alone if id_ in reds] or alone[:1]
        also = tuple(id_ for id_ in shared if id_ not in telling)
        warnings = [self._warning(holder, at, id_, ringing[id_], ()) for id_ in said]
        warnings += [self._warning(holder, at, id_, ringing[id_], () if n else also) for n, id_ in enumerate(telling)]
        for id_, one in ringing.items():
            former = told.get(id_)
            self._tell(place, id_, Told(one.level, at if former is None else max(at, former.at)))
        return warnings

    def _explained(self, id_: str, level: Level, reds: set[str], told: dict[str, Told], at: int) -> bool:
        """Whether something that is told says this, too: now by the rules of `reds`, or shortly before."""
        if level < Level.RED:
            return together(told, self.rules, level, at)
        makers = self.rules.makers(id_)
        before = {other: one for other, one in told.items() if other in makers}
        return not makers.isdisjoint(reds) or together(before, self.rules, level, at)

    def _warning(self, holder: int, at: int, rule: str, found: Found, also: tuple[str, ...]) -> Warning:
        return Warning(
            rule=rule, level=found.level, holder=holder, at=at, since=found.since, rests=found.rests,
            figures=found.figures, also=also,
        )  # fmt: skip

    def _look(self, rule: Rule, place: int, at: int, present: dict[int, Sample], doubted: bool) -> Found | None:
        """Returns what a rule finds; None where it does not look: while somebody walks, or a figure is doubted."""
        memory = self.memory
        if rule.rest and at - int(memory.walked[place]) < rule.rest * MINUTE:
            return None
        mine = [present[JUDGED.index(name)] for name in rule.metrics if JUDGED.index(name) in present]
        if doubted and any(BY_HAND[one.column] for one in mine):
            return None
        if rule.kind == "gain":
            return self._gained(place, mine[0])
        if rule.kind == "score":
            return self._scored(rule, place, mine[0])
        return self._beyond(rule, place, at, mine)

    def _beyond(self, rule: Rule, place: int, at: int, mine: list[Sample]) -> Found | None:
        level, beyond, since = Level.INFO, False, at
        for one in mine:
            row = self._row(rule, place, one)
            here = level_of(row, rule.side, one.value)
            inner = one.value + (rule.margin if rule.side == "high" else -rule.margin)
            beyond = beyond or level_of(row, rule.side, inner) > Level.INFO
            if BY_HAND[one.column]:
                found, began = self._by_hand(rule, place, one, row, here), at
            elif at <= self.memory.newest[place, one.column]:
                return None  # It came after a later one: a course is not rewritten.
            else:
                found, began = self._on_and_on(rule, place, one, row, here)
            if found > level:
                level, since = found, began
        if level == Level.INFO:
            return Found(level, beyond, at)
        return Found(level, beyond, since, *self._figures(rule, place, at, mine, level, since))

    def _row(self, rule: Rule, place: int, one: Sample) -> Thresholds:
        if rule.kind != "band":
            row: Thresholds = self.memory.thresholds[place, one.column]
            return row
        local = datetime.fromtimestamp(one.at // 1_000_000, UTC).astimezone(self.zone)
        upper = self.memory.band[place, int(local.weekday() >= 5), local.hour]
        return np.array([-np.inf, -np.inf, -np.inf, upper, np.inf, np.inf], np.float32)

    def _by_hand(self, rule: Rule, place: int, one: Sample, row: Thresholds, here: Level) -> Level:
        for level in range(here, Level.INFO, -1):
            needed = rule.needs(Level(level))
            if not math.isfinite(reached(row, rule.side, Level(level))):
                continue
            if needed.times <= 1:
                return Level(level)
            at, value = self.memory.ring(place, one.column, one.at)
            recent = value[at > one.at - needed.within * MINUTE][-needed.of :]
            if sum(level_of(row, rule.side, float(each)) >= level for each in recent) >= needed.times:
                return Level(level)
        return Level.INFO

    def _on_and_on(self, rule: Rule, place: int, one: Sample, row: Thresholds, here: Level) -> tuple[Level, int]:
        memory, rules = self.memory, self.rules
        newest, before = int(memory.newest[place, one.column]), int(memory.before[place, one.column])
        apart = rules.sparse * MINUTE
        if one.at - newest > KNOWN or (one.at - newest > apart and newest - before > apart):
            # A single measurement, as with a clip on a finger.
            return self._single(rule, place, one, here), one.at
        runs = self.runs.setdefault(place, {})
        run = runs.get(rule.id)
        if run is None:
            if here == Level.INFO:
                return Level.INFO, one.at
            run = runs[rule.id] = Run()
        pace = max(min(one.at - newest, newest - before), 1)
        run.take(here, one.at, rules.gap * pace + MINUTE, pace)
        if run.over:
            del runs[rule.id]
        limited = [level for level in LEVELS if math.isfinite(reached(row, rule.side, level))]
        return run.found(rule, limited, one.at, rules.share) or (Level.INFO, one.at)

    def _single(self, rule: Rule, place: int, one: Sample, here: Level) -> Level:
        if rule.kind == "band" or here == Level.INFO:
            return Level.INFO
        if here == Level.RED or not rule.needs(here).minutes:
            return here
        last = self.memory.last[place, one.column]
        known = one.at - int(self.memory.newest[place, one.column]) <= KNOWN
        before = level_of(self.memory.thresholds[place, one.column], rule.side, float(last)) if known else Level.INFO
        return min(here, before)

    def _gained(self, place: int, one: Sample) -> Found:
        memory = self.memory
        allowed, facts = float(memory.gain[place]), memory.facts[place]
        limit = memory.gain_limit(facts)
        days = limit.gain_days if limit is not None and limit.gain_days is not None else 0
        at, value = memory.ring(place, one.column, one.at - 1)
        recent = (at >= one.at - days * 1440 * MINUTE) & (at < one.at)
        if math.isinf(allowed) or not recent.any():
            return Found(Level.INFO, False, one.at)
        least = int(np.flatnonzero(recent)[np.argmin(value[recent])])
        gain = round(one.value - float(value[least]), 2)
        # Half of it gone is calm again.
        if gain <= allowed:
            return Found(Level.INFO, gain > allowed / 2, one.at)
        number = int(NUMBERS[one.column])
        rests = (Rest(0, number, int(at[least]), round(float(value[least]), 2)), rest(one))
        figures: dict[str, float | str] = {
            "gain": round(gain, 1), "days": days, "limit": allowed, "value": round(one.value, 1), "own": 0,
        }  # fmt: skip
        return Found(Level.AMBER, True, int(at[least]), rests, figures)

    def _scored(self, rule: Rule, place: int, one: Sample) -> Found | None:
        memory, facts = self.memory, self.memory.facts[place]
        if facts.age is not None and facts.age < news2.YOUNGEST:
            return None
        if one.at - int(memory.walked[place]) < 10 * MINUTE:
            return None
        values, rests = {"systolic": one.value}, [rest(one)]
        for name in SCORED:
            column = JUDGED.index(name)
            at = int(memory.newest[place, column])
            if 0 <= one.at - at <= rule.within * MINUTE:
                values[name] = float(memory.last[place, column])
                rests.append(Rest(0, int(NUMBERS[column]), at, round(values[name], 2)))
        scale = 2 if "spo2-scale-2" in facts.conditions else 1
        result = news2.score(values, scale=scale, oxygen="oxygen" in facts.conditions)
        if result.total is None:
            return None
        level = (
            Level.RED if result.total >= rule.red.score
            else Level.AMBER if result.total >= rule.amber.score else Level.INFO
        )  # fmt: skip
        figures: dict[str, float | str] = {"score": result.total, "scale": scale, "limit": rule.amber.score}
        figures |= {f"value-{name}": round(value, 1) for name, value in values.items()}
        return Found(level, level > Level.INFO, one.at, tuple(rests), figures)

    def _strayed(self, place: int, at: int, present: dict[int, Sample]) -> Found | None:
        latitude, longitude, radius = self.memory.area[place].tolist()
        if math.isnan(latitude) or at <= self.memory.newest[place, LATITUDE]:
            return None
        rule = self.rules[POSITIONED]
        here = present[LATITUDE], present[LONGITUDE]
        away = metres(latitude, longitude, here[0].value, here[1].value)
        runs = self.runs.setdefault(place, {})
        run = runs.setdefault(rule.id, Run())
        pace = max(at - int(self.memory.newest[place, LATITUDE]), 1)
        run.take(Level.AMBER if away > radius else Level.INFO, at, rule.within * MINUTE, pace)
        if run.over:
            del runs[rule.id]
        level, since = run.found(rule, [Level.AMBER], at, self.rules.share) or (Level.INFO, at)
        figures: dict[str, float | str] = {"away": round(away / 1000, 1), "usual": round(radius / 1000, 1)}
        return Found(level, away > radius, since, (rest(here[0]), rest(here[1])), figures)

    def _doubted(self, place: int, present: dict[int, Sample]) -> Found | None:
        """Returns that a figure looks impossible, unless one before was like it."""
        window = self.rules["measure-again"].within * MINUTE
        for column, one in present.items():
            low, high = self._again.get(column, (-math.inf, math.inf))
            if low <= one.value <= high:
                continue
            at, value = self.memory.ring(place, column, one.at - 1)
            recent = value[at > one.at - window]
            if not ((recent < low) | (recent > high)).any():
                figures: dict[str, float | str] = {"value": round(one.value, 1), "metric": JUDGED[column]}
                return Found(Level.YELLOW, True, one.at, (rest(one),), figures)
        return None

    def _figures(
        self, rule: Rule, place: int, at: int, mine: list[Sample], level: Level, since: int
    ) -> tuple[tuple[Rest, ...], dict[str, float | str]]:
        memory = self.memory
        limits = [memory.stated(place, one.column, rule.side, level) for one in mine]
        own = {(one.metric, one.side, one.level) for one in memory.facts[place].own}
        figures: dict[str, float | str] = {
            "limit": joined(limits, mine), "value": joined([one.value for one in mine], mine),
            "minutes": (at - since) // MINUTE,
            "own": int(any((JUDGED[one.column], rule.side, level) in own for one in mine)),
        }  # fmt: skip
        if rule.kind == "band":
            figures["limit"] = joined([float(self._row(rule, place, one)[3]) for one in mine], mine)
        rests = {(one.column, one.at): rest(one) for one in mine}
        if BY_HAND[mine[0].column]:
            means, several = [], True
            back = max(TOLD_WITH, int(rule.needs(level).within * MINUTE))
            for one in mine:
                ats, values = memory.ring(place, one.column, at)
                recent = values[ats > at - WEEK]
                means.append(float(recent.mean()))
                several = several and len(recent) > 1
                for when, value in zip(ats[-3:].tolist(), values[-3:].tolist(), strict=True):
                    if when > at - back:
                        rests.setdefault((one.column, when), Rest(0, int(NUMBERS[one.column]), when, round(value, 2)))
            if several:  # Of a single reading there is no mean.
                figures["mean"] = joined(means, mine)
        return tuple(sorted(rests.values(), key=lambda one: (one.at, one.metric))), figures

    def settle_activity(self, place: int) -> None:
        """Marks the metrics of which the next samples must be looked at closely, too."""
        active = self.memory.active[place]
        active[:] = False
        for id_ in self.runs.get(place, {}):
            self._mark(active, id_)
        for id_, told in self.told.get(place, {}).items():
            if not told.calm:
                self._mark(active, id_)

    def _mark(self, active: "np.ndarray[tuple[int], np.dtype[np.bool_]]", id_: str) -> None:
        for name in self.rules[id_].metrics:
            active[JUDGED.index(name)] = True
        if id_ == POSITIONED:
            active[[LATITUDE, LONGITUDE]] = True
