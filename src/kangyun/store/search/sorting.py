"""Sort values of matches that no index orders: at most MOST_SORTED of them, brought together and sorted here."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import Sort
from kangyun.fhir.search.words import folded
from kangyun.store.index import CLINICAL_DATE, Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.search.plans import COLUMNS

MOST_SORTED = 10_000
TABLES = {
    "string": ("string_value", "value", "text"),
    "number": ("quantity_value", "low", "float8"),
    "quantity": ("quantity_value", "low", "float8"),
    "date": ("date_value", "low", "timestamptz"),
}
"""By parameter type: narrow table, the column that orders, and its type."""

VERSIONS = (
    f"SELECT {COLUMNS} FROM unnest($1::int8[], $2::int4[]) AS w(res, version) JOIN version AS v USING (res, version)"
)


def finite(instant: str) -> str:
    """Returns SQL for an instant that can be compared here: an infinite one comes without a zone."""
    return f"least(greatest({instant}, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00')"


MATCH = f"r.res, r.version, CASE WHEN r.until > '-infinity' THEN {finite('r.at')} END AS at"
"""What is read of a match that is to be sorted: `at` is its clinical date, None for none."""

Place = list[Any]
"""Where a match stands: its sort values, None for none, and its `res`. A cursor holds where a page ends."""


async def sorted_places(
    connection: asyncpg.Connection, reader: Reader, indexer: Indexer, query: Query, found: list[Any]
) -> list[Place]:
    """Returns the places of all matches, in order. What has no value comes last, newest first among equals."""
    columns = [await _values(connection, reader, indexer, query, sort, found) for sort in query.sort]
    order = sorted((row["res"] for row in found), reverse=True)
    for sort, values in reversed(list(zip(query.sort, columns, strict=True))):
        have = [res for res in order if values.get(res) is not None]
        lack = [res for res in order if values.get(res) is None]
        have.sort(key=values.__getitem__, reverse=sort.descending)
        order = [*have, *lack]
    return [[*(values.get(res) for values in columns), res] for res in order]


def after(places: list[Place], sorts: Sequence[Sort], last: Place | None) -> list[Place]:
    """Returns the places behind `last`, which itself may be there no more."""
    if last is None:
        return places
    start = next((number for number, place in enumerate(places) if _is_behind(place, last, sorts)), len(places))
    return places[start:]


def _is_behind(place: Place, last: Place, sorts: Sequence[Sort]) -> bool:
    for sort, one, other in zip(sorts, place, last, strict=False):
        if one == other:
            continue
        if one is None or other is None:
            return one is None
        return bool(one < other if sort.descending else one > other)
    return bool(place[-1] < last[-1])


# What was written since stands where the version before it stood; what was made since has no such place.
_INSTANTS = """
SELECT v.res, CASE WHEN v.instant <= $3 THEN v.instant ELSE coalesce(
    (SELECT max(o.instant) FROM version AS o WHERE o.res = v.res AND o.instant <= $3), v.instant
) END AS value
FROM unnest($1::int8[], $2::int4[]) AS w(res, version) JOIN version AS v USING (res, version)
"""


async def _values(
    connection: asyncpg.Connection, reader: Reader, indexer: Indexer, query: Query, sort: Sort, found: list[Any]
) -> dict[int, Any]:
    type_, res = query.type, [row["res"] for row in found]
    if sort.code == "_id":
        return await _ids(connection, reader, found)
    if sort.code == "_lastUpdated":
        versions = [row["version"] for row in found]
        return {row["res"]: row["value"] for row in await connection.fetch(_INSTANTS, res, versions, query.as_of)}
    assert sort.parameter is not None
    bound = indexer.bound(type_)
    if CLINICAL_DATE.get(type_) == sort.code:
        return {row["res"]: row["at"] for row in found}
    codes = sort.parameter.alias_of or (sort.code,)
    if sort.parameter.type in TABLES:
        table, column, kind = TABLES[sort.parameter.type]
        best = f"{'max' if sort.descending else 'min'}(q.{column})"
        best = finite(best) if kind == "timestamptz" else best
        sql = (
            f"SELECT q.res, {best} AS value FROM {table} AS q "
            "WHERE q.res = ANY ($1::int8[]) AND q.key = ANY ($2::int8[]) GROUP BY q.res"
        )
        return {
            row["res"]: row["value"] for row in await connection.fetch(sql, res, [bound[code].salt for code in codes])
        }
    return await _read_values(connection, reader, indexer, type_, sort, found)


async def _ids(connection: asyncpg.Connection, reader: Reader, found: list[Any]) -> dict[int, str]:
    """Ids that clients chose stand in the bodies, and nothing else says which those are."""
    return {one.res: one.id for one in await _opened(connection, reader, found)}


async def _opened(connection: asyncpg.Connection, reader: Reader, found: list[Any]) -> list[Stored]:
    rows = await connection.fetch(VERSIONS, [row["res"] for row in found], [row["version"] for row in found])
    await reader.bring_keys(connection, [row["key"] for row in rows])
    return [reader.stored(row, row["res"]) for row in rows]


async def _read_values(
    connection: asyncpg.Connection, reader: Reader, indexer: Indexer, type_: str, sort: Sort, found: list[Any]
) -> dict[int, Any]:
    """Tokens, references and URIs are hashes in the index: their values are read from the bodies."""
    assert sort.parameter is not None
    values = {}
    for stored in await _opened(connection, reader, found):
        texts = indexer.sort_texts(stored.resource, sort.parameter)
        if texts:
            values[stored.res] = max(texts) if sort.descending else min(texts)
    return {res: folded(text) for res, text in values.items()}
