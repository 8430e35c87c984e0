"""`Patient/$merge`: two registrations, or all of two residents', are one person's. `Patient/[id]/$part`: they are not.
And what feeds say alike.

Nothing clinical is moved, and no Patient is changed: links are all that an act of the index moves, so each is taken
back. That is where this departs from the draft, whose server writes `active` and `link` and moves references;
`result-patient` and `delete-source` are refused therefore. Who merges what his own institution has registered speaks
for it, as its feed does: what contradicts is asked of a steward. A steward decides, whatever speaks against it.

Source: https://build.fhir.org/patient-operation-merge.html (FHIR R6 ballot), brought back to R4.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import asyncpg

from kangyun.access.opened import written_by
from kangyun.access.operations import who_is_who
from kangyun.access.operations.ihe_pix import escaped
from kangyun.access.operations.model import Call, parameters
from kangyun.access.operations.questioned import words
from kangyun.access.operations.who_is_who import PART, carried_out, is_steward, whole_seen
from kangyun.access.record import Record
from kangyun.base.errors import Invalid, MultipleMatches, NotFound
from kangyun.base.texts import say
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.feeding import Answer, Event, Feed, Said
from kangyun.identity.golden import golden
from kangyun.identity.standing import SQL, residents_of
from kangyun.identity.stewarding import Act
from kangyun.store.model import Stored
from kangyun.store.references import local_target, relative

MERGE: Final = "merge"
KNOWN = frozenset(
    {
        "source-patient", "source-patient-identifier", "target-patient", "target-patient-identifier", "preview",
        "reason",
    }
)  # fmt: skip
REFUSED = frozenset({"result-patient", "delete-source"})
MOST_IDENTIFIERS = 10


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration that is meant: by its reference, by identifiers, or by both, which must agree.

    identifiers: (system of the assigner, number).
    """

    reference: str | None
    identifiers: tuple[tuple[str, str], ...] = ()


async def merge(record: Record, call: Call) -> Resource:
    """Merges, or says what would come of it. Raises Forbidden, NotFound, MultipleMatches, Invalid, NotSupported."""
    inputs = Inputs.of(call.parameters, KNOWN, REFUSED)
    sides = [_asked(inputs, side) for side in ("source", "target")]
    preview = inputs.boolean("preview", False)
    reason = "" if inputs.text("reason") is None else who_is_who.reason_of(inputs)
    steward = is_steward(record)
    if steward:
        record.in_person()
    source, target = [await _meant(record, one, own=not steward) for one in sides]
    if source.res == target.res:
        raise Invalid("identity.merge-itself", at="target-patient")

    async def act(connection: asyncpg.Connection) -> Answer:
        if not steward:
            said = replace(_said(record, MERGE, record.circumstances.request), reason=reason)
            return await _feed(record).carry_out(connection, said, source.res, target.res)
        of = await residents_of(connection, [source.res, target.res])
        if of[source.res] == of[target.res]:
            return Answer("already")
        await whole_seen(record, connection, *of.values())
        number = await record.gate.steward.merge(
            connection, of[source.res], of[target.res], Act(record.actor.reference, reason or MERGE)
        )
        return Answer("done", number)

    if preview:
        answer = await _would_be(record, source.res, target.res)
        async with record.store.pool.connection() as connection:
            concerned = await _concerned(connection, [source.res, target.res])
        await record.leave_row(MERGE, 200, concerned)
    else:
        answer = await _carried_out(record, act, [source.res, target.res])
    return await _told(record, call, answer, [source, target], preview=preview)


async def part(record: Record, call: Call) -> Resource:
    """Takes a registration out of its resident's. Raises Forbidden, NotFound, Invalid, RuleBroken.

    Who is no steward says of a registration of his own institution that it is not the same person's as another of its
    (`from`), as ADT^A37 does; or only that it is not its resident's: then a steward is asked.
    """
    if is_steward(record):
        return await who_is_who.part(record, call)
    inputs = Inputs.of(call.parameters, frozenset({"from", "reason"}))
    said = replace(_said(record, PART, record.circumstances.request), reason=who_is_who.reason_of(inputs))
    one = await _meant(record, Registration(f"Patient/{call.id}"), own=True)
    if (reference := inputs.text("from")) is None:
        act, patients = partial(_feed(record).doubt, said=said, patient=one.res), [one.res]
    else:
        other = await _meant(record, Registration(reference), own=True)
        if one.res == other.res:
            raise Invalid("identity.merge-itself", at="from")
        patients = [one.res, other.res]
        act = partial(_feed(record).carry_out, said=said, first=other.res, second=one.res)

    async def done(connection: asyncpg.Connection) -> tuple[Answer, list[int]]:
        return await act(connection), patients

    answer = await carried_out(record, PART, done)
    issue = _issue(f"identity.part-{answer.outcome}", answer, call)
    told: list[Resource] = [{"name": "outcome", "resource": {"resourceType": "OperationOutcome", "issue": [issue]}}]
    return parameters(*told, *([] if answer.act is None else [{"name": "id", "valueInteger": answer.act}]))


async def told_by_feed(record: Record, event: Event, first: Registration, second: Registration, message: str) -> Answer:
    """Carries out what a message of a feed says of two registrations of its own institution.

    message: its id with the sender; it is kept sealed.
    Raises NotFound, MultipleMatches, Forbidden for who may not change these registrations.
    """
    one, other = [await _meant(record, side, own=True) for side in (first, second)]
    feed = _feed(record)
    act = partial(feed.carry_out, said=_said(record, event, message), first=one.res, second=other.res)
    return await _carried_out(record, act, [one.res, other.res])


