"""The rows of one commit, made in Python without any lock: index rows, narrow rows, sealed bodies, names, keys.

Nothing is written here; `writer.py` does that.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kangyun.base.crypto import Sealer
from kangyun.base.errors import Forbidden
from kangyun.fhir import Resource
from kangyun.store import body, rows
from kangyun.store.digests import Written, digest_of
from kangyun.store.index import Indexer, IndexRow, News, Target
from kangyun.store.keys import KeyRing
from kangyun.store.labelling import SEVERAL
from kangyun.store.model import DELETED, Envelope
from kangyun.store.segments import segment_of
from kangyun.store.tokens import bucket_of, name_bucket
from kangyun.store.types import TYPE_NUMBERS

# The definitions that bodies are validated by: R4 4.0.1.
DEFINITIONS_EDITION = 1
SLICE = 50
"""So many are worked on before others get the processor."""


class Stale(Exception):
    """Something that this commit was prepared from has changed: read again, then retry.

    buckets: the locks that it took. Who takes them before reading again cannot find it changed once more.
    res:     what has changed, where it is a resource that was to be written.
    """

    def __init__(self, buckets: frozenset[int] = frozenset(), res: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.buckets = buckets
        self.res = res


@dataclass(slots=True)
class Change:
    """One resource to be written.

    version: the new one. resource: None for a deletion. targets: where its literal references lead.
    before:  its index row as it stands, None for a new resource.
    chosen:  a client chose the id.  named: the name is new and must be written.
    reindexed: its index row was made by an older edition and is made anew whatever changes.
    text:    what is stored of it, in clear; the writer fills it in.
    labels:  that the resource has. patient: whom it is about, about: all of them; the writer fills them in.
    contents: the Binaries that it names, where it is about somebody.
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
    labels: int = 0
    patient: int | None = None
    about: frozenset[int] = frozenset()
    contents: frozenset[int] = frozenset()

    @property
    def is_first(self) -> bool:
        """Whether nobody can have known of it before: not as deleted, removed for good, or named by others."""
        return self.version == 1 and (self.named or not self.chosen)


@dataclass(slots=True)
class Rows:
    """Lists of rows, in the order in which `record_commits` takes them; it says what each is."""

    expected: list[bytes] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    created: list[bytes] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list)
    bumped: list[bytes] = field(default_factory=list)
    old_dates: list[bytes] = field(default_factory=list)
    old_quantities: list[bytes] = field(default_factory=list)
    old_strings: list[bytes] = field(default_factory=list)
    reindexed: list[int] = field(default_factory=list)
    versions: list[bytes] = field(default_factory=list)
    dates: list[bytes] = field(default_factory=list)
    quantities: list[bytes] = field(default_factory=list)
    strings: list[bytes] = field(default_factory=list)

    @property
    def lists(self) -> list[list[Any]]:
        """Returns the lists, in order."""
        return [getattr(self, name) for name in Rows.__slots__]


