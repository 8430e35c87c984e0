"""What an institution says of its own registrations: link, part, merge. As HL7 v2 and FHIR feeds bring it.

| event   | HL7 v2  | what it comes to |
|---------|---------|---------------------------------------------------------------------------------------|
| `link`  | ADT^A24 | the residents of both registrations become one |
| `part`  | ADT^A37 | the second registration is taken out of the first one's resident, and stays out |
| `merge` | ADT^A40 | as `link`: the first is the registration that is given up, the second the one that survives |

What the registrations contradict (two valid, different numbers; two names that have nothing in common; for `part`: one
number that decides, borne by both), or a steward's word, is not carried out: a steward is asked. What is carried out is
noted as `feed`, with the sender and the message; it binds the rules, and is taken back as a steward's act is. Which
registration an institution has given up stands where it says so itself, in its own Patient: no Patient is changed.

Source: HL7 v2.5.1 chapter 3, 3.3.24 (A24), 3.3.37 (A37), 3.3.40 (A40).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from kangyun.base.errors import NotFound
from kangyun.identity.index import ResidentIndex
from kangyun.identity.linkage.clustering import united
from kangyun.identity.registration.contradicting import contradiction
from kangyun.identity.registration.fields import Fields
from kangyun.identity.standing import SQL, residents_of
from kangyun.identity.stewarding import Act, Steward
from kangyun.identity.weighing import Held

Event = Literal["link", "part", "merge"]
EVENTS: dict[str, Event] = {"A24": "link", "A37": "part", "A40": "merge"}
"""By trigger event of HL7 v2."""
SAME_NUMBER, BY_PERSON = "same-number", "parted-by-person"
Outcome = Literal["done", "asked", "already"]


@dataclass(frozen=True, slots=True)
class Said:
    """What an institution said. institution: as `Organization/…`. message: its id with the sender. actor: who sent.

    reason: in words, where he gave one.
    """

    event: Event
    institution: str
    message: str
    actor: str
    reason: str = ""

    @property
    def act(self) -> Act:
        """As it is noted."""
        evidence = {"event": self.event, "institution": self.institution, "message": self.message}
        return Act(self.actor, self.reason or self.event, "feed", evidence)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. act: its number, where it was done. because: codes of what a steward is asked for."""

    outcome: Outcome
    act: int | None = None
    because: tuple[str, ...] = ()


def objections(event: Event, held: Held, moving: Fields, staying: Fields) -> tuple[str, ...]:
    """Returns codes of what the registrations themselves have against what is said of them. Pure.

    held: what moves, held against whom it would join or leave. moving, staying: what each side says.
    """
    verdict = held.verdict
    against = contradiction(moving, staying)
    if event == "part":
        return (SAME_NUMBER,) if verdict.certain and not (against or verdict.forbidden) else ()
    return tuple(dict.fromkeys(code for code in (verdict.forbidden, against, *verdict.contradicted) if code))


class Feed:
    """Carries out what institutions say. Each call is in a transaction of its caller, who has made sure that both
    registrations are the institution's. Raises as `Steward`."""

    def __init__(self, index: ResidentIndex, steward: Steward) -> None:
        self._index = index
        self._steward = steward

    async def weigh(self, connection: asyncpg.Connection, event: Event, first: int, second: int) -> tuple[str, ...]:
        """Returns what speaks against an event about two registrations, as `carry_out` would find it."""
        _, codes, _ = await self._weighed(connection, event, first, second)
        return codes

    async def carry_out(self, connection: asyncpg.Connection, said: Said, first: int, second: int) -> Answer:
        """Does what is said of two registrations, or asks a steward. Raises Conflict, NotFound."""
        of = await residents_of(connection, [first, second])
        together = of[first] == of[second]
        if together and said.event != "part":
            return Answer("already")
        moving, codes, held = await self._weighed(connection, said.event, first, second)
        if codes:
            target = of[second if said.event != "part" else first]
            await self._ask(connection, said, moving[0], target, codes, held)
            return Answer("asked", because=codes)
        if said.event != "part":
            return Answer("done", await self._steward.merge(connection, of[first], of[second], said.act))
        if together:
            return Answer("done", await self._steward.part(connection, [second], said.act))
        if await connection.fetchval(_APART, min(first, second), max(first, second)):
            return Answer("already")
        return Answer("done", await self._steward.keep_apart(connection, [second], [first], said.act))

    async def doubt(self, connection: asyncpg.Connection, said: Said, patient: int) -> Answer:
        """Asks a steward whether a registration is its resident's: who else is, its institution may not know. It is
        answered alike whether there is anybody else. Raises NotFound."""
        of = await residents_of(connection, [patient])
        if patient not in of:
            raise NotFound("identity.no-such-registration")
        sealed = self._index.sealed(patient, {"because": (), "said": said.act.said})
        await connection.execute(SQL["ask"], [patient], [of[patient]], [f"feed-{said.event}"], [None], [sealed])
        return Answer("asked")

    async def _weighed(
        self, connection: asyncpg.Connection, event: Event, first: int, second: int
    ) -> tuple[list[int], tuple[str, ...], Held]:
        """Returns what moves, what speaks against it, and the evidence."""
        of = await residents_of(connection, [first, second])
        said = await self._index.residents(connection, set(of.values()))
        if event == "part":
            together = of[first] == of[second]
            moving = [second]
            staying = [one for one in said[of[first]].registrations if one != second] if together else [first]
        else:
            moving, staying = list(said[of[first]].registrations), list(said[of[second]].registrations)
        whole = {patient: fields for one in said.values() for patient, fields in one.registrations.items()}
        sides = [_known(whole, side) for side in (moving, staying)]
        own, others = united(sides[0]), united(sides[1])
        among = await self._index.among(connection)
        held = self._index.rules.prepare(own, among=among).held(
            of[first if event == "part" else second], sides[1] or [{}]
        )
        codes = objections(event, held, own, others)
        if event != "part" and await connection.fetchval(_BOUND, moving, staying, first):
            codes = (BY_PERSON, *codes)
        return moving, codes, held

    async def _ask(
        self, connection: asyncpg.Connection, said: Said, patient: int, resident: int, codes: Sequence[str], held: Held
    ) -> None:
        sealed = self._index.sealed(
            patient, {"because": codes, "said": said.act.said, "evidence": held.evidence()}
        )  # fmt: skip
        kind = f"feed-{said.event}"
        await connection.execute(SQL["ask"], [patient], [resident], [kind], [held.verdict.bits], [sealed])


def _known(whole: dict[int, Fields | None], patients: Sequence[int]) -> list[Fields]:
    return [fields for patient in patients if (fields := whole[patient]) is not None]


# Whether a person said that they are two, or took back what made them one.
_BOUND = """
SELECT EXISTS (
    SELECT FROM not_same WHERE unsaid IS NULL AND (
        (patient = ANY ($1::int8[]) AND other = ANY ($2::int8[]))
        OR (patient = ANY ($2::int8[]) AND other = ANY ($1::int8[]))
    )
) OR coalesce((SELECT kind = 'undone' FROM resident_decision WHERE patient = $3 ORDER BY id DESC LIMIT 1), FALSE)
"""
_APART = "SELECT EXISTS (SELECT FROM not_same WHERE patient = $1 AND other = $2 AND unsaid IS NULL)"