def _said(record: Record, event: Event, message: str) -> Said:
    return Said(event, record.actor.institution, message, record.actor.reference)


def _asked(inputs: Inputs, side: str) -> Registration:
    reference = next(iter(inputs.all(f"{side}-patient")), None)
    text = reference.get("reference") if isinstance(reference, dict) else reference
    given = inputs.all(f"{side}-patient-identifier")
    if not (text or given) or len(given) > MOST_IDENTIFIERS:
        raise Invalid("fhir.terminology.parameter-needed", name=f"{side}-patient")
    pairs = []
    for one in given:
        system, value = (one.get("system"), one.get("value")) if isinstance(one, dict) else (None, None)
        if not (isinstance(system, str) and isinstance(value, str) and system and value):
            raise Invalid("identity.merge-identifier", at=f"{side}-patient-identifier")
        pairs.append((system, value))
    if text is not None and not isinstance(text, str):
        raise Invalid("identity.merge-identifier", at=f"{side}-patient")
    return Registration(text, tuple(pairs))


async def _meant(record: Record, asked: Registration, *, own: bool) -> Stored:
    """Returns the one registration that is meant. Raises NotFound, MultipleMatches.

    own: only of the actor's institution, and he changes it; others are not to be told from none.
    """
    ids: list[str] | None = None
    if asked.reference is not None:
        target = local_target(relative(asked.reference, record.store.bases))
        if target is None or target[0] != "Patient":
            raise Invalid("identity.whom", at="source-patient")
        ids = [target[1]]
    async with record.store.pool.connection() as connection:
        for system, value in asked.identifiers:
            pair = ("identifier", f"{escaped(system)}|{escaped(value)}")
            query = await record.read_query("Patient", [pair], strict=True)
            found = await record.store.searcher.matches(
                connection, "Patient", query.node, MOST_IDENTIFIERS, record.sight
            )
            ids = found if ids is None else [one for one in ids if one in found]
        names = [("Patient", one) for one in ids or ()]
        located = await record.store.reader.locate(connection, names, record.sight)
        there = [one.stored for one in located.values() if one.stored is not None and not one.stored.deleted]
        if own:
            mine = await written_by(connection, record.institution, [one.res for one in there])
            there = [one for one in there if one.res in mine]
    if len(there) > 1:
        raise MultipleMatches("identity.merge-several")
    if not there:
        raise NotFound
    if own:
        await record.may_change(there[0])
    return there[0]


async def _carried_out(
    record: Record, act: Callable[[asyncpg.Connection], Awaitable[Answer]], patients: Sequence[int]
) -> Answer:
    """Carries an act out. Its row names all registrations of both residents: a merge is about them as well."""

    async def done(connection: asyncpg.Connection) -> tuple[Answer, list[int]]:
        answer = await act(connection)
        return answer, await _concerned(connection, patients)

    return await carried_out(record, MERGE, done)


async def _concerned(connection: asyncpg.Connection, patients: Sequence[int]) -> list[int]:
    """Returns all registrations of the residents of some."""
    rows = await connection.fetch(SQL["of_same"], list(patients))
    return sorted({*patients, *(row["patient"] for row in rows)})


async def _would_be(record: Record, source: int, target: int) -> Answer:
    """Returns what would come of a merge. Raises as it would."""
    async with record.store.pool.connection() as connection:
        of = await residents_of(connection, [source, target])
        if of[source] == of[target]:
            return Answer("already")
        if is_steward(record):
            await whole_seen(record, connection, *of.values())
        codes = await _feed(record).weigh(connection, MERGE, source, target)
    return Answer("asked" if codes and not is_steward(record) else "done", because=codes)


async def _told(
    record: Record, call: Call, answer: Answer, registrations: Sequence[Stored], *, preview: bool
) -> Resource:
    """Returns what came of it: an OperationOutcome, and the golden Patient of whom it is then.

    What speaks against it a steward is told, who alone is not held up by it: it may be another institution's.
    """
    text = f"identity.merge-{'would-be-' if preview else ''}{answer.outcome}"
    issues = [_issue(text, answer, call)]
    if is_steward(record):
        issues += [
            {"severity": "warning", "code": "business-rule", "details": {"text": why}}
            for why in words(answer.because, call.language)
        ]
    said: list[Resource] = [{"name": "outcome", "resource": {"resourceType": "OperationOutcome", "issue": issues}}]
    if answer.outcome == "asked":
        return parameters(*said)
    numbers = [one.res for one in registrations]
    async with record.store.pool.connection() as connection:
        of = await residents_of(connection, numbers)
        located = await record.store.reader.of_residents(connection, sorted(set(of.values())), record.sight)
    seen = [one.stored for each in located.values() for one in each if one.stored is not None]
    resident = of[numbers[1]]
    whole = golden(resident, record.store.ids.id_of(resident), await record.shown(seen))
    said.append({"name": "result", "resource": whole.resource})
    if answer.act is not None:
        said.append({"name": "id", "valueInteger": answer.act})
    return parameters(*said)


def _issue(text: str, answer: Answer, call: Call) -> Resource:
    severity, code = ("warning", "business-rule") if answer.outcome == "asked" else ("information", "informational")
    return {"severity": severity, "code": code, "details": {"text": say(text, call.language)}}


def _feed(record: Record) -> Feed:
    return Feed(record.gate.residents, record.gate.steward)
