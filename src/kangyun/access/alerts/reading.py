"""Follows the sealed rows of the audit trail and writes what is odd. One in the installation, by its lease.

What was found, what was counted and how far it has come are written together: whenever it is stopped, it goes on as if
it had not been. Its counts of the current days are made anew from the rows when it begins.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, time, timedelta

import asyncpg
import msgspec

from kangyun.access.alerts import table
from kangyun.access.alerts.relations import relatives, tagged
from kangyun.access.alerts.rules import Rule
from kangyun.access.alerts.watch import KEPT, NOBODY, Row, Watch
from kangyun.access.trail.chain import Place
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.store.store import Store

LEASE = "audit alerts"
MOST = 5_000  # rows at once
EVERY = 2.0  # seconds
RETRY = 5.0  # seconds
RELATIONS_EVERY = 3600.0  # seconds that relations are taken for true
TAGS_EVERY = 60.0  # and who is tagged


async def watch_for_odd(store: Store, rules: Sequence[Rule], stop: asyncio.Event) -> None:
    """Reads until `stop`. Waits while another process does. Holds one connection, and another now and then."""

    async def read(connection: asyncpg.Connection) -> None:
        reading = Reading(store, rules)
        await reading.begin(connection)
        await work_off(connection, lambda: reading.go_on(connection), EVERY, stop)

    await make_rounds_alone(store.pool, LEASE, read, RETRY, stop)


class Reading:
    """How far it has come."""

    def __init__(self, store: Store, rules: Sequence[Rule]) -> None:
        self._store = store
        self._rules = rules
        self._watch = Watch(rules, store.zone)
        self._definitions = {rule.id: msgspec.json.encode(rule).decode() for rule in rules}
        self._place: Place | None = None
        self._related_until = self._tagged_until = 0.0

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Counts anew what was looked at already of the days that go on."""
        self._place = await table.place(connection)
        last = await table.instant_of(connection, self._place)
        if last is None:
            return
        zone = self._store.zone
        since = (datetime.combine(last.astimezone(zone).date(), time(), zone) - KEPT, 0)
        while True:
            rows, since = await table.rows_since(connection, since, self._place, MOST)
            await self._count(connection, rows)
            if len(rows) < MOST:
                break
        self._watch.odd()  # It was written when it was found.

    async def go_on(self, connection: asyncpg.Connection) -> bool:
        """Looks at the next rows. Returns whether there were any."""
        assert self._place is not None, "begin comes first"
        rows, place = await table.sealed_rows(connection, self._place, MOST)
        if not rows:
            return False
        await self._count(connection, rows)
        alerts, days = self._watch.odd()
        await table.remember(connection, alerts, days, place, self._definitions)
        self._place = place
        return True

    async def _count(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await self._relate(connection, rows)
        for nth, row in enumerate(rows):
            self._watch.take(row)
            if nth % 500 == 499:
                await asyncio.sleep(0)  # Others of this process want the processor, too.

    async def _relate(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Tells the watch what it has to know of who is new to it."""
        watch = self._watch
        now = asyncio.get_running_loop().time()
        if now >= self._related_until:
            watch.relatives.clear()
            self._related_until = now + RELATIONS_EVERY
        if now >= self._tagged_until:
            rules = [rule for rule in self._rules if rule.kind == "tagged"]
            watch.tagged = {rule.id: await tagged(self._store, rule.tags) for rule in rules}
            self._tagged_until = now + TAGS_EVERY
        if not rows:
            return
        actors = {row.actor for row in rows} - {NOBODY}
        today = min(row.instant for row in rows).astimezone(self._store.zone).date()
        fresh = actors - watch.past.keys()
        if fresh:
            watch.past |= await table.past(connection, fresh, today - timedelta(days=1))
        fresh = actors - watch.relatives.keys()
        if fresh and any(rule.kind == "relatives" for rule in self._rules):
            found = await relatives(self._store, fresh)
            watch.relatives |= {actor: found.get(actor, frozenset()) for actor in fresh}
