"""What a platform that is not ours is given of one institution's records of a period, patient by patient.

It is given by the sight of a node (`upward`): nothing that is sensitive, nothing that residents have closed to
everybody or to that platform. Persons are named, since rows of nobody are of no use. Each lot has its audit row before
it is given.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kangyun.access.record import Record
from kangyun.fhir import Resource
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import seen

ACTION = "feed-write"
AT_ONCE = 100  # patients
_DAY = len("2026-01-05")
_DAYS = {"Condition": ("recordedDate",), "ChargeItem": ("occurrenceDateTime",)}
"""What is of a day by an element that the index has no bounds of."""


class Lot(NamedTuple):
    """Records of some patients. due: those of the period. known: these and what they may refer to, by reference."""

    due: Sequence[Resource]
    known: dict[str, Resource]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records. institution: whose, as `Organization/…`. begins, ends: the period, its end not included.

    types: of the records. named: types that these may refer to, whenever they are of.
    """

    institution: str
    begins: datetime
    ends: datetime
    types: Collection[str]
    named: Collection[str]


async def lots(record: Record, wanted: Wanted) -> AsyncIterator[Lot]:
    """Yields the records, and the Patients whose they are, in the order in which these were registered."""
    numbers = [TYPE_NUMBERS[name] for name in wanted.types]
    async with record.store.pool.connection() as connection:
        of = (wanted.institution, numbers, wanted.begins, wanted.ends)
        patients = [row["patient"] for row in await connection.fetch(*seen(_WHOSE, record.sight, *of))]
    for first in range(0, len(patients), AT_ONCE):
        some = patients[first : first + AT_ONCE]
        async with record.store.pool.connection() as connection:
            lot = await _lot(connection, record, wanted, some)
        await record.leave_row(ACTION, 200, some)
        yield lot


async def _lot(connection: asyncpg.Connection, record: Record, wanted: Wanted, patients: Sequence[int]) -> Lot:
    numbers = [TYPE_NUMBERS[name] for name in (*wanted.types, *wanted.named, "Patient")]
    of = (list(patients), wanted.institution, numbers, wanted.begins, wanted.ends)
    rows = await connection.fetch(*seen(_OF, record.sight, *of))
    stored = await record.store.reader.versions(connection, [(row["res"], row["version"]) for row in rows])
    due: set[str] = set()
    known: dict[str, Resource] = {}
    for row in rows:
        found = stored.get((row["res"], row["version"]))
        if found is None or found.deleted:
            continue
        known[f"{found.type}/{found.id}"] = found.resource
        if found.type == "Patient" or row["due"]:
            due.add(f"{found.type}/{found.id}")
    whole = (one for name, one in known.items() if name in due or _is_of_one(one, due, wanted))
    return Lot([one for one in whole if one["resourceType"] in {"Patient", *wanted.types}], known)


def _is_of_one(resource: Resource, due: Collection[str], wanted: Wanted) -> bool:
    """Whether what the index has no day of (a diagnosis, a fee) is of the period: by its own day, else by its visit."""
    day = next((str(resource[name])[:_DAY] for name in _DAYS.get(resource["resourceType"], ()) if name in resource), "")
    if day:
        return wanted.begins.date().isoformat() <= day < wanted.ends.date().isoformat()
    visit: Resource = resource.get("encounter") or resource.get("context") or {}
    return resource["resourceType"] in _DAYS and visit.get("reference") in due


_WHOSE = """
SELECT DISTINCT r.patient FROM resource AS r JOIN institution AS i ON i.id = r.institution
WHERE i.reference = $1 AND r.type = ANY ($2::int2[]) AND r.at >= $3 AND r.at < $4 AND r.patient IS NOT NULL
AND NOT r.deleted AND {visible:r} ORDER BY r.patient
"""
_OF = """
SELECT r.res, r.version, (r.at >= $4 AND r.at < $5) AS due FROM resource AS r
JOIN institution AS i ON i.id = r.institution
WHERE r.patient = ANY ($1::int8[]) AND i.reference = $2 AND r.type = ANY ($3::int2[]) AND NOT r.deleted AND {visible:r}
ORDER BY r.patient, r.res
"""
