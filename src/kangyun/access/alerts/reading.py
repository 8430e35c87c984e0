"""Follows the sealed rows of the audit trail and writes what is odd. One in the installation, by its lease.

What was found, what was counted and how far it has come are written together: whenever it is stopped, it goes on as if
it had not been. Its counts of the current days are made anew from the rows when it begins.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta

import asyncpg
import msgspec

from kangyun.access.alerts import table
from kangyun.access.alerts.relations import relatives, tagged
from kangyun.access.alerts.rules import Rule
from kangyun.access.alerts.watch import KEPT, NOBODY, Row, Watch
from kangyun.access.trail.chain import Place
from kangyun.base.errors import PlatformError
from kangyun.database.leases import lease, pause
from kangyun.store.store import Store

logger = logging.getLogger(__name__)

LEASE = "audit alerts"
MOST = 5_000  # rows at once
EVERY = 2.0  # seconds
RETRY = 5.0  # seconds
RELATIONS_EVERY = 3600.0  # seconds that relations are taken for true
TAGS_EVERY = 60.0  # and who is tagged


async def watch_for_odd(store: Store, rules: Sequence[Rule], stop: asyncio.Event) -> None:
    """Reads until `stop`. Waits while another process does. Holds one connection, and another now and then."""
    while not stop.is_set():
        try:
            async with lease(store.pool, LEASE) as connection:
                if connection is not None:
                    reading = Reading(store, rules)
                    await reading.begin(connection)
                    while not stop.is_set():
                        if not await reading.go_on(connection):
                            await pause(stop, EVERY)
        except (PlatformError, asyncpg.PostgresError, OSError) as error:
            logger.warning("audit alerts: %s", type(error).__name__)
        await pause(stop, RETRY)


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
