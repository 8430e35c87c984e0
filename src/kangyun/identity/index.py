"""The resident index: each Patient that is written becomes one of a resident's registrations, in the same transaction.

So no registration is ever open before what its resident said counts for it. Whoever registers the same person at the
same time waits: the keys under which registrations are looked for are locked before anything is read.

What it does not do: change a Patient. Links, and the rows of consent that follow from them, are all that it writes.
"""

from collections.abc import Mapping, Sequence

import asyncpg

from kangyun.fhir import Resource
from kangyun.identity.arriving import Round
from kangyun.identity.standing import SQL, Known, Standing
from kangyun.identity.weighing import Reading
from kangyun.store.batch import Change, Stale
from kangyun.store.interactions import Operation
from kangyun.store.model import Envelope
from kangyun.store.writer import TRY_LOCKS

TYPE = "Patient"
MOST_OF_A_KEY = 100
"""Registrations that are looked at under one key: of more it says too little."""
BLOCK = 64  # numbers of residents that a process takes at once
BY_PERSON = frozenset({"steward", "feed", "undone"})
SQL = statements("identity")
MOVE = "SELECT move_registrations($1, $2, $3, $4)"


class ResidentIndex(Standing):
    """Follows Patients that are written. One for a process."""

    def wants(self, operation: Operation) -> bool:
        """Whether it writes a Patient."""
        return operation.type == TYPE

    def locks(self, operations: Sequence[Operation]) -> frozenset[int]:
        """Returns the locks of all keys under which these may come to be found."""
        return frozenset(
            self._bucket(key)
            for operation in operations
            if operation.type == TYPE and operation.resource is not None
            for key in self._rules.read(operation.resource).keys
        )

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Decides whose these are. Raises Stale where somebody else moves what these are held against."""
        patients = [change for change in changes if change.type == TYPE]
        gone = [change.res for change in patients if change.resource is None]
        if gone:
            await connection.execute(SQL["forget_registrations"], gone)
            await connection.execute(SQL["withdraw_questions"], gone)
        written = {one.res: one.resource for one in patients if one.resource is not None}
        # Who was deleted, and comes back, is whose he was.
        again = [one.res for one in patients if one.resource is not None and (one.version > 1 or one.chosen)]
        # What was imported has happened long ago: subscribers are told of it as little as of the Patients themselves.
        await self._carry_out(connection, written, again, envelope.actor, told=not envelope.historic)

    async def register(self, connection: asyncpg.Connection, patients: Mapping[int, Resource], actor: str) -> None:
        """Decides whose Patients are that stand in the record, by number, as if they came now. The caller holds their
        locks. Raises Stale for more."""
        await self._carry_out(connection, patients, list(patients), actor, told=False)

    async def _carry_out(
        self, connection: asyncpg.Connection, patients: Mapping[int, Resource], again: Sequence[int], actor: str, *,
        told: bool,
    ) -> None:  # fmt: skip
        """again: those that may be in the index already. told: whether subscribers are."""
        await self._carry_out(connection, written, again, envelope.actor, historic=envelope.historic)

        """Decides whose Patients are that stand in the record, by number, as if they came now, but that nobody knows
        when they were first here. The caller holds their locks. Raises Stale for more."""
        await self._carry_out(connection, patients, list(patients), actor, historic=True)

        historic: bool,
        """again: those that may be in the index already."""
        read = {res: self._rules.read(resource) for res, resource in patients.items()}
        known = await self.known(connection, again) if again else {}
        await self._lock(connection, [read[res] for res in again])
        fresh = {
            res: reading for res, reading in read.items() if res not in known or self._differs(known[res], reading)
        }
        if fresh:
            known = {res: one for res, one in known.items() if res in fresh}
            await _Round(self, connection, actor, fresh, known, told).carry_out()
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


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes all that the index holds of registrations that are erased, its decisions about them included."""
    for name in _FORGETTING:
        await connection.execute(SQL[name], list(patients))


async def unlink(connection: asyncpg.Connection, patients: Sequence[int]) -> None:
    """Takes registrations that are removed for good out of the index, and out of their residents."""
    await forget(connection, patients, ())
    await connection.execute("SELECT unlink_registrations($1)", list(patients))


