"""`$family` and what is done about it: who of a family may do what for whom. Operations of our own.

$family              who may do something for me, for whom I may, and what waits for an answer: of me, and of others
$family-ask          asks a resident: `relation`, `right` (see, act, hear), `name` and `phone` of whom is asked;
                     without a phone it returns digits for a desk
$family-answer       `ask`, and the rights that are given; none of them refuses. Who asked takes back by `withdraw`
$family-change       `tie`, and the rights that it is to have from now on: more or fewer, by the resident
$family-end          `tie`: ended by either, at once
$family-desk         at a desk: `digits`, the resident's `name` and `number`, `evidence` that was seen, and the rights
"""

from typing import Any

from kangyun.access.events.rows import standing
from kangyun.access.family import asking, ties
from kangyun.access.family.asking import Ask
from kangyun.access.family.rights import checked, checked_relation
from kangyun.access.family.telling import tell
from kangyun.access.family.ties import Tie
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.messages import WrongCode
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.residents.bindings import bindings_of
from kangyun.access.residents.entrance import REGISTRARS, SERVICE, candidates
from kangyun.access.residents.realname import matches
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.base.numbers import resident_id
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.terminology.operations.parameters import Inputs

OWN_WORK = frozenset({"family-ask", "family-end", "family-answer"})
"""What somebody does for himself, also in a session in which he only sees for another."""
EVIDENCE = (2, 200)  # characters


async def family(record: Record, call: Call) -> Resource:
    """Returns what stands and what waits, as Parameters. Raises Forbidden."""
    Inputs.of(call.parameters, frozenset())
    identity = await _himself(record)
    gate = record.gate
    own = record.actor.patients if record.actor.role == "resident" else ()
    async with gate.store.pool.connection() as connection:
        mine = await ties.of_residents(connection, gate, own)
        theirs = await ties.of_member(connection, gate, identity)
        asked = await asking.waiting(connection, gate, own)
        asks = await asking.of_member(connection, gate, identity)
        numbers = await gate.numbers([one for tie in theirs for one in tie.patients])
        people = await standing(connection, gate.store, numbers)
    names = {one.id: name_of(one.resource) for one in people.values() if not one.deleted}
    await record.leave_row("family", 200, sorted(people))
    return parameters(
        *(_tie("mine", one, one.name) for one in mine),
        *(_tie("theirs", one, next((names[id_] for id_ in one.patients if names.get(id_)), "")) for one in theirs),
        *(_ask("asked", one, one.member) for one in asked),
        *(_ask("asking", one, "") for one in asks),
    )


async def family_ask(record: Record, call: Call) -> Resource:
    """Asks a resident, or for a desk. Raises Forbidden, Invalid, Throttled."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"name", "phone", "relation", "right"}))
    relation, rights = checked_relation(inputs.text("relation")), checked(inputs.texts("right"))
    identity = await _himself(record)
    phone = inputs.text("phone")
    if phone is None:
        id_, digits = await asking.ask_for_desk(record, identity, relation, rights)
        return parameters({"name": "ask", "valueString": id_}, {"name": "digits", "valueString": digits})
    id_ = await asking.ask_by_phone(record, identity, inputs.text("name") or "", phone, relation, rights)
    return parameters({"name": "ask", "valueString": id_})


async def family_answer(record: Record, call: Call) -> Resource:
    """Answers what a resident was asked, or takes back what one asked. Raises NotFound, Forbidden, Invalid."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"ask", "right", "withdraw"}))
    identity, gate = await _himself(record), record.gate
    ask = await asking.find(gate, inputs.text("ask") or "")
    if inputs.boolean("withdraw", False):
        if ask.identity != identity:
            raise NotFound("access.family.no-ask")
        await asking.withdraw(gate, ask, record.actor.reference)
        await record.leave_row("family-withdraw", 200, [])
        return parameters()
    if record.actor.role != "resident" or not ask.patients or not set(ask.patients) <= set(record.actor.patients):
        raise NotFound("access.family.no-ask")
    people = await asking.people_of(gate, ask)
    await asking.answer(record, ask, checked(inputs.texts("right"), none=True), people=people, how="portal")
    return parameters()


