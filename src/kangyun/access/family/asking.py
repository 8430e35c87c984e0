"""A member of the family asks a resident for rights; the resident answers, or a desk that has his card before it.

By telephone: the resident is who has bound it and goes by the name that is said. He gets a code and a link; of whom
there is not, nothing is sent, and who asks is told the same. For a desk: who asks gets a number to carry there. Each
answer is written into the register in the name of who gave it, in the trail of the resident, and told to both.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

import asyncpg

from kangyun.access.addresses import read_addresses
from kangyun.access.events.rows import standing
from kangyun.access.family import ties
from kangyun.access.family.rights import Right, checked
from kangyun.access.family.telling import tell
from kangyun.access.gate import Gate
from kangyun.access.messages import WrongCode, checked_phone
from kangyun.access.record import Record
from kangyun.access.residents.bindings import Bindings, Handle, bindings_of
from kangyun.access.residents.realname import comparable, names_of
from kangyun.base.errors import Forbidden, Invalid, NotFound, Unavailable
from kangyun.base.texts import say
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

ASKED, NOBODY = "family", "family-nobody"
"""What a code is good for, and what one is that was sent to nobody: it ends none that was."""
PHONE_HOURS, DESK_HOURS = 24.0, 48.0
"""How long an ask waits: for an answer in the portal, and for a desk."""
DIGITS = 6
MOST_WAITING = 5  # of one person


@dataclass(frozen=True, slots=True)
class Ask:
    """What waits for an answer. number: for people. member, reference: who asks."""

    id: str
    number: int
    identity: int
    member: str
    reference: str
    relation: str
    rights: tuple[Right, ...]
    patients: tuple[str, ...]
    way: str
    challenge: str
    made: datetime
    expires: datetime


async def ask_by_phone(
    record: Record, identity: int, name: str, phone: str, relation: str, rights: Collection[Right]
) -> str:
    """Asks a resident by telephone and returns the ask. Raises Invalid, Throttled, Forbidden.

    Of whom there is not, all is counted and refused as of whom there is, so that no answer tells one from the other.
    """
    gate, number = record.gate, checked_phone(phone)
    if not 0 < len(name.strip()) <= 100:
        raise Invalid("access.residents.name", at="name")
    await _check_waiting(gate, identity)
    bindings = _bindings(gate)
    await bindings.count_try(Handle("family", f"identity/{identity}"), record.circumstances.source)
    people = await _people(gate, await bindings.patients(Handle("phone", number)))
    meant = people if any(comparable(name) in names_of(one) for one in people) else []
    if {one["id"] for one in meant} & set(record.actor.patients):
        raise Invalid("access.family.oneself", at="phone")
    id_, challenge = token_urlsafe(12), None
    said = {"name": record.actor.name, "rights": _words(rights), "link": _link(gate, id_)}
    try:
        sent = await gate.codes.send(
            "family", ASKED if meant else NOBODY, number, "sms", record.circumstances.source, {"ask": id_}, said=said,
            leaves=bool(meant),
        )  # fmt: skip
        challenge = sent if meant else None
    except Unavailable:  # He is asked in the portal all the same.
        logger.warning("a code for a family's ask did not leave")
    patients = [one["id"] for one in meant]
    await _keep(gate, id_, identity, relation, rights, patients, "phone", challenge, PHONE_HOURS)
    await record.leave_row("family-ask", 200, sorted(await gate.numbers(patients)))
    return id_


async def ask_for_desk(record: Record, identity: int, relation: str, rights: Collection[Right]) -> tuple[str, str]:
    """Asks for an answer at a desk; returns the ask and the digits to say there."""
    id_, gate = token_urlsafe(12), record.gate
    await _check_waiting(gate, identity)
    name, code = await gate.codes.hand_over(ASKED, f"family/{identity}", DESK_HOURS * 60, {"ask": id_}, DIGITS)
    number = await _keep(gate, id_, identity, relation, rights, [], "desk", name, DESK_HOURS)
    await record.leave_row("family-ask", 200, [])
    return id_, f"{number}-{code}"


async def waiting(connection: asyncpg.Connection, gate: Gate, patients: Sequence[str]) -> list[Ask]:
    """Returns what waits for the answer of whom these registrations are."""
    return _asks(gate, await connection.fetch(_WAITING, list(patients)))


async def of_member(connection: asyncpg.Connection, gate: Gate, identity: int) -> list[Ask]:
    """Returns what somebody asked and is not answered."""
    return _asks(gate, await connection.fetch(_ASKED_BY, identity))


async def find(gate: Gate, id_: str) -> Ask:
    """Returns an ask that waits. Raises NotFound."""
    async with gate.store.pool.connection() as connection:
        found = _asks(gate, await connection.fetch(_FIND, id_))
    if not found:
        raise NotFound("access.family.no-ask")
    return found[0]


async def answer(record: Record, ask: Ask, rights: Collection[Right], *, people: Sequence[Resource], how: str) -> None:
    """Writes down an answer: these rights, none for a refusal. people: the Patients that it is for. Raises NotFound."""
    gate, given = record.gate, checked(rights, none=True)
    if not people:
        raise NotFound("access.family.no-ask")
    async with gate.store.pool.connection() as connection:
        first = await connection.fetchval(_ANSWER, ask.id, list(given), record.actor.reference)
    if first is None:  # Somebody was quicker.
        raise NotFound("access.family.no-ask")
    numbers = sorted(await gate.numbers([one["id"] for one in people]))
    if given:
        await ties.give(gate, ask.identity, ask.relation, given, people, record.actor.reference, how)
    await record.leave_row("family-give" if given else "family-refuse", 200, numbers)
    await tell(
        gate, "given" if given else "refused", ask.id, people[0], numbers[0], ask.member, ask.reference,
        ask.relation, given,
    )  # fmt: skip


async def by_code(gate: Gate, id_: str, code: object) -> Ask:
    """Takes the code that the resident was sent, and returns what it answers. Raises WrongCode, NotFound."""
    ask = await find(gate, id_)
    good = await gate.codes.check(ask.challenge, ASKED, code)
    if good["ask"] != ask.id or ask.way != "phone":
        raise WrongCode
    return ask


async def by_digits(gate: Gate, digits: str) -> Ask:
    """Takes the digits that somebody carried to a desk. Raises WrongCode."""
    number, _, code = digits.replace(" ", "").partition("-")
    async with gate.store.pool.connection() as connection:
        numbered = number.isascii() and number.isdecimal() and len(number) < 18
        found = _asks(gate, await connection.fetch(_NUMBERED, int(number) if numbered else 0))
    if not found or found[0].way != "desk":
        raise WrongCode
    await gate.codes.check(found[0].challenge, ASKED, code)
    return found[0]


async def people_of(gate: Gate, ask: Ask) -> list[Resource]:
    """Returns the Patients whose answer an ask waits for, for the platform's own work."""
    return await _people(gate, ask.patients)


