"""Who is who, as operations: a steward links, parts, takes back and answers; who may see a resident sees why.

`Patient/[id]/$link`, `Patient/[id]/$part`, `Patient/[id]/$links`, `$undo-link`, `$link-questions`, `$answer-link`, and
`Patient/[id]/$not-mine`, by which a resident says that a registration is another's. Operations of our own. Nothing is
done about registrations that the actor does not see, and each act's audit row is in its transaction.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.operations.model import Call, parameters
from kangyun.access.operations.questioned import whys
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Conflict, Forbidden, Invalid, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.standing import SQL
from kangyun.identity.stewarding import Act
from kangyun.store.references import local_target
from kangyun.store.visible import EVERYTHING, seen

STEWARDS = frozenset({"steward"})
LINK, UNDO, ANSWER = "link", "undo-link", "answer-link"
PART: Final = "part"
LINKS, QUESTIONS, NOT_MINE = "links", "link-questions", "not-mine"
SHORTEST_REASON, LONGEST_REASON = 2, 500  # characters
COUNT, LARGEST = 50, 500
ATTEMPTS = 4
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Whose:
    """A resident, or one registration, as the actor named it. resident: whose it is; patients: those that are meant."""

    resident: int
    patients: list[int]


async def link(record: Record, call: Call) -> Resource:
    """Makes a registration, or all of a resident's, another resident's. Raises Forbidden, NotFound, RuleBroken."""
    inputs = _steward(record, call, "to", "reason")
    reason, to = reason_of(inputs), inputs.text("to") or ""
    target = local_target(to)
    if target is None or target[0] != "Patient":
        raise Invalid("identity.whom", at="to")

    async def act(connection: asyncpg.Connection) -> tuple[int, list[int]]:
        moving, joined = await _whose(record, connection, str(call.id)), await _whose(record, connection, target[1])
        await whole_seen(record, connection, moving.resident, joined.resident)
        number = await record.gate.steward.link(
            connection, moving.patients, joined.resident, Act(record.actor.reference, reason)
        )
        return number, [*moving.patients, *joined.patients]

    return await _carried_out(record, LINK, act)


async def part(record: Record, call: Call) -> Resource:
    """Takes a registration out of its resident's. Raises Forbidden, NotFound, RuleBroken."""
    reason = reason_of(_steward(record, call, "reason"))

    async def act(connection: asyncpg.Connection) -> tuple[int, list[int]]:
        whose = await _whose(record, connection, str(call.id))
        await whole_seen(record, connection, whose.resident)
        number = await record.gate.steward.part(connection, whose.patients, Act(record.actor.reference, reason))
        return number, whose.patients

    return await _carried_out(record, PART, act)


async def undo_link(record: Record, call: Call) -> Resource:
    """Takes a decision back. Raises Forbidden, NotFound, RuleBroken."""
    inputs = _steward(record, call, "id", "reason")
    reason, decision = reason_of(inputs), _number(inputs)

    async def act(connection: asyncpg.Connection) -> tuple[int, list[int]]:
        rows = await connection.fetch(SQL["act"], decision)
        patients = [row["patient"] for row in rows]
        await _all_seen(record, connection, patients)
        concerned = {row["resident"] for row in rows} | {row["former"] for row in rows} - {None}
        await whole_seen(record, connection, *concerned)
        number = await record.gate.steward.undo(connection, decision, Act(record.actor.reference, reason))
        return number, patients

    return await _carried_out(record, UNDO, act)


