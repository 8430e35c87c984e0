"""Follows the change feed: takes subscriptions up, and finds out which changes each of them is to be told of.

A resource is matched as it stands when its change is looked at, usually a tenth of a second after it was written: the
index knows no other. So of versions that follow each other faster than that, the last one is told if it matches, once
and in its place; one before it that alone would have matched is not.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.outbound import Guard
from kangyun.access.platform import Platform
from kangyun.access.subscriptions import table
from kangyun.access.subscriptions.owners import owner_now
from kangyun.access.subscriptions.receivers import Receivers
from kangyun.access.subscriptions.rules import Wanted, read_subscription
from kangyun.access.subscriptions.statuses import ORIGIN, write_status
from kangyun.base import clock
from kangyun.base.errors import Invalid, PlatformError, Throttled, TooCostly, Unavailable
from kangyun.database.pool import LOST
from kangyun.store.feed import DEEPEST, Change, Event, brought
from kangyun.store.model import DELETED, Stored
from kangyun.store.search.among import among
from kangyun.store.visible import Sight
from kangyun.store.visible import seen as seen_by

logger = logging.getLogger(__name__)

READER = "subscriptions"
TYPE = "Subscription"
ATTEMPTS = 3


ACTION = "notify"
_WHOM = """
SELECT DISTINCT r.patient FROM resource AS r
WHERE r.res = ANY ($1::int8[]) AND r.patient IS NOT NULL AND {visible:r} ORDER BY r.patient
"""
Seen = tuple[int, int]
"""Position and version of the last change of a resource that is dealt with."""


@dataclass(slots=True)
class Matcher:
    """Deals with events for all subscriptions. One for a process."""

    platform: Platform
    guard: Guard
    receivers: Receivers
    _read: dict[tuple[int, int], Wanted | None] = field(default_factory=dict)
    _edition: int = -1

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with events, in order: a subscription is told of what came after it was asked for."""
        rest: list[Event] = []
        for event in events:
            rest.append(event)
            if any(change.type == TYPE for change in event.changes):
                await self._match(rest)
                rest = []
                for change in event.changes:
                    if change.type == TYPE:
                        await self._take_in(event, change)
        await self._match(rest)

    # --- what is asked for

    async def _take_in(self, event: Event, change: Change) -> None:
        """Looks at a Subscription that was written. Only the newest version counts."""
        stored = await self._newest(change)
        if stored is None or event.origin == ORIGIN:
            if stored is None:
                await self._remove(change.res)
            return
        status = stored.resource.get("status")
        if status not in ("requested", "active"):
            await self._remove(change.res)
            return
        store = self.platform.gate.store
        await store.refresh()  # Its criteria may be by what the region added just now.
        try:
            wanted = read_subscription(stored.resource, self.guard, store.zone, store.registry.known)
            if wanted.ends is not None and wanted.ends <= clock.now():
                raise Invalid("access.subscriptions.end", at="Subscription.end")
            async with self.platform.pool.connection() as connection:
                asking = await table.asked_by(connection, stored.res)
            asking = asking or Actor(event.actor, "", "", event.purpose)
            await self.receivers.check(wanted, asking, self.platform.sign_in.applications)
        except PlatformError as error:
            await self._remove(change.res)
            await write_status(self.platform.gate, stored.id, stored.version, "error", error.issues[0], event.depth + 1)
            return
        version = stored.version
        if status == "requested":
            written = await write_status(self.platform.gate, stored.id, version, "active", depth=event.depth + 1)
            if written is None:
                return  # It was changed meanwhile: that change comes in the feed.
            version = written
        async with self.platform.pool.connection() as connection:
            institution = await connection.fetchval(
                "SELECT reference FROM institution WHERE id = $1", event.institution
            )
            owner = Actor(event.actor, "", institution, event.purpose)
            await table.take_up(
                *(connection, stored.res, stored.id, version, event.place.position, wanted.channel, owner, wanted.ends)
            )

    async def _newest(self, change: Change) -> Stored | None:
        """Returns the Subscription as it stands, None when it was deleted."""
        reader = self.platform.gate.store.reader
        async with self.platform.pool.connection() as connection:
            stored = await reader.version(connection, change.res, change.version)
            if stored is None:
                return None
            current = (await reader.locate(connection, [(TYPE, stored.id)])).get((TYPE, stored.id))
        newest = current.stored if current else None
        return None if newest is None or newest.action == DELETED else newest

    async def _remove(self, res: int) -> None:
        async with self.platform.pool.connection() as connection:
            await table.remove(connection, self.platform.gate.ledger, res)

    # --- what is to be told

    async def _match(self, events: Sequence[Event]) -> None:
        changed: dict[str, dict[int, Seen]] = {}
        for event in events:
            for change in event.changes if event.depth <= DEEPEST else ():
                if change.action != DELETED:
                    changed.setdefault(change.type, {})[change.res] = event.place.position, change.version
        if not changed:
            return
        async with self.platform.pool.connection() as connection:
            subscriptions = await table.active(connection)
        self._forget(subscriptions)
        for one in subscriptions:
            wanted = await self._wanted(one)
            if wanted is None:
                continue
            seen = {res: place for res, place in changed.get(wanted.query.type, {}).items() if place[0] > one.since}
            if seen and (one.ends is None or one.ends > clock.now()):
                await self._match_one(one, wanted, seen)

    async def _match_one(self, one: table.Active, wanted: Wanted, seen: dict[int, Seen]) -> None:
        """Finds what matches for one subscription. What goes wrong for it is no reason not to tell the others."""
        try:
            owner = await owner_now(self.platform, one)
            if owner is None:
                return
            sight = (await self.platform.gate.decide(owner)).sight
            found = await self._found(wanted, list(seen), sight)
            newer = [(res, version) for res, version in found.items() if version > seen[res][1]]
            if newer:  # With a place of their own further on: told here, they would come twice, and before others.
                async with self.platform.pool.connection() as connection:
                    for res in await brought(connection, newer):
                        del found[res]
        except (Unavailable, Throttled, *LOST):
            raise
        except PlatformError as error:  # Its criteria can no longer be answered, or not in time.
            await self._give_up(one, error)
            return
        except Exception as error:
            logger.error("subscription %s: %s", one.id, type(error).__name__)
            async with self.platform.pool.connection() as connection:
                await table.put_aside(connection, one.res, [(position, res, 0) for res, (position, _) in seen.items()])
            return
        if found:
            if wanted.channel == "websocket":  # By rest-hook each delivery leaves its own.
                await self._leave_row(one, owner, sight, list(found))
            rows = sorted((seen[res][0], res, version) for res, version in found.items())
            async with self.platform.pool.connection() as connection:
                await table.matched(connection, one, rows)

    async def _leave_row(self, one: table.Active, owner: Actor, sight: Sight, found: list[int]) -> None:
        """Says whom a ping is about, before it is rung: it tells that something matches, be it bound by then or not."""
        about = Circumstances("NOTIFY websocket /", "", f"{one.id}/{one.version}")
        record = await self.platform.gate.open(owner, about)
        async with self.platform.pool.connection() as connection:
            rows = await connection.fetch(*seen_by(_WHOM, sight, found))
        await record.leave_row(ACTION, 200, [row["patient"] for row in rows])

    async def _found(self, wanted: Wanted, chosen: list[int], sight: Sight) -> dict[int, int]:
        searcher = self.platform.gate.store.searcher
        for attempt in range(ATTEMPTS):
            try:
                async with self.platform.pool.connection() as connection:
                    return await among(connection, searcher, wanted.query.type, wanted.query.node, chosen, sight)
            except TooCostly:  # It may be the hour, and not the criteria.
                await asyncio.sleep(2**attempt)
        raise TooCostly

    async def _give_up(self, one: table.Active, error: PlatformError) -> None:
        logger.warning("subscription %s: %s", one.id, error.issues[0].text)
        await write_status(self.platform.gate, one.id, one.version, "error", error.issues[0])
        await self._remove(one.res)

    async def _wanted(self, one: table.Active) -> Wanted | None:
        """Returns what an active subscription says, kept in memory; None for one that was changed meanwhile."""
        key = (one.res, one.version)
        if key not in self._read:
            store = self.platform.gate.store
            async with self.platform.pool.connection() as connection:
                stored = await store.reader.version(connection, one.res, one.version)
            self._read[key] = None
            try:
                if stored is not None:
                    resource, known = stored.resource, store.registry.known
                    self._read[key] = read_subscription(resource, self.guard, store.zone, known)
            except PlatformError as error:  # A search parameter of its criteria was taken back.
                await self._give_up(one, error)
        return self._read[key]

    def _forget(self, subscriptions: Sequence[table.Active]) -> None:
        edition = self.platform.gate.store.registry.edition
        if edition != self._edition:
            self._read, self._edition = {}, edition
        known = {(one.res, one.version) for one in subscriptions}
        self._read = {key: wanted for key, wanted in self._read.items() if key in known}