async def family_change(record: Record, call: Call) -> Resource:
    """Gives a tie other rights, by the resident himself. Raises NotFound, Forbidden, Invalid."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"tie", "right"}))
    rights = checked(inputs.texts("right"))
    tie = await _found(record, inputs.text("tie") or "", of_residents=True)
    gate = record.gate
    people = await _people(record, tie)
    await ties.give(gate, tie.identity, tie.relation, rights, people, record.actor.reference, "portal", tie.id)
    numbers = sorted(await gate.numbers(tie.patients))
    await record.leave_row("family-give", 200, numbers)
    await tell(gate, "given", tie.id, people[0], numbers[0], tie.name, tie.reference, tie.relation, rights)
    return parameters()


async def family_end(record: Record, call: Call) -> Resource:
    """Ends a tie, by either. Raises NotFound, Forbidden."""
    record.in_person()
    tie = await _found(record, Inputs.of(call.parameters, frozenset({"tie"})).text("tie") or "")
    gate = record.gate
    people = await _people(record, tie)
    await ties.end(gate, tie, record.actor.reference, "ended")
    numbers = sorted(await gate.numbers(tie.patients))
    await record.leave_row("family-end", 200, numbers)
    if people:
        await tell(gate, "ended", tie.id, people[0], numbers[0], tie.name, tie.reference, tie.relation, ())
    return parameters()


async def family_desk(record: Record, call: Call) -> Resource:
    """Answers at a desk what somebody asked for it, for a resident whose card was seen. Raises Forbidden, Invalid."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"digits", "name", "number", "right", "evidence"}))
    if record.actor.role not in REGISTRARS:
        raise Forbidden("access.residents.registrars-only")
    rights = checked(inputs.texts("right"), none=True)
    evidence = (inputs.text("evidence") or "").strip()
    if not EVIDENCE[0] <= len(evidence) <= EVIDENCE[1]:
        raise Invalid("access.family.evidence", at="evidence")
    people = await _at_desk(record, inputs.text("name") or "", inputs.text("number") or "")
    try:
        ask = await asking.by_digits(record.gate, inputs.text("digits") or "")
    except WrongCode:  # By 401 the registrar would be signed out.
        raise Forbidden("access.messages.wrong-code", at="digits") from None
    await asking.answer(record, ask, rights, people=people, how=f"desk: {evidence}")
    return parameters({"name": "member", "valueString": ask.member}, {"name": "relation", "valueCode": ask.relation})


async def _at_desk(record: Record, name: str, number: str) -> list[Resource]:
    """Returns the registrations of the desk's own house that bear this name and number. Raises Forbidden, Invalid."""
    plain = resident_id.plain(number) if len(number) < 40 else ""
    if not resident_id.is_valid(plain):
        raise Invalid("access.residents.number", at="number")
    gate, store = record.gate, record.store
    found = [
        one for one in await candidates(await gate.open(SERVICE, record.circumstances), plain)
        if matches(one.resource, name, plain)
    ]  # fmt: skip
    own = await bindings_of(store.pool, store.keys, gate.ledger).own([one.res for one in found], record.institution)
    people = [one.resource for one in found if one.res in own]
    if not people:
        raise Forbidden("access.residents.no-such-person")
    return people


async def _himself(record: Record) -> int:
    """Returns the number of who is signed in as resident or family. Raises Forbidden."""
    actor = record.actor
    found = await ties.identities_of(record.gate).find(actor.reference) if actor.role in OF_RESIDENTS else None
    if found is None or actor.client or actor.ward:
        raise Forbidden("access.family.residents-only")
    return found.id


async def _found(record: Record, id_: str, *, of_residents: bool = False) -> Tie:
    """Returns a tie of whom is signed in, on either end. Raises NotFound, Forbidden."""
    identity, gate = await _himself(record), record.gate
    own = record.actor.patients if record.actor.role == "resident" else ()
    async with gate.store.pool.connection() as connection:
        known = await ties.of_residents(connection, gate, own)
        known += [] if of_residents else await ties.of_member(connection, gate, identity)
    for one in known:
        if one.id == id_:
            return one
    raise NotFound("access.family.no-tie")


async def _people(record: Record, tie: Tie) -> list[Resource]:
    async with record.store.pool.connection() as connection:
        found = await standing(connection, record.store, await record.gate.numbers(tie.patients))
    return [one.resource for one in found.values() if not one.deleted]


def _tie(name: str, one: Tie, called: str) -> dict[str, Any]:
    part: list[dict[str, Any]] = [
        {"name": "tie", "valueString": one.id},
        {"name": "name", "valueString": called or "—"},
        {"name": "relation", "valueCode": one.relation},
        {"name": "since", "valueInstant": clock.instant(one.since)},
        *({"name": "right", "valueCode": right} for right in one.rights),
    ]
    if one.until is not None:
        part.append({"name": "until", "valueInstant": clock.instant(one.until)})
    if name == "theirs":
        part += [{"name": "patient", "valueReference": {"reference": f"Patient/{id_}"}} for id_ in one.patients]
    return {"name": name, "part": part}


def _ask(name: str, one: Ask, called: str) -> dict[str, Any]:
    part: list[dict[str, Any]] = [
        {"name": "ask", "valueString": one.id},
        {"name": "relation", "valueCode": one.relation},
        {"name": "way", "valueCode": one.way},
        {"name": "until", "valueInstant": clock.instant(one.expires)},
        *({"name": "right", "valueCode": right} for right in one.rights),
    ]
    if called:
        part.append({"name": "name", "valueString": called})
    return {"name": name, "part": part}
