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
from itertools import islice
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
AT_ONCE = 50
"""Resources: the locks of their registrations are held together, and few enough to wait for no turn."""


@dataclass(frozen=True, slots=True)
class Relations:
    """Deals with events. One for a process."""

    pool: Pool
    store: Store
    labels: Labels
    policy: Policy
    ledger: Ledger

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with events: many at once, since each would cost the database as much."""
        newest: dict[int, tuple[Event, Change]] = {}
        for event in events:
            newest.update((change.res, (event, change)) for change in event.changes if change.type in TYPES)
        rest = iter(newest.values())
        while some := list(islice(rest, AT_ONCE)):
            await self._follow(some)

    async def _follow(self, came: Sequence[tuple[Event, Change]]) -> None:
        async with self.pool.connection() as connection:
            asked = [change.res for _, change in came], [change.patient for _, change in came]
            standing = {row["res"]: row for row in await connection.fetch(_STANDING, *asked)}
            await self.store.reader.bring_keys(connection, [row["key"] for row in standing.values()])
            followed = {}
            for event, change in came:
                row = standing.get(change.res)
                # What came later has its own place in the feed.
                if row is not None and row["version"] == change.version and self.store.reader.is_readable(row):
                    source, found = await self._found(connection, event, change, row)
                    followed[source] = rows.Follows(change.patient, found)
            if not followed:
                return
            async with connection.transaction():
                for source, ended in (await rows.replace(connection, followed)).items():
                    await asyncio.to_thread(self.ledger.append, KIND, source, await _told(connection, ended))

    async def _found(
        self, connection: asyncpg.Connection, event: Event, change: Change, row: asyncpg.Record
    ) -> tuple[str, list[Any]]:
        """Returns as what a resource is noted, and what follows from it as it stands."""
        stored = self.store.reader.stored(row, change.res)
        source, found = f"{stored.type}/{stored.id}", list[Any]()
        if change.action == DELETED or row["home"] != row["institution"]:
            return source, found
        for one in relations_of(stored.resource, row["house"], event.instant, self.policy, self.store.zone):
            if await _is_for_himself(connection, one, event.actor, row["house"]):
                continue
            ground = self.policy.grounds[one.ground]
            opens = opened(self.labels, ground.opens)
            for name in (f"{one.name}#{role}" for role in sorted(ground.roles)):
                found.append((party(self.store.keys.hasher, name), ground, opens, one.low, one.high))
        return source, found


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
SELECT r.res, r.version, r.institution, i.reference AS house, p.institution AS home,
    v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM unnest($1::int8[], $2::int8[]) AS a(res, patient)
CROSS JOIN LATERAL (SELECT * FROM resource AS r WHERE r.res = a.res AND {visible("r")} OFFSET 0) AS r
CROSS JOIN LATERAL (SELECT * FROM version AS v WHERE v.res = r.res AND v.version = r.version OFFSET 0) AS v
LEFT JOIN LATERAL (SELECT * FROM resource AS p WHERE p.res = a.patient AND {visible("p")} OFFSET 0) AS p ON TRUE
LEFT JOIN institution AS i ON i.id = r.institution
"""
_AT_WORK = """
SELECT EXISTS (
    SELECT FROM identity AS i JOIN identity_role AS r ON r.identity = i.id AND r.taken IS NULL
    WHERE i.reference = $1 AND r.institution = $2
)
"""
