"""Follows the change feed and keeps the relations that follow from what hospitals send.

A tenth of a second behind, which opens late and never early. What has happened long ago (historic commits) opens
nothing. What somebody writes counts only for registrations of his own institution: who the resident is, is for the
resident index to say, not for whoever writes. And nobody gives himself a reason: a referral opens nothing in the house
that wrote it, a duty nothing to who wrote it. Who is named is meant in the roles only that may have the reason.

A stay, contract, referral or duty that ends more than a day early stands in the ledger outside the database before that
is committed: a restore does not bring it back. What would be over within a day, as a visit, may last until then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from kangyun.access.identities.register import KIND
from kangyun.access.labels import Labels
from kangyun.access.ledger import Ledger
from kangyun.access.policy import Policy
from kangyun.access.policy.sights import party
from kangyun.access.relations import rows
from kangyun.access.relations.derived import TYPES, Relation, relations_of
from kangyun.database.pool import Pool
from kangyun.store.feed import Change, Event
from kangyun.store.model import DELETED
from kangyun.store.store import Store
from kangyun.store.visible import visible

READER = "relations"


@dataclass(frozen=True, slots=True)
class Relations:
    """Deals with events. One for a process."""

    pool: Pool
    store: Store
    labels: Labels
    policy: Policy
    ledger: Ledger

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with events, in order."""
        for event in events:
            for change in event.changes:
                if change.type in TYPES:
                    await self._follow(event, change)

    async def _follow(self, event: Event, change: Change) -> None:
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_STANDING, change.res, change.patient)
            if row is None or row["version"] != change.version:
                return  # What came later has its own place in the feed.
            stored = await self.store.reader.version(connection, change.res, change.version)
            if stored is None:
                return
            source = f"{stored.type}/{stored.id}"
            found = []
            if change.action != DELETED and row["home"] == row["institution"]:
                institution = await connection.fetchval(_INSTITUTION, row["institution"])
                zone = self.store.zone
                for one in relations_of(stored.resource, institution, event.instant, self.policy, zone):
                    if await _is_for_himself(connection, one, event.actor, institution):
                        continue
                    ground = self.policy.grounds[one.ground]
                    opens = opened(self.labels, ground.opens)
                    for name in (f"{one.name}#{role}" for role in sorted(ground.roles)):
                        found.append((party(self.store.keys.hasher, name), ground, opens, one.low, one.high))
            async with connection.transaction():
                ended = await rows.replace(connection, change.patient, source, found)
                if ended:
                    await asyncio.to_thread(self.ledger.append, KIND, source, await _told(connection, ended))


async def _is_for_himself(connection: asyncpg.Connection, one: Relation, writer: str, institution: str) -> bool:
    """Whether a reason would be for who wrote it, or for a house of his: a referral or a duty among colleagues.

    Who works in both houses has a colleague write it: he would have opened the record to himself.
    """
    if one.ground not in ("referral", "duty"):
        return False
    if one.name in (writer, institution):
        return True
    return any([await connection.fetchval(_AT_WORK, *post) for post in ((one.name, institution), (writer, one.name))])


async def _told(connection: asyncpg.Connection, ended: Sequence[rows.Ended]) -> dict[str, Any]:
    at = await connection.fetchval("SELECT clock_timestamp()")
    each = [[party, low.isoformat(), until.isoformat()] for party, low, until in ended]
    return {"what": "end-relation", "at": at.isoformat(), "ended": each}


def opened(labels: Labels, opens: int) -> int:
    """Returns the labels that a ground opens: a sensitivity is of no use without its level."""
    return opens | labels.mask(*(f"level-{number}" for number in labels.levels))


# The gate's own look: nothing of it is shown to anybody.
_STANDING = f"""
SELECT r.version, r.institution,
    (SELECT p.institution FROM resource AS p WHERE p.res = $2 AND {visible("p")}) AS home
FROM resource AS r WHERE r.res = $1 AND {visible("r")}
"""
_AT_WORK = """
SELECT EXISTS (
    SELECT FROM identity AS i JOIN identity_role AS r ON r.identity = i.id AND r.taken IS NULL
    WHERE i.reference = $1 AND r.institution = $2
)
"""
_INSTITUTION = "SELECT reference FROM institution WHERE id = $1"
