"""A resident asks about a look at his record, or complains of it; the audit administrator answers. Operations of ours.

`Patient/[id]/$ask-look`   `kind` (ask, complain), `words`, and the look: `text`, `first`, `who` of `$who-looked`
`$look-questions`          of the audit administrator: the open ones, the oldest first, and the newest of those
                           that are answered; of a resident: his own with the answers
`$answer-look`             `id` and `words`, by the audit administrator; the resident is told that there is an answer

What was said is sealed, goes with the resident's erasure, and stands in no log.
"""

from typing import Any

import asyncpg

from kangyun.access.erasing import register as register_eraser
from kangyun.access.events.rights import auditors_only, sees_all
from kangyun.access.events.rows import standing
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.messages.outbox.model import Notice, Reader, Urgency
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound, RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

KINDS = ("ask", "complain")
SHORTEST, LONGEST = 2, 1_000  # characters of what is said
LONGEST_LOOK = 500
MOST = 200
MOST_OPEN = 20
"""Questions of one registration that wait for an answer."""
_LOOK = ("text", "first", "who")


async def ask_look(record: Record, call: Call) -> Resource:
    """Keeps a question or a complaint and returns its number. Raises Forbidden, Invalid, RuleBroken."""
    record.in_person()
    if record.actor.role not in OF_RESIDENTS or call.id not in record.actor.patients:
        raise Forbidden("access.events.not-yours")
    inputs = Inputs.of(call.parameters, frozenset({"kind", "words", *_LOOK}))
    kind = inputs.text("kind")
    if kind not in KINDS:
        raise Invalid("fhir.search.value", parameter="kind")
    said = {"words": _words(inputs)} | {name: (inputs.text(name) or "")[:LONGEST_LOOK] for name in _LOOK}
    (patient,) = await record.gate.numbers((str(call.id),))
    async with record.store.pool.connection() as connection, connection.transaction():
        # Two at once may pass it by one: the bound is against flooding.
        if await connection.fetchval(_WAITING, patient) >= MOST_OPEN:
            raise RuleBroken("access.events.questions-wait", most=MOST_OPEN)
        sealed = record.gate.residents.sealed(patient, said)
        number = await connection.fetchval(_ASK, patient, record.actor.reference, kind, sealed)
        await record.leave_row_within(connection, "ask-look", 200, [patient])
    return parameters({"name": "id", "valueInteger": number})


async def look_questions(record: Record, call: Call) -> Resource:
    """Returns what was asked. Raises Forbidden for who is neither resident nor audit administrator."""
    record.in_person()
    Inputs.of(call.parameters, frozenset())
    auditor = sees_all(record.actor)
    if not auditor and record.actor.role not in OF_RESIDENTS:
        raise Forbidden("access.events.auditors-only")
    own = None if auditor else list(await record.gate.numbers(record.actor.patients))
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(_LISTED, own, MOST)
        people = await standing(connection, record.store, {row["patient"] for row in rows})
    await record.leave_row("look-questions", 200, sorted(people))
    names = {res: f"Patient/{one.id}" for res, one in people.items()}
    return parameters(*(_part(record, row, names) for row in rows if row["patient"] in names))


async def answer_look(record: Record, call: Call) -> Resource:
    """Answers a question. Raises Forbidden for all but the audit administrator, NotFound, Invalid."""
    record.in_person()
    auditors_only(record.actor)
    inputs = Inputs.of(call.parameters, frozenset({"id", "words"}))
    number, words = inputs.count("id"), _words(inputs)
    gate = record.gate
    async with record.store.pool.connection() as connection, connection.transaction():
        row = await connection.fetchrow(_OPEN, number or 0)
        if row is None:
            raise NotFound
        patient = row["patient"]
        sealed = gate.residents.sealed(patient, {"words": words})
        await connection.execute(_ANSWER, row["id"], record.actor.reference, sealed)
        await record.leave_row_within(connection, "answer-look", 200, [patient])
        notice = Notice(
            key=f"look-question/{row['id']}", urgency=Urgency.PLAIN, template="look-answered",
            readers=(Reader(row["asker"], "resident"),), variables={"answer": words}, holder=patient,
        )  # fmt: skip
        await gate.outbox.put(connection, [notice])
    return parameters()


def _words(inputs: Inputs) -> str:
    words = (inputs.text("words") or "").strip()
    if not SHORTEST <= len(words) <= LONGEST:
        raise Invalid("access.events.words", at="words", least=SHORTEST, most=LONGEST)
    return words


def _part(record: Record, row: asyncpg.Record, names: dict[int, str]) -> dict[str, Any]:
    index = record.gate.residents
    said: Any = index.unsealed(row["patient"], row["said"])
    part: list[dict[str, Any]] = [
        {"name": "id", "valueInteger": row["id"]},
        {"name": "kind", "valueCode": row["kind"]},
        {"name": "patient", "valueReference": {"reference": names[row["patient"]]}},
        {"name": "asked", "valueInstant": clock.instant(row["asked"])},
        *({"name": name, "valueString": said[name]} for name in ("words", *_LOOK) if said[name]),
    ]
    if row["answered"] is not None:
        answer: Any = index.unsealed(row["patient"], row["answer"])
        part.append({"name": "answered", "valueInstant": clock.instant(row["answered"])})
        part.append({"name": "answer", "valueString": answer["words"]})
    return {"name": "question", "part": part}


async def _forget(connection: asyncpg.Connection, patients: Any, resources: Any) -> None:
    await connection.execute("DELETE FROM look_question WHERE patient = ANY ($1::int8[])", list(patients))


register_eraser("look-questions", _forget)
_ASK = "INSERT INTO look_question (patient, asker, kind, said) VALUES ($1, $2, $3, $4) RETURNING id"
_LISTED = """
SELECT id, patient, kind, asked, said, answered, answer FROM look_question
WHERE $1::int8[] IS NULL OR patient = ANY ($1)
ORDER BY answered IS NOT NULL, CASE WHEN answered IS NULL THEN id ELSE -id END LIMIT $2
"""
_WAITING = "SELECT count(*) FROM look_question WHERE patient = $1 AND answered IS NULL"
_OPEN = "SELECT id, patient, asker FROM look_question WHERE id = $1 AND answered IS NULL FOR UPDATE"
_ANSWER = "UPDATE look_question SET answered = clock_timestamp(), answered_by = $2, answer = $3 WHERE id = $1"
