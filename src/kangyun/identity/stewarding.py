"""What a steward does about who is who: links, parts, merges, answers, and takes back. Never a change of a Patient.

Each act moves registrations from resident to resident, notes why, and binds what the rules decide later: who was parted
by a person is not linked again by rule, and who was linked by a person is not parted by rule. An act is taken back as
long as nothing was decided about its registrations since: all of it, to where each registration was.

Who may do this, and the audit row, is the gate's business: it calls within its own transaction.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import asyncpg

from kangyun.base.errors import Conflict, NotFound, RuleBroken
from kangyun.identity.arriving import MOVE
from kangyun.identity.index import ResidentIndex
from kangyun.identity.standing import SQL, residents_of
from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.tokens import bucket_of


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, and why. actor: as `Practitioner/…`. The reason is kept sealed, with what else is evidence.

    kind: as it is noted: a steward's, or an institution's own word about its registrations.
    """

    actor: str
    reason: str
    kind: Literal["steward", "feed"] = "steward"
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, str]:
        """What is kept, sealed."""
        return {**self.evidence, "reason": self.reason}


Witness = Callable[[str, Sequence[int], Sequence[int]], Awaitable[None]]
"""Is told, before it is committed, that registrations are `together` with others, or `apart`."""


async def nobody(what: str, patients: Sequence[int], others: Sequence[int]) -> None:
    """Notes nothing."""