async def answer_link(record: Record, call: Call) -> Resource:
    """Answers a question; one about a registration itself is closed. Raises Forbidden, NotFound, Invalid,
    RuleBroken."""
    inputs = _steward(record, call, "id", "same", "reason")
    act_, question = Act(record.actor.reference, reason_of(inputs)), _number(inputs)
    same = inputs.boolean("same", False)
    said = same == inputs.boolean("same", True)

    async def act(connection: asyncpg.Connection) -> tuple[int, list[int]]:
        row = await connection.fetchrow(_OF_QUESTION, question)
        if row is None:
            raise NotFound("identity.no-such-question")
        patients = [row["patient"], *row["members"]]
        await _all_seen(record, connection, patients)
        # What is answered about one registration is answered for all of its resident's.
        await whole_seen(record, connection, *{row["own"], row["resident"]} - {None})
        if row["resident"] is None:
            await record.gate.steward.dismiss(connection, question, act_)
        elif said:
            await record.gate.steward.answer(connection, question, same, act_)
        else:
            raise Invalid("fhir.terminology.parameter-needed", name="same")
        return question, patients

    return await _carried_out(record, ANSWER, act)


async def link_questions(record: Record, call: Call) -> Resource:
    """Lists open questions, the oldest first, a page after the question `_after`; of one kind where that is asked for.

    answered: those that people answered instead, the newest answer first. counts: how many open ones there are of each
    kind as well. Raises Forbidden.
    """
    inputs = _steward(record, call, "_count", "_after", "kind", "counts", "answered")
    count, kind = inputs.count("_count"), inputs.text("kind")
    most = COUNT if count is None else max(min(count, LARGEST), 1)
    asked = _ANSWERED if inputs.boolean("answered", False) else _QUESTIONS
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(*seen(asked, record.sight, most, inputs.count("_after") or 0, kind))
        counted = await connection.fetch(*seen(_COUNTS, record.sight)) if inputs.boolean("counts", False) else []
        names = await _references(record, connection, [row["patient"] for row in rows])
    await record.leave_row(QUESTIONS, 200, sorted({row["patient"] for row in rows}))
    return parameters(
        *({"name": "question", "part": _question(record, call, row, names[row["patient"]])} for row in rows),
        *(
            {"name": "of-kind", "part": [
                {"name": "kind", "valueCode": row["kind"]}, {"name": "count", "valueInteger": row["count"]},
            ]}
            for row in counted
        ),
    )  # fmt: skip


def _question(record: Record, call: Call, row: asyncpg.Record, patient: str) -> list[Resource]:
    index, resident = record.gate.residents, row["resident"]
    evidence = index.unsealed(row["patient"], row["evidence"]) if row["evidence"] else None
    part: list[Resource] = [
        {"name": "id", "valueInteger": row["id"]},
        {"name": "opened", "valueInstant": clock.instant(row["opened"])},
        {"name": "kind", "valueCode": row["kind"]},
        {"name": "patient", "valueReference": {"reference": patient}},
        *_resident_part(record.store.ids.id_of(resident) if resident is not None else None),
        *({"name": "why", "valueString": why} for why in whys(row["kind"], evidence, call.language)),
        *_evidence(evidence),
    ]
    if row["answered"] is not None:
        said: Any = index.unsealed(row["patient"], row["said"]) if row["said"] else {}
        part += [
            {"name": "answered", "valueInstant": clock.instant(row["answered"])},
            {"name": "answer", "valueCode": row["answer"]},
            {"name": "actor", "valueString": row["actor"]},
            *([{"name": "reason", "valueString": said["reason"]}] if "reason" in said else []),
        ]
    return part


async def links(record: Record, call: Call) -> Resource:
    """Returns whose a registration is and what else is his; to a steward also what was decided. Raises NotFound.

    That there was something to decide tells that somebody is known elsewhere.
    """
    record.may_read("Patient")
    Inputs.of(call.parameters, frozenset())
    index, ids = record.gate.residents, record.store.ids
    async with record.store.pool.connection() as connection:
        whose = await _whose(record, connection, str(call.id))
        located = (await record.store.reader.of_residents(connection, [whose.resident], record.sight))[whose.resident]
        shown = [one.res for one in located]
        rows = await connection.fetch(_DECISIONS, shown) if is_steward(record) else []
    names = {one.res: f"Patient/{one.stored.id}" for one in located if one.stored is not None}
    await record.leave_row(LINKS, 200, sorted(shown))
    decided = [
        {
            "name": "decision",
            "part": [
                {"name": "id", "valueInteger": row["id"]},
                {"name": "instant", "valueInstant": clock.instant(row["instant"])},
                {"name": "kind", "valueCode": row["kind"]},
                {"name": "patient", "valueReference": {"reference": names[row["patient"]]}},
                *_resident_part(ids.id_of(row["resident"])),
                {"name": "actor", "valueString": row["actor"]},
                {"name": "undoable", "valueBoolean": row["undoable"]},
                *([{"name": "model", "valueString": row["model"]}] if row["model"] else []),
                *_evidence(index.unsealed(row["patient"], row["evidence"]) if row["evidence"] else None),
            ],
        }
        for row in rows
    ]
    return parameters(
        *_resident_part(ids.id_of(whose.resident)),
        *({"name": "registration", "valueReference": {"reference": names[one]}} for one in shown),
        *decided,
    )


