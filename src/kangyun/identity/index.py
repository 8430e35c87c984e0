"""The resident index: each Patient that is written becomes one of a resident's registrations, in the same transaction.

So no registration is ever open before what its resident said counts for it. Whoever registers the same person at the
same time waits: the keys under which registrations are looked for are locked before anything is read.

What it does not do: change a Patient. Links, and the rows of consent that follow from them, are all that it writes.
"""

from collections.abc import Mapping, Sequence

import asyncpg

from kangyun.database.pool import Pool
from kangyun.fhir import Resource
from kangyun.identity.arriving import Round
from kangyun.identity.standing import SQL, Known, Standing
from kangyun.identity.weighing import Reading, Rules
from kangyun.store.batch import Change, Stale
from kangyun.store.interactions import Operation
from kangyun.store.keys import KeyRing
from kangyun.store.locks import TRY_LOCKS
from kangyun.store.model import Envelope

TYPE = "Patient"
LATELY = 2_000
"""Patients whose reading is kept at hand while they are written."""


class ResidentIndex(Standing):
    """Follows Patients that are written. One for a process."""

    def __init__(self, pool: Pool, keys: KeyRing, rules: Rules) -> None:
        super().__init__(pool, keys, rules)
        self._lately: dict[int, tuple[Resource, tuple[object, ...], Reading]] = {}

    def wants(self, operation: Operation) -> bool:
        """Whether it writes a Patient."""
        return operation.type == TYPE

    def locks(self, written: Sequence[Resource]) -> frozenset[int]:
        """Returns the locks of all keys under which Patients among these may come to be found."""
        patients = (resource for resource in written if resource["resourceType"] == TYPE)
        return frozenset(self._bucket(key) for one in patients for key in self._read(one).keys)

    def _read(self, resource: Resource) -> Reading:
        """Reads a Patient, the same one once: before its locks are taken, and when it is decided."""
        refers = _refers(resource)
        known, before, reading = self._lately.pop(id(resource), (None, None, None))
        if reading is None or known is not resource or before != refers:
            reading = self._rules.read(resource)
        # The resource itself is kept, so that nothing else can come to be where it is.
        self._lately[id(resource)] = resource, refers, reading
        if len(self._lately) > LATELY:
            del self._lately[next(iter(self._lately))]
        return reading

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Decides whose these are. Raises Stale where somebody else moves what these are held against."""
        patients = [change for change in changes if change.type == TYPE]
        gone = [change.res for change in patients if change.resource is None]
        if gone:
            await connection.execute(SQL["forget_registrations"], gone)
            await connection.execute(SQL["withdraw_questions"], gone)
        written = {one.res: one.resource for one in patients if one.resource is not None}
        # Who was deleted, and comes back, is whose he was.
        again = [one.res for one in patients if one.resource is not None and not one.is_first]
        await self._carry_out(connection, written, again, envelope.actor, historic=envelope.historic)

    async def register(self, connection: asyncpg.Connection, patients: Mapping[int, Resource], actor: str) -> None:
        """Decides whose Patients are that stand in the record, by number, as if they came now, but that nobody knows
        when they were first here. The caller holds their locks. Raises Stale for more."""
        await self._carry_out(connection, patients, list(patients), actor, historic=True)

    async def _carry_out(
        self, connection: asyncpg.Connection, patients: Mapping[int, Resource], again: Sequence[int], actor: str, *,
        historic: bool,
    ) -> None:  # fmt: skip
        """again: those that may be in the index already. historic: known long since, so that no subscriber is told."""
        read = {res: self._read(resource) for res, resource in patients.items()}
        known = await self.known(connection, again) if again else {}
        await self._lock(connection, [read[res] for res in again])
        fresh = {
            res: reading for res, reading in read.items() if res not in known or self._differs(known[res], reading)
        }
        if fresh:
            known = {res: one for res, one in known.items() if res in fresh}
            among = await self.among(connection)
            await Round(self, connection, actor, fresh, known, among, historic).carry_out()

    async def _lock(self, connection: asyncpg.Connection, readings: Sequence[Reading]) -> None:
        """Makes sure of the locks of what no operation told before: of patches. Raises Stale."""
        buckets = frozenset(self._bucket(key) for one in readings for key in one.keys)
        if buckets and not await connection.fetchval(TRY_LOCKS, list(buckets)):
            raise Stale(buckets)

    def _differs(self, known: Known, reading: Reading) -> bool:
        said = known.fields == reading.fields and known.keys == {self.hashed(key) for key in reading.keys}
        return not said or known.edition != self._rules.edition

    def _bucket(self, key: str) -> int:
        return self._hasher.bucket(b"registration\0" + key.encode("utf-8", "surrogatepass"))


def _refers(resource: Resource) -> tuple[object, ...]:
    """Returns what a transaction may write anew in a Patient that it was given: the references that are read."""
    links = [link.get("other") for link in resource.get("link", ())]
    said = [resource.get("managingOrganization"), *links]
    return tuple(one.get("reference") if isinstance(one, dict) else None for one in said)


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes all that the index holds of registrations that are erased, its decisions about them included."""
    for name in _FORGETTING:
        await connection.execute(SQL[name], list(patients))


async def unlink(connection: asyncpg.Connection, patients: Sequence[int]) -> None:
    """Takes registrations that are removed for good out of the index, and out of their residents."""
    await forget(connection, patients, ())
    await connection.execute("SELECT unlink_registrations($1)", list(patients))


_FORGETTING = ("forget_registrations", "forget_untold", "forget_decisions", "forget_questions", "forget_not_same")
