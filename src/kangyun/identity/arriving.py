"""What the registrations of one transaction come to: each is decided, and what follows is written down.

Whoever was alone is decided anew where what is near to it has grown: an old registration without a number is known by
the one that has its telephone and the number. What persons said is never overruled.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from kangyun.identity.deciding import Outcome, Question, Verdict, decide, loose, parted_by_person, rivals, stays
from kangyun.identity.linkage.clustering import united
from kangyun.identity.registration.contradicting import overwritten
from kangyun.identity.registration.fields import Fields
from kangyun.identity.standing import SQL, Known, Neighbour, Standing
from kangyun.identity.weighing import Held, Reading
from kangyun.store.batch import Stale
from kangyun.store.tokens import bucket_of

FEW = 3
"""Registrations of a resident that may turn out to be another's: of more, a steward is asked."""
MOVE = "SELECT move_registrations($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about one registration.

    former:   whose it was, None where it is new. kind: as it is noted, "" where nothing is.
    evidence: by resident, of those whom it is about.
    """

    patient: int
    former: int | None
    resident: int
    kind: str
    outcome: Outcome
    evidence: Mapping[int, object] = field(default_factory=dict)

    def concerns(self) -> set[int]:
        """Returns the residents whom it is about."""
        return {self.resident, *(one.resident for one in self.outcome.questions)}


class Round:
    """What one transaction's registrations come to, one after the other: each may meet those before it."""

    def __init__(
        self, index: Standing, connection: asyncpg.Connection, actor: str,
        fresh: Mapping[int, Reading], known: Mapping[int, Known], among: int, historic: bool,
    ) -> None:  # fmt: skip
        self._index = index
        self._connection = connection
        self._actor = actor
        self._fresh = fresh
        self._known = known
        self._circumstances = among, historic
        self._not_same: set[tuple[int, int]] = set()
        self._decided: dict[int, Decided] = {}
        self._residents: dict[int, Neighbour] = {}
        """As they come to be within this transaction."""
        self._before: dict[int, set[int]] = {}
        self._by_key: dict[str, set[int]] = defaultdict(set)

    async def carry_out(self) -> None:
        """Decides and writes. Raises Stale."""
        numbers = await self._index.new_residents(len(self._fresh))
        near = await self._index.near(self._connection, list(self._fresh.values()))
        for neighbours in near:
            self._meet(neighbours)
        if self._known:
            await self._remember(list(self._known))
            missing = {one.resident for one in self._known.values()} - self._residents.keys()
            self._meet(await self._index.residents(self._connection, missing))
        for (patient, reading), neighbours, number in zip(self._fresh.items(), near, numbers, strict=True):
            joined, verdicts = self._decide(patient, reading, set(neighbours), number)
            joined = joined or await self._unite(patient, reading)
            for resident in loose(verdicts, joined) if joined is not None else ():
                await self._reconsider(resident)
        await self._write()

    def _meet(self, residents: Mapping[int, Neighbour]) -> None:
        """Adds residents as they stand, those that are not here already."""
        for resident, one in residents.items():
            self._residents.setdefault(resident, one)
            self._before.setdefault(resident, set(one.registrations))

    async def _remember(self, patients: Sequence[int]) -> None:
        """Adds what persons said of registrations."""
        rows = await self._connection.fetch(SQL["parted"], patients)
        self._not_same |= {(row["patient"], row["other"]) for row in rows}

    def _decide(
        self, patient: int, reading: Reading, near: set[int], number: int
    ) -> tuple[int | None, Collection[Verdict]]:
        """Returns the resident whom a registration joined, None where it is new or stays, and how it stands to all."""
        known = self._known.get(patient)
        if known is not None:
            near.add(known.resident)
            self._residents[known.resident].registrations.pop(patient, None)
        near.update(resident for key in reading.keys for resident in self._by_key[key])
        held = self._held([patient], reading.fields, near)
        verdicts = {resident: one.verdict for resident, one in held.items()}
        decided = self._settled(patient, known, dict(verdicts), number)
        if known is not None:
            decided = _with_overwritten(decided, known, reading.fields)
        self._note(decided, held, reading)
        joined = decided.resident not in (decided.former, number)
        return decided.resident if joined else None, verdicts.values()

    def _note(self, decided: Decided, held: Mapping[int, Held], reading: Reading) -> None:
        evidence = {resident: held[resident].evidence() for resident in decided.concerns() if resident in held}
        self._decided[decided.patient] = replace(decided, evidence=evidence)
        self._residents.setdefault(decided.resident, Neighbour()).registrations[decided.patient] = reading.fields
        for key in reading.keys:
            self._by_key[key].add(decided.resident)

    async def _unite(self, patient: int, reading: Reading) -> int | None:
        """Makes one of residents of whom a registration may be each, where they are one by it, and returns whom."""
        decided = self._decided[patient]
        if not (alike := rivals(decided.outcome)):
            return None
        target, *others = sorted(alike, key=lambda one: (-len(self._residents[one].registrations), one))
        own = self._residents[decided.resident].registrations
        self._residents[target].registrations[patient] = own.pop(patient)
        found = [await self._elsewhere(other) for other in others]
        if any(one is None or one[0].resident != target for one in found):
            own[patient] = self._residents[target].registrations.pop(patient)
            return None
        outcome = Outcome("probable", target, next(q.bits for q in decided.outcome.questions if q.resident == target))
        self._decided[patient] = replace(decided, resident=target, kind=outcome.kind, outcome=outcome)
        for key in reading.keys:
            self._by_key[key].add(target)
        return target

    async def _reconsider(self, resident: int) -> None:
        """Decides anew about a resident of few registrations: they were held against less than there is now.

        They go together, and only where nothing is to be asked.
        """
        found = await self._elsewhere(resident)
        if found is None:
            return
        outcome, held = found
        standing = self._residents[resident].registrations
        moving, joined = dict(standing), outcome.resident
        standing.clear()
        for patient, fields in moving.items():
            if fields is not None and joined is not None:
                before = self._decided.get(patient)
                former = before.former if before is not None else resident
                decided = Decided(patient, former, joined, outcome.kind, outcome)
                self._note(decided, held, self._index.rules.again(fields))

    async def _elsewhere(self, resident: int) -> tuple[Outcome, Mapping[int, Held]] | None:
        """Returns whose a resident's registrations would be if they were not his; None where they are."""
        standing = self._residents[resident].registrations
        said = {patient: fields for patient, fields in standing.items() if fields is not None}
        if not 0 < len(said) == len(standing) <= FEW:
            return None
        known = await self._index.known(self._connection, list(said))
        if any(one.by_person for one in known.values()):
            return None
        await self._remember(list(said))
        whole = self._index.rules.again(united(list(said.values())))
        (neighbours,) = await self._index.near(self._connection, [whole])
        self._meet(neighbours)
        near = {*neighbours, *(one for key in whole.keys for one in self._by_key[key])} - {resident}
        held = self._held(list(said), whole.fields, near)
        outcome = decide([one.verdict for one in held.values()], margin=self._index.rules.margin)
        return None if outcome.resident is None or outcome.questions else (outcome, held)

    def _held(self, patients: Collection[int], fields: Fields, near: Iterable[int]) -> dict[int, Held]:
        """Holds what registrations say against residents, but for those of whom nothing is known any more, and those
        from whom a person parted one of them."""
        among, historic = self._circumstances
        prepared, found = self._index.rules.prepare(fields, among=among, historic=historic), {}
        for resident in sorted(near):
            neighbour = self._residents[resident]
            others = [one for one in neighbour.registrations.values() if one is not None]
            if others and not parted_by_person(patients, neighbour.registrations, self._not_same):
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

    async def _write(self) -> None:
        await self._keep()
        moved = [one for one in self._decided.values() if one.former != one.resident]
        joining = [one for one in moved if one.former is not None or one.resident in self._before]
        alone = [one for one in moved if one.former is None and one.resident not in self._before]
        if alone:
            await self._connection.execute(
                SQL["new_links"], [one.patient for one in alone], [one.resident for one in alone]
            )
        if joining:
            await self._move(joining, alone)
        noted = [one for one in self._decided.values() if one.kind]
        if noted:
            # What was imported happened long ago: subscribers are told of it as little as of the Patients themselves.
            _, historic = self._circumstances
            await self._connection.execute(SQL["note_decisions"], *self._columns(noted), not historic)
        await self._ask()

    async def _keep(self) -> None:
        index, edition = self._index, self._index.rules.edition
        keys = [(nth, index.hashed(key)) for nth, one in enumerate(self._fresh.values(), 1) for key in one.keys]
        sealed = [index.sealed(patient, reading.fields) for patient, reading in self._fresh.items()]
        await self._connection.execute(
            SQL["keep_registrations"], list(self._fresh), [edition] * len(sealed), sealed,
            [nth for nth, _ in keys], [key for _, key in keys],
        )  # fmt: skip

    async def _move(self, joining: Sequence[Decided], alone: Sequence[Decided]) -> None:
        concerned = {one.resident for one in joining} | {one.former for one in joining if one.former is not None}
        members = set().union(*(self._before.get(resident, set()) for resident in concerned))
        members |= {one.patient for one in alone if one.resident in concerned}
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
            await self._connection.execute(SQL["withdraw_rewritten"], list(self._known))
        if later := self._decided.keys() - self._fresh.keys():
            await self._connection.execute(SQL["withdraw_comparisons"], list(later))
        index = self._index
        rows: list[tuple[Any, ...]] = [
            (one.patient, asked.resident, asked.why, asked.bits,
             index.sealed(one.patient, {"because": asked.because, "evidence": one.evidence.get(asked.resident)}))
            for one in self._decided.values() for asked in one.outcome.questions
            if self._residents[asked.resident].registrations
        ]  # fmt: skip
        rows += [
            (patient, None, code, None, None) for patient, reading in self._fresh.items() for code in reading.issues
        ]
        if rows:
            await self._connection.execute(SQL["ask"], *map(list, zip(*rows, strict=True)))


def _with_overwritten(decided: Decided, known: Known, fields: Fields) -> Decided:
    """Returns what was decided, with a question where a registration says another person than it said before.

    What was written about the one before stands in the record under the other now.
    """
    against, asked = overwritten(known.fields, fields), decided.outcome.questions
    if not against or any(one.resident == known.resident for one in asked):
        return decided
    question = Question(known.resident, "overwritten", decided.outcome.bits or 0.0, (against,))
    return replace(decided, outcome=replace(decided.outcome, questions=(question, *asked)))
