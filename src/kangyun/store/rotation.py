"""Renewing keys: a new epoch key each 30 days, all data keys brought under it, the old one destroyed; a new root key.

Everybody goes on meanwhile: data keys stay what they are, only what wraps them changes, and both epochs open until the
last one has moved. What stops in the middle goes on from there. Bodies are never sealed anew: that would be the way
when a data key itself is known to somebody.

In the step that destroys the old epoch the root key goes one generation on (`store.root`): so the wrapped keys that a
backup holds, of epochs and of patients erased since, are opened by nothing that is left.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from kangyun.base.crypto import new_key
from kangyun.base.errors import Conflict
from kangyun.database.leases import lease
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.store.keys import INDEX_EPOCH, KeyRing, opened_epochs, wrapped_as
from kangyun.store.root import AnyRoot, Root, bring_forward

logger = logging.getLogger(__name__)

LEASE = "key epochs"
CHUNK = 1_000
SLICE = 50
WORK = "Device/work"  # who renews keys when they are due
LOOK_EVERY = 600.0  # seconds
Tell = Callable[[int, int], None]
"""Told how many data keys have moved, of how many."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """How the keys stand. moving: data keys that are not under the newest epoch yet."""

    newest: int
    began: datetime
    epochs: int
    keys: int
    moving: int


async def epochs(connection: asyncpg.Connection) -> Epochs:
    """Returns how the keys stand."""
    return Epochs(*await connection.fetchrow(_STATE))


async def is_due(connection: asyncpg.Connection, after: timedelta) -> bool:
    """Whether the newest epoch is older than that, or a renewal stopped in the middle."""
    state = await connection.fetchrow(_DUE, after)
    return bool(state["due"])


async def renew(
    pool: Pool, keys: KeyRing, tell: Tell | None = None, *, by: str, after: timedelta = timedelta(0)
) -> int:
    """Renews the epoch key, where it is older than `after` or a renewal stopped in the middle; returns how many keys
    moved. The root key goes one generation on; the file of this process is written anew.

    by: who is noted in the audit. Raises Conflict while another process does the same.
    """
    async with lease(pool, LEASE) as connection:
        if connection is None:
            raise Conflict("store.keys-being-renewed")
        if not await is_due(connection, after):
            return 0
        await keys.reload(connection)
        await _begin(connection, keys)
        moved = 0
        while True:
            moved += await _move(connection, keys, moved, tell)
            if await _end(connection, keys, by):
                break
        await keys.reload(connection)
        bring_forward(keys.root)
        return moved


async def keep_renewing(pool: Pool, keys: KeyRing, days: int, stop: asyncio.Event) -> None:
    """Renews the epoch key whenever it is so many days old, until `stop`. One process of the installation does it."""

    async def once() -> None:
        with contextlib.suppress(Conflict):  # Another process does it.
            moved = await renew(pool, keys, by=WORK, after=timedelta(days=days))
            if moved:
                logger.info("keys: renewed, %d data keys moved", moved)

    await make_rounds("keys: renewal", once, LOOK_EVERY, stop)


async def _begin(connection: asyncpg.Connection, keys: KeyRing) -> None:
    """Makes the key of the next epoch, where that has not been done yet."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        rows = await connection.fetch(_ROWS)
        if sum(row["id"] != INDEX_EPOCH for row in rows) == 1:
            root, _ = opened_epochs(keys.root, keys.cipher, rows)
            newest = rows[-1]["id"] + 1
            wrapped = root.wrapping(keys.cipher).seal(new_key(), wrapped_as(newest))
            await connection.execute(_NEW, newest, wrapped, root.generation)
    await keys.reload(connection)


