"""Interactions that write, as FHIR has them: one, or many as one transaction.

`Transactor.apply` takes operations, finds out what they mean (`run.py`), and commits them together or not at all. What
has changed in between is read again and tried again; conditions are decided under locks.

Source: https://hl7.org/fhir/R4/http.html (create, update, patch, delete, conditional interactions, transaction rules)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl

import asyncpg

from kangyun.base.errors import Conflict
from kangyun.database.gathering import Apart
from kangyun.store.batch import Batch, Stale
from kangyun.store.committer import Committer
from kangyun.store.company import Company, Follower, Locks, follow, locks_of
from kangyun.store.finder import Finder
from kangyun.store.interactions import Done, Operation
from kangyun.store.locks import take_locks
from kangyun.store.model import Envelope
from kangyun.store.run import Parts, Run
from kangyun.store.writer import Outdated

ATTEMPTS = 8


class Transactor:
    """Applies operations. One for a process."""

    def __init__(self, parts: Parts, finder: Finder, *, refresh: Callable[[], Awaitable[bool]]) -> None:
        self._parts = parts
        self._finder = finder
        self._committer = Committer(parts.pool, parts.writer)
        self._refresh = refresh
        self.followers: list[Follower] = []
        self.locks: list[Locks] = []
        self.completing = parts.completing
        self._company = Company(parts, self.followers, self.locks)

    async def apply(self, operations: Sequence[Operation], envelope: Envelope) -> list[Done]:
        """Applies all operations in one transaction and returns what became of each, in order.

        Raises the PlatformError of the first that cannot be done: then nothing is written.
        """
        locks = self._criteria(operations)
        conditional = any(operation.condition is not None for operation in operations)
        together = self._company.takes(operations)
        for attempt in range(ATTEMPTS):
            try:
                if together and not attempt:
                    return await self._company.apply(operations, envelope)
                if attempt or conditional:
                    # What decides, or was prepared before and has changed, is read under the locks.
                    locks |= locks_of(self.locks, [one.resource for one in operations if one.resource is not None])
                    return await self._under_locks(operations, envelope, locks)
                return await self._once(operations, envelope)
            except Apart:
                continue
            except Outdated:
                await self._refresh()
            except Stale as stale:
                # Others are writing the same. From now on we wait for them before we read, not after.
                locks |= stale.buckets
                await asyncio.sleep(0.001 * 2**attempt)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                await asyncio.sleep(0.001 * 2**attempt)
        raise Conflict

    async def _once(self, operations: Sequence[Operation], envelope: Envelope) -> list[Done]:
        """Prepares, which is most of the work, and takes the locks of what changes by it then, if it needs any."""
        run = Run(self._parts, operations, envelope)
        try:
            await run.find(self._finder.locate)
            async with self._parts.pool.connection() as connection:
                batch = await run.prepare(connection)
            if batch is not None:
                locks = locks_of(self.locks, run.resources)
                if locks or any(one.wants(operation) for operation in run.changing for one in self.followers):
                    async with self._locked(locks) as connection:
                        await self._write(connection, run, batch, locks)
                    batch.remember()
                else:
                    run.written(await self._committer.commit(batch))
        except BaseException:
            run.undo()
            raise
        return run.done()

    async def _under_locks(
        self, operations: Sequence[Operation], envelope: Envelope, locks: frozenset[int]
    ) -> list[Done]:
        run = Run(self._parts, operations, envelope)
        try:
            async with self._locked(locks) as connection:
                await run.find(partial(self._parts.reader.locate, connection), connection)
                batch = await run.prepare(connection)
                if batch is not None:
                    await self._write(connection, run, batch, locks)
            if batch is not None:
                batch.remember()
        except BaseException:
            run.undo()
            raise
        return run.done()

    @asynccontextmanager
    async def _locked(self, locks: frozenset[int]) -> AsyncIterator[asyncpg.Connection]:
        """Gives a connection in a transaction that has locks."""
        async with self._parts.pool.connection_for_locks() as connection, connection.transaction():
            await take_locks(connection, locks)
            yield connection

    async def _write(self, connection: asyncpg.Connection, run: Run, batch: Batch, locks: frozenset[int]) -> None:
        run.written(await self._parts.writer.commit(connection, [batch], held=locks))
        await follow(self.followers, connection, [run])

    def _criteria(self, operations: Sequence[Operation]) -> frozenset[int]:
        """Returns the lock buckets of all conditions: one a parameter and value, so that overlapping ones meet."""
        hasher = self._parts.indexer.hasher
        return frozenset(
            hasher.bucket(f"{operation.type}?{name}={value}".encode())
            for operation in operations
            if operation.condition
            for name, value in parse_qsl(operation.condition)
        )
