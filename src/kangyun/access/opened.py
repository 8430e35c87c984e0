"""Whom an actor has opened with a reason, and what is shown of everybody else: masked.

It says nothing about who may be seen at all, which is the sight's business. Opening one registration opens the others
of its resident. What a resource is about counts: what is about an opened resident and names somebody else besides is
shown as it is; what is about nobody in particular (a Group) is masked wherever it names a person, and is not opened.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from kangyun.access.actor import Actor
from kangyun.access.erasing import register as register_eraser
from kangyun.access.masking import masked, may_name_persons
from kangyun.access.masking.resources import NAMING
from kangyun.base import clock
from kangyun.base.crypto import Sealer, derived_key
from kangyun.base.lazy import lazy
from kangyun.fhir import Resource
from kangyun.fhir.json import decode, encode
from kangyun.store.body import wire
from kangyun.store.keys import KeyRing
from kangyun.store.model import Stored

LASTS = timedelta(hours=12)
PERSONS = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner"})
"""Which can be opened."""
_BYTES = frozenset({"Binary"})  # Content, not elements: it may be large, and nothing of it would be found.
_LABEL = b"opened"


class Masked(Stored):
    """A version as it is shown to who has not opened the person."""

    @lazy
    def resource(self) -> Resource:
        return masked(decode(wire(self.type, self.id, self.version, self.instant, self.rest)))

    @lazy
    def json(self) -> bytes:
        return encode(self.resource)


def person_of(stored: Stored) -> int:
    """Returns by which number a resource counts as opened: the patient that it is about, else its own."""
    return stored.patient if stored.patient is not None else stored.res


def can_be_masked(stored: Stored, of_nobody: frozenset[str]) -> bool:
    """Whether something in a version may have to be masked. of_nobody: types that are registers and terminology."""
    if stored.deleted or stored.type in _BYTES:
        return False
    if stored.type in PERSONS or stored.type in NAMING:
        return True
    return (stored.patient is not None or stored.type not in of_nobody) and may_name_persons(stored.type, stored.rest)


def mask(stored: Stored) -> Masked:
    """Returns a version as it is shown to who has not opened the person."""
    return Masked(
        *(
            stored.res,
            stored.type,
            stored.id,
            stored.version,
            stored.instant,
            stored.action,
            stored.rest,
            stored.patient,
        )
    )


async def written_by(connection: asyncpg.Connection, institution: int, resources: Sequence[int]) -> set[int]:
    """Returns which of these resources an institution wrote."""
    return {row["res"] for row in await connection.fetch(_WRITTEN, list(resources), institution)}


async def opened_to(connection: asyncpg.Connection, actor: Actor, persons: Sequence[int]) -> set[int]:
    """Returns which of these persons an actor has opened, asked of the database each time."""
    rows = await connection.fetch(_OPENED, list(persons), actor.reference, actor.institution, actor.role)
    return {row["person"] for row in rows}


async def open_person(
    connection: asyncpg.Connection, keys: KeyRing, actor: Actor, person: int, reason: str, lasts: timedelta = LASTS
) -> datetime:
    """Opens a person to an actor, from the end of the caller's transaction on, and returns until when."""
    now = clock.now()
    sealed = Sealer(derived_key(keys.index_key, "opened"), keys.cipher).seal(reason.encode(), _LABEL)
    about = person, actor.reference, actor.institution, actor.role, sealed, now, now + lasts
    await connection.execute(_OPEN, *about)
    return now + lasts


async def _forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes who had opened residents that are erased."""
    await connection.execute("DELETE FROM opened WHERE person = ANY ($1::int8[])", [*patients, *resources])


register_eraser("opened", _forget)


_OPENED = """
WITH mine AS (
    SELECT person FROM opened WHERE actor = $2 AND institution = $3 AND role = $4 AND ends > clock_timestamp()
)
SELECT person FROM mine WHERE person = ANY ($1::int8[])
UNION
SELECT l.patient FROM mine JOIN resident_link AS k ON k.patient = mine.person
JOIN resident_link AS l ON l.resident = k.resident WHERE l.patient = ANY ($1::int8[])
"""
_WRITTEN = "SELECT res FROM resource WHERE res = ANY ($1::int8[]) AND institution = $2"
_OPEN = """
INSERT INTO opened (person, actor, institution, role, reason, began, ends) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