class Batch:
    """The rows of one commit."""

    def __init__(self, indexer: Indexer, keys: KeyRing, envelope: Envelope, edition: int) -> None:
        self.edition = edition
        self._indexer = indexer
        self._keys = keys
        self._envelope = envelope
        self._institution = envelope.institution
        self.rows = Rows()
        self.news = News()
        self.buckets: set[int] = set()
        self.segments: set[int] = set()
        self.written: list[tuple[int, int]] = []  # res and version
        self._patients: set[int] = set()
        self._written: list[Written] = []
        self._outcome = 200
        # Keys that this commit makes, by patient. Nobody else may use one before the commit has happened: what they
        # seal with it could never be opened if it does not.
        self._fresh_keys: dict[int | None, tuple[int, Sealer]] = {}

    async def prepare(
        self, connection: asyncpg.Connection, changes: Sequence[Change], names: Sequence[tuple[str, str, int]],
        inherited: Mapping[int, int],
    ) -> None:  # fmt: skip
        """inherited: by `res`, labels that a change has of what it refers to."""
        hasher = self._keys.hasher
        self._outcome = self._envelope.outcome(changes[0].action)
        for type_, id_, res in names:
            self._name(hasher.name(type_, id_), res)
        indexed = []
        for count, change in enumerate(changes):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)  # Others want the processor, too.
            indexed.append(self._index(change, inherited.get(change.res, 0)))
        first = {change.res for change in changes if change.type == "Patient" and change.is_first}
        await self._fetch_keys(connection, {row.patient for row in indexed}, first)
        for count, (change, row) in enumerate(zip(changes, indexed, strict=True)):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if change.named:
                self._name(hasher.name(change.type, change.id), change.res)
            change.patient, change.about = row.patient, row.about
            self._seal(change, row.patient)

    @property
    def res(self) -> set[int]:
        """Of what it writes."""
        return {res for res, _ in self.written}

    def commit_row(self) -> bytes:
        """Returns what is noted of the commit itself, and the audit row."""
        about = self._envelope
        res, versions = zip(*self.written, strict=True)
        return rows.commit_row(
            *(about.institution, about.historic, about.depth, about.actor, about.purpose, about.origin, about.request),
            *(res, versions, digest_of(self._written), about.action, self._outcome, about.shape, about.source),
            *(sorted(self._patients), about.role, about.way, about.client),
        )

    def remember(self) -> None:
        """After the commit: what it made known is known from now on."""
        for row in self.rows.keys:
            self._keys.remember(row)
        self._indexer.learn(self.news)

    def _name(self, digest: bytes, res: int) -> None:
        self.rows.names.append(rows.name_row(digest, res))
        self.buckets.add(name_bucket(digest))

    def _index(self, change: Change, inherited: int) -> IndexRow:
        """Makes the index rows of a change and returns the row that stands after it. inherited: labels of another's."""
        self.segments.add(segment_of(change.res))
        if change.version > 1:
            self.rows.expected.append(rows.expectation(change.res, change.version - 1))
            self.buckets.add(bucket_of(change.res))
        elif change.chosen:
            self.rows.expected.append(rows.expectation(change.res, 0))
        before = change.before
        if change.resource is None:
            assert before is not None
            row = _emptied(before)
        else:
            row = self._indexer.row(change.resource, change.res, change.targets, self.news)
        only = self._envelope.only_about
        if only is not None and (row.patient not in only or change.type == "Patient"):
            raise Forbidden("store.not-about-you")
        if only is not None and change.type == "Communication" and _is_of_others(change, only, self._envelope.actor):
            raise Forbidden("store.not-about-you")
        for patient in {row.patient, before.patient if before else None} - {None}:
            self._patients.add(patient)  # type: ignore[arg-type]
            if patient != change.res or not change.is_first:  # Nobody else can know of him.
                self.buckets.add(bucket_of(patient))  # type: ignore[arg-type]
        same = row == before and not inherited & ~change.labels
        if before is not None and same and change.action != DELETED and not change.reindexed:
            self.rows.bumped.append(rows.expectation(change.res, change.version))
            return row
        # What older versions were labelled for can still be read in them.
        labels = row.labels | inherited | (change.labels & (self._indexer.labelling.sticky | SEVERAL))
        line = rows.resource_row(
            *(change.res, row.patient, row.at, row.until, labels, row.present, self._institution, change.version),
            *(TYPE_NUMBERS[change.type], self.edition, row.links, change.resource is None, row.tok),
        )
        (self.rows.created if before is None else self.rows.changed).append(line)
        if change.reindexed:
            self.rows.reindexed.append(change.res)
            before = None
        self._write_narrow(change.res, row, before)
        return row

    def _write_narrow(self, res: int, row: IndexRow, before: IndexRow | None) -> None:
        """Makes the narrow rows, of the kinds that have changed only; the ones before are removed by their keys."""
        if before is None or row.dates != before.dates:
            self.rows.dates += [rows.date_row(res, *value) for value in row.dates]
            self.rows.old_dates += _keys(res, before.dates if before else ())
        if before is None or row.quantities != before.quantities:
            self.rows.quantities += [rows.quantity_row(res, *value) for value in row.quantities]
            self.rows.old_quantities += _keys(res, before.quantities if before else ())
        if before is None or row.strings != before.strings:
            self.rows.strings += [rows.string_row(res, *value) for value in row.strings]
            self.rows.old_strings += _keys(res, before.strings if before else ())

    async def _fetch_keys(
        self, connection: asyncpg.Connection, patients: set[int | None], first: Collection[int]
    ) -> None:
        """Brings into memory the data keys for these patients, making those that do not exist. first: have none."""
        missing = [patient for patient in patients if self._keys.key_for(patient, self._institution) is None]
        asked = [patient for patient in missing if patient not in first]
        found: set[int | None] = set()
        if asked:
            found = await self._keys.bring_for(connection, [p for p in asked if p is not None], self._institution)
        fresh = [patient for patient in missing if patient not in found]
        for patient, number in zip(fresh, await self._keys.numbers(connection, len(fresh)), strict=True):
            row_ = self._keys.new_row(number, patient, self._institution)
            self.rows.keys.append(row_)
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
        self.rows.versions.append(
            rows.version_row(
                *(change.res, change.version, key, body.DICTIONARY, DEFINITIONS_EDITION),
                *(TYPE_NUMBERS[change.type], change.action, sealed),
            )
        )
        self.written.append((change.res, change.version))
        self._written.append(
            Written(change.res, change.version, patient or 0, TYPE_NUMBERS[change.type], change.action, sealed)
        )


def _is_of_others(change: Change, only: Collection[int], actor: str) -> bool:
    """Whether a resident's message says that somebody else sent it, or goes to another resident or is about one."""
    said = change.resource or {}
    sender = said.get("sender", {}).get("reference")
    if sender is not None and sender != actor and change.targets.get(sender) not in only:
        return True
    others = [one.get("reference") or "" for name in ("recipient", "about") for one in said.get(name, ())]
    return any("Patient/" in text and change.targets.get(text) not in only for text in others)


def _keys(res: int, narrow: Iterable[tuple[Any, ...]]) -> list[bytes]:
    return [rows.narrow_key(res, key) for key in {row[0] for row in narrow}]


def _emptied(before: IndexRow) -> IndexRow:
    """A deleted resource keeps its patient and its dates, for the history and the locks; nothing finds it."""
    return IndexRow(before.patient, before.at, before.until, 0, 0, [], [], [], [], before.labels)
