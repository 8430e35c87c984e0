"""Reasons that somebody states: the resident's code or card that is read now, and a word that was sent to the resident.

Each opens one resident's record to one person, in the role in which it is stated, for the hours of its ground, within
what the resident has not denied. The code is shown by the resident (`$show-code`), the word goes to a telephone that is
bound to the resident; both are one-time codes (`access.messages.codes`): good once, for minutes, for a few tries, and
of two who come at once one wins. Emergencies are in `emergency`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kangyun.access.addresses import read_addresses
from kangyun.access.events.people import called
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.messages import WrongCode, checked_phone
from kangyun.access.messages.senders import Channel
from kangyun.access.policy import Ground
from kangyun.access.record import Record
from kangyun.access.relations import rows
from kangyun.access.relations.following import opened
from kangyun.access.relations.whom import Resident, by_number
from kangyun.access.residents.bindings import Bindings, Handle, bindings_of
from kangyun.access.residents.realname import phones_of
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, PlatformError, RuleBroken
from kangyun.base.statuses import status_of

CARD, WORD = "card", "word"
OPEN = "open-record"
SHOWN_MINUTES = 5
DIGITS = 8
LONGEST_NAME = 40  # characters of an institution's name in a message
_SHOWN, _SENT = "shown-code", "sent-word"
_READER = re.compile(r"[A-Za-z0-9._\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that was opened to somebody."""

    resident: Resident
    ground: str
    ends: datetime


async def show(record: Record, resident: Resident, id_: str) -> tuple[str, str]:
    """Returns a code as a picture carries it, and its digits, to be typed beside an identifier. Raises Forbidden."""
    actor = record.actor
    # An application that was given something of a record does not give away the whole of it.
    # Nor does who sees a part only.
    if actor.role not in OF_RESIDENTS or id_ not in actor.patients or actor.scopes is not None or actor.hidden:
        raise Forbidden("access.relations.not-your-code")
    if actor.alone and not set(resident.ids) <= set(actor.patients):
        raise Forbidden("access.residents.prove-the-rest")
    whom = f"resident/{resident.number}"
    name, digits = await record.gate.codes.hand_over(
        _SHOWN, whom, SHOWN_MINUTES, {"patient": resident.patient}, DIGITS
    )  # fmt: skip
    await record.leave_row("show-code", 200, [resident.patient])
    return f"{name}.{digits}", digits


async def ask(record: Record, resident: Resident, channel: Channel = "sms", phone: str | None = None) -> str:
    """Sends a word to the resident's telephone and returns its name, by which the asker states it.

    phone: as the resident says it, where the record has none that is bound; `said_phone` has taken it. Raises
    Forbidden, RuleBroken where no telephone is bound to the resident, Throttled, Unavailable.
    """
    ground_of(record, WORD)
    actor, gate = record.actor, record.gate
    number = await _bound(record, resident, phone)
    if number is None:
        raise await refused(record, "ask-word", resident, RuleBroken("access.relations.no-telephone"))
    async with gate.store.pool.connection() as connection:
        institution = (await called(connection, gate.store, [actor.institution])).name(actor.institution)
    good_for = {"patient": resident.patient, "actor": actor.reference, "institution": actor.institution}
    name = await gate.codes.send(
        "word", _SENT, number, channel, record.circumstances.source, good_for, institution[:LONGEST_NAME]
    )  # fmt: skip
    await record.leave_row("ask-word", 200, [resident.patient])
    return name


async def said_phone(record: Record, phone: str) -> str:
    """Takes a telephone number that somebody says, before anybody is looked for. Raises Invalid, Throttled."""
    said = checked_phone(phone)
    store, gate = record.store, record.gate
    bindings = bindings_of(store.pool, store.keys, record.ledger, read_addresses(gate.settings.data))
    await bindings.count_try(Handle("phone", said), record.circumstances.source)
    return said


async def refused(record: Record, action: str, resident: Resident, error: PlatformError) -> PlatformError:
    """Leaves the row that names whose record was not opened, which the answer does not tell; returns the error."""
    await record.leave_row(action, status_of(error), [resident.patient])
    return error


async def open_by_code(record: Record, code: str, resident: Resident | None) -> Opened:
    """Opens the record of whose code was read; of digits alone it must be said whose they are. Raises Forbidden."""
    ground = ground_of(record, CARD)
    name, mark, digits = code.strip().rpartition(".")
    if not mark:
        if resident is None:
            raise Invalid("access.relations.whose-digits", at="identifier")
        name = await record.gate.codes.newest_of(f"resident/{resident.number}", _SHOWN) or ""
    good_for = await _checked(record, name, _SHOWN, digits, resident)
    meant = await by_number(record.store, good_for["patient"])
    if resident is not None and meant.number != resident.number:
        raise await refused(record, OPEN, resident, Forbidden("access.relations.wrong-code"))
    return await _open(record, ground, meant, f"code/{name}")


