"""Who may do what with a device. What may not be done with a device that one may not know of is not said: 404.

An institution's device officer keeps its devices and sees nobody's record. A device is given to a resident by himself,
by a proxy who may act for him, or by staff who treat and see him; whoever of these sees one of its users may do with it
what a user may.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from kangyun.access.actor import Actor
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.record import Record
from kangyun.access.upward import those_seen
from kangyun.base.errors import Forbidden, NotFound
from kangyun.devices.register import rows
from kangyun.devices.register.rows import Row

OFFICER = "device-officer"
TREATING = frozenset({"doctor", "nurse", "family-doctor"})
GIVING = TREATING | OF_RESIDENTS
"""Roles that give devices to residents and say whose a reading is."""


def is_officer(actor: Actor) -> bool:
    """Whether somebody keeps an institution's devices, or runs the installation."""
    return actor.administrator or actor.role == OFFICER


def officers_only(actor: Actor) -> None:
    """Raises Forbidden for who keeps no devices."""
    if not is_officer(actor):
        raise Forbidden("devices.register.officers-only")


def who(actor: Actor) -> str:
    """Returns how an actor stands in the register: residents and proxies by their role only. The trail names them."""
    return actor.role if actor.role in OF_RESIDENTS else actor.reference


def number_of(record: Record, id_: str | None) -> int:
    """Returns the number of a Device that the server has given its id. Raises NotFound."""
    found = record.store.ids.res_of(id_ or "")
    if found is None:
        raise NotFound
    return found


async def officers(record: Record, connection: asyncpg.Connection, id_: str | None, *, lock: bool = True) -> Row:
    """Returns a device of the officer's institution, locked. Raises Forbidden, NotFound."""
    officers_only(record.actor)
    found = await rows.by_resource(connection, number_of(record, id_), lock=lock)
    if not record.actor.administrator and found.institution != record.institution:
        raise NotFound
    return found


async def users_seen(record: Record, holders: Sequence[int]) -> list[int]:
    """Returns those of these whom the actor sees, in a role in which he may act for them or treats them."""
    if record.actor.role not in GIVING or not holders:
        return []
    return sorted(await those_seen(record, sorted(set(holders))))


async def registration(record: Record, id_: str) -> int:
    """Returns the number of a registration (Patient) to whom the actor may give a device. Raises Forbidden, NotFound.

    The resident's own id (the golden Patient's) means the first of his registrations that are seen.
    """
    if record.actor.role not in GIVING:
        raise Forbidden("devices.register.not-giving")
    await record.read("Patient", id_, whole=True)
    resident = record.resident_of("Patient", id_)
    if resident is None:
        return int((await numbers_of(record, [id_]))[0])
    async with record.store.pool.connection() as connection:
        found = (await record.store.reader.of_residents(connection, [resident], record.sight))[resident]
    return min(one.res for one in found)


async def numbers_of(record: Record, ids: Sequence[str]) -> list[int]:
    """Returns the numbers of Patients that the actor sees, in this order. Raises NotFound."""
    async with record.store.pool.connection() as connection:
        located = await record.store.reader.locate(connection, [("Patient", id_) for id_ in ids], record.sight)
    found = [located.get(("Patient", id_)) for id_ in ids]
    if any(one is None or one.stored is None or one.stored.deleted for one in found):
        raise NotFound
    return [one.res for one in found if one is not None]


async def current_holders(connection: asyncpg.Connection, device: int, at: datetime | None = None) -> list[int]:
    """Returns who uses a device now, or at an instant."""
    return [row["holder"] for row in await connection.fetch(_HOLDERS, device, at)]


_HOLDERS = """
SELECT DISTINCT holder FROM device_user
WHERE device = $1 AND CASE WHEN $2::timestamptz IS NULL THEN until IS NULL
    ELSE since <= $2 AND (until IS NULL OR until > $2) END
ORDER BY holder
"""