async def not_mine(record: Record, call: Call) -> Resource:
    """Opens the question whether a registration is its resident's, on the resident's own word. Raises Forbidden."""
    record.in_person()
    if record.actor.role not in OF_RESIDENTS:
        raise Forbidden("identity.residents-only")
    reason = reason_of(Inputs.of(call.parameters, frozenset({"reason"})))
    index = record.gate.residents
    async with record.store.pool.connection() as connection, connection.transaction():
        whose = await _whose(record, connection, str(call.id))
        (patient,) = whose.patients if len(whose.patients) == 1 else (None,)
        if patient is None:
            raise Invalid("identity.one-registration")
        said = index.sealed(patient, {"reason": reason, "actor": record.actor.reference})
        await connection.execute(SQL["ask"], [patient], [whose.resident], [NOT_MINE], [None], [said])
        await record.leave_row_within(connection, NOT_MINE, 200, [patient])
    return parameters({"name": "patient", "valueReference": {"reference": f"Patient/{call.id}"}})


# --- whom it is about


def _steward(record: Record, call: Call, *known: str) -> Inputs:
    record.in_person()
    if not is_steward(record):
        raise Forbidden("identity.stewards-only")
    return Inputs.of(call.parameters, frozenset(known))


def is_steward(record: Record) -> bool:
    """Whether the actor decides who is who."""
    return record.actor.administrator or record.actor.role in STEWARDS


def reason_of(inputs: Inputs) -> str:
    """Returns why something is done about who is who. Raises Invalid."""
    reason = (inputs.text("reason") or "").strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid("identity.reason", at="reason", least=SHORTEST_REASON, most=LONGEST_REASON)
    return reason


def _number(inputs: Inputs) -> int:
    number = inputs.count("id")
    if number is None:
        raise Invalid("fhir.terminology.parameter-needed", name="id")
    return number


async def _whose(record: Record, connection: asyncpg.Connection, id_: str) -> Whose:
    """Returns whom an id means, all of whose registrations the actor sees. Raises NotFound."""
    store = record.store
    resident = record.resident_of("Patient", id_)
    if resident is None:
        current = (await store.reader.locate(connection, [("Patient", id_)], record.sight)).get(("Patient", id_))
        if current is None or current.stored is None:
            raise NotFound
        resident = await connection.fetchval(SQL["resident_of"], current.res)
        if resident is None:
            raise NotFound("identity.no-such-registration")
        return Whose(resident, [current.res])
    located = (await store.reader.of_residents(connection, [resident], record.sight))[resident]
    if not located:
        raise NotFound("identity.no-such-resident")
    return Whose(resident, [one.res for one in located])


async def _all_seen(record: Record, connection: asyncpg.Connection, patients: list[int]) -> None:
    """Raises NotFound where the actor does not see all of these."""
    rows = await connection.fetch(*seen(_SEEN, record.sight, patients))
    if not patients or len(rows) < len(set(patients)):
        raise NotFound


