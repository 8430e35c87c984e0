"""The rows of active subscriptions and of what is still to be delivered. What they say is in `rules`."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.actor import Actor, read_credential
from kangyun.access.identities.register import KIND
from kangyun.access.ledger import Ledger
from kangyun.database.vitals import Vitals
from kangyun.store.batch import Change
from kangyun.store.interactions import Operation
from kangyun.store.model import Envelope


@dataclass(frozen=True, slots=True)
class Active:
    """An active subscription."""

    res: int
    id: str
    version: int
    since: int
    channel: str
    actor: str
    purpose: str
    institution: str
    ends: datetime | None
    failures: int
    failing_since: datetime | None
    told_failing: bool
    credential: bytes | None

    @property
    def owner(self) -> Actor:
        """Whose it is: it is told of what he sees. One from before credentials were kept sees nothing of residents."""
        if self.credential is None:
            return Actor(self.actor, "", self.institution, self.purpose)
        return read_credential(self.credential)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A version that a subscription is to be told of."""

    position: int
    res: int
    version: int
    attempts: int


_COLUMNS = (
    "res, id, version, since, channel, actor, purpose, institution, ends, failures, failing_since, told_failing, "
    "credential"
)


async def active(connection: asyncpg.Connection) -> list[Active]:
    """Returns all of them."""
    return [Active(*row) for row in await connection.fetch(f"SELECT {_COLUMNS} FROM subscription ORDER BY res")]


async def one(connection: asyncpg.Connection, res: int) -> Active | None:
    """Returns one of them, None when it is no longer active."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM subscription WHERE res = $1", res)
    return Active(*row) if row else None


async def due(connection: asyncpg.Connection) -> list[Active]:
    """Returns those that have something to deliver, now."""
    return [Active(*row) for row in await connection.fetch(_DUE)]


async def take_up(
    connection: asyncpg.Connection, res: int, id_: str, version: int, since: int, channel: str, owner: Actor,
    ends: datetime | None,
) -> None:  # fmt: skip
    """Makes a subscription active, or has it mean something else from now on; what is queued stays."""
    about = (owner.reference, owner.purpose, owner.institution)
    await connection.execute(_TAKE_UP, res, id_, version, since, channel, *about, ends)


@dataclass(frozen=True, slots=True)
class Owners:
    """Notes who wrote a Subscription, in the transaction that writes it. party: what a sight calls somebody."""

    party: Callable[[str], int]

    def wants(self, operation: Operation) -> bool:
        """Whether it writes a Subscription."""
        return operation.type == "Subscription"

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Notes it; what the platform says of a subscription itself makes it nobody else's."""
        numbers = [change.res for change in changes if change.type == "Subscription"]
        if numbers and envelope.depth == 0:
            await connection.executemany(_OWNED, [(res, envelope.credential) for res in numbers])
            await connection.execute(_KEPT, numbers, [self.party(envelope.actor)] * len(numbers))

    async def complete(self, connection: asyncpg.Connection) -> None:
        """Notes whose alone those are that were written before that was so."""
        rows = await connection.fetch(_NOBODYS)
        parties = [self.party(read_credential(row["credential"]).reference) for row in rows]
        await connection.execute(_KEPT, [row["res"] for row in rows], parties)


async def asked_by(connection: asyncpg.Connection, res: int) -> Actor | None:
    """Returns who wrote a Subscription, None of one from before that was kept."""
    kept = await connection.fetchval("SELECT credential FROM subscription_owner WHERE res = $1", res)
    return read_credential(kept) if kept else None


async def renew(connection: asyncpg.Connection, res: int, version: int, told_failing: bool) -> None:
    """After its status was written by us."""
    await connection.execute(
        "UPDATE subscription SET version = $2, told_failing = $3 WHERE res = $1", res, version, told_failing
    )


async def remove(connection: asyncpg.Connection, ledger: Ledger, res: int, version: int | None = None) -> None:
    """Ends a subscription, with what was still to be delivered: as it is, or only while it is of this version.

    Told to the ledger, so that a restore does not bring it back. Raises Unavailable.
    """
    async with connection.transaction():
        row = await connection.fetchrow(_REMOVE, res, version)
        if row is not None:
            told = {"what": "end-subscription", "at": row["at"].isoformat(), "version": row["version"]}
            await asyncio.to_thread(ledger.append, KIND, f"Subscription/{row['id']}", told)


async def matched(connection: asyncpg.Connection, one: Active, found: Sequence[tuple[int, int, int]]) -> None:
    """Queues (position, res, version), each once, and counts them."""
    positions, numbers, versions = zip(*found, strict=True)
    if one.channel == "rest-hook":
        await connection.execute(_QUEUE, one.res, positions, numbers, versions)
    await connection.execute("UPDATE subscription SET matched = matched + $2 WHERE res = $1", one.res, len(found))


async def next_deliveries(connection: asyncpg.Connection, res: int, most: int) -> list[Delivery]:
    """Returns what is to be delivered next, in order."""
    return [Delivery(*row) for row in await connection.fetch(_NEXT, res, most)]


async def delivered(connection: asyncpg.Connection, res: int, one: Delivery) -> None:
    """Takes a delivery off the queue; the receiver answers."""
    await connection.execute(_DELIVERED, res, one.position, one.res)


async def park(connection: asyncpg.Connection, res: int, one: Delivery, status: int) -> None:
    """Puts a delivery aside that the receiver does not take; the receiver answers."""
    await connection.execute(_PARK, res, one.position, one.res, status)


