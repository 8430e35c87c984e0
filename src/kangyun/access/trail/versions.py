"""Looks whether the versions of the record are what its commits wrote. Reads only; may run beside everything else.

The trail seals the digest of each commit (`verifying`); here the versions are held against it (`store.digests`), and
each version has its commit, each commit its audit row. A version may be gone where the ledger outside the database
tells of the erasure, or a row of the trail of the expunging. What a commit wrote besides can then be told no more by
its digest: such versions are counted (`unproven`); they are there, and their own seals still hold.
"""

from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, product
from typing import Any, Literal, NamedTuple

import asyncpg

from kangyun.access.trail.verifying import Progress
from kangyun.store.digests import Written, proves

AT_ONCE = 200  # commits; those of an import have a thousand versions each
MOST_TRIED = 1_000  # whose a version was, where its key has been destroyed


class VersionFault(NamedTuple):
    """Something that is not as it was written: a version, or where that cannot be told, a commit (`res` is 0).

    version-missing: not there, and neither erased nor expunged. version-changed: not what was written.
    version-inserted: no commit wrote it. commits-inserted: so many commits (`commit`) have no audit row.
    """

    kind: Literal["version-missing", "version-changed", "version-inserted", "commits-inserted"]
    commit: int
    res: int = 0
    version: int = 0


@dataclass(slots=True)
class Seen:
    """How far it has come. gone: erased or expunged; unproven: those beside them."""

    commits: int = 0
    versions: int = 0
    gone: int = 0
    unproven: int = 0


async def verify_versions(
    connection: asyncpg.Connection,
    erased: Container[int],
    trail: Progress,
    tell: Callable[[Seen], None] = lambda seen: None,
) -> AsyncIterator[VersionFault]:
    """Yields each fault, in the order of the commits; `tell` is told how far it has come, at last of all.

    erased: resources whose erasure the ledger tells of. trail: what was seen of the trail, which has been verified.
    """
    seen, last = Seen(), 0
    while found := await _written(connection, last):
        last = found[-1]["commit"]
        gone = await _lawfully_gone(connection, found, erased, trail)
        keys = await _patients_of_lost_keys(connection, found)
        for _, rows in groupby(found, lambda row: row["commit"]):
            for fault in _faults(list(rows), gone, keys, seen):
                yield fault
        tell(seen)
    standing = await connection.fetchval("SELECT count(*) FROM version")
    if standing != seen.versions:  # Or somebody writes just now: then this names none.
        for row in await connection.fetch(_OF_NO_COMMIT):
            yield VersionFault("version-inserted", *row)
    commits, told = await connection.fetchrow(_COUNTS)
    if commits > told + trail.commits:
        yield VersionFault("commits-inserted", commits - told - trail.commits)
    tell(seen)


async def _written(connection: asyncpg.Connection, after: int) -> Sequence[asyncpg.Record]:
    """Returns what the next commits say that they wrote, with what stands there."""
    async with connection.transaction(readonly=True):
        # By the keys, whatever the statistics say: each look at a whole table would be as much as all of this.
        await connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        return list(await connection.fetch(_WRITTEN, after, AT_ONCE))


Gone = set[tuple[int, int]]


def _faults(
    rows: Sequence[asyncpg.Record], gone: Gone, keys: dict[int, Sequence[int]], seen: Seen
) -> list[VersionFault]:
    """Returns what is wrong with a commit. rows: its versions. keys: whose those may have been that are destroyed."""
    commit, faults, there = rows[0]["commit"], [], []
    for row in rows:
        if row["body"] is not None:
            there.append(row)
        elif (row["res"], row["version"]) not in gone:
            faults.append(VersionFault("version-missing", commit, row["res"], row["version"]))
    seen.commits += 1
    seen.versions += len(there)
    for row in there:
        if row["owner"] != commit or row["at"] != row["instant"]:
            faults.append(VersionFault("version-changed", commit, row["res"], row["version"]))
    if len(there) < len(rows):
        seen.gone += len(rows) - len(there) - sum(fault.kind == "version-missing" for fault in faults)
        seen.unproven += len(there)
    elif not faults and not _proven(rows, keys):
        only = (rows[0]["res"], rows[0]["version"]) if len(rows) == 1 else ()
        faults.append(VersionFault("version-changed", commit, *only))
    return faults


