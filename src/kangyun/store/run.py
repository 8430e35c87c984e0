"""One attempt to carry out a list of operations: what each is about, what it comes to, and the rows of that.

It writes nothing; `transaction.py` and `company.py` do, and try again.

Source: https://hl7.org/fhir/R4/http.html (create, update, patch, delete, conditional interactions, transaction rules)
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import asyncpg

from kangyun.base.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Issue,
    MultipleMatches,
    NotConformant,
    NotFound,
    VersionConflict,
    located,
)
from kangyun.database.pool import Pool
from kangyun.fhir import Resource
from kangyun.fhir.json import canonical, encode
from kangyun.fhir.references import references
from kangyun.store import body
from kangyun.store.batch import SLICE, Batch, Change
from kangyun.store.bundles import named_patients
from kangyun.store.contents import Contents, named_contents
from kangyun.store.index import Indexer, IndexRow
from kangyun.store.interactions import ANY_VERSION, Done, Operation, Plan, Status
from kangyun.store.linking import Linker
from kangyun.store.matching import Matching
from kangyun.store.model import CREATED, DELETED, UPDATED, Envelope, Stored
from kangyun.store.profiles import StoredProfiles
from kangyun.store.reader import Current, Name, Reader
from kangyun.store.references import local_target
from kangyun.store.segments import Numbers
from kangyun.store.visible import Sight, seen
from kangyun.store.writer import Writer

MOST_HOMES = 500_000
MOST_REFERRED = 1_000
"""Patients to whom one resource refers: of more the row names none."""

Check = Callable[[Resource], None]


class Completing(Protocol):
    """What the platform adds to resources as they are about to be written, whoever writes them.

    Called with all of a transaction; it returns as many, and changes none that it was given.
    """

    async def complete(self, connection: asyncpg.Connection, resources: Sequence[Resource]) -> Sequence[Resource]: ...


Locate = Callable[[Collection[Name], Sight], Awaitable[dict[Name, Current]]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What it is done with. homes: the institutions that registered patients, as far as writers asked; a registration
    stays where it is."""

    pool: Pool
    reader: Reader
    writer: Writer
    indexer: Indexer
    numbers: Numbers
    bases: tuple[str, ...]
    matching: Matching
    profiles: StoredProfiles
    check: Check
    homes: dict[int, int] = field(default_factory=dict)
    completing: list[Completing] = field(default_factory=list)


