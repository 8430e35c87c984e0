"""How a reader is reached: telephone and mailbox by the record, else by the telephone that he has proven when he signs
in; WeChat by what is kept here, a desk by rule.

A Patient who is not active or has died is reached by nothing. What is found is handed to a channel, shown to nobody.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
import msgspec

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.letters import Known, Letters
from kangyun.access.messages.outbox.model import Channel
from kangyun.access.messages.outbox.rules import Chosen
from kangyun.access.messages.telephones import checked_phone
from kangyun.base.crypto import Unreadable
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.store.reader import Reader as StoreReader

logger = logging.getLogger(__name__)

DESK = "desk/"
UNCHOSEN = Chosen()
Proven = Callable[[asyncpg.Connection, Collection[str]], Awaitable[Mapping[str, str]]]
_TYPES = frozenset({"Patient", "Practitioner", "RelatedPerson", "Organization"})


@dataclass(frozen=True, slots=True)
class Contact:
    """Addresses by channel, and what the reader chose."""

    addresses: Mapping[Channel, str] = field(default_factory=dict)
    chosen: Chosen = UNCHOSEN


@dataclass(frozen=True, slots=True)
class Contacts:
    """Finds contacts.

    desks: how each duty desk is reached, by its name. proven: the telephones by which people sign in, for whom the
    record names none; None where that is not asked.
    """

    store: StoreReader
    letters: Letters
    desks: Mapping[str, Mapping[Channel, str]]
    proven: Proven | None = None

    async def of(self, connection: asyncpg.Connection, readers: Collection[str]) -> dict[str, Contact]:
        """Returns how each of them is reached."""
        named = {one: (one.partition("/")[0], one.partition("/")[2]) for one in readers}
        located = await self.store.locate(connection, {name for name in named.values() if name[0] in _TYPES})
        found: dict[str, Contact] = {}
        for one, name in named.items():
            current = located.get(name)
            stored = None if current is None else current.stored
            resource = None if stored is None or stored.deleted else stored.resource
            addresses = self.desks.get(name[1], {}) if one.startswith(DESK) else addresses_of(resource or {})
            found[one] = Contact(addresses)
        unknown = [one for one, contact in found.items() if not contact.addresses and contact.addresses is not GONE]
        if unknown and self.proven is not None:
            for one, phone in (await self.proven(connection, unknown)).items():
                found[one] = Contact({"sms": phone, "voice": phone})
        for row in await connection.fetch(sql.KNOWN, list(readers)):
            try:
                known = self.letters.open_reader(row["reader"], row["sealed"])
            except (Unreadable, msgspec.DecodeError) as error:  # He is told as one who chose nothing.
                logger.error("outbox: what a reader chose cannot be read: %s", type(error).__name__)
                continue
            contact = found[row["reader"]]
            more = {channel: at for channel, at in known.addresses.items() if contact.addresses is not GONE}
            found[row["reader"]] = Contact({**contact.addresses, **more}, known.chosen)  # type: ignore[dict-item]
        return found


GONE: Mapping[Channel, str] = {}
"""Of who must not be told any more."""


def addresses_of(resource: Resource) -> Mapping[Channel, str]:
    """Returns telephone and mailbox of a resource, by channel. Pure."""
    dead = resource.get("deceasedBoolean", "deceasedDateTime" in resource)
    if dead or not resource.get("active", True):
        return GONE
    found: dict[Channel, str] = {}
    for point in sorted(resource.get("telecom", ()), key=lambda one: one.get("rank", 1 << 20)):
        value = point.get("value")
        if point.get("use") == "old" or not isinstance(value, str):
            continue
        if point.get("system") in ("phone", "sms"):
            try:
                phone = checked_phone(value)
            except Invalid:
                continue  # A landline, or what somebody wrote instead.
            found.setdefault("sms", phone)
            found.setdefault("voice", phone)
        elif point.get("system") == "email" and "@" in value and value.isascii() and value.isprintable():
            found.setdefault("e-mail", value)
    return found


async def keep(
    connection: asyncpg.Connection, letters: Letters, reader: str, now: datetime, *,
    holder: int | None = None, chosen: Chosen | None = None, addresses: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Keeps what a reader chose, or where he is found by a channel; the other stays as it was. An empty address ends.

    In a transaction of the caller's. holder: the number of the reader, where he is a Patient.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", reader)
    rows = await connection.fetch(sql.KNOWN, [reader])
    known = letters.open_reader(reader, rows[0]["sealed"]) if rows else Known()
    if addresses is not None:
        merged: dict[str, str] = known.addresses | dict(addresses.items())
        known = Known(known.chosen, {channel: at for channel, at in merged.items() if at})
    if chosen is not None:
        known = Known(chosen, known.addresses)
    await connection.execute(sql.KEEP_KNOWN, reader, letters.seal_reader(reader, known), now, holder)