def _proven(rows: Sequence[asyncpg.Record], keys: dict[int, Sequence[int]]) -> bool:
    lost = sorted({row["key"] for row in rows if not row["known"]})
    for guess in islice(product(*(keys.get(key, ()) for key in lost)), MOST_TRIED):
        whose: dict[int, int] = dict(zip(lost, guess, strict=True))
        written = [
            Written(
                *(row["res"], row["version"], whose.get(row["key"], row["patient"] or 0)),
                *(row["type"], row["action"], row["body"]),
            )
            for row in rows
        ]
        if proves(rows[0]["digest"], written):
            return True
    return False


async def _lawfully_gone(
    connection: asyncpg.Connection, found: Sequence[asyncpg.Record], erased: Container[int], trail: Progress
) -> Gone:
    """Returns those that are not there and need not be. Looked up afterwards: who deletes, notes it at once."""
    missing = [(row["res"], row["version"]) for row in found if row["body"] is None]
    gone = {one for one in missing if one[0] in erased}
    rest = [one for one in missing if one not in gone]
    if rest:
        rows = await connection.fetch(_EXPUNGED, *zip(*rest, strict=True), sorted(trail.expunges))
        gone |= {(row["res"], row["version"]) for row in rows}
    return gone


async def _patients_of_lost_keys(
    connection: asyncpg.Connection, found: Sequence[asyncpg.Record]
) -> dict[int, Sequence[int]]:
    """Returns of keys that are there no more whose they may have been, by the erasures that destroyed them."""
    lost = {row["key"] for row in found if row["body"] is not None and not row["known"]}
    if not lost:
        return {}
    rows: Sequence[Any] = await connection.fetch(_LOST_KEYS, sorted(lost))
    return {row["key"]: row["patients"] for row in rows}


_WRITTEN = """
SELECT c.id AS commit, c.digest, c.instant, n.res, n.version, v.commit AS owner, v.instant AS at, v.key, v.type,
    v.action, v.body, k.patient, k.id IS NOT NULL AS known
FROM (SELECT id, instant, digest, res, versions FROM commit WHERE id > $1 ORDER BY id LIMIT $2) AS c
CROSS JOIN LATERAL unnest(c.res, c.versions) WITH ORDINALITY AS n(res, version, nth)
LEFT JOIN version AS v ON v.res = n.res AND v.version = n.version
LEFT JOIN data_key AS k ON k.id = v.key
ORDER BY c.id, n.nth
"""
_EXPUNGED = """
SELECT x.res, x.version FROM expunged AS x JOIN unnest($1::int8[], $2::int4[]) AS n(res, version)
    ON n.res = x.res AND n.version = x.version
WHERE x.request = ANY ($3::text[]) OR x.request IN (SELECT a.request FROM audit AS a WHERE a.action = 'expunge')
"""
_LOST_KEYS = """
SELECT k.key, array_agg(DISTINCT p.patient) AS patients
FROM erasure AS e CROSS JOIN unnest(e.keys) AS k(key) CROSS JOIN unnest(e.patients) AS p(patient)
WHERE k.key = ANY ($1::int4[]) GROUP BY k.key
"""
_OF_NO_COMMIT = """
SELECT v.commit, v.res, v.version FROM version AS v LEFT JOIN (
    SELECT c.id, n.res, n.version FROM commit AS c CROSS JOIN LATERAL unnest(c.res, c.versions) AS n(res, version)
) AS w ON w.id = v.commit AND w.res = v.res AND w.version = v.version
WHERE w.id IS NULL ORDER BY v.commit, v.res, v.version
"""
_COUNTS = "SELECT (SELECT count(*) FROM commit) AS commits, (SELECT count(commit) FROM audit) AS told"
