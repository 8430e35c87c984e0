"""`$expunge`: physical removal of versions or of whole resources, for an administrator.

Removed are the bodies, the index rows, names that nothing refers to, and the codes that are noted in clear when no
resource has them. The audit stays, and so do the commits: `expunged` notes which of their versions are gone, and by
which request. Data keys stay, because processes hold them and would go on sealing with one that no row has. Copies
outside of the database (exports, backups) are not reached. The audit row of each chunk names, by internal numbers, the
versions that went with it: what is missing besides was removed by somebody else.

It works in chunks, each a transaction of its own: what was removed when it stops is removed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from kangyun.store import holders
from kangyun.store.digests import told_gone
from kangyun.store.index import Indexer
from kangyun.store.keys import KeyRing
from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.tokens import bucket_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What to remove.

    type: None for all types. res: of the one resource. Of these: `deleted` ones whole, `previous` versions of those
    that live, or all of it (`everything`). limit: so many versions at most, about.
    """

    type: str | None
    res: int | None
    deleted: bool
    previous: bool
    everything: bool
    limit: int


@dataclass(slots=True)
class Removed:
    """What was removed."""

    versions: int = 0
    resources: int = 0
    patients: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Chunk:
    """Rows of one transaction: whole resources, and of others the versions below the current one."""

    rows: list[Any]

    @property
    def whole(self) -> list[int]:
        return [row["res"] for row in self.rows if row["whole"]]


Also = Callable[[asyncpg.Connection, Sequence[int]], Awaitable[None]]
"""Removes what others hold about resources that go whole, by their numbers."""


class Expunger:
    """Removes. One for a request: `indexer` is its own, because it notes what it sees as if it were to be written."""

    def __init__(self, reader: Reader, keys: KeyRing, indexer: Indexer, also: Also) -> None:
        self._reader = reader
        self._keys = keys
        self._indexer = indexer
        self._also = also

    async def expunge(self, connection: asyncpg.Connection, order: Order, audit: Sequence[Any]) -> Removed:
        """Removes what the order says; each chunk leaves its audit row, whose columns are as in `AUDIT`."""
        removed = Removed()
        after = 0
        while removed.versions < order.limit:
            async with connection.transaction():
                rows = await connection.fetch(_CHOOSE, *_chosen(order, after))
                if not rows:
                    break
                after = rows[-1]["res"]
                patients = {row["patient"] for row in rows if row["patient"] is not None}
                buckets = sorted({bucket_of(res) for res in patients | {row["res"] for row in rows}})
                await connection.execute(TAKE_LOCKS, buckets)
                # Somebody may have written them before the locks were ours.
                rows = await connection.fetch(_CHOOSE, *_chosen(order, rows[0]["res"] - 1, after))
                await self._remove(connection, _Chunk(rows), removed, audit)
        return removed

    async def _remove(
        self, connection: asyncpg.Connection, chunk: _Chunk, removed: Removed, audit: Sequence[Any]
    ) -> None:
        whole = chunk.whole
        every = [row["res"] for row in chunk.rows]
        gone = await connection.fetch(_DELETE_VERSIONS, every, whole, audit[-1])
        await self._reader.bring_keys(connection, [row["key"] for row in gone])
        versions = [self._reader.stored(row, row["res"]) for row in gone]
        names = [
            (UUID(self._keys.hasher.name(one.type, one.id)), one.res)
            for one in {one.res: one for one in versions}.values()
            if one.res in set(whole) and self._reader.ids.res_of(one.id) is None
        ]
        for statement in _DELETE_INDEX:
            await connection.execute(statement, whole)
        await self._forget_names(connection, names)
        await self._forget_terms(connection, versions)
        if whole:
            await holders.forget(connection, whole)
            await self._also(connection, whole)
        patients = {row["patient"] for row in chunk.rows if row["patient"] is not None}
        told = told_gone((row["commit"], row["res"], row["version"]) for row in gone)
        await connection.execute(_TELL, *audit, sorted(patients), told)
        removed.versions += len(versions)
        removed.resources += len(whole)
        removed.patients |= patients

    async def _forget_names(self, connection: asyncpg.Connection, names: Sequence[tuple[Any, int]]) -> None:
        """Frees the ids of removed resources. One that others still refer to keeps its `res`, so that it may come
        back where they point."""
        salts = [
            bound.salt
            for type_ in TYPE_NUMBERS
            for bound in self._indexer.bound(type_).values()
            if bound.parameter.type == "reference"
        ]
        for digest, res in names:
            await connection.execute(_DELETE_NAME, digest, [res ^ salt for salt in salts])

    async def _forget_terms(self, connection: asyncpg.Connection, versions: Sequence[Stored]) -> None:
        """Blanks the codes (an identifier's value is one) that only removed versions had.

        The rows stay: processes remember which tokens have one, and a token without text says nothing.
        """
        tokens: set[int] = set()
        for one in versions:
            if not one.deleted:
                tokens.update(self._indexer.row(one.resource, one.res, {}).tok)
        await connection.execute(_BLANK_TERMS, sorted(tokens))


def _chosen(order: Order, after: int, upto: int | None = None) -> tuple[Any, ...]:
    type_ = TYPE_NUMBERS[order.type] if order.type else None
    return after, upto, type_, order.res, order.everything, order.deleted, order.previous, CHUNK


_CHOOSE = f"""
SELECT r.res, r.patient, ($5 OR r.deleted AND $6) AS whole
FROM resource AS r
WHERE r.res > $1 AND ($2::int8 IS NULL OR r.res <= $2) AND ($3::int2 IS NULL OR r.type = $3)
    AND ($4::int8 IS NULL OR r.res = $4) AND ($5 OR (r.deleted AND $6) OR (r.version > 1 AND $7 AND
        EXISTS (SELECT FROM version AS v WHERE v.res = r.res AND v.version < r.version)))
    AND {visible("r")}
ORDER BY r.res LIMIT $8
"""
_DELETE_VERSIONS = f"""
WITH gone AS (
    DELETE FROM version AS v USING resource AS r
    WHERE v.res = ANY ($1::int8[]) AND r.res = v.res AND (v.res = ANY ($2::int8[]) OR v.version < r.version)
        AND {visible("r")}
    RETURNING v.commit, v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
), noted AS (
    INSERT INTO expunged (res, version, instant, request)
    SELECT res, version, clock_timestamp(), $3 FROM gone ON CONFLICT DO NOTHING
)
SELECT * FROM gone
"""
_DELETE_INDEX = (
    "DELETE FROM date_value WHERE res = ANY ($1::int8[])",
    "DELETE FROM quantity_value WHERE res = ANY ($1::int8[])",
    "DELETE FROM string_value WHERE res = ANY ($1::int8[])",
    f"DELETE FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible('r')}",
)
_DELETE_NAME = f"""
DELETE FROM name WHERE hash = $1
    AND NOT EXISTS (SELECT FROM resource AS r WHERE r.tok && $2::int8[] AND {visible("r")})
"""
_BLANK_TERMS = f"""
UPDATE term AS t SET code = NULL WHERE t.token = ANY ($1::int8[]) AND t.code IS NOT NULL
    AND NOT EXISTS (SELECT FROM resource AS r WHERE r.tok @> ARRAY[t.token] AND {visible("r")})
"""
AUDIT = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_TELL = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
