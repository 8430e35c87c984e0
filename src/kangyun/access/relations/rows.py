"""The rows of relations: written, taken back by what they follow from, and swept when their time is long over."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from kangyun.access.policy import ANY_PURPOSE, Ground
from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.tokens import bucket_of

SWEEP_AFTER = "1 day"
SOON = timedelta(days=1)
Ended = tuple[int, datetime, datetime]
"""Of a relation that was to last for longer: the party, since when, and when it is over now."""


class Follows(NamedTuple):
    """What follows from a resource about a registration: (party, ground, opens, low, high). patient: None of nobody."""

    patient: int | None
    found: Sequence[tuple[int, Ground, int, datetime, datetime]] = ()


async def disclose(
    connection: asyncpg.Connection, patient: int, parties: Sequence[int], ground: Ground, opens: int, low: datetime,
    high: datetime, source: str,
) -> None:  # fmt: skip
    """Opens a registration, and the others of its resident, to parties. opens: labels that are closed otherwise."""
    async with connection.transaction():
        await connection.execute(TAKE_LOCKS, [bucket_of(patient)])
        rows = [(patient, party, opens, low, high, ground.over, ground.name, source) for party in parties]
        await _disclose(connection, rows)
        await connection.execute("SELECT spread_rules($1)", [patient])


async def conceal(connection: asyncpg.Connection, parties: Sequence[int], source: str) -> None:
    """Ends what was opened to parties by a source, for every registration of the resident."""
    async with connection.transaction():
        about = [row["about"] for row in await connection.fetch(_OPENED, list(parties), source)]
        if not about:
            return
        await connection.execute(TAKE_LOCKS, sorted({bucket_of(one) for one in about}))
        await connection.execute(_CONCEAL, list(parties), source)
        await connection.execute("SELECT spread_rules($1)", sorted(about))


async def replace(connection: asyncpg.Connection, followed: Mapping[str, Follows]) -> dict[str, list[Ended]]:
    """Puts what follows from resources now, by source, in place of what followed from them.

    A source that nothing follows from, and nothing followed from, is passed over. Returns, by source, what has ended by
    it more than a day before it would have.
    """
    async with connection.transaction():
        rows = await connection.fetch(_ABOUT, list(followed))
        about = {row["source"]: row["about"] for row in rows}
        concerned = {source: one for source, one in followed.items() if one.found or source in about}
        if not concerned:
            return {}
        affected = {patient for patients in about.values() for patient in patients}
        affected |= {one.patient for one in concerned.values() if one.patient is not None}
        await connection.execute(TAKE_LOCKS, sorted({bucket_of(one) for one in affected}))
        before = await connection.fetch(_TAKE, list(concerned))
        found = [
            (one.patient, party, opens, low, high, ground.over, ground.name, source)
            for source, one in concerned.items()
            for party, ground, opens, low, high in one.found
        ]
        await _disclose(connection, found)
        await connection.execute("SELECT spread_rules($1)", sorted(affected))
        now = await connection.fetchval("SELECT clock_timestamp()")
    ended: dict[str, list[Ended]] = {}
    for row in before:
        highs = [high for party, _, _, _, high in concerned[row["source"]].found if party == row["party"]]
        until = max(highs, default=now)
        if row["own"] and row["high"] - until > SOON:
            ended.setdefault(row["source"], []).append((row["party"], row["low"], until))
    return ended


async def sweep(connection: asyncpg.Connection) -> int:
    """Removes what has been over for a day. Returns how many rows that were."""
    done = await connection.execute(f"DELETE FROM disclosure WHERE high < now() - interval '{SWEEP_AFTER}'")
    return int(done.rpartition(" ")[2])


async def _disclose(connection: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(_DISCLOSE, ANY_PURPOSE, *map(list, zip(*rows, strict=True)))


_DISCLOSE = """
INSERT INTO disclosure (patient, about, party, purposes, opens, low, high, over, relation, ground, source)
SELECT n.patient, n.patient, n.party, $1, n.opens, n.low, n.high, n.over, true, n.ground, n.source
FROM unnest(
    $2::int8[], $3::int8[], $4::int8[], $5::timestamptz[], $6::timestamptz[], $7::bool[], $8::text[], $9::text[]
) AS n(patient, party, opens, low, high, over, ground, source)
"""
_TAKE = """
DELETE FROM disclosure WHERE source = ANY ($1::text[]) RETURNING source, patient = about AS own, party, low, high
"""
_OPENED = "SELECT DISTINCT about FROM disclosure WHERE party = ANY ($1::int8[]) AND source = $2"
_CONCEAL = "DELETE FROM disclosure WHERE party = ANY ($1::int8[]) AND source = $2"
_ABOUT = """
SELECT source, array_agg(DISTINCT about) AS about FROM disclosure WHERE source = ANY ($1::text[]) GROUP BY source
"""