class Run:
    """One attempt to carry out a list of operations."""

    def __init__(self, parts: Parts, operations: Sequence[Operation], envelope: Envelope) -> None:
        self._parts = parts
        self.envelope = envelope
        self._plans = [Plan(operation, index) for index, operation in enumerate(operations)]
        self._besides: list[Plan] = []
        self._linker = Linker(self._plans, parts.bases)

    def undo(self) -> None:
        """Puts back what this attempt changed in the operations."""
        self._linker.undo()

    async def find(self, locate: Locate, connection: asyncpg.Connection | None = None) -> None:
        """Finds out which resource each operation is about. Conditions ask for the connection that holds the locks."""
        await self._find_targets(locate, connection)
        if not self.envelope.is_migration:
            for plan in self._plans:
                await self._refuse_others(plan, connection)
        await self._settle_ids()

    async def prepare(self, connection: asyncpg.Connection) -> Batch | None:
        """Makes what is to be written; None where nothing is."""
        await self._bring_together(connection)
        await self._complete(connection)
        await self._linker.rewrite(self._parts.matching, connection, self.envelope.sight)
        await self._check_profiles(connection)
        await self._linker.resolve(self._parts.reader, self._parts.numbers, connection)
        contents = Contents(
            self._plans, self._linker.targets, self.envelope, self._parts.indexer, self._parts.bases
        )  # fmt: skip
        self._besides = await contents.settle(self._parts.reader, connection)
        changes = await self._changes()
        if not changes:
            return None
        batch = await self._parts.writer.prepare(connection, changes, self.envelope, self._linker.new_names)
        if not self.envelope.strangers and self.envelope.only_about is None:
            await self._refuse_strangers(connection)
        await self._name_referred(connection)
        return batch

    def written(self, moment: datetime) -> None:
        """After the commit."""
        changed = [(plan, plan.change) for plan in self._plans if plan.change is not None]
        self._parts.profiles.look_again(plan.operation.type for plan, _ in changed)
        for plan, change in changed:
            plan.done = _done(change, moment)

    @property
    def changing(self) -> list[Operation]:
        """The operations by which something changes."""
        return [plan.operation for plan in self._plans if plan.change is not None]

    @property
    def resources(self) -> list[Resource]:
        """What is written, as it will stand."""
        return [change.resource for change in self.changes if change.resource is not None]

    @property
    def changes(self) -> list[Change]:
        """What was written."""
        return [plan.change for plan in (*self._plans, *self._besides) if plan.change is not None]

    def done(self) -> list[Done]:
        """Returns what became of the operations, in order."""
        for plan in self._plans:
            if plan.twin is not None and plan.twin.done is not None:
                plan.done = Done("matched", plan.twin.done.stored)
        return [plan.done for plan in self._plans if plan.done is not None]

    # --- which resource each operation is about

    async def _find_targets(self, locate: Locate, connection: asyncpg.Connection | None) -> None:
        wanted: dict[int, Name] = {}
        deleted = {
            (plan.operation.type, plan.operation.id) for plan in self._plans if plan.operation.method == "delete"
        }
        first: dict[tuple[str, str], Plan] = {}
        # Deletions first: what they match is not there any more for the others.
        for plan in sorted(self._plans, key=lambda plan: plan.operation.method != "delete"):
            operation = plan.operation
            if operation.condition is not None:
                if operation.method == "create":
                    twin = first.setdefault((operation.type, operation.condition), plan)
                    plan.twin = twin if twin is not plan else None
                if plan.twin is not None:
                    continue
                assert connection is not None
                ids = await self._parts.matching.in_record(
                    connection, operation.type, operation.condition,
                    sight=self.envelope.sight, named=operation.named,
                )  # fmt: skip
                if operation.method == "delete":
                    deleted.update((operation.type, id_) for id_ in ids)
                else:
                    ids = [id_ for id_ in ids if (operation.type, id_) not in deleted]
                if len(ids) > 1:
                    raise MultipleMatches("store.multiple-matches", at=operation.at)
                plan.matched = bool(ids)
                if ids:
                    wanted[plan.index] = (operation.type, ids[0])
                elif operation.id:
                    wanted[plan.index] = (operation.type, operation.id)
            elif operation.id is not None and operation.method != "create":
                wanted[plan.index] = (operation.type, operation.id)
        if not wanted:
            return
        written = [name for index, name in wanted.items() if self._plans[index].operation.method != "create"]
        if len(set(written)) < len(written):
            raise Invalid("store.same-resource-twice")
        found = await locate(wanted.values(), self.envelope.sight)
        for index, name in wanted.items():
            plan = self._plans[index]
            plan.current = found.get(name)
            plan.id = name[1]
            if plan.current is not None and plan.current.patient is not None:
                plan.operation.found.add(plan.current.patient)
            if plan.current is not None and plan.current.erased and self.envelope.may_know_of(plan.id):
                raise Gone("store.erased", at=plan.operation.at)

    async def _refuse_others(self, plan: Plan, connection: asyncpg.Connection | None) -> None:
        """Raises Forbidden for what belongs to another institution, or would be made under an id of another.

        Whether an id that the writer may not see is taken is not told: the words are the same.
        """
        operation, current = plan.operation, plan.current
        if operation.method == "create" or plan.twin is not None or not plan.id:
            return
        if current is not None and current.stored is not None:
            mine = self.envelope.writes_all or current.institution == self.envelope.institution
        elif operation.method != "update":
            return  # What is not there, or hidden, is neither changed nor deleted: as for everybody.
        elif self._parts.reader.ids.res_of(plan.id) is not None:
            return  # Such ids are given by us only, whether they are taken or not.
        else:
            mine = self.envelope.may_choose(plan.id)
            if mine and current is not None:
                mine = not await self._is_written(current.res, connection)
        if not mine:
            raise Forbidden("store.not-yours", at=operation.at)

    async def _refuse_strangers(self, connection: asyncpg.Connection) -> None:
        """Raises Forbidden for what comes to be about a resident whose registration the writer does not see.

        One that is still to come may be written about under an id that the writer may choose. Whether another id is
        taken, or was, is not told: the words are the same.
        """
        homes, mine = self._parts.homes, self.envelope.institution
        written = [plan for plan in self._plans if plan.change is not None and plan.change.action != DELETED]
        here = {plan.res for plan in written if plan.operation.type == "Patient"}
        ids = {res: text for text, res in self._linker.targets.items()}
        about = {
            res: plan
            for plan in written
            for res in plan.change.about  # type: ignore[union-attr]
            if res not in here and homes.get(res) != mine and not _was_about(plan, res)
        }
        asked = list(about)
        if not asked:
            return
        rows = await connection.fetch(*seen(_REGISTERED, self.envelope.sight, asked))
        if len(homes) > MOST_HOMES:
            homes.clear()
        homes.update((row["res"], row["institution"]) for row in rows)
        registered = {row["res"]: row["seen"] or row["institution"] == mine for row in rows}
        for res in asked:
            id_ = (local_target(ids.get(res, "")) or ("", ""))[1]
            if not registered.get(res, self.envelope.may_choose(id_)):
                raise Forbidden("store.stranger", at=about[res].operation.at)

    async def _name_referred(self, connection: asyncpg.Connection) -> None:
        """Names the patients, as far as the writer sees them, to whom something refers that is about none of them: a
        List, a Group."""
        written = {plan.change.patient for plan in self._plans if plan.change is not None}
        for plan in self._plans:
            if plan.change is None or plan.change.patient is not None:
                continue
            texts = {link["reference"] for link in plan.links if link["reference"].startswith("Patient/")}
            found = {self._linker.targets[text] for text in texts if text in self._linker.targets}
            asked = [res for res in found - written if isinstance(res, int)]
            if 0 < len(asked) <= MOST_REFERRED:
                # Their own registrations need not be in scope.
                sight = replace(self.envelope.sight, types=None, narrowed=())
                rows = await connection.fetch(*seen(_PATIENTS, sight, asked))
                plan.operation.named |= {row["res"] for row in rows}

    async def _is_written(self, res: int, connection: asyncpg.Connection | None) -> bool:
        if connection is not None:
            return await self._parts.reader.exists(connection, res)
        async with self._parts.pool.connection() as own:
            return await self._parts.reader.exists(own, res)

    async def _settle_ids(self) -> None:
        """Decides for each operation what it is: a creation, an update, a deletion, or nothing at all."""
        new = []
        for plan in self._plans:
            operation, current = plan.operation, plan.current
            if plan.twin is not None:
                plan.done = Done("matched", None)
                continue
            stored = current.stored if current else None
            alive = stored is not None and not stored.deleted
            self._check_version(operation, stored if alive else None)
            if operation.method == "create" and alive:
                plan.done = Done("matched", stored)
            elif operation.method == "create":
                plan.id, plan.current = "", None
                new.append(plan)
            elif operation.method == "update" and current is None:
                self._check_new_id(plan)
                new.append(plan)
            elif operation.method == "update":
                self._check_same_id(plan, alive)
            elif not alive:
                self._settle_absent(plan, stored)
            if plan.current is not None:
                plan.res, plan.chosen = plan.current.res, plan.current.chosen
        for plan, number in zip(new, await self._parts.numbers.take(len(new)), strict=True):
            plan.res, plan.chosen = number, bool(plan.id)
            plan.id = plan.id or self._parts.reader.ids.id_of(number)
        for plan in self._plans:
            if plan.twin is not None:
                plan.id = plan.twin.id

    def _check_new_id(self, plan: Plan) -> None:
        if plan.id and self._parts.reader.ids.res_of(plan.id) is not None:
            raise Invalid("store.reserved-id", at=plan.operation.at)

    @staticmethod
    def _check_same_id(plan: Plan, alive: bool) -> None:
        operation = plan.operation
        if operation.condition is None or not operation.id or not alive:
            return
        if plan.id != operation.id:
            raise Invalid("store.id-of-another", at=operation.at)
        if not plan.matched:
            raise Conflict("store.id-taken", at=operation.at)

    def _settle_absent(self, plan: Plan, stored: Stored | None) -> None:
        operation = plan.operation
        if operation.method == "delete":
            plan.done = Done("absent", stored)
        elif stored is not None:
            raise Gone(at=operation.at)
        else:
            raise NotFound(at=operation.at)

    @staticmethod
    def _check_version(operation: Operation, alive: Stored | None) -> None:
        if operation.only_new and alive is not None:
            raise VersionConflict("store.exists-already", at=operation.at)
        if operation.if_match is not None and (alive is None or operation.if_match not in (alive.version, ANY_VERSION)):
            raise VersionConflict(at=operation.at)

    # --- what is written

    async def _bring_together(self, connection: asyncpg.Connection) -> None:
        """Brings together what is there, what will be, and its references."""
        for count, plan in enumerate(self._plans):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            stored = plan.current.stored if plan.current else None
            if stored is not None and not stored.deleted and plan.done is None:
                plan.old = stored.resource
            if plan.done is not None or plan.operation.method == "delete":
                continue
            if plan.operation.patch is not None:
                assert plan.old is not None and stored is not None
                if plan.operation.may_patch is not None:
                    await plan.operation.may_patch(connection, stored)
                plan.resource = self._patched(plan, plan.operation.patch, plan.old)
                plan.text = encode(plan.resource)
            elif plan.operation.onto is not None:
                assert plan.operation.resource is not None
                plan.resource = plan.operation.onto(plan.old, plan.operation.resource)
                self._parts.check(plan.resource)
                plan.text = encode(plan.resource)
            else:
                plan.resource = plan.operation.resource
                assert plan.resource is not None
                plan.text = plan.operation.text or encode(plan.resource)
            links = plan.operation.links if plan.resource is plan.operation.resource else None
            links = references(plan.resource, plan.text) if links is None else links
            plan.links = links + named_patients(plan.resource, self._parts.bases)
            if self.envelope.is_migration:
                # Content that is still to come is given its number now.
                named = named_contents(plan.resource, self._parts.bases, plan.text)
                plan.links += [{"reference": "/".join(name)} for name in named]

    async def _complete(self, connection: asyncpg.Connection) -> None:
        """Adds what the platform adds, before it is told whether anything changes."""
        plans = [plan for plan in self._plans if plan.resource is not None]
        for one in self._parts.completing:
            given = [plan.resource for plan in plans if plan.resource is not None]
            for plan, resource in zip(plans, await one.complete(connection, given), strict=True):
                plan.resource = resource

    def _patched(self, plan: Plan, patch: Callable[[Resource], Resource], old: Resource) -> Resource:
        new = patch(old)
        if new.get("resourceType") != plan.operation.type or new.get("id", plan.id) != plan.id:
            raise Invalid("store.patch-moves", at=plan.operation.at)
        self._parts.check(new)
        return new

    async def _check_profiles(self, connection: asyncpg.Connection) -> None:
        """Holds what claims a profile that the record has against it. Raises NotConformant, with all faults at once."""
        faults: list[Issue] = []
        for plan in self._plans:
            if plan.resource is not None and "profile" in plan.resource.get("meta", ()):
                found = await self._parts.profiles.faults(connection, plan.resource)
                at = plan.operation.at
                faults += [located(issue, f"{at}.resource") for issue in found] if at else found
        if faults:
            raise NotConformant(issues=tuple(faults))

    async def _changes(self) -> list[Change]:
        changes = []
        for count, plan in enumerate((*self._plans, *self._besides)):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if plan.done is None:
                self._make_change(plan)
            if plan.change is not None:
                changes.append(plan.change)
        return changes

    def _make_change(self, plan: Plan) -> None:
        current = plan.current
        stored = current.stored if current else None
        if plan.resource is not None and stored is not None and plan.old is not None and _same(stored, plan.resource):
            plan.done = Done("unchanged", stored)
            return
        action = DELETED if plan.resource is None else UPDATED if plan.old is not None else CREATED
        plan.change = Change(
            res=plan.res,
            type=plan.operation.type,
            id=plan.id,
            version=(stored.version if stored else 0) + 1,
            action=action,
            resource=plan.resource,
            targets=self._linker.targets,
            before=self._before(plan),
            chosen=plan.chosen,
            named=plan.chosen and current is None,
            # A name that is known and stands for nothing yet has no index row of any edition.
            reindexed=current is not None and stored is not None and current.edition != self._parts.writer.edition,
            labels=current.labels if current else 0,
            contents=frozenset(plan.contents),
        )

    def _before(self, plan: Plan) -> IndexRow | None:
        current = plan.current
        if current is None or current.stored is None:
            return None
        if plan.old is not None:
            return self._parts.indexer.row(plan.old, plan.res, self._linker.targets)
        assert current.at is not None and current.until is not None
        return IndexRow(current.patient, current.at, current.until, 0, 0, [], [], [], [], current.labels)