async def whole_seen(record: Record, connection: asyncpg.Connection, *residents: int) -> None:
    """Raises NotFound where these have a registration that the actor does not see: it would come to be another's."""
    reader = record.store.reader
    there = await reader.of_residents(connection, residents, EVERYTHING)
    shown = await reader.of_residents(connection, residents, record.sight)
    if any(len(shown[resident]) < len(there[resident]) for resident in residents):
        raise NotFound("identity.not-all-seen")


async def _references(record: Record, connection: asyncpg.Connection, patients: list[int]) -> dict[int, str]:
    found = await standing(connection, record.store, set(patients))
    return {patient: f"Patient/{one.id}" for patient, one in found.items()}


async def _carried_out(
    record: Record, action: str, act: Callable[[asyncpg.Connection], Awaitable[tuple[int, list[int]]]]
) -> Resource:
    return parameters({"name": "id", "valueInteger": await carried_out(record, action, act)})


async def carried_out(
    record: Record, action: str, act: Callable[[asyncpg.Connection], Awaitable[tuple[Outcome, list[int]]]]
) -> Outcome:
    """Carries out an act with its audit row, and returns what came of it. act: that, and the patients of the row.

    Who decides about the same at the same time is waited for; raises Conflict where that is in vain.
    """
    for _ in range(ATTEMPTS):
        try:
            async with record.store.pool.connection_for_locks() as connection, connection.transaction():
                outcome, patients = await act(connection)
                await record.leave_row_within(connection, action, 200, sorted(set(patients)))
            return outcome
        except Conflict:
            continue
    raise Conflict


def _resident_part(id_: str | None) -> list[Resource]:
    return [{"name": "resident", "valueReference": {"reference": f"Patient/{id_}"}}] if id_ is not None else []


def _evidence(said: Any) -> list[Resource]:
    return [] if said is None else [{"name": "evidence", "valueString": encode(said).decode()}]


_SEEN = "SELECT r.res FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible:r}"
_OF_QUESTION = """
SELECT q.patient, q.resident, o.resident AS own,
    ARRAY(SELECT l.patient FROM resident_link AS l WHERE l.resident IN (q.resident, o.resident)) AS members
FROM resident_question AS q LEFT JOIN resident_link AS o ON o.patient = q.patient
WHERE q.id = $1 AND q.answered IS NULL
"""
_QUESTIONS = """
SELECT q.id, q.opened, q.patient, q.resident, q.kind, q.evidence, q.answered
FROM resident_question AS q JOIN resource AS r ON r.res = q.patient AND {visible:r}
WHERE q.answered IS NULL AND q.id > $2 AND ($3::text IS NULL OR q.kind = $3) ORDER BY q.id LIMIT $1
"""
# Not those that were withdrawn: nobody answered them.
_ANSWERED = """
SELECT q.id, q.opened, q.patient, q.resident, q.kind, q.evidence, q.answered, q.answer, q.actor, q.said
FROM resident_question AS q JOIN resource AS r ON r.res = q.patient AND NOT r.deleted AND {visible:r}
WHERE q.answered IS NOT NULL AND q.answer <> 'void' AND ($3::text IS NULL OR q.kind = $3)
AND ($2 = 0 OR (q.answered, q.id) < (SELECT b.answered, b.id FROM resident_question AS b WHERE b.id = $2))
ORDER BY q.answered DESC, q.id DESC LIMIT $1
"""
_COUNTS = """
SELECT q.kind, count(*) AS count
FROM resident_question AS q JOIN resource AS r ON r.res = q.patient AND {visible:r}
WHERE q.answered IS NULL GROUP BY q.kind ORDER BY q.kind
"""
_DECISIONS = """
SELECT d.id, d.instant, d.patient, d.kind, d.resident, d.actor, d.model, d.evidence,
    d.former IS NOT NULL AND NOT EXISTS (
        SELECT FROM resident_decision AS n JOIN resident_decision AS o ON o.patient = n.patient AND n.id > o.id
        WHERE o.id = d.id OR o.act = d.act
    ) AS undoable
FROM resident_decision AS d WHERE d.patient = ANY ($1::int8[]) ORDER BY d.id DESC LIMIT 1000
"""
