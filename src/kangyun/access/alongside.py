"""What is kept beside the record about a person, as the samples of devices, is seen as a resource of it would be.

Each thing says by an example which resource it would be; the gate's own condition is asked of a row that has this
resource's type, labels and tokens, this person and this institution. So roles, consent, relations, denials and the
scopes of an application count for it in the same statement, and there is no second set of rules.
"""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from kangyun.access.record import Record
from kangyun.base.errors import Gone
from kangyun.base.statuses import status_of
from kangyun.fhir import Resource
from kangyun.store.reader import Current
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import seen


class Thing(NamedTuple):
    """example: valid, but that it names nobody. person: the number of a registration. institution: that made it."""

    example: Resource
    person: int
    institution: int


async def seen_alongside(record: Record, connection: asyncpg.Connection, things: Sequence[Thing]) -> list[bool]:
    """Returns which of the things the actor sees. Raises Forbidden where a type is not read by him at all."""
    rows: dict[str, tuple[int, str]] = {}
    columns: list[tuple[int, int, int, int, str]] = []
    for thing in things:
        record.may_read(thing.example["resourceType"])
        name = repr(thing.example)
        if name not in rows:
            row = record.store.indexer.row(thing.example, 0, {})
            rows[name] = (row.labels, ",".join(map(str, row.tok)))
        type_ = TYPE_NUMBERS[thing.example["resourceType"]]
        columns.append((type_, thing.person, thing.institution, *rows[name]))
    if not columns:
        return []
    asked = seen(_SEEN, record.sight, *(list(column) for column in zip(*columns, strict=True)))
    found = {row["n"] for row in await connection.fetch(*asked)}
    return [place + 1 in found for place in range(len(things))]


async def registrations(record: Record, connection: asyncpg.Connection, id_: str, action: str) -> list[Current]:
    """Returns the registration of an id, or those of a resident that are seen. Raises NotFound, Gone: its row is left.

    action: as the row says it.
    """
    record.may_read("Patient")
    reader = record.store.reader
    resident = record.resident_of("Patient", id_)
    if resident is not None:
        found = (await reader.of_residents(connection, [resident], record.sight))[resident]
        owner = None
    else:
        owner = (await reader.locate(connection, [("Patient", id_)], record.sight)).get(("Patient", id_))
        found = [owner] if owner is not None and owner.stored is not None and not owner.stored.deleted else []
    if not found:
        deleted = owner is not None and owner.stored is not None
        absent = Gone() if deleted else record.absence(id_, owner)
        await record.leave_row(action, status_of(absent), await record.hidden("Patient", id_))
        raise absent
    return found


_SEEN = """
SELECT r.n FROM (
    SELECT n, type, patient, institution, labels, string_to_array(tok, ',')::int8[] AS tok, 0::int8 AS res
    FROM unnest($1::int2[], $2::int8[], $3::int4[], $4::int8[], $5::text[]) WITH ORDINALITY
        AS t(type, patient, institution, labels, tok, n)
) AS r WHERE {visible:r}
"""