# It says of rows that are not seen no more than that they are not.
_REGISTERED = "SELECT r.res, r.institution, {visible:r} AS seen FROM resource AS r WHERE r.res = ANY ($1::int8[])"


_PATIENTS = "SELECT r.res FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND r.patient = r.res AND {visible:r}"


def _was_about(plan: Plan, res: int) -> bool:
    """Whether something was about somebody before. What is so already is corrected for ever."""
    assert plan.change is not None
    before = plan.change.before
    return before is not None and plan.old is not None and res in before.about


def _done(change: Change, moment: datetime) -> Done:
    status: Status = {CREATED: "created", UPDATED: "updated", DELETED: "deleted"}[change.action]  # type: ignore[assignment]
    return Done(status, made=(change, moment))


def same(old: Resource, new: Resource) -> bool:
    """Whether nothing but id, version and instant differs: such an update makes no version."""
    bare_old, bare_new = _bare(old), _bare(new)
    # Equal values may differ in their digits (1.0 and 1.00); different ones are different in any form.
    return bare_old == bare_new and canonical(bare_old) == canonical(bare_new)


def _same(stored: Stored, new: Resource) -> bool:
    """Whether a resource is what stands; most that are have the same text."""
    return stored.rest == body.text_of(new, None) or same(stored.resource, new)


def _bare(resource: Resource) -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    bare = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return bare | {"meta": meta} if meta else bare
