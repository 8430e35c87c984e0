"""New samples of a group are judged: columns at once, and closely only those that something may be wrong with.

`Judge.judge` is pure: what comes out depends on the samples and on what is remembered, which follows from what is
stored. `devices.signals.keeping` loads and keeps that in the intake's transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from kangyun.devices.model import Event, Mark
from kangyun.devices.signals.figures import Sample
from kangyun.devices.signals.finding import Finder
from kangyun.devices.signals.limits import JUDGED, SIX, LimitTable, standing_limits
from kangyun.devices.signals.memory import COLUMN, COLUMNS, LATITUDE, STEPS, Memory
from kangyun.devices.signals.model import Bools, Group, Ints, Warning
from kangyun.devices.signals.rules import RuleTable, standing_rules

SILENT = int(Mark.DOUBTED | Mark.LATE | Mark.QUESTION)
"""Marks of samples that warn nobody."""
HOUR = 3_600_000_000  # microseconds
HEART_RATE, SYSTOLIC, WEIGHT = (JUDGED.index(name) for name in ("heart-rate", "systolic-home", "weight"))
SCORED = [JUDGED.index(name) for name in ("spo2", "heart-rate", "respiratory-rate", "body-temperature")]


class Judge:
    """Judges the samples of persons. One for a process; each person's samples are to come to the same one."""

    def __init__(
        self, limits: LimitTable | None = None, rules: RuleTable | None = None, zone: ZoneInfo | None = None
    ) -> None:
        self.limits, self.rules = limits or standing_limits(), rules or standing_rules()
        self.zone = zone or ZoneInfo("Asia/Shanghai")
        self.memory = Memory(self.limits)
        again = {JUDGED.index(one.metric): (one.low, one.high) for one in self.limits.again}
        self.finder = Finder(self.memory, self.rules, again, self.zone)
        self._doubtful_low = np.full(COLUMNS, -np.inf)
        self._doubtful_high = np.full(COLUMNS, np.inf)
        for column, (low, high) in again.items():
            self._doubtful_low[column], self._doubtful_high[column] = low, high

    def judge(self, group: Group, events: Sequence[tuple[int, Event]] = ()) -> list[Warning]:
        """Judges a group, in whatever order its samples stand. Returns what is to be told, oldest first.

        events: what devices said, with the number of whose they are. Samples that were stored before, that are marked
        as doubted, late or in question, or that are nobody's, warn nobody.
        """
        warnings = [
            one for holder, event in sorted(events, key=lambda each: each[1].at)
            for one in self.finder.take_event(self.memory.place(holder), holder, event)
        ]  # fmt: skip
        warnings += self._samples(group)
        return sorted(warnings, key=lambda one: (one.at, one.holder, one.rule))

    def recall(self, group: Group) -> None:
        """Takes what was stored before in again, so that it is remembered; nothing is told of it."""
        self.finder.silent = True
        try:
            self._samples(group)
        finally:
            self.finder.silent = False

    def _samples(self, group: Group) -> list[Warning]:
        columns = COLUMN[np.clip(group.metric, 0, len(COLUMN) - 1)]
        known = (group.metric >= 0) & (group.metric < len(COLUMN)) & (columns >= 0)
        kept = known & group.new & (group.holder >= 0) & ((group.mark & SILENT) == 0)
        if not kept.all():
            group, columns = group.take(kept), columns[kept]
        if not len(group):
            return []
        order = np.lexsort((columns, group.at, group.holder))
        group, columns = group.take(order), columns[order]
        places = self.memory.places(group.holder)
        close = self._close(group, places, columns)
        self.memory.remember(places[~close], columns[~close], group.take(~close))
        self._pass(group, places, columns, ~close)
        return self._look(group, places, columns, close)

    def forget(self, holders: Iterable[int]) -> None:
        """Drops what is remembered of persons; they are read again when their next sample comes."""
        for holder in holders:
            place = self.memory.forget(holder)
            if place is not None:
                self.finder.forget(place)

    def _close(self, group: Group, places: Ints, columns: Ints) -> Bools:
        """Returns which samples are to be looked at closely: all those of whom anything may be told of."""
        memory, value = self.memory, group.value.astype(np.float32)
        limited = np.minimum(columns, len(JUDGED) - 1)
        rows = memory.thresholds[places, limited]
        beyond = [value <= rows[:, step] for step in range(SIX // 2)]
        beyond += [value >= rows[:, step] for step in range(SIX // 2, SIX)]
        hot: Bools = np.logical_or.reduce(beyond) & (columns < len(JUDGED))
        hot |= memory.active[places, columns] | (group.at <= memory.newest[places, columns])
        hot |= (group.value < self._doubtful_low[columns]) | (group.value > self._doubtful_high[columns])
        hot |= (columns == WEIGHT) & np.isfinite(memory.gain[places])
        hot |= (columns >= LATITUDE) & ~np.isnan(memory.area[places, 0])
        beat = np.flatnonzero(columns == HEART_RATE)
        if len(beat):
            kind, hour = self._hours(group.at[beat])
            hot[beat] |= value[beat] >= memory.band[places[beat], kind, hour]
        pressed = np.flatnonzero(columns == SYSTOLIC)
        if len(pressed):
            hot[pressed] |= self._scorable(group, places, columns, pressed)
        chosen = np.zeros(len(memory.gain), bool)
        chosen[places[hot]] = True
        close: Bools = chosen[places]
        return close

    def _scorable(self, group: Group, places: Ints, columns: Ints, pressed: Ints) -> Bools:
        """Returns for which pressures there may be a score: all else was measured not long before, or in this group."""
        newest = self.memory.newest[places[pressed]]
        there: Bools = np.asarray(newest[:, SCORED] > group.at[pressed, None] - 24 * HOUR)
        for number, column in enumerate(SCORED):
            there[:, number] |= np.isin(places[pressed], places[columns == column])
        found: Bools = np.logical_and.reduce(there, axis=1)
        return found

    def _hours(self, at: Ints) -> tuple[Ints, Ints]:
        """Returns whether instants lie in a weekend (1), and their hour. Zones without whole hours are not met here."""
        offset = self._offset(int(at[-1]))
        local = at + offset
        day = local // (24 * HOUR)
        return ((day + 3) % 7 >= 5).astype(np.int64), local // HOUR % 24

    def _offset(self, at: int) -> int:
        offset = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(self.zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) * 1_000_000

    def _pass(self, group: Group, places: Ints, columns: Ints, calm: Bools) -> None:
        """Remembers the newest of samples that nothing is wrong with."""
        chosen = np.flatnonzero(calm)
        if not len(chosen):
            return
        memory = self.memory
        walked = chosen[(columns[chosen] == STEPS) & (group.value[chosen] >= self.rules.walking)]
        np.maximum.at(memory.walked, places[walked], group.at[walked])
        row = places[chosen] * COLUMNS + columns[chosen]
        order = np.argsort(row, kind="stable")  # By instant within a row: they come so.
        chosen, row = chosen[order], row[order]
        last = np.ones(len(row), bool)
        last[:-1] = row[1:] != row[:-1]
        newest = chosen[last]
        second = np.zeros(len(row), bool)
        second[1:] = ~last[:-1]
        place, column = places[newest], columns[newest]
        former = memory.newest[place, column]
        several = second[last]
        previous = chosen[np.maximum(np.flatnonzero(last) - 1, 0)]
        memory.before[place, column] = np.where(several, group.at[previous], former)
        memory.newest[place, column] = group.at[newest]
        memory.last[place, column] = group.value[newest]

    def _look(self, group: Group, places: Ints, columns: Ints, close: Bools) -> list[Warning]:
        warnings: list[Warning] = []
        chosen = np.flatnonzero(close)
        if not len(chosen):
            return warnings
        holders = group.holder[chosen]
        edges = [0, *(np.flatnonzero(np.diff(holders)) + 1).tolist(), len(chosen)]
        rows = list(
            map(
                Sample, group.at[chosen].tolist(), columns[chosen].tolist(), group.value[chosen].tolist(),
                group.series[chosen].tolist(),
            )
        )  # fmt: skip
        for begin, end in pairwise(edges):
            first = chosen[begin]
            warnings += self.finder.take(int(places[first]), int(group.holder[first]), rows[begin:end])
        return warnings
