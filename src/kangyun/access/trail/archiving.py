"""Old parts of the trail go to files, and out of the database once the file was read again and holds.

A part is a partition of the table: the seals up to the one with its last row. That seal may hold rows of the next
partition as well; they go along. What stands in the database begins behind it, with the seal that follows: the chain is
one. Not younger than LEAST_MONTHS: the law asks for as long.

Source: Cybersecurity Law of the PRC, article 21 (3): logs are kept for six months at least; GB/T 22239-2019 8.1.5.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from kangyun.access.trail import archive, rows
from kangyun.access.trail.archive import Block, Broken, Head, Writing
from kangyun.access.trail.chain import BEFORE_ALL, START, Place, faults
from kangyun.base.errors import RuleBroken, Unavailable

LEAST_MONTHS = 6
MONTH = timedelta(days=31)
AT_ONCE = 20  # seals whose rows are read together
PATIENCE = "5s"  # that who reads and writes the trail may be kept waiting
LOCK = 0x6B61_6175

_PARTITIONS = """
SELECT substr(c.relname, 7)::int8 AS number FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relname ~ '^audit_[0-9]+$' AND c.relnamespace = current_schema()::regnamespace
ORDER BY number
"""
# Numbers are given in advance of the rows: a partition is full when the next one has been begun.
_FULL = "SELECT last_value > ($1::int8 + 1) * segment_numbers() * 4 FROM audit_id"
_LAST = "SELECT xid, id FROM audit WHERE id < ($1::int8 + 1) * segment_numbers() * 4 ORDER BY xid DESC, id DESC LIMIT 1"
_SEAL_OF = "SELECT number, xid, id FROM audit_seal WHERE (xid, id) >= ($1::int8, $2::int8) ORDER BY number LIMIT 1"
_SPAN = """
SELECT min(instant) AS oldest, max(instant) AS newest, count(*) AS rows
FROM audit WHERE (xid, id) <= ($1::int8, $2::int8)
"""
_BEFORE = "SELECT number, last_seal, xid, id, seal FROM audit_archive ORDER BY number DESC LIMIT 1"
_WATCHED = "SELECT coalesce((SELECT (w.xid, w.id) >= ($1::int8, $2::int8) FROM audit_watch AS w), false)"
_NOTE = """
INSERT INTO audit_archive (number, first_seal, last_seal, xid, id, rows, oldest, newest, seal, file, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_GONE_ALONG = (
    "DELETE FROM audit WHERE (xid, id) <= ($1::int8, $2::int8) AND id >= ($3::int8 + 1) * segment_numbers() * 4"
)
_SEALS_GONE = "DELETE FROM audit_seal WHERE number <= $1"


@dataclass(frozen=True, slots=True)
class Archived:
    """A part that went to a file."""

    number: int
    file: Path
    seals: int
    rows: int
    oldest: datetime
    newest: datetime


async def archive_next(
    connection: asyncpg.Connection, folder: Path, before: datetime, tell: Callable[[int], None] = lambda rows: None
) -> Archived | None:
    """Archives the oldest part, if all of it is older than an instant. `tell` is told of rows as they are written.

    Raises RuleBroken where the trail is not whole, or alerts have not been looked for in it; Unavailable where the file
    does not hold what was written, or the trail is in use for longer than it can be waited for. Nothing is removed
    then.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
        raise Unavailable("access.archive-busy")
    try:
        return await _archive_next(connection, folder, before, tell)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


@dataclass(frozen=True, slots=True)
class _Part:
    """A partition, and which of the chain goes with it."""

    partition: int
    head: Head
    after: Place
    last_seal: int
    last: Place
    rows: int
    oldest: datetime
    newest: datetime


async def _archive_next(
    connection: asyncpg.Connection, folder: Path, before: datetime, tell: Callable[[int], None]
) -> Archived | None:
    part = await _oldest_part(connection)
    if part is None or part.newest >= before:
        return None
    if not await connection.fetchval(_WATCHED, *part.last):
        raise RuleBroken("access.archive-not-watched")
    path, digest, seal = await _written(connection, folder, part, tell)
    _read_again(path, digest, part, seal)
    try:
        await _remove(connection, part, path, digest, seal)
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable("access.archive-busy") from error
    seals = part.last_seal - part.head.first_seal + 1
    return Archived(part.head.number, path, seals, part.rows, part.oldest, part.newest)


async def _oldest_part(connection: asyncpg.Connection) -> _Part | None:
    partitions = await connection.fetch(_PARTITIONS)
    if not partitions or not await connection.fetchval(_FULL, partitions[0]["number"]):
        return None
    partition = partitions[0]["number"]
    last = await connection.fetchrow(_LAST, partition)
    seal = await connection.fetchrow(_SEAL_OF, *last) if last else None
    newest = await rows.last_seal(connection)
    if seal is None or newest is None or seal["number"] >= newest.number:
        return None  # What is not sealed stays, and so does the seal that the next one builds on.
    upto = Place(seal["xid"], seal["id"])
    span = await connection.fetchrow(_SPAN, *upto)
    before = await connection.fetchrow(_BEFORE)
    number, last_seal, after, digest = (
        (before["number"], before["last_seal"], Place(before["xid"], before["id"]), before["seal"])
        if before
        else (0, 0, START, BEFORE_ALL)
    )
    head = Head(number + 1, last_seal + 1, digest)
    return _Part(partition, head, after, seal["number"], upto, span["rows"], span["oldest"], span["newest"])


async def _written(
    connection: asyncpg.Connection, folder: Path, part: _Part, tell: Callable[[int], None]
) -> tuple[Path, bytes, bytes]:
    """Writes the file. Returns it, its SM3, and the digest of its last seal. Raises RuleBroken where a seal does not
    hold."""
    writing = Writing(folder, part.head)
    try:
        number, place, before, count = part.head.first_seal - 1, part.after, part.head.before, 0
        while number < part.last_seal:
            some = await rows.seals(connection, number, min(AT_ONCE, part.last_seal - number))
            found = await rows.between(connection, place, some[-1].last) if some else []
            begin = 0
            for seal in some:
                end = rows.end_of(found, begin, seal)
                if seal.number != number + 1 or faults(seal, before, found[begin:end]):
                    raise RuleBroken("access.archive-not-whole", seal=seal.number)
                writing.add(seal, found[begin:end])
                number, place, before, begin = seal.number, seal.last, seal.digest, end
            if not some:
                raise RuleBroken("access.archive-not-whole", seal=number + 1)
            count += len(found)
            tell(len(found))
        if count != part.rows:
            raise RuleBroken("access.archive-not-whole", seal=part.head.first_seal)
        path, digest = writing.finish()
    except BaseException:
        writing.give_up()
        raise
    return path, digest, before


def _read_again(path: Path, digest: bytes, part: _Part, last: bytes) -> None:
    """Raises Unavailable where the file on disk does not hold what was written, row by row."""
    try:
        if archive.sm3_of(path) != digest:
            raise Broken
        number, before, count = part.head.first_seal - 1, part.head.before, 0
        parts = archive.read(path)
        if next(parts, None) != part.head:
            raise Broken
        for block in parts:
            if not isinstance(block, Block) or block.seal.number != number + 1:
                raise Broken
            if faults(block.seal, before, block.rows):
                raise Broken
            number, before, count = block.seal.number, block.seal.digest, count + len(block.rows)
        if (number, before, count) != (part.last_seal, last, part.rows):
            raise Broken
    except (OSError, Broken) as error:
        raise Unavailable("access.archive-unreadable", file=str(path)) from error


async def _remove(connection: asyncpg.Connection, part: _Part, path: Path, digest: bytes, seal: bytes) -> None:
    """Takes out of the database what the file holds, and notes where it is: both or neither."""
    async with connection.transaction():
        await connection.execute("SELECT set_config('lock_timeout', $1, true)", PATIENCE)
        await connection.execute(_GONE_ALONG, *part.last, part.partition)
        await connection.execute(_SEALS_GONE, part.last_seal)
        head = part.head
        await connection.execute(
            _NOTE, head.number, head.first_seal, part.last_seal, *part.last, part.rows, part.oldest, part.newest, seal,
            path.name, digest,
        )  # fmt: skip
        # At last: from here on nobody reads or writes the trail until this is done.
        await connection.execute(f"ALTER TABLE audit DETACH PARTITION audit_{part.partition}")
        await connection.execute(f"DROP TABLE audit_{part.partition}")


async def archived_before(connection: asyncpg.Connection) -> datetime | None:
    """Returns the instant before which rows stand in archives, None where there are none."""
    found: datetime | None = await connection.fetchval("SELECT max(newest) FROM audit_archive")
    return found
