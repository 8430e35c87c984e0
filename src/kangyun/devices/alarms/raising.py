"""Warnings become alarms, within the transaction that takes their readings in: one open alarm a person and rule.

A unique index keeps it one, whatever races: a further warning finds the open alarm and adds to it. A warning is
evidence once, by (registration, rule, instant), also after its alarm was closed: what is replayed raises nothing.
Nobody is told here: what is to be told, to whom and when, becomes rows that `devices.alarms.ladder` works through.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg
import msgspec

from kangyun.access.gate import Gate
from kangyun.access.kept import Kept
from kangyun.access.linked import Linked, linked
from kangyun.base import clock
from kangyun.database.statements import statements
from kangyun.devices.alarms.plan import Plan, Whom, read_plan
from kangyun.devices.alarms.relinking import relink
from kangyun.devices.places import load_places
from kangyun.devices.signals import Level, Warning

SQL = statements("devices.alarms")
FOLLOWED: tuple[Whom, ...] = ("resident", "family")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Raised(NamedTuple):
    """What became of warnings of one person and rule. new: there was no open alarm; pages: somebody is told anew."""

    alarm: int
    person: int
    rule: str
    level: int
    new: bool
    pages: bool


class _Taken(NamedTuple):
    """A warning as evidence."""

    holder: int
    rule: str
    at: datetime
    level: int
    late: bool
    key: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Alarms:
    """Raises alarms. One for a process."""

    gate: Gate
    kept: Kept
    plan: Plan
    zone: tzinfo

    @classmethod
    def of(cls, gate: Gate) -> "Alarms":
        """Opens the part. Raises Invalid for a region's own rules or places that cannot be read."""
        load_places(gate.settings.data)
        return cls(gate, Kept(gate.store), read_plan(gate.settings.data), gate.store.zone)

    async def raise_(self, connection: asyncpg.Connection, warnings: Iterable[Warning]) -> list[Raised]:
        """Raises alarms for warnings, or adds these to the open ones, within the caller's transaction.

        The same warnings again come to nothing. Call it once a transaction, after all else: it locks alarms.
        """
        asked = {(one.holder, one.rule, one.at): one for one in warnings if one.level >= Level.YELLOW}
        if not asked:
            return []
        now = clock.now()
        people = await linked(connection, (holder for holder, _, _ in asked))
        houses = await self._houses(connection, asked.values(), people)
        taken = await self._take(connection, asked, people, now)
        if not taken:
            return []
        names = {(one.holder, one.rule, people[one.holder].person) for one in taken}
        elsewhere = await connection.fetch(SQL["elsewhere"], *map(list, zip(*sorted(names), strict=True)))
        if elsewhere:  # The index has changed its mind, and `relink` has not come by yet.
            await relink(connection, self, now, [row["id"] for row in elsewhere])
        desks = await self.desks_of(connection, set(houses.values()))
        raised = await self._raise(connection, taken, people, houses, desks, now)
        await self.set_ladders(connection, [row for row in raised if row["pages"]], now)
        red = {(people[one.holder].person, one.rule) for one in taken if one.level == Level.RED and not one.late}
        further = [
            row["id"]
            for row in raised
            if not row["pages"] and (row["person"], row["rule"]) in red and row["rule"] not in self.plan.again
        ]
        await self._follow(connection, further, now)
        return [Raised(*(row[name] for name in _RAISED)) for row in raised]

    async def _houses(
        self, connection: asyncpg.Connection, warnings: Iterable[Warning], people: Mapping[int, Linked]
    ) -> dict[int, int]:
        """Returns for each registration who gave the device out, or who wrote the registration."""
        named = {one.holder: one.device for one in warnings if one.device is not None}
        given = {row["id"]: row["institution"] for row in await connection.fetch(SQL["devices"], list(named.values()))}
        worn: dict[int, int] = {}
        for row in await connection.fetch(SQL["given_out"], list(people)):
            worn.setdefault(row["holder"], row["institution"])
        return {
            holder: given.get(named.get(holder, 0)) or worn.get(holder) or one.institution
            for holder, one in people.items()
        }

    async def desks_of(self, connection: asyncpg.Connection, houses: set[int]) -> dict[int, int]:
        """Returns the institution whose duty desk looks after what each gave out."""
        if not self.plan.desks:
            return {house: house for house in houses}
        references = {row["id"]: row["reference"] for row in await connection.fetch(_REFERENCES, list(houses))}
        wanted = {house: self.plan.desk_of(name) for house, name in references.items()}
        numbers = {row["reference"]: row["id"] for row in await connection.fetch(_NUMBERS, list(wanted.values()))}
        return {house: numbers.get(wanted.get(house, ""), house) for house in houses}

    async def _take(
        self, connection: asyncpg.Connection, asked: Mapping[tuple[int, str, int], Warning],
        people: Mapping[int, Linked], now: datetime,
    ) -> list[_Taken]:  # fmt: skip
        """Takes warnings as evidence and returns those that were not known."""
        order = sorted(asked)
        contents = [
            (
                holder,
                people[holder].institution,
                msgspec.json.encode(asked[holder, rule, at]),
                place_of(holder, rule, at),
            )
            for holder, rule, at in order
        ]
        sealed = await self.kept.seal_about(connection, contents)
        rows = [
            _Taken(
                holder, rule, instant_of(at), int(asked[holder, rule, at].level),
                self.plan.is_old(rule, instant_of(at), now), *one,
            )
            for (holder, rule, at), one in zip(order, sealed, strict=True)
        ]  # fmt: skip
        known = await connection.fetch(SQL["take_evidence"], *map(list, zip(*rows, strict=True)))
        new = {tuple(row) for row in known}
        return [row for row in rows if row[:3] in new]

    async def _raise(
        self, connection: asyncpg.Connection, taken: Sequence[_Taken], people: Mapping[int, Linked],
        houses: Mapping[int, int], desks: Mapping[int, int], now: datetime,
    ) -> list[Any]:  # fmt: skip
        def person_and_rule(one: _Taken) -> tuple[int, str]:
            return people[one.holder].person, one.rule

        rows = []
        for (person, rule), some in groupby(sorted(taken, key=person_and_rule), key=person_and_rule):
            mine = sorted(some, key=lambda one: one.at)
            fresh = [one for one in mine if not one.late]
            holder = mine[-1].holder
            level = max(one.level for one in fresh or mine)
            house = houses[holder]
            rows.append(
                (person, holder, rule, level, house, desks[house], len(mine), not fresh, mine[0].at, mine[-1].at)
            )
        open_ = await connection.fetch(SQL["open_of"], *map(list, zip(*(row[:3:2] for row in rows), strict=True)))
        before = {(row["person"], row["rule"]): row["level"] for row in open_}
        raised = await connection.fetch(
            SQL["raise"], now, *map(list, zip(*rows, strict=True)),
            list(self.plan.again), timedelta(minutes=self.plan.again_after), timedelta(minutes=self.plan.stale_after),
        )  # fmt: skip
        alarms = {(row["person"], row["rule"]): row["id"] for row in raised}
        given = [(one.holder, one.rule, one.at, alarms[person_and_rule(one)]) for one in taken]
        await connection.execute(SQL["give_evidence"], *map(list, zip(*given, strict=True)))
        events = [
            (
                row["id"],
                "raised"
                if row["new"]
                else "rise"
                if row["level"] > before.get((row["person"], row["rule"]), Level.RED)
                else "again",
                "",
                str(row["level"]),
            )
            for row in raised
            if row["new"] or row["pages"]
        ]
        if events:
            await connection.execute(SQL["note_events"], *map(list, zip(*events, strict=True)))
        return list(raised)

    async def _follow(self, connection: asyncpg.Connection, further: Sequence[int], now: datetime) -> None:
        """Has the residents told of a further red reading, and their families: whoever has the alarm has it already."""
        apart = timedelta(minutes=self.plan.follow_after)
        if further:
            await connection.execute(SQL["follow"], further, now, apart, list(FOLLOWED))

    async def set_ladders(self, connection: asyncpg.Connection, rows: Sequence[Any], now: datetime) -> None:
        """Puts a new ladder in place of what is still to be told of these alarms."""
        if not rows:
            return
        await connection.execute(SQL["stop_timers"], [row["id"] for row in rows])
        timers = [
            (row["id"], row["round"], due.rung, "tell", due.whom, due.at)
            for row in rows
            for due in self.plan.ladder(row["rule"], row["level"], now, self.zone)
        ]
        if timers:
            await connection.execute(SQL["set_timers"], *map(list, zip(*timers, strict=True)))


_RAISED = ("id", "person", "rule", "level", "new", "pages")


def instant_of(at: int) -> datetime:
    """Returns an instant of microseconds."""
    return _EPOCH + timedelta(microseconds=at)


def micros_of(at: datetime) -> int:
    """Returns microseconds of an instant."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def place_of(holder: int, rule: str, at: int) -> str:
    """Returns where sealed evidence belongs."""
    return f"alarm/{holder}/{rule}/{at}"


_REFERENCES = "SELECT id, reference FROM institution WHERE id = ANY ($1::int4[])"
_NUMBERS = "SELECT id, reference FROM institution WHERE reference = ANY ($1::text[])"
