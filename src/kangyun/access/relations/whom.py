"""Which resident is meant by an identifier or an id: all registrations of one person, or nobody.

Several registrations that are no one's together are two persons to us; then the one counts that the asking institution
itself has registered. All that have a number are looked at, in one statement; a number that more than `MOST` have
(000000) is nobody's. What is found is shown to nobody by this.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.base.errors import Invalid, NotFound
from kangyun.store.model import Stored
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING, visible

MOST = 10_000  # registrations with one number
LONGEST = 200  # characters
_RESERVED = frozenset(",$\\\0")


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident. number: stands for all registrations. patient: the registration that was meant."""

    number: int
    patient: int
    registrations: tuple[Stored, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the registrations."""
        return tuple(one.id for one in self.registrations)

    @property
    def numbers(self) -> list[int]:
        """The internal numbers of the registrations."""
        return [one.res for one in self.registrations]


async def by_identifier(store: Store, identifier: str, institution: int, *, own: bool = False) -> Resident:
    """Returns whom `system|number` means to an institution. Raises NotFound, Invalid.

    own: as the institution itself has registered it, and nobody else: a number that is good in one house only.
    """
    system, mark, number = identifier.partition("|")
    if not (system.strip() and mark and number.strip()) or len(identifier) > LONGEST or _RESERVED & set(identifier):
        raise Invalid("access.relations.identifier", at="identifier")
    async with store.pool.connection() as connection:
        query = await store.read_query("Patient", [("identifier", identifier)], strict=True)
        found = await store.searcher.residents(connection, query, query.node, MOST, EVERYTHING)
        return await _one(connection, store, sorted(found or ()), institution, own=own)


async def by_id(store: Store, id_: str) -> Resident:
    """Returns whose a registration is. Raises NotFound."""
    async with store.pool.connection() as connection:
        current = (await store.reader.locate(connection, [("Patient", id_)])).get(("Patient", id_))
        if current is None or current.stored is None or current.stored.deleted:
            raise NotFound
        return await _one(connection, store, [current.res], 0)


async def by_number(store: Store, patient: int) -> Resident:
    """Returns whose the registration with an internal number is. Raises NotFound."""
    async with store.pool.connection() as connection:
        return await _one(connection, store, [patient], 0)


async def _one(
    connection: asyncpg.Connection, store: Store, found: Sequence[int], institution: int, *, own: bool = False
) -> Resident:
    rows = await connection.fetch(_WHOSE, list(found), institution)
    rows = [row for row in rows if row["own"] or not own]
    residents = {row["resident"] for row in rows}
    if len(residents) > 1:
        rows = [row for row in rows if row["own"]]
        residents = {row["resident"] for row in rows}
    if len(residents) != 1:
        raise NotFound
    (number,) = residents
    mine = next((row["res"] for row in rows if row["own"]), rows[0]["res"])
    members = {mine, *(row["patient"] for row in await connection.fetch(_MEMBERS, number))}
    there = [one for one in (await standing(connection, store, members)).values() if not one.deleted]
    if all(one.res != mine for one in there):
        raise NotFound
    return Resident(number, mine, tuple(sorted(there, key=lambda one: one.res)))


_WHOSE = f"""
SELECT r.res, coalesce(l.resident, r.res) AS resident, r.institution = $2 AS own
FROM resource AS r LEFT JOIN resident_link AS l ON l.patient = r.res
WHERE r.res = ANY ($1::int8[]) AND {visible("r")} ORDER BY r.res
"""
_MEMBERS = "SELECT patient FROM resident_link WHERE resident = $1"
