"""Commits: rows made in Python, written by one call of `record_commits`.

Everything that the call needs is prepared before it, without a lock; the call takes the locks, sees whether what was
read still stands, and writes. When it does not stand, `Stale` says: read again, then try again.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import asyncpg

from kangyun.base.errors import Gone
from kangyun.store.batch import Batch, Change, Stale
from kangyun.store.holders import labels_awaited
from kangyun.store.index import Indexer, News
from kangyun.store.keys import KeyRing
from kangyun.store.medications import inherited
from kangyun.store.model import Envelope
from kangyun.store.registry import Registry

STALE, OTHER_EDITION, ERASED = "KY001", "KY002", "KY003"
EPOCH_OVER = "23503"  # a key made here is of an epoch that is not any more
SHORT_WAIT = "20ms"


class Outdated(Stale):
    """The search parameters or the epochs of keys have changed: refresh, then retry."""


class Writer:
    """Prepares and writes commits. One for a process."""

    def __init__(self, indexer: Indexer, keys: KeyRing, registry: Registry) -> None:
        self._indexer = indexer
        self._keys = keys
        self._registry = registry

    @property
    def edition(self) -> int:
        """The edition of the search parameters that index rows are made by."""
        return self._registry.edition

    async def prepare(
        self,
        connection: asyncpg.Connection,
        changes: Sequence[Change],
        envelope: Envelope,
        names: Sequence[tuple[str, str, int]] = (),
    ) -> Batch:
        """Makes the rows of a commit; none is written yet.

        names: (type, id, res) of targets that were referred to before they came. Raises Stale.
        """
        # While this is prepared, others may learn of a newer edition.
        batch = Batch(self._indexer, self._keys, envelope, self.edition)
        labels = await inherited(connection, changes, self._indexer.labelling)
        labels |= await labels_awaited(connection, changes, self._indexer.labelling)
        await batch.prepare(connection, changes, names, labels)
        return batch

    async def commit(
        self, connection: asyncpg.Connection, batches: Sequence[Batch], *, held: frozenset[int] = frozenset()
    ) -> datetime:
        """Writes prepared commits in one transaction, or as part of the one that `connection` is in.

        One waits for the locks that it needs, several not for long. held: those that the transaction has; who is in
        one lets the batches remember after it.
        Returns the instant of all. Raises Stale, and Gone where what it is about was erased.
        """
        late = buckets_of(batches) - held if held else ()
        # Waited for out of order they would be waited for in a circle, which PostgreSQL breaks after a second.
        out_of_order = bool(late) and min(late) < max(held)
        patience = SHORT_WAIT if out_of_order or len(batches) > 1 else None
        try:
            moment: datetime = await connection.fetchval(call_for(batches), *arguments_of(batches, patience), column=1)
        except asyncpg.PostgresError as error:
            if error.sqlstate in (OTHER_EDITION, EPOCH_OVER):
                raise Outdated from error
            if error.sqlstate == ERASED:
                raise Gone("store.erased") from error
            if patience and isinstance(error, asyncpg.LockNotAvailableError):  # Somebody keeps a lock.
                raise Stale(buckets_of(batches)) from error
            if error.sqlstate in (STALE, "40P01", "40001", "23505"):
                changed = error.detail.strip("{}").split(",") if error.sqlstate == STALE and error.detail else ()
                raise Stale(buckets_of(batches), frozenset(map(int, changed))) from error
            raise
        if not connection.is_in_transaction():
            for batch in batches:
                batch.remember()
        return moment


_CALL = (
    "SELECT ids, moment FROM record_commits{}("
    "$1, $2, $3::int4[], $4::expectation[], $5::name_row[], $6::data_key_row[], "
    "$7::resource_row[], $8::resource_row[], $9::expectation[], "
    "$10::narrow_key[], $11::narrow_key[], $12::narrow_key[], $13::int8[], $14::version_row[], "
    "$15::date_row[], $16::quantity_row[], $17::string_row[], $18::term_row[], $19::unit_row[], "
    "$20::commit_row[], $21::int4[])"
)


def buckets_of(batches: Sequence[Batch]) -> frozenset[int]:
    """Returns the locks that they need."""
    return frozenset(bucket for batch in batches for bucket in batch.buckets)


def call_for(batches: Sequence[Batch]) -> str:
    """Returns the statement that writes them: the function of the one segment that all are in, where it is one."""
    first, *others = {segment for batch in batches for segment in batch.segments}
    return _CALL.format("" if others else f"_{first}")


def arguments_of(batches: Sequence[Batch], patience: str | None = None) -> tuple[Any, ...]:
    """Returns the arguments of that statement. patience: with locks, as PostgreSQL writes it."""
    first, *others = batches
    lists, news, owners = first.rows.lists, first.news, None
    if others:
        lists = [list(chain(*of_all)) for of_all in zip(*(batch.rows.lists for batch in batches), strict=True)]
        news = News()
        for batch in batches:
            news.add(batch.news)
        owners = [nth for nth, batch in enumerate(batches, 1) for _ in batch.written]
    # NULL for what is empty: it costs nothing on either side.
    found = (sorted(buckets_of(batches)), *lists, news.term_rows(), news.unit_rows())
    return (
        *(first.edition, patience),
        *(*(rows or None for rows in found), [batch.commit_row() for batch in batches], owners),
    )
