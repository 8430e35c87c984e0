"""Messages of HL7 v2 stored: known again, mapped, written as the institution's own, and only then answered.

A message is stored with all that it says, or answered with why not and kept aside (`aside`). What it does not
say stays as it is (`hl7v2.mapping.updated`). What is named beside it (the patient of a result) is written only where
nothing stands. What would make a visit, an order or a report another patient's is refused (`hl7v2.mapping.whose`).
Where the platform stops between writing and noting a message, the sender sends it again, and the same
said again makes no version.
"""

import logging
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.kept import Kept
from kangyun.access.linked import one_person
from kangyun.access.operations.merging import Registration, told_by_feed
from kangyun.access.platform import Platform
from kangyun.access.record import Done, Operation, Record
from kangyun.base.clock import now
from kangyun.base.errors import NotFound, PlatformError, Throttled, Unavailable
from kangyun.database.statements import statements
from kangyun.exchange.cda.reading import patient_of
from kangyun.exchange.entries import Entry, Place, Refusal
from kangyun.exchange.feeds.aside import Aside, digest_of, place_of
from kangyun.exchange.feeds.storing import refused, store
from kangyun.exchange.hl7v2.acknowledging import Answer, judged
from kangyun.exchange.hl7v2.listening import Received, received
from kangyun.exchange.hl7v2.mapping import Feed, Mapped, mapped, updated
from kangyun.exchange.hl7v2.mapping.whose import OfAnother, hold, hold_enclosed, hold_person
from kangyun.exchange.tables.mapping import names_of
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)
SQL = statements("exchange.feeds")
ERASED = "store.erased"
Onto = Callable[[Resource | None, Resource], Resource]
Outcome = Sequence[Done] | PlatformError
DAYS = 90
"""How long a message is known again."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Stores what one institution sends. actor: of the institution, who may write all that its messages say."""

    platform: Platform
    actor: Actor
    feed: Feed

    async def store(self, group: Sequence[Received]) -> list[Answer]:
        """Stores messages in their order, and returns what is answered. Raises Unavailable, Throttled.

        A message that a defect of ours holds up is kept aside, and holds up no other.
        """
        try:
            return await self._store(group)
        except (Unavailable, Throttled):
            raise
        except Exception as error:
            if len(group) > 1:
                return [answer for one in group for answer in await self.store([one])]
            logger.error("hl7v2: a message could not be stored", exc_info=error)
            answer = judged((Refusal(Place(group[0].control_id), "exchange.hl7v2.defect"),))
            await self.aside.keep(await self.record(), self.feed.institution, [(group[0], answer)])
            return [answer]

    async def _store(self, group: Sequence[Received]) -> list[Answer]:
        known = await self._known(group)
        answers: dict[int, Answer] = {}
        fresh: dict[int, Mapped] = {}
        for nth, one in enumerate(group):
            if one.message is None:
                answers[nth] = judged(one.refusals)
            elif nth in known:
                answers[nth] = Answer("AA")
            else:
                said = mapped(one.message, self.feed)
                if any(refusal.whole for refusal in said.refusals):
                    answers[nth] = judged(said.refusals)
                else:
                    fresh[nth] = said
        if fresh:
            record = await self.record()
            outcomes = await store(record, [_whole(record, one) for one in fresh.values()])
            for nth, outcome in zip(fresh, outcomes, strict=True):
                outcome = await _of_one_person(record, fresh[nth], outcome)
                answers[nth] = await _answer(record, group[nth], fresh[nth], outcome)
        await self._note([group[nth] for nth in fresh if answers[nth].code == "AA"])
        if refused_ := [(one, answers[nth]) for nth, one in enumerate(group) if _is_kept(answers[nth])]:
            await self.aside.keep(await self.record(), self.feed.institution, refused_)
        return [answers[nth] for nth in range(len(group))]

    async def again(self, number: int, raw: bytes | None = None) -> Answer:
        """Tries one that is kept aside again, as it came or put right. Raises NotFound, Unavailable, Throttled."""
        before = await self.aside.one(number)
        if before.institution != self.feed.institution:
            raise NotFound("exchange.feeds.aside-none", number=number)
        if raw is None:
            raw = await self.aside.content(await self.record(), number)
        (answer,) = await self.store([received(raw, before.sender, now())])
        if answer.code == "AA":
            await self.aside.settle(number, "taken")
        return answer

    async def record(self) -> Record:
        """Returns the way to the record as the institution."""
        return await self.platform.gate.open(self.actor, Circumstances("hl7v2", "", uuid4().hex))

    @property
    def aside(self) -> Aside:
        """What was refused."""
        return Aside(self.platform.pool, Kept(self.platform.gate.store))

    async def forget(self) -> None:
        """Forgets messages that were stored long ago, the content of those refused, and what is about somebody who was
        erased. Raises Unavailable."""
        async with self.platform.pool.connection() as connection:
            await connection.execute(SQL["forget"], DAYS)
            await connection.execute(SQL["forget_aside"], DAYS)
        while await self._forget_erased():
            pass

    async def _forget_erased(self) -> int:
        """Drops refused messages that say that they are about somebody who was erased; returns how many were seen."""
        kept = self.aside.kept
        async with self.platform.pool.connection() as connection:
            rows = await connection.fetch(SQL["messages_to_search"], self.feed.institution)
            for row in rows:
                place = place_of(self.feed.institution, bytes(row["digest"]))
                one = received(await kept.open(connection, row["key"], row["content"], place), row["sender"], now())
                said = mapped(one.message, self.feed) if one.message is not None else Mapped()
                names = {name for entry in said.entries for name in names_of(dict(entry.resource))}
                await connection.execute(SQL["message_searched"], row["id"], bool(await kept.erased(connection, names)))
        return len(rows)

    async def _known(self, group: Sequence[Received]) -> set[int]:
        async with self.platform.pool.connection() as connection:
            rows = await connection.fetch(SQL["known"], *_columns(group))
        return {row["nth"] - 1 for row in rows}

    async def _note(self, stored: Sequence[Received]) -> None:
        if stored:
            async with self.platform.pool.connection() as connection:
                await connection.execute(SQL["stored"], *_columns(stored), self.feed.institution)


