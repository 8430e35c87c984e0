"""Judging within the intake's transaction: what is remembered of persons is read when they are first met, and kept.

All that is remembered follows from stored samples and from rows that are written in the same transaction as the
samples: what was told last (`signal_told`). So after a crash, a rollback or a replay the same comes out. Who is told
anything is not decided here.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np

from kangyun.access.rulebook import FOLDER, rules_of
from kangyun.database.statements import statements
from kangyun.devices.metrics import metrics, metrics_by_number
from kangyun.devices.model import Event
from kangyun.devices.signals import limits, rhythm, rules
from kangyun.devices.signals.course import Told
from kangyun.devices.signals.finding import KNOWN, WEEK
from kangyun.devices.signals.judging import Judge
from kangyun.devices.signals.limits import Facts, LimitTable, Own, read_limits
from kangyun.devices.signals.memory import RINGED
from kangyun.devices.signals.model import Group, Ints, Level, Warning
from kangyun.devices.signals.rules import RuleTable, read_rules, standing_rules

SQL = statements("devices.signals")
LOOK_EVERY = 5.0  # seconds between looks at what a doctor or the night has changed
WINDOW = 120  # seconds of changes that are looked at: longer than a transaction lasts
DAYS_A_YEAR = 365.25
CONTINUOUS = tuple(
    metrics()[name].number
    for name in (
        "spo2",
        "heart-rate",
        "respiratory-rate",
        "body-temperature",
        "battery",
        "steps",
        "latitude",
        "longitude",
    )
)
BY_HAND = tuple(metrics()[name].number for name in RINGED)
BAND = metrics()["heart-rate"].number


class Curve(Protocol):
    """Samples of a series, oldest first; value: in steps of the metric's resolution."""

    @property
    def at(self) -> Ints: ...
    @property
    def value(self) -> Ints: ...
    @property
    def mark(self) -> Ints: ...


class Series(Protocol):
    """A series of `devices.series`."""

    @property
    def id(self) -> int: ...
    @property
    def metric(self) -> int: ...
    @property
    def holder(self) -> int | None: ...


class Readings(Protocol):
    """`series.Readings`: stored samples, hot and packed ones alike."""

    async def of_holders(
        self, connection: asyncpg.Connection, holders: Sequence[int], metrics: Sequence[int] | None = None
    ) -> Sequence[Series]:
        """Returns the series of persons."""

    async def curves(self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int) -> Any:
        """Returns the samples within [since, until) by series."""


def read_tables(data: Path) -> tuple[LimitTable, RuleTable]:
    """Returns the region's own limits and rules, or those that come with the platform. Raises Invalid."""
    table = read_limits(rules_of("kangyun.devices.signals", limits.NAME, data))
    standing_rules()  # The region's own must name the same rules.
    own = data / FOLDER / rules.NAME
    return table, read_rules(
        rules_of("kangyun.devices.signals", rules.NAME, data)
    ) if own.is_file() else standing_rules()


