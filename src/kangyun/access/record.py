"""`Record`: the only door to the record. Opened for one actor, one purpose and one request; each use leaves an audit
row.

What an actor may do beyond being signed in (roles, relations, consent, labels) is another issue: `Record.sight` is
its place, and every statement of the store asks it already.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.audit import Auditor
from kangyun.access.disk import Disk
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Gone, NotFound, PlatformError, TooCostly
from kangyun.base.statuses import status_of
from kangyun.fhir.search.dates import Range
from kangyun.fhir.search.query import Query
from kangyun.store.history import Versions, commits_history, instance_history
from kangyun.store.interactions import ANY_VERSION, Done, Method, Operation
from kangyun.store.model import Envelope, Stored
from kangyun.store.search.searcher import Page
from kangyun.store.search.several import search_several
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING, Sight

READ, SEARCH, HISTORY = "read", "search", "history"
REFUSED = 400  # and above: HTTP statuses of what was not done


@dataclass(frozen=True, slots=True)
class Gate:
    """What all records of a process share."""

    store: Store
    auditor: Auditor
    disk: Disk
    institutions: dict[str, int] = field(default_factory=dict)

    async def open(self, actor: Actor, circumstances: Circumstances) -> "Record":
        """Opens the record for one request."""
        number = self.institutions.get(actor.institution)
        if number is None:
            async with self.store.pool.connection() as connection:
                await connection.execute(_NEW_INSTITUTION, actor.institution)
                number = await connection.fetchval(_INSTITUTION, actor.institution)
            self.institutions[actor.institution] = number
        return Record(self, actor, circumstances, number)


# Two statements: what another process makes in the same moment is not seen by the one that met it.
_NEW_INSTITUTION = "INSERT INTO institution (reference) VALUES ($1) ON CONFLICT DO NOTHING"
_INSTITUTION = "SELECT id FROM institution WHERE reference = $1"


class Record:
    """The record as one actor sees it during one request."""

    def __init__(self, gate: Gate, actor: Actor, circumstances: Circumstances, institution: int) -> None:
        self._gate = gate
        self._store = gate.store
        self.actor = actor
        self._circumstances = circumstances
        self._institution = institution
        self.sight: Sight = EVERYTHING
        self.outcome = 0  # of the row that was left last

    async def read(self, type_: str, id_: str) -> Stored:
        """Returns the current version. Raises NotFound, Gone."""
        current = (await self._store.finder.locate([(type_, id_)])).get((type_, id_))
        stored = current.stored if current else None
        patients = [current.patient] if current and current.patient else []
        if stored is None:
            await self._audit(READ, 404, patients)
            raise NotFound
        if stored.deleted:
            await self._audit(READ, 410, patients)
            raise Gone
        await self._audit(READ, 200, patients)
        return stored

    async def vread(self, type_: str, id_: str, version: int) -> Stored:
        """Returns one version. Raises NotFound, Gone when that version is the deletion."""
        async with self._store.pool.connection() as connection:
            current = (await self._store.reader.locate(connection, [(type_, id_)])).get((type_, id_))
            stored = await self._store.reader.version(connection, current.res, version) if current else None
        patients = [current.patient] if current and current.patient else []
        await self._audit("vread", 404 if stored is None else 410 if stored.deleted else 200, patients)
        if stored is None:
            raise NotFound
        if stored.deleted:
            raise Gone
        return stored

    async def read_query(self, type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool = False) -> Query:
        """Reads a search by the parameters of this installation. Raises as `fhir.search.query.read_query`."""
        return await self._store.read_query(type_, pairs, strict=strict)

    async def search(self, query: Query) -> Page:
        """Returns a page. Raises TooCostly, Invalid, NotSupported."""
        async with self._store.pool.connection() as connection:
            page = await self._store.searcher.search(connection, query, self.actor.reference, self.sight)
        await self._audit(SEARCH, 200, [])
        return page

    async def search_several(self, queries: Sequence[Query]) -> Page:
        """Returns a page of what any of the queries matches: they ask the same of different types."""
        async with self._store.pool.connection() as connection:
            page = await search_several(
                self._store.searcher, connection, queries, self.actor.reference, self.sight
            )  # fmt: skip
        await self._audit(SEARCH, 200, [])
        return page

    async def history(
        self, type_: str | None, id_: str | None, *, count: int, since: datetime | None, during: Range | None,
        place: list[int] | None,
    ) -> Versions:  # fmt: skip
        """Returns versions of one resource, of a type, or of everything. Raises NotFound, TooCostly."""
        store, page = self._store, None
        seconds = store.searcher.planner.seconds
        try:
            async with asyncio.timeout(seconds * 2), store.pool.connection() as connection:
                if type_ is None or id_ is None:
                    page = await commits_history(
                        connection, store.reader, type_,
                        count=count, since=since, during=during, place=place, sight=self.sight,
                    )  # fmt: skip
                else:
                    current = (await store.reader.locate(connection, [(type_, id_)])).get((type_, id_))
                    if current is not None and current.stored is not None:
                        page = await instance_history(
                            connection, store.reader, current.res,
                            count=count, since=since, during=during, place=place, sight=self.sight,
                        )  # fmt: skip
        except TimeoutError:
            await self._audit(HISTORY, 422, [])
            raise TooCostly("fhir.search.too-costly", seconds=str(seconds), cheaper="_since") from None
        await self._audit(HISTORY, 200 if page else 404, [])
        if page is None:
            raise NotFound
        return page

    @staticmethod
    def operation(method: Method, type_: str, **rest: Any) -> Operation:
        """Returns an interaction to commit; `rest` as the fields of Operation."""
        return Operation(method, type_, **rest)

    async def commit(self, operations: Sequence[Operation], action: str) -> list[Done]:
        """Carries out interactions in one transaction; its audit row is part of it.

        When nothing came of it (no change, or refused), the row is written apart.
        """
        try:
            self._gate.disk.check()
            done = await self._store.transactor.apply(operations, self._envelope(action))
        except PlatformError as error:
            await self._audit(action, status_of(error), [])
            raise
        self.outcome = 200
        if all(one.status in ("unchanged", "matched", "absent") for one in done):
            await self._audit(action, 204 if action == "delete" else 200, [])
        return done

    @property
    def store(self) -> Store:
        """The store, for `access.operations`: what they do with it they audit by `leave_row`."""
        return self._store

    @property
    def institution(self) -> int:
        """The number of the actor's institution."""
        return self._institution

    async def leave_row(self, action: str, outcome: int, patients: list[int]) -> None:
        """Leaves the row of a request; it is durable when this returns."""
        await self._audit(action, outcome, patients)

    async def refuse(self, action: str, outcome: int) -> None:
        """Leaves the row of a request that was refused, where none says so: a second one, if it came to the record."""
        if self.outcome < REFUSED:
            await self._audit(action, outcome, [])

    def administrators_only(self) -> None:
        """Raises Forbidden for anybody else."""
        if not self.actor.administrator:
            raise Forbidden("access.administrators-only")

    def _envelope(self, action: str) -> Envelope:
        about = self._circumstances
        return Envelope(
            actor=self.actor.reference,
            purpose=self.actor.purpose,
            institution=self._institution,
            action=action,
            shape=about.shape,
            source=about.source,
            request=about.request,
            historic=about.historic,
            depth=about.depth,
            origin=about.origin,
        )

    def audit_columns(self, action: str, outcome: int) -> tuple[Any, ...]:
        """Returns the columns of this request's audit row, but for the patients."""
        about = self._circumstances
        self.outcome = outcome
        return (
            *(clock.now(), self._institution, outcome, action, self.actor.reference, self.actor.purpose),
            *(about.shape, about.source, about.request),
        )

    async def _audit(self, action: str, outcome: int, patients: list[int]) -> None:
        await self._gate.auditor.write((*self.audit_columns(action, outcome), patients))


# What callers hold of the store, so that nobody above imports it.
__all__ = ["ANY_VERSION", "Done", "Gate", "Method", "Operation", "Page", "Query", "Record", "Stored", "Versions"]
