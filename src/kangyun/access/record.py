"""`Record`: the only door to the record. Opened for one actor, one purpose and one request; each use leaves an audit
row.

What an actor may do follows from its role and scopes (`access.policy`), and from what is written about each resident.
It is decided once, when the record is opened, and every statement of the store asks for it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg

from kangyun.access.actor import Actor, Circumstances, credential
from kangyun.access.approvals import Approvals
from kangyun.access.audit import Row
from kangyun.access.golden_search import Asked, asked_for, search_residents
from kangyun.access.ledger import Ledger
from kangyun.access.masking import masked, masked_place
from kangyun.access.opened import PERSONS, can_be_masked, mask, opened_to, person_of, written_by
from kangyun.access.policy.sights import STAFF, Decision
from kangyun.access.rights import Rights
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Gone, NotFound, PlatformError, RuleBroken, TooCostly
from kangyun.base.statuses import status_of
from kangyun.fhir.search.dates import Range
from kangyun.fhir.search.query import Query
from kangyun.identity.golden import golden
from kangyun.store.history import Versions, commits_history, instance_history
from kangyun.store.ids import is_resident
from kangyun.store.interactions import ANY_VERSION, Done, Method, Operation
from kangyun.store.model import Envelope, Stored
from kangyun.store.reader import Current
from kangyun.store.search.named import named_patients, told_patients
from kangyun.store.search.searcher import Page
from kangyun.store.search.several import search_several
from kangyun.store.store import Store

if TYPE_CHECKING:
    from kangyun.access.gate import Gate

READ, SEARCH, HISTORY = "read", "search", "history"
EXPORT = "export"
LARGE_PAGE = 50
"""Persons: those on smaller pages are not counted together with exports."""
MOST_PATIENTS = 100_000  # whose numbers are kept in mind
REFUSED = 400  # and above: HTTP statuses of what was not done


class Record(Rights):
    """The record as one actor sees it during one request."""

    def __init__(
        self, gate: "Gate", actor: Actor, circumstances: Circumstances, institution: int, decision: Decision
    ) -> None:
        self._gate = gate
        self._store = gate.store
        super().__init__(actor, decision)
        self._circumstances = circumstances
        self._institution = institution
        self.sight = decision.sight
        self.outcome = 0  # of the row that was left last
        self.has_shown_persons = False

    async def read(
        self, type_: str, id_: str, known: Callable[[Stored], bool] | None = None, *, whole: bool = False
    ) -> Stored:
        """Returns the current version. Raises NotFound, Gone, Forbidden.

        known: whether the client has it, which the row says. whole: not masked, for who shows nothing of it.
        """
        self.may_read(type_)
        resident = self.resident_of(type_, id_)
        if resident is not None:
            return await self._read_resident(resident, id_, known)
        current = (await self._store.finder.locate([(type_, id_)], self.sight)).get((type_, id_))
        stored = current.stored if current else None
        patients = [current.patient] if current and current.patient else []
        if stored is None:
            absent = self.absence(id_, current)
            await self._audit(READ, status_of(absent), patients or await self.hidden(type_, id_))
            raise absent
        if stored.deleted:
            await self._audit(READ, 410, patients, stored.res)
            raise Gone
        await self._audit(READ, 304 if known is not None and known(stored) else 200, patients, stored.res)
        return stored if whole else (await self.shown([stored]))[0]

    def resident_of(self, type_: str, id_: str | None) -> int | None:
        """Returns the number of the resident whose golden Patient has such an id."""
        res = self._store.ids.res_of(id_) if id_ and type_ == "Patient" else None
        return res if res is not None and is_resident(res) else None

    async def _read_resident(self, resident: int, id_: str, known: Callable[[Stored], bool] | None) -> Stored:
        """Returns the golden Patient, made of the registrations that are seen, as they are shown. Raises NotFound."""
        async with self._store.pool.connection() as connection:
            located = (await self._store.reader.of_residents(connection, [resident], self.sight))[resident]
        registrations = [one.stored for one in located if one.stored is not None]
        patients = sorted(one.res for one in registrations)
        if not registrations:
            await self._audit(READ, 404, [])
            raise NotFound
        made = golden(resident, id_, await self.shown(registrations))
        await self._audit(READ, 304 if known is not None and known(made) else 200, patients)
        return made

    async def vread(self, type_: str, id_: str, version: int, *, whole: bool = False) -> Stored:
        """Returns one version. Raises NotFound, Forbidden, Gone when that version is the deletion.

        whole: not masked, for who shows nothing of it.
        """
        self.may_read(type_)
        async with self._store.pool.connection() as connection:
            current = (await self._store.reader.locate(connection, [(type_, id_)], self.sight)).get((type_, id_))
            stored = None
            if current is not None:
                stored = await self._store.reader.version(connection, current.res, version, self.sight)
        patients = [current.patient] if current and current.patient else []
        absent = self.absence(id_, current)
        outcome = status_of(absent) if stored is None else 410 if stored.deleted else 200
        if stored is None and not patients:
            patients = await self.hidden(type_, id_)
        await self._audit("vread", outcome, patients, current.res if current else None)
        if stored is None:
            raise absent
        if stored.deleted:
            raise Gone
        return stored if whole else (await self.shown([stored]))[0]

    def may_register(self, id_: str) -> bool:
        """Whether a Patient of that id, which is still to come, may be written about."""
        envelope = self._envelope("")
        return envelope.strangers or envelope.may_choose(id_)

    @property
    def writes_about_strangers(self) -> bool:
        """Whether residents may be written about whose registration is not seen."""
        return self._decision.strangers

    async def may_change(self, stored: Stored) -> None:
        """Raises Forbidden where the actor changes no such resource, or only what his own institution wrote."""
        self._may_write(self.operation("update", stored.type, id=stored.id))
        if not self._decision.writes_all:
            async with self._store.pool.connection() as connection:
                if not await written_by(connection, self._institution, [stored.res]):
                    raise Forbidden("store.not-yours")

    def absence(self, id_: str, current: Current | None) -> PlatformError:
        """Returns what is said of a resource of which nothing is there to be seen."""
        erased = current is not None and current.erased and self._envelope("").may_know_of(id_)
        return Gone("store.erased") if erased else NotFound()

    async def shown(self, found: Sequence[Stored]) -> list[Stored]:
        """Returns resources as they are shown to this actor: persons masked, where his role sees them so, until they
        are opened. Whatever leaves a request, and was not read by `read`, `search` or `history`, passes here."""
        self.has_shown_persons |= any(one.patient is not None or one.type in PERSONS for one in found)
        hidden = [self._hides(one) for one in found]
        persons = sorted({person_of(one) for one, hides in zip(found, hidden, strict=True) if hides})
        if not persons:
            return list(found)
        async with self._store.pool.connection() as connection:
            whole = await self._shown_whole(connection, persons)
        return [
            mask(one) if hides and person_of(one) not in whole else one
            for one, hides in zip(found, hidden, strict=True)
        ]  # fmt: skip

    def _hides(self, stored: Stored) -> bool:
        """Whether something in a version may have to be masked for this actor."""
        decision = self._decision
        if stored.type == STAFF:
            return decision.hides_staff and not stored.deleted and f"{STAFF}/{stored.id}" != self.actor.reference
        return decision.masked and can_be_masked(stored, self._gate.sights.policy.open_types)

    async def _shown_whole(self, connection: asyncpg.Connection, persons: Sequence[int]) -> set[int]:
        """Returns which persons are shown whole all the same, asked of the database each time."""
        opened = await opened_to(connection, self.actor, persons)
        if self._decision.keeps_staff:  # Of such roles nothing is masked but staff.
            opened |= await written_by(connection, self._institution, persons)
        return opened

    async def _page_shown(self, page: Page) -> Page:
        shown = await self.shown([*page.matches, *page.included])
        count = len(page.matches)
        return replace(page, matches=shown[:count], included=shown[count:])

    async def hidden(self, type_: str, id_: str) -> list[int]:
        """Returns whom it was about that was asked for and not shown: the resident may know. Nobody else is told."""
        if self.sight.everything:
            return []
        found = (await self._store.finder.locate([(type_, id_)])).get((type_, id_))
        return [found.patient] if found is not None and found.patient is not None else []

    async def read_query(self, type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool = False) -> Query:
        """Reads a search by the parameters of this installation. Raises as `fhir.search.query.read_query`."""
        return await self._store.read_query(type_, pairs, strict=strict)

    async def search(self, query: Query) -> Page:
        """Returns a page. Raises TooCostly, Invalid, NotSupported, Forbidden."""
        self.may_search(query.type)
        asked = asked_for(query, partial(self.resident_of, "Patient"))
        if asked is not None:
            return await self._search_residents(query, asked)
        async with self._store.pool.connection() as connection:
            page = await self._store.searcher.search(connection, query, self.actor.reference, self.sight)
            patients = await self._met(connection, [query], page)
        await self.refuse_many(SEARCH, self.patients_of((*page.matches, *page.included)))
        await self._audit(SEARCH, 200, patients)
        return await self._page_shown(page)

    async def _search_residents(self, query: Query, asked: Asked) -> Page:
        """Returns a page on which golden Patients stand first, made of what the actor is shown."""
        store = self._store
        async with store.pool.connection() as connection:
            found = await search_residents(
                store.searcher, connection, query, asked, self.actor.reference, self.sight
            )  # fmt: skip
            patients = await self._met(connection, [query], found.page)
        registrations = found.registrations
        own = [one.res for seen in registrations.values() for one in seen]
        await self._audit(SEARCH, 200, sorted({*patients, *own}))
        residents = [
            golden(number, asked.residents[number], await self.shown(seen)) for number, seen in registrations.items()
        ]
        page = await self._page_shown(found.page)
        return replace(page, matches=[*residents, *page.matches])

    async def search_several(self, queries: Sequence[Query]) -> Page:
        """Returns a page of what any of the queries matches: they ask the same of different types.

        Types that may not be searched have nothing to be found; Forbidden where none may be.
        """
        searches = self._decision.searches
        allowed = [query for query in queries if searches is None or query.type in searches]
        if not allowed:
            self.may_search(queries[0].type)
        queries = allowed
        for query in queries:
            asked = asked_for(query, partial(self.resident_of, "Patient"))
            if asked is not None and not asked.others:
                return await self._search_residents(query, asked)  # No id of another type is a resident's.
        async with self._store.pool.connection() as connection:
            page = await search_several(
                self._store.searcher, connection, queries, self.actor.reference, self.sight
            )  # fmt: skip
            patients = await self._met(connection, queries, page)
        await self.refuse_many(SEARCH, self.patients_of((*page.matches, *page.included)))
        await self._audit(SEARCH, 200, patients)
        return await self._page_shown(page)

    async def _met(self, connection: asyncpg.Connection, queries: Sequence[Query], page: Page) -> list[int]:
        """Returns whom a page is about, and whom the question names: a count shows nobody, and tells of him."""
        store, gate, shown = self._store, self._gate, (*page.matches, *page.included)
        if len(gate.patients) > MOST_PATIENTS:
            gate.patients.clear()
        named = await named_patients(
            connection, store.searcher, store.registry, store.bases, queries, self.sight, shown, gate.patients
        )  # fmt: skip
        if not shown:
            named |= await told_patients(connection, store.searcher, queries, self.sight, page.total)
        return sorted(named.union(self.patients_of(shown)))

    async def refuse_many(self, action: str, patients: Collection[int]) -> None:
        """Counts the persons of a large page together with those of exports, for an application.

        Raises Forbidden where they are more than need no second officer; its row is left.
        """
        rule = self._gate.rules.get(EXPORT)
        if rule is None or len(patients) <= LARGE_PAGE or not (self.actor.client or self.actor.role == "application"):
            return
        approvals = Approvals(self._store.pool, self._store.keys, self._gate.rules)
        if not await approvals.few(EXPORT, self.actor, patients):
            await self._audit(action, 403, [])
            raise Forbidden("access.approvals.by-export", limit=rule.above)

    async def history(
        self, type_: str | None, id_: str | None, *, count: int, since: datetime | None, during: Range | None,
        place: list[int] | None,
    ) -> Versions:  # fmt: skip
        """Returns versions of one resource, of a type, or of everything. Raises NotFound, TooCostly."""
        if type_ is not None:
            self.may_read(type_)
        store, page, current, patients = self._store, None, None, list[int]()
        seconds = store.searcher.planner.seconds
        try:
            async with asyncio.timeout(seconds * 2), store.pool.connection() as connection:
                if type_ is None or id_ is None:
                    page = await commits_history(
                        connection, store.reader, type_,
                        count=count, since=since, during=during, place=place, sight=self.sight,
                    )  # fmt: skip
                else:
                    located = await store.reader.locate(connection, [(type_, id_)], self.sight)
                    current = located.get((type_, id_))
                    if current is not None and current.stored is not None:
                        page = await instance_history(
                            connection, store.reader, current.res,
                            count=count, since=since, during=during, place=place, sight=self.sight,
                        )  # fmt: skip
                patients = self.patients_of(page.entries if page else ())
        except TimeoutError:
            await self._audit(HISTORY, 422, [])
            raise TooCostly("fhir.search.too-costly", seconds=str(seconds), cheaper="_since") from None
        absent = self.absence(id_ or "", current)
        if page is None and type_ is not None and id_ is not None:
            patients = await self.hidden(type_, id_)
        await self._audit(HISTORY, 200 if page else status_of(absent), patients)
        if page is None:
            raise absent
        return replace(page, entries=await self.shown(page.entries))

    @staticmethod
    def operation(method: Method, type_: str, **rest: Any) -> Operation:
        """Returns an interaction to commit; `rest` as the fields of Operation."""
        return Operation(method, type_, **rest)

    async def commit(self, operations: Sequence[Operation], action: str, *, whole: bool = False) -> list[Done]:
        """Carries out interactions in one transaction; its audit row is part of it.

        When nothing came of it (no change, or refused), the row is written apart, and so is one of those whom
        conditions name and who were not written about. What is shown of what stands then is masked as in a read, but
        for what was made just now as it was sent; whole: nothing of it is shown.
        """
        try:
            for operation in operations:
                self._may_write(operation)
            self._gate.disk.check()
            done = await self._store.transactor.apply(operations, self._envelope(action))
        except PlatformError as error:
            # Of what stands, a refusal tells as well: a test of a patch, the version that must be current.
            found = (operation.found for operation in operations)
            await self._audit(action, status_of(error), sorted(_named(operations).union(*found)))
            raise
        self.outcome = 200
        met = [one.stored for one in done if one.status in ("unchanged", "matched") and one.stored is not None]
        nothing = all(one.status in ("unchanged", "matched", "absent") for one in done)
        shown = self.patients_of(met)
        # The commit's own row has those whom it wrote about.
        named = _named(operations).difference(shown, (one.made[0].patient for one in done if one.made is not None))
        if nothing or met or named:
            # What was met as it stands is shown, as by a read: its residents learn of it.
            about = met[0].res if len(met) == 1 else None
            await self._audit(action, 204 if action == "delete" else 200, sorted(named.union(shown)), about)
        if not whole:
            masks = self._decision.masked
            standing = [
                one
                for operation, one in zip(operations, done, strict=True)
                if one.status != "created" and (masks or operation.type == STAFF)
            ]
            await self._mask_done(standing)
        return done

    async def _mask_done(self, done: Sequence[Done]) -> None:
        standing = [(one, stored) for one in done if (stored := one.stored) is not None]
        shown = await self.shown([stored for _, stored in standing])
        for (one, _), stored in zip(standing, shown, strict=True):
            one.found = stored

    @property
    def gate(self) -> "Gate":
        """What it was opened by, for `access.operations`."""
        return self._gate

    @property
    def store(self) -> Store:
        """The store, for `access.operations`: what they do with it they audit by `leave_row`."""
        return self._store

    @property
    def ledger(self) -> Ledger:
        """The ledger outside the database."""
        return self._gate.ledger

    async def on_behalf_of(self, institution: str) -> "Record":
        """Opens the record for the same actor with what he writes an institution's own (`Organization/…`)."""
        return await self._gate.open(replace(self.actor, institution=institution), self._circumstances)

    def asks(self, shape: str) -> None:
        """Says more closely what is asked from now on, for the audit: an entry of a Bundle, a form with its names."""
        self._circumstances = replace(self._circumstances, shape=shape)

    @property
    def circumstances(self) -> Circumstances:
        """The request."""
        return self._circumstances

    @property
    def institution(self) -> int:
        """The number of the actor's institution."""
        return self._institution

    @staticmethod
    def patients_of(found: Iterable[Stored]) -> list[int]:
        """Returns the patients that resources are about, for the row of who was shown them."""
        return sorted({one.patient for one in found if one.patient is not None})

    async def leave_row(self, action: str, outcome: int, patients: list[int]) -> None:
        """Leaves the row of a request; it is durable when this returns."""
        await self._audit(action, outcome, patients)

    async def leave_row_within(
        self, connection: asyncpg.Connection, action: str, outcome: int, patients: Sequence[int] = (), way: str = ""
    ) -> None:
        """Leaves the row of a request as part of the transaction that does what was asked. way: the ground."""
        row = self._row(action, outcome, list(patients))
        await self._gate.auditor.write_within(connection, row._replace(way=way) if way else row)

    async def refuse(self, action: str, outcome: int, patients: Sequence[int] = ()) -> None:
        """Leaves the row of a request that was refused, where none says so: a second one, if it came to the record."""
        if self.outcome != outcome:
            await self._audit(action, outcome, list(patients))

    def _may_write(self, operation: Operation) -> None:
        decision = self._decision
        match operation.method:
            case "create":
                types = decision.creates
            case "delete":
                types = decision.deletes
            case _:
                types = decision.updates
        if types is not None and operation.type not in types:
            raise Forbidden("access.policy.write", type=operation.type, at=operation.at)
        if operation.method == "patch" and not self.reads(operation.type):
            # A patch tells what stands: by a test in it, and by whether it can be applied.
            raise Forbidden("access.policy.read", type=operation.type, at=operation.at)
        if operation.condition is not None:
            self.may_search(operation.type)
        place = masked_place(operation.resource) if operation.resource is not None else None
        if place is not None:
            whole = f"{operation.at}.resource" if operation.at else operation.type
            raise RuleBroken("access.masked-write", at=f"{whole}.{place}")
        if operation.patch is not None and decision.hides_staff:
            operation.may_patch = partial(self._may_patch, operation.at)

    async def _may_patch(self, at: str | None, connection: asyncpg.Connection, stored: Stored) -> None:
        """Raises RuleBroken for what is shown masked: a patch could copy it to where it is shown, or compare with it,
        and whether it changes anything tells as much."""
        if not self._hides(stored) or await self._shown_whole(connection, [person_of(stored)]):
            return
        if masked(stored.resource) != stored.resource:
            raise RuleBroken("access.masked-write", at=at)

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
            sight=self._decision.writing,
            writes_all=self._decision.writes_all,
            strangers=self._decision.strangers,
            prefix=self.actor.institution.rpartition("/")[2],
            others=self._gate.named_alike[self.actor.institution][1],
            only_about=self._decision.only_about,
            credential=credential(self.actor),
            role=self.actor.role,
            way=about.way,
            client=self.actor.client,
        )

    def audit_columns(self, action: str, outcome: int) -> tuple[Any, ...]:
        """Returns the columns of this request's audit row, but for the patients."""
        about = self._circumstances
        self.outcome = outcome
        return (
            *(clock.now(), self._institution, outcome, action, self.actor.reference, self.actor.purpose),
            *(about.shape, about.source, about.request),
        )

    async def _audit(self, action: str, outcome: int, patients: list[int], about: int | None = None) -> None:
        await self._gate.auditor.write(self._row(action, outcome, patients, about))

    def _row(self, action: str, outcome: int, patients: list[int], about: int | None = None) -> Row:
        way = self._circumstances.way
        # By which ground somebody was shown what is of elsewhere: looked for by the statement that writes the row.
        asks = not way and len(patients) == 1 and outcome < REFUSED and self.sight.granted_closed is not None
        parties = (self.sight.purpose, *self.sight.parties) if asks else ()
        said = (patients, self.actor.role, way, self.actor.client, about, parties)
        return Row._make((*self.audit_columns(action, outcome), *said))


def _named(operations: Sequence[Operation]) -> set[int]:
    return {patient for operation in operations for patient in operation.named}


# What callers hold of the store, so that nobody above imports it.
__all__ = ["ANY_VERSION", "Done", "Method", "Operation", "Page", "Query", "Record", "Stored", "Versions"]