async def open_by_word(record: Record, challenge: str, word: str, resident: Resident | None) -> Opened:
    """Opens the record of who was sent a word, to who asked for it. Raises Forbidden."""
    ground = ground_of(record, WORD)
    good_for = await _checked(record, challenge, _SENT, word, resident)
    asker = good_for["actor"], good_for["institution"]
    meant = await by_number(record.store, good_for["patient"])
    if asker != (record.actor.reference, record.actor.institution):
        raise await refused(record, OPEN, meant, Forbidden("access.relations.wrong-code"))
    if resident is not None and meant.number != resident.number:
        raise await refused(record, OPEN, resident, Forbidden("access.relations.wrong-code"))
    return await _open(record, ground, meant, f"word/{challenge}")


async def open_by_reader(record: Record, resident: Resident, reader: str) -> Opened:
    """Opens the record of whose card was read, by a reader that the policy believes. Raises Forbidden, Invalid."""
    return await _open(record, believed(record, reader), resident, f"reader/{reader}")


async def open_by_issuer(record: Record, resident: Resident, issuer: str) -> Opened:
    """Opens the record of whose code its issuer has just found to be shown by him. Raises Forbidden."""
    return await _open(record, ground_of(record, CARD), resident, f"issuer/{issuer}")


async def open_by_ticket(record: Record, resident: Resident, ticket: str) -> Opened | None:
    """Opens the record for an encounter that a ticket names, where the policy believes its application; else None."""
    ground = record.gate.sights.policy.grounds.get("encounter")
    actor = record.actor
    if ground is None or actor.role not in ground.roles or actor.client not in ground.tickets:
        return None
    return await _open(record, ground, resident, f"ticket/{ticket}", way="ticket")


def ground_of(record: Record, name: str) -> Ground:
    """Returns a ground that the actor's role may have, and his application be used for. Raises Forbidden."""
    record.may_open_records()
    ground = record.gate.sights.policy.grounds.get(name)
    if ground is None or record.actor.role not in ground.roles:
        raise Forbidden("access.relations.not-your-ground")
    return ground


def believed(record: Record, reader: str) -> Ground:
    """Returns the ground of a card, where the policy believes the institution's readers. Raises Forbidden, Invalid."""
    ground = ground_of(record, CARD)
    if record.actor.institution not in ground.readers:
        raise Forbidden("access.relations.reader-not-trusted")
    if not _READER.fullmatch(reader):
        raise Invalid("access.relations.reader", at="reader")
    return ground


async def _checked(
    record: Record, name: str, purpose: str, code: str, resident: Resident | None
) -> dict[str, Any]:  # fmt: skip
    """Uses a code up. Raises Forbidden: who is signed in stays so, however wrong the code is."""
    try:
        return await record.gate.codes.check(name, purpose, code)
    except WrongCode:
        wrong = Forbidden("access.relations.wrong-code")
        raise wrong if resident is None else await refused(record, OPEN, resident, wrong) from None


async def _bound(record: Record, resident: Resident, phone: str | None) -> str | None:
    """Returns a telephone that is bound to the resident as a whole, None where none is."""
    bindings: Bindings = bindings_of(record.store.pool, record.store.keys, record.ledger)
    of_record = {number for one in resident.registrations for number in phones_of(one.resource)}
    numbers = of_record if phone is None else {phone}
    for number in sorted(numbers):
        held = set(await bindings.patients(Handle("phone", number))) & set(resident.ids)
        if held and (held == set(resident.ids) or await bindings.is_whole(sorted(held))):
            return number
    return None


async def _open(record: Record, ground: Ground, resident: Resident, source: str, way: str = "") -> Opened:
    gate = record.gate
    now = clock.now()
    ends = now + timedelta(hours=ground.hours)
    party = gate.sights.in_role(record.actor)
    async with gate.store.pool.connection() as connection, connection.transaction():
        opens = opened(gate.labels, ground.opens)
        await rows.disclose(connection, resident.patient, [party], ground, opens, now, ends, source)
        await record.leave_row_within(connection, OPEN, 200, [resident.patient], way or ground.name)
    return Opened(resident, ground.name, ends)