async def withdraw(gate: Gate, ask: Ask, by: str) -> None:
    """Lets an ask wait no longer: who asked takes it back. Raises NotFound."""
    async with gate.store.pool.connection() as connection:
        if await connection.fetchval(_ANSWER, ask.id, [], by) is None:
            raise NotFound("access.family.no-ask")


async def _check_waiting(gate: Gate, identity: int) -> None:
    """Raises Forbidden for whose asks wait in such a number that he asks nobody else."""
    async with gate.store.pool.connection() as connection:
        if await connection.fetchval(_COUNT, identity) >= MOST_WAITING:
            raise Forbidden("access.family.too-many")


async def _keep(
    gate: Gate, id_: str, identity: int, relation: str, rights: Collection[Right], patients: Sequence[str], way: str,
    challenge: str | None, hours: float,
) -> int:  # fmt: skip
    async with gate.store.pool.connection() as connection:
        number: int = await connection.fetchval(
            _KEEP, id_, identity, relation, list(rights), list(patients), way, challenge, hours * 3600
        )
    return number


async def _people(gate: Gate, patients: Sequence[str]) -> list[Resource]:
    numbers = await gate.numbers(patients)
    async with gate.store.pool.connection() as connection:
        found = await standing(connection, gate.store, numbers)
    return [found[one].resource for one in numbers if one in found and not found[one].deleted]


def _asks(gate: Gate, rows: Sequence[asyncpg.Record]) -> list[Ask]:
    vault = ties.identities_of(gate).vault
    return [
        Ask(
            row["id"], row["number"], row["identity"], vault.open_personal(row["personal"], row["reference"]).name,
            row["reference"], row["relation"], checked(row["rights"]), tuple(row["patients"]), row["way"],
            row["challenge"] or "", row["made"], row["expires"],
        )
        for row in rows
    ]  # fmt: skip


def _bindings(gate: Gate) -> Bindings:
    store = gate.store
    return bindings_of(store.pool, store.keys, gate.ledger, read_addresses(gate.settings.data))


def _words(rights: Collection[Right]) -> str:
    return "、".join(say(f"access.family.right-{one}", "zh") for one in rights)


def _link(gate: Gate, id_: str) -> str:
    settings = gate.settings
    base = settings.public_url or f"http://{settings.host}:{settings.port}/fhir"
    return f"{base.rstrip('/').removesuffix('/fhir')}/family/{id_}"


_ROW = """
SELECT a.id, a.number, a.identity, i.reference, i.personal, a.relation, a.rights, a.patients, a.way, a.challenge,
    a.made, a.expires
FROM family_ask AS a JOIN identity AS i ON i.id = a.identity AND i.status = 'admitted'
WHERE a.answered IS NULL AND a.expires > clock_timestamp()
"""
_WAITING = f"{_ROW} AND a.patients && $1::text[] ORDER BY a.number DESC"
_ASKED_BY = f"{_ROW} AND a.identity = $1 ORDER BY a.number DESC"
_FIND = f"{_ROW} AND a.id = $1"
_NUMBERED = f"{_ROW} AND a.number = $1"
_COUNT = """
SELECT count(*) FROM family_ask WHERE identity = $1 AND answered IS NULL AND expires > clock_timestamp()
"""
_KEEP = """
INSERT INTO family_ask (id, identity, relation, rights, patients, way, challenge, expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8::float8)) RETURNING number
"""
_ANSWER = """
UPDATE family_ask SET answered = clock_timestamp(), given = $2, answered_by = $3
WHERE id = $1 AND answered IS NULL AND expires > clock_timestamp() RETURNING id
"""
