"""Commits: rows made in Python, written by one call of `record_commit`.

Everything that the call needs is prepared before it, without a lock; the call takes the locks, sees whether what was
read still stands, and writes. When it does not stand, `Stale` says: read again, then try again.
"""

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.base.crypto import Sealer, sm3
from kangyun.fhir import Resource
from kangyun.store import body, rows
from kangyun.store.index import Indexer, IndexRow, News, Target
from kangyun.store.keys import KeyRing
from kangyun.store.model import DELETED, TYPE_NUMBERS, Envelope
from kangyun.store.registry import Registry
from kangyun.store.segments import segment_of
from kangyun.store.tokens import bucket_of, name_bucket

# The definitions that bodies are validated by: R4 4.0.1.
DEFINITIONS_EDITION = 1
STALE, OTHER_EDITION = "KY001", "KY002"
SLICE = 50
_DIGESTED = struct.Struct(">qiq")


class Stale(Exception):
    """Something that this commit was prepared from has changed: read again, then retry.

    buckets: the locks that it took. Who takes them before reading again cannot find it changed once more.
    """

    def __init__(self, buckets: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.buckets = buckets


class Outdated(Stale):
    """The search parameters have changed: refresh the registry, then retry."""


@dataclass(slots=True)
class Change:
    """One resource to be written.

    version: the new one. resource: None for a deletion. targets: where its literal references lead.
    before:  its index row as it stands, None for a new resource.
    chosen:  a client chose the id.  named: the name is new and must be written.
    reindexed: its index row was made by an older edition and is made anew whatever changes.
    text:    what is stored of it, in clear; the writer fills it in.
    """

    res: int
    type: str
    id: str
    version: int
    action: bytes
    resource: Resource | None
    targets: Mapping[str, Target] = field(default_factory=dict)
    before: IndexRow | None = None
    chosen: bool = False
    named: bool = False
    reindexed: bool = False
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit left behind."""

    id: int
    instant: datetime


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

    async def commit(
        self,
        connection: asyncpg.Connection,
        changes: Sequence[Change],
        envelope: Envelope,
        *,
        names: Sequence[tuple[str, str, int]] = (),
        buckets: frozenset[int] = frozenset(),
        held: frozenset[int] = frozenset(),
    ) -> Committed:
        """Writes the changes in one transaction, or as part of the one that `connection` is in.

        names:   (type, id, res) of targets that were referred to before they came.
        buckets: locks beyond those of the written resources and their patients. held: those that the transaction has.
        Raises Stale.
        """
        edition = self.edition  # While this is prepared, others may learn of a newer one.
        batch = _Batch(self._indexer, self._keys, envelope, edition)
        try:
            await batch.prepare(connection, changes, names)
            late = batch.buckets - held
            # Waited for out of order they would be waited for in a circle, which PostgreSQL breaks after a second.
            out_of_order = held and late and min(late) < max(held)
            if out_of_order and not await connection.fetchval(_TRY_LOCKS, sorted(late)):
                raise Stale(frozenset(batch.buckets))
            commit = _COMMIT.format(batch.suffix)
            outcome = envelope.outcome(changes[0].action)
            row = await connection.fetchrow(commit, edition, *batch.arguments(envelope, buckets, outcome))
        except asyncpg.PostgresError as error:
            if error.sqlstate == OTHER_EDITION:
                raise Outdated from error
            if error.sqlstate in (STALE, "40P01", "40001", "23505"):
                raise Stale(frozenset(batch.buckets)) from error
            raise
        if not connection.is_in_transaction():
            batch.remember()
        return Committed(row["commit_id"], row["moment"])


_TRY_LOCKS = "SELECT bool_and(pg_try_advisory_xact_lock(1262638, bucket)) FROM unnest($1::int4[]) AS bucket"
_COMMIT = (
    "SELECT commit_id, moment FROM record_commit{}("
    "$1, $2::int4[], $3::expectation[], $4::name_row[], $5::data_key_row[], $6::term_row[], $7::unit_row[], "
    "$8::resource_row[], $9::resource_row[], $10::expectation[], "
    "$11::narrow_key[], $12::narrow_key[], $13::narrow_key[], $14::int8[], $15::version_row[], "
    "$16::date_row[], $17::quantity_row[], $18::string_row[], "
    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)"
)


class _Batch:
    """The rows of one commit."""

    def __init__(self, indexer: Indexer, keys: KeyRing, envelope: Envelope, edition: int) -> None:
        self._edition = edition
        self._indexer = indexer
        self._keys = keys
        self._institution = envelope.institution
        self.expected: list[bytes] = []
        self.names: list[bytes] = []
        self.key_rows: list[tuple[Any, ...]] = []
        self.created: list[bytes] = []
        self.changed: list[bytes] = []
        self.bumped: list[bytes] = []
        self.old_dates: list[bytes] = []
        self.old_quantities: list[bytes] = []
        self.old_strings: list[bytes] = []
        self.reindexed: list[int] = []
        self.versions: list[bytes] = []
        self.dates: list[bytes] = []
        self.quantities: list[bytes] = []
        self.strings: list[bytes] = []
        self.patients: set[int] = set()
        self.buckets: set[int] = set()
        self.digested: list[bytes] = []
        # Keys that this commit makes, by patient. Nobody else may use one before the commit has happened: what they
        # seal with it could never be opened if it does not.
        self._fresh_keys: dict[int | None, tuple[int, Sealer]] = {}
        self._news = News()
        self._segments: set[int] = set()

    async def prepare(
        self, connection: asyncpg.Connection, changes: Sequence[Change], names: Sequence[tuple[str, str, int]]
    ) -> None:
        hasher = self._keys.hasher
        for type_, id_, res in names:
            self._name(hasher.name(type_, id_), res)
        indexed = []
        for count, change in enumerate(changes):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)  # Others want the processor, too.
            indexed.append(self._index(change))
        await self._fetch_keys(connection, {row.patient for row in indexed})
        for count, (change, row) in enumerate(zip(changes, indexed, strict=True)):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if change.named:
                self._name(hasher.name(change.type, change.id), change.res)
            self._seal(change, row.patient)

    def arguments(self, envelope: Envelope, buckets: frozenset[int], outcome: int) -> tuple[Any, ...]:
        # NULL for what is empty: it costs nothing on either side.
        return (
            *(sorted(self.buckets | buckets) or None, self.expected or None, self.names or None),
            *(self.key_rows or None, self._news.term_rows() or None, self._news.unit_rows() or None),
            *(self.created or None, self.changed or None, self.bumped or None),
            *(self.old_dates or None, self.old_quantities or None, self.old_strings or None, self.reindexed or None),
            self.versions,
            *(self.dates or None, self.quantities or None, self.strings or None),
            *(envelope.institution, envelope.historic, envelope.depth, envelope.actor, envelope.purpose),
            *(envelope.origin, envelope.request, sm3(*self.digested)),
            *(envelope.action, outcome, envelope.shape, envelope.source, sorted(self.patients)),
        )

    @property
    def suffix(self) -> str:
        """Of the function that writes in the one segment that the commit is in; empty where there are several."""
        first = next(iter(self._segments))
        return f"_{first}" if len(self._segments) == 1 else ""

    def remember(self) -> None:
        """After the commit: what it made known is known from now on."""
        for row in self.key_rows:
            self._keys.remember(row)
        self._indexer.learn(self._news)

    def _name(self, digest: bytes, res: int) -> None:
        self.names.append(rows.name_row(digest, res))
        self.buckets.add(name_bucket(digest))

    def _index(self, change: Change) -> IndexRow:
        """Makes the index rows of a change and returns the row that stands after it."""
        self._segments.add(segment_of(change.res))
        if change.version > 1:
            self.expected.append(rows.expectation(change.res, change.version - 1))
            self.buckets.add(bucket_of(change.res))
        elif change.chosen:
            self.expected.append(rows.expectation(change.res, 0))
        before = change.before
        if change.resource is None:
            assert before is not None
            row = _emptied(before)
        else:
            row = self._indexer.row(change.resource, change.res, change.targets, self._news)
        for patient in {row.patient, before.patient if before else None} - {None}:
            self.patients.add(patient)  # type: ignore[arg-type]
            self.buckets.add(bucket_of(patient))  # type: ignore[arg-type]
        if before is not None and row == before and change.action != DELETED and not change.reindexed:
            self.bumped.append(rows.expectation(change.res, change.version))
            return row
        line = rows.resource_row(
            *(change.res, row.patient, row.at, row.until, 0, row.present, self._institution, change.version),
            *(TYPE_NUMBERS[change.type], self._edition, row.links, change.resource is None, row.tok),
        )
        (self.created if before is None else self.changed).append(line)
        if change.reindexed:
            self.reindexed.append(change.res)
            before = None
        self._write_narrow(change.res, row, before)
        return row

    def _write_narrow(self, res: int, row: IndexRow, before: IndexRow | None) -> None:
        """Makes the narrow rows, of the kinds that have changed only; the ones before are removed by their keys."""
        if before is None or row.dates != before.dates:
            self.dates += [rows.date_row(res, *value) for value in row.dates]
            self.old_dates += _keys(res, before.dates if before else ())
        if before is None or row.quantities != before.quantities:
            self.quantities += [rows.quantity_row(res, *value) for value in row.quantities]
            self.old_quantities += _keys(res, before.quantities if before else ())
        if before is None or row.strings != before.strings:
            self.strings += [rows.string_row(res, *value) for value in row.strings]
            self.old_strings += _keys(res, before.strings if before else ())

    async def _fetch_keys(self, connection: asyncpg.Connection, patients: set[int | None]) -> None:
        """Brings into memory the data keys for these patients, making those that do not exist."""
        missing = [patient for patient in patients if self._keys.key_for(patient, self._institution) is None]
        if not missing:
            return
        known = await connection.fetch(_FIND_KEYS, [p for p in missing if p is not None], self._institution)
        found = {row["patient"] for row in known}
        for row in known:
            self._keys.remember(tuple(row))
        fresh = [patient for patient in missing if patient not in found]
        if not fresh:
            return
        numbers = await connection.fetch("SELECT nextval('data_key_id')::int4 FROM generate_series(1, $1)", len(fresh))
        for patient, (number,) in zip(fresh, numbers, strict=True):
            row_ = self._keys.new_row(number, patient, self._institution)
            self.key_rows.append(row_)
            self._fresh_keys[patient] = number, self._keys.opened(row_)

    def _known_key(self, patient: int | None) -> tuple[int, Sealer]:
        key = self._keys.key_for(patient, self._institution)
        sealer = self._keys.sealer(key) if key is not None else None
        if key is None or sealer is None:
            raise Stale
        return key, sealer

    def _seal(self, change: Change, patient: int | None) -> None:
        key, sealer = self._fresh_keys.get(patient) or self._known_key(patient)
        chosen_id = change.id if change.chosen else None
        change.text = body.text_of(change.resource or {}, chosen_id)
        sealed = body.sealed(change.text, sealer, change.res, change.version)
        self.versions.append(
            rows.version_row(
                *(change.res, change.version, key, body.DICTIONARY, DEFINITIONS_EDITION),
                *(TYPE_NUMBERS[change.type], change.action, sealed),
            )
        )
        self.digested += [_DIGESTED.pack(change.res, change.version, patient or 0), sealed]


_FIND_KEYS = """
SELECT id, patient, institution, epoch, wrapped FROM data_key
WHERE patient = ANY ($1) OR (patient IS NULL AND institution = $2)
"""


def _keys(res: int, narrow: Iterable[tuple[Any, ...]]) -> list[bytes]:
    return [rows.narrow_key(res, key) for key in {row[0] for row in narrow}]


def _emptied(before: IndexRow) -> IndexRow:
    """A deleted resource keeps its patient and its dates, for the history and the locks; nothing finds it."""
    return IndexRow(before.patient, before.at, before.until, 0, 0, [], [], [], [])
