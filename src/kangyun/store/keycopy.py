"""A copy of the key tables apart from the backups of the data: what a backup from before a renewal needs to be read.

When an epoch is over, the wrapped keys of older backups are opened by nothing: that is how an erasure reaches them. The
data keys themselves live on under the new epoch; so a restore of an older backup takes the newest copy of the key
tables along, and reads everything but what was erased since. Make one after each renewal and with each backup, in the
place of the one before: an old copy is of no use, and harms nobody.

The file is one JSON line about it, one a data key, and one with the SM3 of all before. Keys stand in it wrapped, as in
the database: without the root key it says how many registrations there are, and no more.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import asyncpg
import msgspec
from cryptography.hazmat.primitives import hashes

from kangyun.base import clock
from kangyun.base.crypto import CipherName
from kangyun.base.errors import Conflict, Invalid, Unavailable
from kangyun.store.keys import opened_epochs
from kangyun.store.root import Root

WHAT = "kangyun key tables"
CHUNK = 5_000


class Head(msgspec.Struct, frozen=True):
    """What the file is of. epochs: number, wrapped key and generation of each; keys: how many data keys there are."""

    what: str
    instant: datetime
    check_value: str
    generation: int
    epochs: list[tuple[int, bytes, int]]
    keys: int


class _Key(msgspec.Struct, frozen=True, array_like=True):
    id: int
    patient: int | None
    institution: int
    epoch: int
    wrapped: bytes


async def save(connection: asyncpg.Connection, file: Path) -> Head:
    """Writes a copy, in the place of the one that is there; it is on disk when this returns. Raises Unavailable."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                head = await _write(connection, sink)
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(draft, file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise Unavailable("store.key-copy-not-written", file=str(file)) from None
    return head


async def _write(connection: asyncpg.Connection, sink: BinaryIO) -> Head:
    root = await connection.fetchrow("SELECT check_value, generation FROM root_key")
    epochs = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch ORDER BY id")
    count = await connection.fetchval("SELECT count(*) FROM data_key")
    head = Head(WHAT, clock.now(), root["check_value"], root["generation"], [tuple(row) for row in epochs], count)
    digest = hashes.Hash(hashes.SM3())
    lines = _encoded([head])
    after = 0
    while lines:
        digest.update(lines)
        sink.write(lines)
        rows = await connection.fetch(_ROWS, after, CHUNK)
        after = rows[-1]["id"] if rows else after
        lines = _encoded([_Key(*row) for row in rows])
    sink.write(_encoded([{"sm3": digest.finalize().hex()}]))
    return head


def _encoded(items: list[Any]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in items)


def verified(file: Path) -> Head:
    """Looks through a copy and returns what it is of. Raises Invalid where it is none, or not whole."""
    digest, count, head = hashes.Hash(hashes.SM3()), 0, None
    try:
        with file.open("rb") as source:
            before = b""
            for line in source:
                if before:
                    digest.update(before)
                    count += 1
                    head = head or msgspec.json.decode(before, type=Head)
                before = line
        whole = msgspec.json.decode(before) == {"sm3": digest.finalize().hex()}
    except (OSError, msgspec.DecodeError):
        whole = False
    if head is None or not whole or head.what != WHAT or head.keys != count - 1:
        raise Invalid("store.key-copy-broken", file=str(file))
    return head


async def load(connection: asyncpg.Connection, root: Root, cipher: CipherName, file: Path) -> Head:
    """Puts the key tables of a copy in the place of those of a database that was restored from before it.

    Nobody else may be using the database. Raises Invalid for a file that is no such copy, Conflict where the keys of
    the database are not older than the copy's, Unavailable where the root key is not theirs.
    """
    head = verified(file)
    opened_epochs(root, cipher, [dict(zip(("id", "wrapped", "generation"), one, strict=True)) for one in head.epochs])
    async with connection.transaction():
        await connection.execute("LOCK TABLE key_epoch, data_key IN ACCESS EXCLUSIVE MODE")
        standing = await connection.fetchval("SELECT coalesce(max(generation), -1) FROM key_epoch")
        if standing >= head.generation:
            raise Conflict("store.key-copy-not-newer", found=head.generation, standing=standing)
        await connection.execute("DELETE FROM data_key")
        await connection.execute("DELETE FROM key_epoch")
        await connection.executemany("INSERT INTO key_epoch (id, wrapped, generation) VALUES ($1, $2, $3)", head.epochs)
        for rows in _chunks(file):
            await connection.execute(_INSERT, *zip(*rows, strict=True))
        await connection.execute(_NUMBERS)
        await connection.execute(_ROOT, head.check_value, head.generation)
    return head


def _chunks(file: Path) -> Iterator[list[tuple[Any, ...]]]:
    """Gives the data keys of a copy that was verified."""
    rows: list[tuple[Any, ...]] = []
    with file.open("rb") as source:
        source.readline()
        for line in source:
            if line.startswith(b"["):
                key = msgspec.json.decode(line, type=_Key)
                rows.append(msgspec.structs.astuple(key))
            if len(rows) >= CHUNK:
                yield rows
                rows = []
    if rows:
        yield rows


_ROWS = "SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE id > $1 ORDER BY id LIMIT $2"
_INSERT = """
INSERT INTO data_key (id, patient, institution, epoch, wrapped)
SELECT * FROM unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[], $5::bytea[])
"""
# Numbers that were given after the backup are not given again.
_NUMBERS = """
SELECT setval('data_key_id', greatest((SELECT last_value FROM data_key_id), (SELECT max(id) FROM data_key), 1))
"""
_ROOT = """
INSERT INTO root_key (check_value, generation) VALUES ($1, $2)
ON CONFLICT (singleton) DO UPDATE SET check_value = excluded.check_value, generation = excluded.generation
"""
