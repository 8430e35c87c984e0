"""Audit rows and seals as they stand in the database."""

from collections.abc import Sequence

import asyncpg

from kangyun.access.trail.chain import Place, Row, Seal

# Each column with its length, from the server itself: no setting of a session changes it. What the first rows had not
# stands behind, where there is any of it.
_ROWS = """
SELECT a.xid, a.id, CASE WHEN ROW(a.role, a.way, a.client, a.about, a.origin, a.detail) IS NULL THEN record_send(ROW(
    a.id, a.xid, a.instant, a.commit, a.institution, a.outcome, a.action, a.actor, a.purpose, a.shape, a.source,
    a.request, a.patients, c.digest
)) ELSE record_send(ROW(
    a.id, a.xid, a.instant, a.commit, a.institution, a.outcome, a.action, a.actor, a.purpose, a.shape, a.source,
    a.request, a.patients, c.digest, a.role, a.way, a.client, a.about, a.origin, a.detail
)) END
FROM audit AS a LEFT JOIN commit AS c ON c.id = a.commit
"""
BEHIND = "a.xid >= $1 AND (a.xid > $1 OR a.id > $2)"
"""The condition on rows behind a place, which are the first two values."""
# Transactions before this one have ended: nothing can come between their rows any more.
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8 + moved_by()"
_PENDING = f"""{_ROWS}
WHERE {BEHIND} AND a.xid < $3 ORDER BY a.xid, a.id LIMIT $4
"""
_NEXT = "SELECT min(xid) FROM audit WHERE xid >= $1 AND xid < $2"
SPAN = 250  # transactions that are looked through at once: what is found has to be sorted
_BETWEEN = f"""{_ROWS}
WHERE {BEHIND} AND a.xid <= $3 AND (a.xid < $3 OR a.id <= $4)
ORDER BY a.xid, a.id
"""
# Late is what has waited for longer than any work takes, and what would wait for ever.
_WAITING = f"""
SELECT count(*), count(*) FILTER (
    WHERE a.instant < clock_timestamp() - $3 * interval '1 second'
        OR a.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::int8 + moved_by()
)
FROM audit AS a WHERE {BEHIND}
"""
LATE = 30  # seconds
_COLUMNS = "number, xid, id, ids, marks, body, digest"
_SEALS = f"SELECT {_COLUMNS} FROM audit_seal WHERE number > $1 ORDER BY number LIMIT $2"
_LAST = f"SELECT {_COLUMNS} FROM audit_seal ORDER BY number DESC LIMIT 1"
_SEAL = f"INSERT INTO audit_seal ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"


async def pending(connection: asyncpg.Connection, after: Place, most: int) -> tuple[list[Row], bool]:
    """Returns the next rows behind a place that can be sealed, and whether there may be more of them."""
    horizon = await connection.fetchval(_HORIZON)
    upto = min(max(after.xid, 0) + SPAN, horizon)
    found = await connection.fetch(_PENDING, *after, upto, most)
    if not found and upto < horizon:
        begin = await connection.fetchval(_NEXT, upto, horizon)
        if begin is not None:
            upto = min(begin + SPAN, horizon)
            found = await connection.fetch(_PENDING, begin, 0, upto, most)
    return [Row(*row) for row in found], bool(found) and (upto < horizon or len(found) == most)


async def between(connection: asyncpg.Connection, after: Place, last: Place) -> list[Row]:
    """Returns the rows behind one place up to another."""
    return [Row(*row) for row in await connection.fetch(_BETWEEN, *after, *last)]


def end_of(found: Sequence[Row], begin: int, seal: Seal) -> int:
    """Returns where the rows of a seal end."""
    end = begin
    while end < len(found) and (found[end].xid, found[end].id) <= seal.last:
        end += 1
    return end


async def waiting(connection: asyncpg.Connection, after: Place) -> tuple[int, int]:
    """Returns how many rows stand behind a place, and how many of them should have been sealed by now."""
    count, late = await connection.fetchrow(_WAITING, *after, LATE)
    return count, late


async def last_seal(connection: asyncpg.Connection) -> Seal | None:
    """Returns the newest seal, None where there is none."""
    row = await connection.fetchrow(_LAST)
    return _seal(row) if row else None


async def seals(connection: asyncpg.Connection, after: int, most: int) -> list[Seal]:
    """Returns the next seals behind a number."""
    return [_seal(row) for row in await connection.fetch(_SEALS, after, most)]


async def write(connection: asyncpg.Connection, made: Sequence[Seal]) -> None:
    """Writes seals."""
    rows = [(one.number, *one.last, one.ids, one.marks, one.body, one.digest) for one in made]
    await connection.executemany(_SEAL, rows)


def _seal(row: asyncpg.Record) -> Seal:
    number, xid, id_, ids, marks, body, digest = row
    if not all(isinstance(one, int) for one in (*ids, *marks)) or len(ids) != len(marks):
        ids = marks = []  # Somebody was here: the digest will not be theirs.
    return Seal(number, Place(xid, id_), ids, marks, body, digest)