async def _move(connection: asyncpg.Connection, keys: KeyRing, before: int, tell: Tell | None) -> int:
    """Brings all data keys under the newest epoch, in chunks, each a transaction of its own; returns how many."""
    total = before + (await epochs(connection)).moving
    after, moved = 0, 0
    while True:
        async with connection.transaction():
            rows = await connection.fetch(_OLD, keys.newest_epoch, after, CHUNK)
            fresh: list[Any] = []
            for count, row in enumerate(rows):
                if count % SLICE == SLICE - 1:
                    await asyncio.sleep(0)  # Others want the processor, too.
                fresh.append(keys.rewrapped(tuple(row)))
            if not rows:
                return moved
            ids, _, _, newest, wrapped = zip(*fresh, strict=True)
            await connection.execute(_MOVE, ids, wrapped, newest[0])
        after, moved = ids[-1], moved + len(rows)
        if tell is not None:
            tell(before + moved, total)


async def _end(connection: asyncpg.Connection, keys: KeyRing, by: str) -> bool:
    """Destroys the epochs before the newest; False where somebody made a key under one of them in the meantime."""
    try:
        async with connection.transaction():
            await connection.execute(_LOCK)
            rows = await connection.fetch(_ROWS)
            root, opened = opened_epochs(keys.root, keys.cipher, rows)
            newest = max(opened)
            await connection.execute(_DELETE, newest)
            left = {epoch: key for epoch, key in opened.items() if epoch in (INDEX_EPOCH, newest)}
            await _wrap_all(connection, keys, root.at(root.generation + 1), left)
            await note(connection, by, "keys renew")
    except asyncpg.ForeignKeyViolationError:
        return False
    return True


async def note(connection: asyncpg.Connection, by: str, what: str) -> None:
    """Leaves the audit row of what was done with keys."""
    await connection.execute(_AUDIT, by, what)


async def change_root(connection: asyncpg.Connection, keys: KeyRing, root: Root, by: str) -> None:
    """Wraps the epoch keys by another root key. The transaction is the caller's, and the file of the new root key
    must be in safety before it commits."""
    await connection.execute(_LOCK)
    rows = await connection.fetch(_ROWS)
    _, opened = opened_epochs(keys.root, keys.cipher, rows)
    await _wrap_all(connection, keys, root, opened)
    await connection.execute("UPDATE root_key SET escrow = NULL, escrowed = NULL")
    await note(connection, by, "keys change root")


async def _wrap_all(connection: asyncpg.Connection, keys: KeyRing, root: AnyRoot, epochs: dict[int, bytes]) -> None:
    wrapping = root.wrapping(keys.cipher)
    for epoch, key in epochs.items():
        await connection.execute(_WRAP, epoch, wrapping.seal(key, wrapped_as(epoch)), root.generation)
    await connection.execute(_CHECK, root.check_value, root.generation)


_STATE = """
SELECT e.id AS newest, e.began, (SELECT count(*) FROM key_epoch WHERE id > 0) AS epochs,
    (SELECT count(*) FROM data_key) AS keys, (SELECT count(*) FROM data_key WHERE epoch < e.id) AS moving
FROM key_epoch AS e ORDER BY e.id DESC LIMIT 1
"""
_DUE = """
SELECT count(*) > 1 OR max(began) <= clock_timestamp() - $1::interval AS due FROM key_epoch WHERE id > 0
"""
_AUDIT = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
VALUES (clock_timestamp(), 0, 200, 'keys', $1, 'SYSADMIN', $2, '', '', '{}')
"""
_LOCK = "LOCK TABLE key_epoch IN SHARE ROW EXCLUSIVE MODE"
_ROWS = "SELECT id, wrapped, generation FROM key_epoch ORDER BY id"
_NEW = "INSERT INTO key_epoch (id, wrapped, generation) VALUES ($1, $2, $3)"
_OLD = """
-- Locked in order, as an erasure does.
SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE epoch < $1 AND id > $2 ORDER BY id LIMIT $3
FOR UPDATE
"""
_MOVE = """
UPDATE data_key AS k SET epoch = $3, wrapped = n.wrapped
FROM unnest($1::int4[], $2::bytea[]) AS n(id, wrapped) WHERE k.id = n.id AND k.epoch < $3
"""
_DELETE = "DELETE FROM key_epoch WHERE id > 0 AND id < $1"
_WRAP = "UPDATE key_epoch SET wrapped = $2, generation = $3 WHERE id = $1"
_CHECK = "UPDATE root_key SET check_value = $1, generation = $2"
