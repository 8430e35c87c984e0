"""Which persons an export concerns, as far as the actor may see what is about them.

Filters by instant are not counted in: what an export of a day's changes reaches is anybody's record. What is about
nobody (Organization, ValueSet) concerns nobody.
"""

from kangyun.access.bulk.exporting import ExportRequest
from kangyun.access.record import Record
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import seen

MOST = 1_000
SECONDS = 10.0


async def persons_of(record: Record, asked: ExportRequest) -> frozenset[int] | None:
    """Returns the residents whom anything is about that the export would have; a Person is one itself.

    None where they are more than `MOST`, or where it takes too long to find them.
    """
    async with record.store.pool.connection() as connection:
        if asked.level == "members":
            # Of an id that the server gave the number is in the id; of one that a client chose it is asked for.
            given = {text: record.store.ids.res_of(text.partition("/")[2]) for text in asked.patients}
            chosen = [("Patient", text.partition("/")[2]) for text, res in given.items() if res is None]
            found = await record.store.reader.names(connection, chosen)
            # Whoever is not seen does not count: that more were named than are few tells of none of them.
            named = [*found.values(), *(res for res in given.values() if res is not None)]
            rows = await connection.fetch(*seen(_SEEN, record.sight, named))
            return frozenset(row["res"] for row in rows)
        types = [TYPE_NUMBERS[type_] for type_ in asked.types] or None
        looked = seen(_PERSONS, record.sight, types, MOST, TYPE_NUMBERS["Person"])
        try:
            rows = await connection.fetch(*looked, timeout=SECONDS)
        except TimeoutError:
            return None
    return frozenset(row["person"] for row in rows) if len(rows) <= MOST else None


_SEEN = "SELECT r.res FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible:r}"
# From one to the next by the index of patients: each step ends with the first row that is seen.
_PERSONS = """
WITH RECURSIVE person AS (
    (SELECT r.patient, 1::int8 AS number FROM resource AS r
     WHERE r.patient IS NOT NULL AND NOT r.deleted AND ($1::int2[] IS NULL OR r.type = ANY ($1::int2[])) AND {visible:r}
     ORDER BY r.patient LIMIT 1)
    UNION ALL
    SELECT n.patient, p.number + 1 FROM person AS p CROSS JOIN LATERAL (
        SELECT r.patient FROM resource AS r
        WHERE r.patient > p.patient AND NOT r.deleted AND ($1::int2[] IS NULL OR r.type = ANY ($1::int2[]))
        AND {visible:r}
        ORDER BY r.patient LIMIT 1
    ) AS n WHERE p.number <= $2::int8
)
SELECT patient AS person FROM person UNION ALL (
    SELECT r.res FROM resource AS r WHERE r.type = $3::int2 AND NOT r.deleted AND {visible:r}
    AND ($1::int2[] IS NULL OR $3::int2 = ANY ($1::int2[])) LIMIT $2::int8 + 1
)
"""
