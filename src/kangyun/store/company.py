"""Small requests of many callers, written in one transaction with what follows from them: a registration costs ten
messages to the database alone, and hardly more with thirty others.

Each stays a commit of its own, with its place in the feed and its audit row, and one that cannot be done says so for
itself. Where one needs what another is writing, or the group cannot be written, each is done alone. Nobody waits for
others but for the group before: its locks, held together, are most of what they would wait for anyway. A lock that
somebody else keeps is waited for alone.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import asyncpg

from kangyun.base.errors import PlatformError
from kangyun.database.gathering import Apart, Gathering
from kangyun.fhir import Resource
from kangyun.store.batch import Batch, Change, Stale
from kangyun.store.interactions import Done, Operation
from kangyun.store.locks import take_locks
from kangyun.store.model import Envelope
from kangyun.store.reader import Current, Name
from kangyun.store.run import Parts, Run
from kangyun.store.tokens import name_bucket
from kangyun.store.visible import Sight
from kangyun.store.writer import Outdated

GROUP = 32
TYPES = frozenset({"Patient"})
"""What comes in masses and is followed; its followers ask of an envelope only who writes, and how long ago it was."""


Locks = Callable[[Sequence[Resource]], frozenset[int]]
"""What a follower wants locked before it reads, of what is written; for what it cannot tell, it may raise Stale."""


def locks_of(each: Sequence[Locks], written: Sequence[Resource]) -> frozenset[int]:
    """Returns what followers want locked."""
    return frozenset[int]().union(*(locks(written) for locks in each))


class Follower(Protocol):
    """What is derived from resources of some types, in the transaction that writes them.

    wants: whether there may be something to derive from what an operation writes.
    """

    def wants(self, operation: Operation) -> bool: ...
    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None: ...


async def follow(followers: Sequence[Follower], connection: asyncpg.Connection, runs: Sequence[Run]) -> None:
    """Derives what is to be derived of what runs of one actor wrote."""
    changes = [change for run in runs for change in run.changes]
    for one in followers:
        await one.follow(connection, changes, runs[0].envelope)


@dataclass(slots=True)
class Asked:
    """One request: what it wants, and what has come of it so far."""

    operations: Sequence[Operation]
    envelope: Envelope
    run: Run = field(init=False)
    batch: Batch | None = None

    @property
    def names(self) -> set[Name]:
        """What it is about, as far as it says so."""
        return {(one.type, one.id) for one in self.operations if one.id is not None and one.method != "create"}


Work = Callable[[Sequence[Asked], dict[int, Exception]], Awaitable[None]]
"""Carries a group out; the second gets the errors of those that go no further."""


class Company:
    """Applies operations that something follows. One for a process."""

    def __init__(self, parts: Parts, followers: Sequence[Follower], locks: Sequence[Locks]) -> None:
        self._parts = parts
        self._followers = followers
        self._locks = locks
        self._gathering = Gathering(self._apply_all, most=GROUP, patience=None)

    def takes(self, operations: Sequence[Operation]) -> bool:
        """Whether operations may go with those of others."""
        first, *others = operations
        return not others and first.type in TYPES and first.condition is None and first.resource is not None

    async def apply(self, operations: Sequence[Operation], envelope: Envelope) -> list[Done]:
        """Applies one caller's operations. Raises its PlatformError, Apart, and what `Writer.commit` raises."""
        return await self._gathering.join(Asked(operations, envelope))

    async def _apply_all(self, group: Sequence[Asked]) -> list[list[Done] | Exception]:
        try:
            return await self._attempt(group, self._once)
        except Outdated:
            raise
        except Stale as stale:
            return await self._attempt(group, partial(self._again, stale.buckets))

    async def _attempt(self, group: Sequence[Asked], work: Work) -> list[list[Done] | Exception]:
        outcomes: dict[int, Exception] = {}
        for one in group:
            one.run, one.batch = Run(self._parts, one.operations, one.envelope), None
        try:
            await work(group, outcomes)
        except BaseException:
            for one in group:
                one.run.undo()
            raise
        return [outcomes.get(nth) or one.run.done() for nth, one in enumerate(group)]

    async def _once(self, group: Sequence[Asked], outcomes: dict[int, Exception]) -> None:
        """Prepares, which is most of the work, and takes the locks of what changes by it then."""
        async with self._parts.pool.connection() as connection:
            await self._prepare(connection, group, outcomes)
        written = [one for one in group if one.batch is not None]
        if written:
            changed = [resource for one in written for resource in one.run.resources]
            locks = locks_of(self._locks, changed).union(*(self._names(one) for one in written))
            async with self._locked(locks) as connection:
                await self._write(connection, written, locks)
            _remember(written)

    async def _again(self, locks: frozenset[int], group: Sequence[Asked], outcomes: dict[int, Exception]) -> None:
        """The same where what was read has changed meanwhile: under the locks, so that it cannot once more."""
        given = [operation.resource for one in group for operation in one.operations if operation.resource is not None]
        locks |= locks_of(self._locks, given).union(*(self._names(one) for one in group))
        async with self._locked(locks) as connection:
            await self._prepare(connection, group, outcomes)
            if written := [one for one in group if one.batch is not None]:
                await self._write(connection, written, locks)
        _remember(written)

    @asynccontextmanager
    async def _locked(self, locks: frozenset[int]) -> AsyncIterator[asyncpg.Connection]:
        """Gives a connection in a transaction that has locks. Raises Apart where somebody keeps one."""
        async with self._parts.pool.connection_for_locks() as connection, connection.transaction():
            try:
                await take_locks(connection, locks, hurried=True)
            except asyncpg.LockNotAvailableError:
                raise Apart from None  # Who needs it waits alone.
            yield connection

    def _names(self, one: Asked) -> set[int]:
        """Returns the locks of ids that it may come to choose."""
        ids, hasher = self._parts.reader.ids, self._parts.indexer.hasher
        return {name_bucket(hasher.name(*name)) for name in one.names if ids.res_of(name[1]) is None}

    async def _prepare(
        self, connection: asyncpg.Connection, group: Sequence[Asked], outcomes: dict[int, Exception]
    ) -> None:
        """Finds out what each comes to. outcomes: gets the errors of those that go no further."""
        found = await self._located(connection, group)
        about: set[Name] = set()
        res: set[int] = set()
        for nth, one in enumerate(group):

            async def here(names: Collection[Name], _: Sight, at: int = nth) -> dict[Name, Current]:
                return {name: found[at][name] for name in names if name in found[at]}

            try:
                if not about.isdisjoint(one.names):
                    raise Apart
                about |= one.names
                await one.run.find(here, connection)
                one.batch = await one.run.prepare(connection)
                if one.batch is not None and (not res.isdisjoint(one.batch.res) or one.batch.edition != self._edition):
                    one.batch = None
                    raise Apart
            except (PlatformError, Apart) as error:
                one.run.undo()
                outcomes[nth] = error
            else:
                res |= one.batch.res if one.batch is not None else set()

    @property
    def _edition(self) -> int:
        return self._parts.writer.edition

    async def _located(self, connection: asyncpg.Connection, group: Sequence[Asked]) -> list[dict[Name, Current]]:
        asked = [(one.names, one.envelope.sight) for one in group]
        if not any(names for names, _ in asked):
            return [{} for _ in group]
        return await self._parts.reader.locate_each(connection, asked)

    async def _write(self, connection: asyncpg.Connection, written: Sequence[Asked], locks: frozenset[int]) -> None:
        batches = [one.batch for one in written if one.batch is not None]
        moment = await self._parts.writer.commit(connection, batches, held=locks)
        of_one: dict[tuple[str, bool], list[Run]] = {}
        for one in written:
            one.run.written(moment)
            of_one.setdefault((one.envelope.actor, one.envelope.historic), []).append(one.run)
        for runs in of_one.values():
            await follow(self._followers, connection, runs)


def _remember(written: Sequence[Asked]) -> None:
    for one in written:
        if one.batch is not None:
            one.batch.remember()
