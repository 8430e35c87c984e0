"""Whose registrations are: the resident that the index has for each, and the institution that wrote it.

For what holds something about persons beside the record. It shows nothing of anybody.
"""

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.access.record import Record
from kangyun.fhir import Resource
from kangyun.store.store import Store
from kangyun.store.visible import visible


class Linked(NamedTuple):
    """A registration. person: its resident's number, or its own where it is linked to none. institution: 0 unknown."""

    person: int
    institution: int


async def linked(connection: asyncpg.Connection, patients: Iterable[int]) -> dict[int, Linked]:
    """Returns whose these registrations are at this moment; each is in the answer."""
    rows = await connection.fetch(_LINKED, sorted(set(patients)))
    return {row["patient"]: Linked(row["person"], row["institution"]) for row in rows}


async def one_person(record: Record, one: str, other: str) -> bool:
    """Whether two registrations, each as `Patient/…`, are there and one resident's at this moment."""
    names = [(type_, id_) for type_, _, id_ in (reference.partition("/") for reference in (one, other))]
    async with record.store.pool.connection() as connection:
        located = await record.store.reader.locate(connection, names, record.sight)
        there = [found.stored.res for found in located.values() if found.stored is not None]
        persons = {each.person for each in (await linked(connection, there)).values()}
    return len(there) == len(names) and len(persons) == 1


async def registration(record: Record, reference: str) -> Resource | None:
    """Returns a Patient as it stands, for comparing: nobody is shown it. None where there is none."""
    type_, _, id_ = reference.partition("/")
    async with record.store.pool.connection() as connection:
        located = await record.store.reader.locate(connection, [(type_, id_)], record.sight)
    found = next((one.stored for one in located.values() if one.stored is not None), None)
    return None if found is None or found.deleted or type_ != "Patient" else found.resource


async def registrations(connection: asyncpg.Connection, persons: Iterable[int]) -> dict[int, list[int]]:
    """Returns all registrations of persons as `linked` names them."""
    found: dict[int, list[int]] = {person: [person] for person in persons}
    for row in await connection.fetch(_REGISTRATIONS, sorted(found)):
        found[row["resident"]] = row["patients"]
    return found


async def names_of(connection: asyncpg.Connection, store: Store, patients: Iterable[int]) -> dict[int, str]:
    """Returns the ids of registrations that are there, by their numbers."""
    found = await standing(connection, store, patients)
    return {res: stored.id for res, stored in found.items() if not stored.deleted}


_LINKED = f"""
SELECT p.patient, coalesce(l.resident, p.patient) AS person, coalesce(r.institution, 0) AS institution
FROM unnest($1::int8[]) AS p(patient)
LEFT JOIN resident_link AS l ON l.patient = p.patient
LEFT JOIN resource AS r ON r.res = p.patient AND {visible("r")}
"""
_REGISTRATIONS = """
SELECT resident, array_agg(patient ORDER BY patient) AS patients FROM resident_link
WHERE resident = ANY ($1::int8[]) GROUP BY resident
"""