async def _of_one_person(record: Record, said: Mapped, outcome: Outcome) -> Outcome:
    """Stores again what was held up by another patient's number, as long as the index has both for one person."""
    known: frozenset[str] = frozenset()
    while isinstance(outcome, OfAnother) and outcome.standing and outcome.standing not in known:
        if not await one_person(record, outcome.standing, outcome.said):
            break
        known |= {outcome.standing}
        (outcome,) = await store(record, [_whole(record, said, known)])
    return outcome


def _is_kept(answer: Answer) -> bool:
    """Whether a message is kept aside: one that was refused, but not one about somebody who was erased."""
    return answer.code != "AA" and not any(one.text == ERASED for one in answer.refusals)


def _whole(record: Record, said: Mapped, known: frozenset[str] = frozenset()) -> list[Operation]:
    return [_operation(record, entry, said, known) for entry in said.entries]


def _operation(record: Record, entry: Entry, said: Mapped, known: frozenset[str]) -> Operation:
    part = entry.origin.part or ""
    resource = dict(entry.resource)
    onto: Onto
    if entry.id in said.introduced:
        onto = partial(_introduced, part, known)
    else:
        onto = partial(_onto, part, known, said.deleted.get(entry.id, frozenset()))
    if resource["resourceType"] == "Patient" and (enclosed := _enclosed(said)):
        onto = partial(_around, onto, enclosed)
    return record.operation("update", resource["resourceType"], id=entry.id, resource=resource, onto=onto)


async def _answer(record: Record, one: Received, said: Mapped, outcome: Outcome) -> Answer:
    try:
        if isinstance(outcome, PlatformError):
            raise outcome
        for told in said.told:
            first, second = Registration(told.first), Registration(told.second)
            await told_by_feed(record, told.event, first, second, told.message)
    except (Unavailable, Throttled):
        raise  # Nothing is wrong with the message: it comes again.
    except PlatformError as error:
        return judged((*said.refusals, refused(Place(one.control_id), error)))
    return judged(said.refusals)


def _introduced(part: str, known: frozenset[str], standing: Resource | None, said: Resource) -> Resource:
    if standing is None:
        return said
    hold(standing, said, part, known)
    hold_person(standing, said, part)
    return standing


def _around(onto: Onto, enclosed: Mapping[str, Resource], standing: Resource | None, said: Resource) -> Resource:
    """Returns the patient of a message that encloses documents, having held theirs against it."""
    whole = onto(standing, said)
    hold_enclosed(whole, enclosed)
    return whole


def _enclosed(said: Mapped) -> dict[str, Resource]:
    """Returns the patients whom enclosed documents say they are of, by the segments that they stand in."""
    found = {}
    for entry in said.entries:
        if entry.resource["resourceType"] == "Binary":
            patient = patient_of(b64decode(entry.resource["data"]))
            if patient is not None:
                found[f"{entry.origin.part}-5"] = patient
    return found


def _onto(
    part: str, known: frozenset[str], deleted: frozenset[str], standing: Resource | None, said: Resource
) -> Resource:
    # As it was given: what read it before it came here need not read it again.
    if standing is None:
        return said
    hold(standing, said, part, known)
    return updated(standing, said, deleted)


def _columns(group: Sequence[Received]) -> tuple[list[str], list[str], list[bytes]]:
    return [one.sender for one in group], [one.control_id for one in group], [digest_of(one.raw) for one in group]
