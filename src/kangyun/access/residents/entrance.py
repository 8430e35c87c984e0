"""The steps of a resident's way in. What was proven so far is carried by the browser, sealed: a ticket."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.access.messages import Codes, checked_phone
from kangyun.access.messages.outbox.contacts import keep
from kangyun.access.messages.senders import CHANNELS, Channel
from kangyun.access.record import Record
from kangyun.access.residents.bindings import Bindings, Handle
from kangyun.access.residents.realname import matches, names_of, numbered, numbers_of, phones_of, standing_since
from kangyun.access.residents.wechat import WeChat
from kangyun.base import clock
from kangyun.base.crypto import Sealer, Unreadable
from kangyun.base.errors import Forbidden, Invalid, SignInNeeded
from kangyun.base.numbers import resident_id
from kangyun.store.history import instance_history
from kangyun.store.model import Stored
from kangyun.store.visible import EVERYTHING

CODE, DESK = "resident", "desk"
TICKET_LASTS = 600  # seconds
DESK_MINUTES = 10
MOST_REGISTRATIONS = 50
MOST_VERSIONS = 200  # of a registration that are looked at; before them nothing is known to have stood
REGISTRARS, RESIDENT = frozenset({"registrar"}), "resident"
SERVICE = Actor("Device/resident-binding", "实名核验", "Organization/platform", "PATADMIN", administrator=True)
"""In whose name Patients are looked for: the search is audited, and what it finds is shown to nobody."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who has come, by which proofs, and who vouches for it.

    name: where it was said just now. former: Patients whose sessions a desk has ended by it.
    """

    patients: tuple[str, ...]
    factors: tuple[str, ...]
    vouched_by: str
    name: str = ""
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unbound:
    """Somebody who is not bound yet: with the ticket they say who they are.

    former: Patients to which they were, until it was found just now that these do not bear it out any more.
    """

    ticket: str
    former: tuple[str, ...] = ()


class _Ticket(msgspec.Struct, frozen=True):
    channel: str
    value: str
    until: float


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: Annotated[float, msgspec.Meta(ge=0, le=365)]


class _Rules(msgspec.Struct, frozen=True):
    """As `data/residents.toml` has them."""

    binding: _Rule
    desk: _Rule


class Residents:
    """Proves who residents are. One for a process."""

    def __init__(
        self, gate: Gate, codes: Codes, bindings: Bindings, wechat: WeChat, sealer: Sealer, rules: Mapping[str, Any]
    ) -> None:
        self._gate = gate
        self._codes = codes
        self._bindings = bindings
        self._wechat = wechat
        self._sealer = sealer
        try:
            self._rules = msgspec.convert(rules, _Rules)
        except msgspec.ValidationError:
            raise Invalid("access.wrong-rules", file="residents.toml") from None

    # --- by telephone and by WeChat

    async def send(self, phone: object, channel: object, source: str) -> str:
        """Sends a code to a telephone, known or not. Raises Invalid, Throttled, Unavailable."""
        number = checked_phone(phone)
        return await self._codes.send("sign-in", CODE, number, _channel(channel), source, {"phone": number})

    async def by_code(self, challenge: object, code: object) -> Arrived | Unbound:
        """Takes a code that was sent. Raises WrongCode."""
        return await self._arrived(await self._phone(challenge, code))

    async def by_wechat(self, code: object) -> Arrived | Unbound:
        """Takes a code of WeChat. Raises SignInNeeded, Unavailable, NotSupported."""
        return await self._arrived(Handle("wechat", await self._wechat.openid(code)))

    async def bind(self, ticket: object, given: Mapping[str, Any], about: Circumstances) -> Arrived:
        """Says who somebody is that is not bound yet: `name`, `number` and, by WeChat, a telephone's code.

        Bound are registrations in which name and number have stood for some days, and this telephone and no other ever;
        what the index links to them stays closed. Raises SignInNeeded for a ticket that is over, Forbidden where there
        is none, or where any registration of this number has another telephone or none, Invalid, Throttled.
        """
        handle = self._opened(ticket)
        name, number = _said(given)
        await self._bindings.count_try(handle, about.source)
        phone = handle if handle.channel == "phone" else await self._phone(given.get("challenge"), given.get("code"))
        found = await self._numbered(number, about)
        # What somebody wrote a moment ago, or at one institution only, takes over no older record: all must agree.
        opened = await self._standing(found, name, number, phone.value)
        agree = len(found) < MOST_REGISTRATIONS and all(phones_of(one.resource) == {phone.value} for one in found)
        if not opened or not agree:
            raise Forbidden("access.residents.no-match")
        patients = tuple(one.id for one in opened)
        vouched_by = f"Patient/{patients[0]}"
        await self._bindings.bind(handle, patients, vouched_by, phone)
        if handle.channel == "wechat":
            await self._reach(patients, handle.value)
        return Arrived(patients, _factors(handle), vouched_by, name)

    # --- at a desk

    async def at_desk(
        self, record: Record, given: Mapping[str, Any], about: Circumstances
    ) -> tuple[str, str, list[int]]:
        """Gives a code for a resident whose card a registrar has seen: its name, the code, and whom it concerns.

        given: `name`, `number`, `phone`. Opened are the registrations of the registrar's own institution, and those
        in which the telephone has stood; all others of the resident some days later, once the telephones that stand in
        those were told. Raises Forbidden, Invalid.
        """
        if record.actor.role not in REGISTRARS:
            raise Forbidden("access.residents.registrars-only")
        name, number = _said(given)
        phone = checked_phone(given.get("phone"))
        found = [one for one in await self._numbered(number, about) if matches(one.resource, name, number)]
        own = await self._bindings.own([one.res for one in found], record.institution)
        standing = {one.res for one in await self._standing(found, name, number, phone)}
        opened = [one for one in found if one.res in own | standing]
        numbers = [one.res for one in opened]
        if not opened:
            raise Forbidden("access.residents.no-such-person")
        beyond = [one for one in [*found, *await self._linked(numbers)] if one.res not in own | standing]
        told = {one for each in beyond for one in phones_of(each.resource)} - {phone}
        former = {one for each in opened for one in phones_of(each.resource)} - {phone}
        # Where nobody else is told, one registrar's word is not enough for other institutions' registrations.
        days = self._rules.desk.days if told or not beyond else None
        good_for = {
            "patients": [one.id for one in opened], "by": record.actor.reference, "phone": phone, "name": name,
            "former": sorted(former | told), "days": days,
        }  # fmt: skip
        return *await self._codes.hand_over(DESK, f"Patient/{opened[0].id}", DESK_MINUTES, good_for), numbers

    async def by_desk(self, given: Mapping[str, Any]) -> Arrived:
        """Takes the code of a desk, `desk`, `desk_code`, and the one sent to the telephone that was named there.

        So the registrar, who knows the one, does not have the other. The telephones that stood in the record are told;
        what these Patients were bound by ends. Raises WrongCode, SignInNeeded.
        """
        # The telephone's first: whoever mistypes that asks for another, and need not go back to the desk.
        handle = await self._phone(given.get("challenge"), given.get("code"))
        good = await self._codes.check(given.get("desk"), DESK, given.get("desk_code"))
        patients, by = tuple(good["patients"]), str(good["by"])
        if handle.value != good["phone"]:
            raise SignInNeeded("access.residents.other-phone")
        for phone in good["former"]:
            await self._codes.tell("bound", phone)
        ended = await self._bindings.end(patients, by)
        await self._reach(patients, "")
        await self._bindings.release(handle, by)  # Numbers are given out again: the card was seen now.
        days = good["days"]
        whole = None if days is None else clock.now() + timedelta(days=days)
        await self._bindings.bind(handle, patients, by, whole=whole)
        former = tuple(sorted({*patients, *(one for each in ended for one in each)}))
        return Arrived(patients, ("desk", "sms"), by, good["name"], former)

    async def unbind(self, record: Record, patient: str) -> tuple[int, tuple[str, ...]]:
        """Ends what a resident is bound by: asked by themselves, or at a desk where they are registered.

        Returns how many bindings there were, and which Patients they opened. Raises Forbidden, in the same words
        whether there is such a Patient or not.
        """
        # Who acts for somebody (a guardian) does not shut him out of his own record.
        actor = record.actor
        own = actor.role == RESIDENT and patient in actor.patients
        if not own and actor.role not in REGISTRARS:
            raise Forbidden("access.residents.registrars-only")
        if not own and not await self._registered_here(record, patient):
            raise Forbidden("access.residents.not-registered-here")
        ended = await self._bindings.end([patient], actor.reference)
        await self._reach([patient], "")
        return len(ended), tuple(sorted({patient, *(one for each in ended for one in each)}))

    # --- parts

    async def _reach(self, patients: Sequence[str], openid: str) -> None:
        """Keeps by which openid these are told by WeChat; none where it is empty."""
        store, letters = self._gate.store, self._gate.outbox.letters
        async with store.pool.connection() as connection, connection.transaction():
            located = await store.reader.locate(connection, [("Patient", id_) for id_ in patients])
            for (_, id_), current in sorted(located.items()):
                await keep(
                    connection, letters, f"Patient/{id_}", clock.now(),
                    holder=current.res, addresses={"wechat": openid},
                )  # fmt: skip

    async def _registered_here(self, record: Record, patient: str) -> bool:
        name = ("Patient", patient)
        async with record.store.pool.connection() as connection:
            current = (await record.store.reader.locate(connection, [name])).get(name)
        return current is not None and await self._bindings.at_home(current.res, record.institution)

    async def _phone(self, challenge: object, code: object) -> Handle:
        return Handle("phone", str((await self._codes.check(challenge, CODE, code))["phone"]))

    async def _arrived(self, handle: Handle) -> Arrived | Unbound:
        patients = await self._bindings.patients(handle)
        former: tuple[str, ...] = ()
        if patients and not await self._borne_out(handle, patients):
            ended = await self._bindings.end(patients, SERVICE.reference)
            former, patients = tuple(sorted({*patients, *(one for each in ended for one in each)})), ()
        if patients:
            patients += await self._widened(handle, patients)
            return Arrived(patients, _factors(handle), f"Patient/{patients[0]}")
        ticket = _Ticket(handle.channel, handle.value, time.time() + TICKET_LASTS)
        return Unbound(self._sealer.seal(msgspec.json.encode(ticket), _TICKET).hex(), former)

    async def _borne_out(self, handle: Handle, patients: tuple[str, ...]) -> bool:
        """Whether registrations that no desk has bound have had one telephone to this day, this where it is one.

        Where an institution takes down another, for who stands before it, whoever was there first is not believed.
        """
        if await self._bindings.are_by_desk(patients):
            return True
        reader = self._gate.store.reader
        async with self._gate.store.pool.connection() as connection:
            located = await reader.locate(connection, [("Patient", id_) for id_ in patients])
            for one in [one for one in located.values() if one.stored is not None]:
                history = await instance_history(
                    connection, reader, one.res, count=MOST_VERSIONS, since=None, during=None, place=None
                )  # fmt: skip
                found = {frozenset(phones_of(each.resource)) for each in history.entries if not each.deleted}
                if len(found) > 1 or (handle.channel == "phone" and found - {frozenset({handle.value})}):
                    return False
        return True

    def _opened(self, ticket: object) -> Handle:
        try:
            raw = bytes.fromhex(ticket) if isinstance(ticket, str) and len(ticket) < 2000 else b""
            found = msgspec.json.decode(self._sealer.open(raw, _TICKET), type=_Ticket)
        except (ValueError, Unreadable, msgspec.DecodeError):
            raise SignInNeeded("access.residents.ticket") from None
        if found.until < time.time():
            raise SignInNeeded("access.residents.ticket")
        return Handle(found.channel, found.value)

    async def _numbered(self, number: str, about: Circumstances) -> list[Stored]:
        record = await self._gate.open(SERVICE, about)
        return [one for one in await candidates(record, number) if numbered(one.resource, number)]

    async def _widened(self, handle: Handle, patients: tuple[str, ...]) -> tuple[str, ...]:
        """Opens what was linked to somebody's registrations since, where the telephone that he has proven stands in it.

        Returns the ids. Each must have a name and a number of those that are bound already.
        """
        if handle.channel != "phone":
            return ()
        async with self._gate.store.pool.connection() as connection:
            located = await self._gate.store.reader.locate(connection, [("Patient", id_) for id_ in patients])
        bound = [one.stored for one in located.values() if one.stored is not None and not one.stored.deleted]
        said = {
            (name, number) for one in bound for name in names_of(one.resource)
            for number in numbers_of(one.resource) if resident_id.is_valid(number)
        }  # fmt: skip
        others = [one for one in await self._linked([one.res for one in bound]) if one.id not in patients]
        found = tuple(sorted({
            one.id for name, number in sorted(said)
            for one in await self._standing(others, name, number, handle.value)
        }))  # fmt: skip
        if found:
            await self._bindings.widen(patients, found)
        return found

    async def _linked(self, patients: list[int]) -> list[Stored]:
        """Returns all registrations of those whose these are by the index."""
        residents = await self._bindings.residents(patients)
        async with self._gate.store.pool.connection() as connection:
            found = await self._gate.store.reader.of_residents(connection, residents, EVERYTHING)
        return [one.stored for each in found.values() for one in each if one.stored is not None]

    async def _standing(self, found: Sequence[Stored], name: str, number: str, phone: str) -> list[Stored]:
        """Returns those in which name, number and telephone have stood for as long as the rules say."""
        latest, standing = clock.now() - timedelta(days=self._rules.binding.days), []
        async with self._gate.store.pool.connection() as connection:
            for one in found:
                history = await instance_history(
                    connection, self._gate.store.reader, one.res,
                    count=MOST_VERSIONS, since=None, during=None, place=None,
                )  # fmt: skip
                since = standing_since(history.entries, name, number, phone)
                if since is not None and since <= latest:
                    standing.append(one)
        return standing


_TICKET = b"resident-ticket"


async def candidates(record: Record, number: str) -> list[Stored]:
    """Returns the Patients with a number, of all institutions that the record shows."""
    wanted = {form for one in resident_id.forms(number) for form in (one, one.lower())}  # …x, as some write it
    asked = [("identifier", ",".join(sorted(wanted))), ("_count", str(MOST_REGISTRATIONS))]
    page = await record.search(await record.read_query("Patient", asked, strict=True))
    return list(page.matches)


def _said(given: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the name and the number. Raises Invalid, which quotes neither."""
    name, number = given.get("name"), given.get("number")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 100:
        raise Invalid("access.residents.name", at="name")
    plain = resident_id.plain(number) if isinstance(number, str) and len(number) < 40 else ""
    if not resident_id.is_valid(plain):
        raise Invalid("access.residents.number", at="number")
    return name, plain


def _factors(handle: Handle) -> tuple[str, ...]:
    return ("wechat",) if handle.channel == "wechat" else ("sms",)


def _channel(channel: object) -> Channel:
    for one in CHANNELS:
        if channel == one:
            return one
    raise Invalid("access.residents.channel", at="channel", channels=", ".join(CHANNELS))