class _Round:
    """What one transaction's registrations come to, one after the other: each may meet those before it."""

    def __init__(
        self, index: ResidentIndex, connection: asyncpg.Connection, actor: str,
        fresh: Mapping[int, Reading], known: Mapping[int, Known], told: bool,
    ) -> None:  # fmt: skip
        self._index = index
        self._connection = connection
        self._actor = actor
        self._fresh = fresh
        self._known = known
        self._told = told
        self._not_same: set[tuple[int, int]] = set()
        self._decided: list[Decided] = []
        self._residents: dict[int, Neighbour] = {}
        """As they come to be within this transaction."""
        self._by_key: dict[str, set[int]] = defaultdict(set)

    async def carry_out(self) -> None:
        """Decides and writes. Raises Stale."""
        numbers = await self._index.new_residents(len(self._fresh))
        near = await self._index.near(self._connection, list(self._fresh.values()))
        self._residents = {resident: one for neighbours in near for resident, one in neighbours.items()}
        if self._known:
            rows = await self._connection.fetch(SQL["parted"], list(self._known))
            self._not_same = {(row["patient"], row["other"]) for row in rows}
            missing = {one.resident for one in self._known.values()} - self._residents.keys()
            self._residents |= await self._index.residents(self._connection, missing)
        before = {resident: set(one.registrations) for resident, one in self._residents.items()}
        for (patient, reading), neighbours, number in zip(self._fresh.items(), near, numbers, strict=True):
            self._decide(patient, reading, set(neighbours), number)
        await self._write(before)

    def _decide(self, patient: int, reading: Reading, near: set[int], number: int) -> None:
        known = self._known.get(patient)
        if known is not None:
            near.add(known.resident)
            self._residents[known.resident].registrations.pop(patient, None)
        near.update(resident for key in reading.keys for resident in self._by_key[key])
        held = self._held(patient, reading.fields, near)
        decided = self._settled(patient, known, {resident: one.verdict for resident, one in held.items()}, number)
        evidence = {resident: held[resident].evidence() for resident in decided.concerns() if resident in held}
        self._decided.append(replace(decided, evidence=evidence))
        self._residents.setdefault(decided.resident, Neighbour()).registrations[patient] = reading.fields
        for key in reading.keys:
            self._by_key[key].add(decided.resident)

    def _held(self, patient: int, fields: Fields, near: Iterable[int]) -> dict[int, Held]:
        """Holds a registration against residents, but for those of whom nothing is known any more, and those from whom
        a person parted it."""
        prepared, found = self._index.rules.prepare(fields), {}
        for resident in sorted(near):
            neighbour = self._residents[resident]
            others = [one for one in neighbour.registrations.values() if one is not None]
            if others and not parted_by_person([patient], neighbour.registrations, self._not_same):
                found[resident] = prepared.held(resident, others)
        return found

    def _settled(self, patient: int, known: Known | None, verdicts: dict[int, Verdict], number: int) -> Decided:
        margin = self._index.rules.margin
        if known is None:
            outcome = decide(list(verdicts.values()), margin=margin)
            return Decided(patient, None, outcome.resident or number, outcome.kind, outcome)
        own = verdicts.pop(known.resident, None)
        if own is not None and (known.by_person or stays(own)):
            doubt = () if stays(own) else (Question(known.resident, "contradicted", own.bits, (own.forbidden,)),)
            return Decided(patient, known.resident, known.resident, "", Outcome("certain", questions=doubt))
        outcome = decide(list(verdicts.values()), margin=margin)
        if own is None:  # It was alone: it may find its own now.
            kind = "" if outcome.resident is None else outcome.kind
            return Decided(patient, known.resident, outcome.resident or known.resident, kind, outcome)
        left = Question(known.resident, "contradicted", own.bits, (own.forbidden,))
        outcome = replace(outcome, questions=(left, *outcome.questions))
        return Decided(patient, known.resident, outcome.resident or number, "parted", outcome)

    # --- what is written

    async def _write(self, before: Mapping[int, set[int]]) -> None:
        await self._keep()
        moved = [one for one in self._decided if one.former != one.resident]
        joining = [one for one in moved if one.former is not None or one.resident in before]
        alone = [one for one in moved if one.former is None and one.resident not in before]
        if alone:
            await self._connection.execute(
                SQL["new_links"], [one.patient for one in alone], [one.resident for one in alone]
            )
        if joining:
            await self._move(joining, before)
        noted = [one for one in self._decided if one.kind]
        if noted:
            await self._connection.execute(SQL["note_decisions"], *self._columns(noted), self._told)
        await self._ask()

    async def _keep(self) -> None:
        index, edition = self._index, self._index.rules.edition
        keys = [(nth, index.hashed(key)) for nth, one in enumerate(self._fresh.values(), 1) for key in one.keys]
        sealed = [index.sealed(patient, reading.fields) for patient, reading in self._fresh.items()]
        await self._connection.execute(
            SQL["keep_registrations"], list(self._fresh), [edition] * len(sealed), sealed,
            [nth for nth, _ in keys], [key for _, key in keys],
        )  # fmt: skip

    async def _move(self, joining: Sequence[Decided], before: Mapping[int, set[int]]) -> None:
        concerned = {one.resident for one in joining} | {one.former for one in joining if one.former is not None}
        members = set().union(*(before.get(resident, set()) for resident in concerned))
        buckets = frozenset(map(bucket_of, members | concerned))
        own, residents = [one.patient for one in joining], [one.resident for one in joining]
        if not await self._connection.fetchval(MOVE, own, residents, sorted(members), sorted(buckets)):
            raise Stale(buckets)

    def _columns(self, noted: Sequence[Decided]) -> tuple[list[Any], ...]:
        index, model = self._index, self._index.rules.model
        rows = [
            (
                *(one.patient, one.former, one.resident, one.kind, self._actor, model, one.outcome.bits, None, None),
                index.sealed(one.patient, one.evidence.get(one.resident)) if one.resident in one.evidence else None,
            )
            for one in noted
        ]
        return tuple(map(list, zip(*rows, strict=True)))

    async def _ask(self) -> None:
        if self._known:
            await self._connection.execute(SQL["withdraw_questions"], list(self._known))
        index = self._index
        rows: list[tuple[Any, ...]] = [
            (one.patient, asked.resident, asked.why, asked.bits,
             index.sealed(one.patient, {"because": asked.because, "evidence": one.evidence.get(asked.resident)}))
            for one in self._decided for asked in one.outcome.questions
        ]  # fmt: skip
        rows += [
            (patient, None, code, None, None) for patient, reading in self._fresh.items() for code in reading.issues
        ]
        if rows:
            await self._connection.execute(SQL["ask"], *map(list, zip(*rows, strict=True)))


def _label(patient: int) -> bytes:
    return patient.to_bytes(8, "big")


_FORGETTING = ("forget_registrations", "forget_untold", "forget_decisions", "forget_questions", "forget_not_same")
_FIELDS = msgspec.msgpack.Decoder(dict[str, tuple[str, ...]])
