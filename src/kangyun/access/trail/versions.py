"""Looks whether the versions of the record are what its commits wrote. Reads only; may run beside everything else.

The trail seals the digest of each commit (`verifying`); here the versions are held against it (`store.digests`), and
each version has its commit, each commit its audit row, which says who wrote it and when. A version may be gone where
the ledger outside the database tells of the erasure, or a row of the trail names it as expunged. What a commit wrote
besides can then be told no more by its digest: such versions are counted (`unproven`); they are there, and their own
seals still hold.
"""

from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, product
from typing import Any, Literal, NamedTuple

import asyncpg

from kangyun.access.trail.verifying import Progress
from kangyun.store.digests import Place, Written, gone_by, proves

AT_ONCE = 200  # commits; those of an import have a thousand versions each
MOST_TRIED = 1_000  # whose a version was, where its key has been destroyed


class VersionFault(NamedTuple):
    """Something that is not as it was written: a version, or where that cannot be told, a commit (`res` is 0).

    version-missing: not there, and neither erased nor expunged. version-changed: not what was written.
    version-inserted: no commit wrote it. commits-inserted: so many commits (`commit`) have no audit row.
    commit-changed: it does not say who wrote it, or when, as its audit row does.
    """

    kind: Literal["version-missing", "version-changed", "version-inserted", "commits-inserted", "commit-changed"]
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
    expunged = trail.expunged.union(await _expunged(connection))
    while found := await _written(connection, last):
        last = found[-1]["commit"]
        gone = Gone(erased, expunged)
        keys = await _patients_of_lost_keys(connection, found, erased)
        for _, rows in groupby(found, lambda row: row["commit"]):
            for fault in _faults(list(rows), gone, keys, seen):
                yield fault
        tell(seen)
    standing = await connection.fetchval("SELECT count(*) FROM version")
    if standing != seen.versions:  # Or somebody writes just now: then this names none.
        for row in await connection.fetch(_OF_NO_COMMIT):
            yield VersionFault("version-inserted", *row)
    for row in await connection.fetch(_OTHERWISE):
        yield VersionFault("commit-changed", row["id"])
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


class Gone(NamedTuple):
    """What may be gone: resources by an erasure, versions by an expunging."""

    erased: Container[int]
    expunged: Container[Place]

    def has(self, row: asyncpg.Record) -> bool:
        """Whether a version of a commit may be."""
        return row["res"] in self.erased or (row["commit"], row["res"], row["version"]) in self.expunged


def _faults(
    rows: Sequence[asyncpg.Record], gone: Gone, keys: dict[int, Sequence[int]], seen: Seen
) -> list[VersionFault]:
    """Returns what is wrong with a commit. rows: its versions. keys: whose those may have been that are destroyed."""
    commit, faults, there = rows[0]["commit"], [], []
    if rows[0]["res"] is None:  # Nobody commits nothing.
        return [VersionFault("version-missing", commit)]
    for row in rows:
        # What was expunged whole may have come back: as a first version again, of another commit.
        if row["body"] is not None and (row["owner"] == commit or not gone.has(row)):
            there.append(row)
        elif not gone.has(row):
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


async def _expunged(connection: asyncpg.Connection) -> set[Place]:
    """Returns the versions that rows of the trail name as expunged."""
    rows = await connection.fetch(_EXPUNGED)
    return {one for row in rows for one in gone_by(row["detail"])}


async def _patients_of_lost_keys(
    connection: asyncpg.Connection, found: Sequence[asyncpg.Record], erased: Container[int]
) -> dict[int, Sequence[int]]:
    """Returns of keys that are there no more whose they may have been, by the erasures that destroyed them: of those
    only of which the ledger tells."""
    lost = {row["key"] for row in found if row["body"] is not None and not row["known"]}
    if not lost:
        return {}
    rows: Sequence[Any] = await connection.fetch(_LOST_KEYS, sorted(lost))
    return {row["key"]: [one for one in row["patients"] if one in erased] for row in rows}


_WRITTEN = """
SELECT c.id AS commit, c.digest, c.instant, n.res, n.version, v.commit AS owner, v.instant AS at, v.key, v.type,
    v.action, v.body, k.patient, k.id IS NOT NULL AS known
FROM (SELECT id, instant, digest, res, versions FROM commit WHERE id > $1 ORDER BY id LIMIT $2) AS c
LEFT JOIN LATERAL unnest(c.res, c.versions) WITH ORDINALITY AS n(res, version, nth) ON TRUE
LEFT JOIN version AS v ON v.res = n.res AND v.version = n.version
LEFT JOIN data_key AS k ON k.id = v.key
ORDER BY c.id, n.nth
"""
_EXPUNGED = """
SELECT detail FROM audit WHERE action = 'expunge' AND outcome = 200 AND length(detail) % 20 = 0
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
_OTHERWISE = """
SELECT c.id FROM commit AS c JOIN audit AS a ON a.commit = c.id
WHERE (a.instant, a.institution, a.actor, a.purpose) IS DISTINCT FROM (c.instant, c.institution, c.actor, c.purpose)
ORDER BY c.id
"""
_COUNTS = "SELECT (SELECT count(*) FROM commit) AS commits, (SELECT count(commit) FROM audit) AS told"