class Judging:
    """Judges groups within their transaction. One for a task; a person's groups come to one after another."""

    def __init__(self, judge: Judge, readings: Readings) -> None:
        self._judge, self._readings = judge, readings
        self._expires: dict[int, float] = {}
        self._looked = 0.0
        self._seen: set[int] | None = None

    @classmethod
    def of(cls, data: Path, zone: ZoneInfo, readings: Readings) -> "Judging":
        """Opens the part by the tables of the data folder. Raises Invalid for tables that cannot be read."""
        return cls(Judge(*read_tables(data), zone), readings)

    async def take(
        self, connection: asyncpg.Connection, group: Group, events: list[tuple[int, Event]] | None = None
    ) -> list[Warning]:
        """Judges a group within the transaction that stores it, and keeps in that transaction what must be remembered.

        events: (holder, what the device said). Call it after the samples were inserted, once a group. When the
        transaction is not committed, call `forget` with the group's holders before anything else is judged.
        """
        await self._look(connection)
        asked = {int(one) for one in np.unique(group.holder)} | {holder for holder, _ in events or ()}
        missing = sorted(one for one in asked if one >= 0 and not self._judge.memory.knows(one))
        if missing:
            await self._load(connection, missing, group)
        warnings = self._judge.judge(group, events or ())
        await self._keep(connection)
        return warnings

    def judge(self, group: Group) -> list[Warning]:
        """Judges a group without a database, of persons that were loaded."""
        return self._judge.judge(group)

    async def reload(self, connection: asyncpg.Connection, holders: list[int]) -> None:
        """Reads anew what is remembered of persons: limits, rhythm, newest samples, what was told."""
        self.forget(holders)
        await self._load(connection, sorted(set(holders)), None)

    def forget(self, holders: Iterable[int]) -> None:
        """Drops what is remembered of persons; they are loaded again when their next sample comes."""
        self._judge.forget(holders)

    async def _look(self, connection: asyncpg.Connection) -> None:
        """Drops those whose limits have changed or expired, so that they are read again."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        blind = now - self._looked > WINDOW - LOOK_EVERY
        self._looked = now
        rows = await connection.fetch(SQL["changed"], WINDOW)
        if blind and self._seen is not None:
            self.forget(list(self._judge.memory.holders()))
        elif self._seen is not None:
            self.forget({row["holder"] for row in rows if row["number"] not in self._seen})
        self._seen = {row["number"] for row in rows}
        wall = time.time()
        self.forget([holder for holder, until in self._expires.items() if until <= wall])
        self._expires = {holder: until for holder, until in self._expires.items() if until > wall}

    async def _load(self, connection: asyncpg.Connection, holders: list[int], group: Group | None) -> None:
        judge = self._judge
        for row in await connection.fetch(SQL["facts"], holders):
            place = judge.memory.place(row["holder"])
            judge.memory.learn(place, facts_of(row))
            if row["radius"] is not None and "dementia" in row["conditions"]:
                judge.memory.area[place] = row["latitude"], row["longitude"], row["radius"]
            if row["expires"] is not None:
                self._expires[row["holder"]] = row["expires"].timestamp()
        for row in await connection.fetch(SQL["rhythms"], holders):
            if row["metric"] == BAND:
                upper = rhythm.upper(np.array(row["middle"]), np.array(row["spread"]), row["days"])
                judge.memory.band[judge.memory.place(row["holder"])] = upper.reshape(2, 24)
        for row in await connection.fetch(SQL["told"], holders):
            if not judge.rules.judged(row["rule"]):
                continue
            place = judge.memory.place(row["holder"])
            told = Told(Level(row["level"]), row["at"], row["calm"])
            judge.finder.told.setdefault(place, {})[row["rule"]] = told
        for holder in holders:
            judge.finder.settle_activity(judge.memory.place(holder))
        judge.recall(await self._history(connection, holders, group))
        judge.finder.changed.clear()

    async def _history(self, connection: asyncpg.Connection, holders: list[int], group: Group | None) -> Group:
        """Returns what is stored of persons, apart from the group that is being judged."""
        mine = np.isin(group.holder, holders) if group is not None else np.zeros(0, bool)
        first = int(group.at[mine].min()) if group is not None and mine.any() else time.time_ns() // 1000
        last = int(group.at[mine].max()) if group is not None and mine.any() else first
        rows = await connection.fetch(SQL["recent"], holders, list(CONTINUOUS), first - KNOWN, last)
        columns = [
            np.array([row[name] for row in rows], np.int64)
            for name in ("holder", "series", "metric", "at", "value", "mark")
        ]
        parts = [columns]
        series = await self._readings.of_holders(connection, holders, list(BY_HAND))
        curves = await self._readings.curves(connection, [one.id for one in series], first - WEEK, last + 1)
        for one in series:
            curve = curves.get(one.id)
            if curve is not None:
                same = [np.full(len(curve.at), number, np.int64) for number in (one.holder, one.id, one.metric)]
                parts.append([*same, curve.at, curve.value, curve.mark])
        holder, number, metric, at, value, mark = (np.concatenate(each) for each in zip(*parts, strict=True))
        known = metrics_by_number()
        resolution = np.array([known[one].resolution for one in metric.tolist()])
        whole = Group(holder, number, metric, at, value * resolution, mark, np.ones(len(at), bool))
        if group is None:
            return whole
        fresh = set(zip(group.series[mine].tolist(), group.at[mine].tolist(), strict=True))
        older = [one not in fresh for one in zip(number.tolist(), at.tolist(), strict=True)]
        return whole.take(np.array(older, bool))

    async def _keep(self, connection: asyncpg.Connection) -> None:
        finder = self._judge.finder
        if not finder.changed:
            return
        rows = [
            (self._judge.memory.holder(place), rule, int(told.level), told.at, told.calm)
            for place, rule in finder.changed
            if (told := finder.told.get(place, {}).get(rule)) is not None
        ]
        finder.changed.clear()
        if rows:
            await connection.execute(SQL["keep_told"], *map(list, zip(*rows, strict=True)))


def facts_of(row: Any) -> Facts:
    """Returns what limits depend on, of a row of the statement `facts`."""
    names = metrics_by_number()
    own = tuple(
        Own(names[int(metric)].name, "high" if high else "low", Level(int(level)), float(value))
        for metric, high, level, value in row["limits"] or ()
    )
    return Facts(age_on(row["born"], datetime.now(UTC).date()), frozenset(row["conditions"]), own)


def age_on(born: date | None, day: date) -> float | None:
    """Returns the age in years on a day."""
    return None if born is None else (day - born).days / DAYS_A_YEAR