class Steward:
    """Carries out what stewards decide. One for a process. Each method is called in a transaction of its caller.

    Each raises Conflict where others decide about the same registrations at the same time: nothing was done then.
    """

    def __init__(self, index: ResidentIndex, witness: Witness = nobody) -> None:
        self._index = index
        self._witness = witness

    async def link(self, connection: asyncpg.Connection, patients: Sequence[int], resident: int, act: Act) -> int:
        """Makes registrations a resident's, whatever was said before. Returns the number of the act.

        Raises NotFound for a resident without registrations, RuleBroken where they are his already.
        """
        members = await self._members(connection, [resident])
        if resident not in members:
            raise NotFound("identity.no-such-resident")
        moving = [patient for patient in patients if patient not in members[resident]]
        if not moving:
            raise RuleBroken("identity.linked-already")
        left = set((await residents_of(connection, moving)).values())
        number = await self._move(connection, dict.fromkeys(moving, resident), act.kind, act)
        await connection.execute(SQL["say_same"], moving, members[resident], number)
        await self._witness("together", moving, members[resident])
        await self._settle(connection, moving, resident, "same", number, act)
        for gone in left - (await self._members(connection, left)).keys():
            await self._settle(connection, members[resident], gone, "same", number, act)
            await connection.execute(SQL["ask_of_joined"], gone, resident, number)
        return number

    async def part(self, connection: asyncpg.Connection, patients: Sequence[int], act: Act) -> int:
        """Takes registrations of one resident out, as a resident of their own. Returns the number of the act.

        Raises RuleBroken where nothing would be left behind, or they are of several residents.
        """
        of = set((await residents_of(connection, patients)).values())
        if len(of) != 1:
            raise RuleBroken("identity.several-residents")
        (resident,) = of
        staying = [one for one in (await self._members(connection, of))[resident] if one not in patients]
        if not staying:
            raise RuleBroken("identity.nothing-left")
        (own,) = await self._index.new_residents(1)
        number = await self._move(connection, dict.fromkeys(patients, own), act.kind, act)
        await connection.execute(SQL["say_not_same"], patients, staying, number)
        await self._witness("apart", patients, staying)
        await self._settle(connection, patients, resident, "not-same", number, act)
        return number

    async def keep_apart(
        self, connection: asyncpg.Connection, patients: Sequence[int], others: Sequence[int], act: Act
    ) -> int:
        """Notes that registrations of one resident and those of another are two persons'. Returns the number of the
        act."""
        number = await self._move(connection, await residents_of(connection, patients), act.kind, act)
        await connection.execute(SQL["say_not_same"], patients, others, number)
        await self._witness("apart", patients, others)
        return number

    async def merge(self, connection: asyncpg.Connection, resident: int, into: int, act: Act) -> int:
        """Makes all registrations of one resident another's. Returns the number of the act. Raises NotFound."""
        members = await self._members(connection, [resident])
        if resident not in members or resident == into:
            raise NotFound("identity.no-such-resident")
        return await self.link(connection, members[resident], into, act)

    async def undo(self, connection: asyncpg.Connection, decision: int, act: Act) -> int:
        """Takes an act back, or a decision by rule: each registration is again whose it was. Returns the new act.

        Raises NotFound; RuleBroken for a registration that was new, or that something was decided about since.
        """
        rows = await connection.fetch(SQL["act"], decision)
        if not rows:
            raise NotFound("identity.no-such-decision")
        if any(row["former"] is None for row in rows):
            raise RuleBroken("identity.was-new")
        if any(row["since"] for row in rows):
            raise RuleBroken("identity.decided-since")
        joined = (await self._members(connection, {row["resident"] for row in rows})).values()
        moving = {row["patient"]: row["former"] for row in rows}
        staying = [one for members in joined for one in members if one not in moving]
        home = await self._members(connection, set(moving.values()))
        number = await self._move(connection, moving, "undone", act, undoes=decision)
        by_person = await connection.fetchval(SQL["act_of"], decision)
        if by_person is None:
            # What a rule joined it would join again at the next change.
            await connection.execute(SQL["say_not_same"], list(moving), staying, number)
        else:
            await connection.execute(SQL["unsay_not_same"], by_person, number)
            for questions in ("close_again", "open_again"):
                await connection.execute(SQL[questions], by_person, number)
        await self._witness("apart", list(moving), staying)
        for resident, members in home.items():
            await self._witness("together", [one for one in moving if moving[one] == resident], members)
        return number

    async def answer(self, connection: asyncpg.Connection, question: int, same: bool, act: Act) -> None:
        """Answers an open question about a registration and a resident. Raises NotFound, RuleBroken.

        From somebody's only registration nothing can be parted: that it is not his is noted with the question.
        """
        row = await connection.fetchrow(SQL["question"], question)
        if row is None:
            raise NotFound("identity.no-such-question")
        if row["resident"] is None:
            raise RuleBroken("identity.about-itself")
        patient, resident = row["patient"], row["resident"]
        members = (await self._members(connection, [resident])).get(resident, [])
        number = None
        if same and patient not in members:
            own = await connection.fetchval(SQL["resident_of"], patient)
            number = await self.merge(connection, own, resident, act)
        elif not same and len(members) > 1 and patient in members:
            number = await self.part(connection, [patient], act)
        elif not same and patient not in members:
            # The question stood for all registrations of the two residents.
            own = await connection.fetchval(SQL["resident_of"], patient)
            mine = (await self._members(connection, [own])).get(own, [patient])
            number = await self.keep_apart(connection, mine, members, act)
        await self._answered(connection, row, "same" if same else "not-same", number, act)

    async def dismiss(self, connection: asyncpg.Connection, question: int, act: Act) -> None:
        """Closes a question about a registration itself: it was looked at, or corrected. Raises NotFound."""
        row = await connection.fetchrow(SQL["question"], question)
        if row is None:
            raise NotFound("identity.no-such-question")
        await self._answered(connection, row, "corrected", None, act)

    async def _answered(
        self, connection: asyncpg.Connection, row: asyncpg.Record, answer: str, number: int | None, act: Act
    ) -> None:
        sealed = self._index.sealed(row["patient"], act.said)
        await connection.execute(SQL["answer"], row["id"], answer, act.actor, number, sealed)

    async def _settle(
        self, connection: asyncpg.Connection, patients: Sequence[int], resident: int, answer: str, number: int, act: Act
    ) -> None:
        sealed = [self._index.sealed(one, act.said) for one in patients]
        await connection.execute(SQL["settle_questions"], patients, resident, answer, act.actor, number, sealed)

    async def _members(self, connection: asyncpg.Connection, residents: Iterable[int]) -> dict[int, list[int]]:
        return {
            resident: list(one.registrations)
            for resident, one in (await self._index.residents(connection, set(residents))).items()
        }

    async def _move(
        self, connection: asyncpg.Connection, moving: Mapping[int, int], kind: str, act: Act, undoes: int | None = None
    ) -> int:
        """Moves registrations and notes it. moving: by registration, whose it is from now on."""
        former = await residents_of(connection, moving.keys())
        if former.keys() != moving.keys():
            raise NotFound("identity.no-such-registration")
        concerned = {*moving.values(), *former.values()}
        members = sorted(one for of in (await self._members(connection, concerned)).values() for one in of)
        buckets = sorted({bucket_of(one) for one in (*members, *concerned)})
        await connection.execute(TAKE_LOCKS, buckets)
        if not await connection.fetchval(MOVE, list(moving), list(moving.values()), members, buckets):
            raise Conflict
        number: int = await connection.fetchval(SQL["new_act"])
        noted: list[tuple[Any, ...]] = [
            (
                *(patient, former[patient], resident, kind, act.actor, "", None, number, undoes),
                self._index.sealed(patient, act.said),
            )
            for patient, resident in moving.items()
        ]
        await connection.execute(SQL["note_decisions"], *map(list, zip(*noted, strict=True)), True)
        return number