async def delivery_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how many notifications wait for a person."""
    parked = await connection.fetchval("SELECT count(*)::float8 FROM subscription_parked")
    return [("kangyun_parked_notifications", "Notifications that a receiver did not take.", parked)]


async def parked(connection: asyncpg.Connection) -> list[tuple[str | None, int]]:
    """Returns for each subscription (None: one that is over) how many notifications its receiver did not take."""
    return [tuple(row) for row in await connection.fetch(_PARKED)]


async def put_aside(connection: asyncpg.Connection, res: int, found: Sequence[tuple[int, int, int]]) -> None:
    """Parks (position, res, version) that could not be matched, for a person to see."""
    await connection.execute(_PUT_ASIDE, res, *zip(*found, strict=True))


async def refused(connection: asyncpg.Connection, res: int, one: Delivery, wait: float) -> None:
    """Counts an attempt that the receiver refused; it is made again after so many seconds."""
    await connection.execute(_REFUSED, res, one.position, one.res, wait)


async def failed(connection: asyncpg.Connection, res: int, wait: float) -> None:
    """Counts a receiver's failure; it is called again after so many seconds."""
    await connection.execute(_FAILED, res, wait)


async def bells(connection: asyncpg.Connection, ids: Sequence[str]) -> dict[str, int]:
    """Returns how many changes each of these websocket subscriptions has matched."""
    return dict(await connection.fetch(_BELLS, list(ids)))


async def owner_of(connection: asyncpg.Connection, id_: str) -> str | None:
    """Returns whose websocket subscription that is, None where there is none that is active."""
    found: str | None = await connection.fetchval(
        "SELECT actor FROM subscription WHERE id = $1 AND channel = 'websocket'", id_
    )
    return found


_DUE = f"""
SELECT {_COLUMNS} FROM subscription AS s
WHERE s.channel = 'rest-hook' AND s.due <= clock_timestamp()
    AND EXISTS (SELECT FROM subscription_delivery AS d WHERE d.subscription = s.res)
ORDER BY s.due
"""
_TAKE_UP = """
INSERT INTO subscription (res, id, version, since, channel, actor, purpose, institution, ends, credential)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT credential FROM subscription_owner WHERE res = $1))
ON CONFLICT (res) DO UPDATE SET version = excluded.version, channel = excluded.channel, actor = excluded.actor,
    purpose = excluded.purpose, institution = excluded.institution, ends = excluded.ends,
    credential = excluded.credential,
    failures = 0, failing_since = NULL, told_failing = false, due = clock_timestamp()
"""
_REMOVE = """
DELETE FROM subscription WHERE res = $1 AND version = coalesce($2, version)
RETURNING id, version, clock_timestamp() AS at
"""
_OWNED = """
INSERT INTO subscription_owner (res, credential) VALUES ($1, $2)
ON CONFLICT (res) DO UPDATE SET credential = excluded.credential
"""
_KEPT = """
WITH fresh AS (SELECT * FROM unnest($1::int8[], $2::int8[]) AS n(res, party)), others AS (
    DELETE FROM keeper AS k USING fresh AS n WHERE k.res = n.res AND k.party <> n.party
)
INSERT INTO keeper (res, party) SELECT n.res, n.party FROM fresh AS n ON CONFLICT DO NOTHING
"""
_NOBODYS = """
SELECT o.res, o.credential FROM subscription_owner AS o WHERE NOT EXISTS (SELECT FROM keeper AS k WHERE k.res = o.res)
"""
_QUEUE = """
INSERT INTO subscription_delivery (subscription, position, res, version)
SELECT $1, m.position, m.res, m.version FROM unnest($2::int8[], $3::int8[], $4::int4[]) AS m(position, res, version)
ON CONFLICT DO NOTHING
"""
_NEXT = """
SELECT position, res, version, attempts FROM subscription_delivery
WHERE subscription = $1 ORDER BY position, res LIMIT $2
"""
_ANSWERS = "UPDATE subscription SET failures = 0, failing_since = NULL WHERE res = $1 AND failures > 0"
_DELIVERED = f"""
WITH answers AS ({_ANSWERS})
DELETE FROM subscription_delivery WHERE subscription = $1 AND position = $2 AND res = $3
"""
_PARK = f"""
WITH answers AS ({_ANSWERS}), gone AS (
    DELETE FROM subscription_delivery WHERE subscription = $1 AND position = $2 AND res = $3
    RETURNING subscription, position, res, version
)
INSERT INTO subscription_parked (subscription, position, res, version, status)
SELECT subscription, position, res, version, $4 FROM gone ON CONFLICT DO NOTHING
"""
_PUT_ASIDE = """
INSERT INTO subscription_parked (subscription, position, res, version, status)
SELECT $1, m.position, m.res, m.version, 0 FROM unnest($2::int8[], $3::int8[], $4::int4[]) AS m(position, res, version)
ON CONFLICT DO NOTHING
"""
_PARKED = """
SELECT s.id, count(*) FROM subscription_parked AS p LEFT JOIN subscription AS s ON s.res = p.subscription
GROUP BY s.id ORDER BY s.id
"""
_REFUSED = """
WITH counted AS (
    UPDATE subscription_delivery SET attempts = attempts + 1 WHERE subscription = $1 AND position = $2 AND res = $3
)
UPDATE subscription SET due = clock_timestamp() + make_interval(secs => $4) WHERE res = $1
"""
_FAILED = """
UPDATE subscription SET failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()),
    due = clock_timestamp() + make_interval(secs => $2)
WHERE res = $1
"""
_BELLS = "SELECT id, matched FROM subscription WHERE id = ANY ($1) AND channel = 'websocket'"
