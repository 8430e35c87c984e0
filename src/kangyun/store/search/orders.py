"""Matches in the order of a sort key, where they are too many to be sorted here: rows along an index of that order.

For `_lastUpdated` the commits give the order, for strings, numbers, quantities and dates the narrow rows or the index
of the clinical date. The index is read in stretches; what comes back is complete in its first key up to its end, so
that the other keys of the sort can be put right by the caller. Resources without a value come last, newest first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg

from kangyun.base.errors import NotSupported, TooCostly
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import Sort
from kangyun.store.index import CLINICAL_DATE, Indexer
from kangyun.store.search.conditions import Arguments
from kangyun.store.search.plans import Plan, Planner
from kangyun.store.search.sorting import MATCH, MOST_SORTED, TABLES, Place, finite
from kangyun.store.types import TYPE_NUMBERS

# So many entries of an index are read at a time; more when all of them have the same value.
STRETCH, LONGEST_STRETCH = 5_000, 80_000
FARTHEST = (1 << 63) - 1


class Source(NamedTuple):
    """Where an order comes from.

    scan:   the entries of one segment as (res, value), from the place of an edge on: (suffix, edge) -> SELECT.
    column, type: what the edge is compared with, and its SQL type.
    whole:  one scan serves all segments.
    first:  a condition that an entry is the one that its resource stands by: (suffix) -> SQL on the alias n.
    """

    scan: Callable[[str, str], str]
    column: str
    type: str
    whole: bool = False
    first: Callable[[str], str] = lambda suffix: "TRUE"


async def along(
    connection: asyncpg.Connection,
    planner: Planner,
    plan: Plan,
    query: Query,
    place: Place | None,
    indexer: Indexer,
) -> list[Any]:
    """Returns rows (res, version, at), more than a page where there are more, from `place` on.

    Raises NotSupported for a key that no index orders, TooCostly when more tie than can be sorted.
    """
    sort = query.sort[0]
    arguments = plan.extended()
    bits = 0
    if sort.code == "_lastUpdated":
        source = _commits(arguments.add(query.as_of, "timestamptz"))
    elif CLINICAL_DATE.get(plan.type) == sort.code:
        source = _clinical_dates(plan)
        bits = indexer.bound(plan.type)[sort.code].bit
    elif sort.parameter is not None and sort.parameter.type in TABLES:
        bound = indexer.bound(plan.type)
        codes = sort.parameter.alias_of or (sort.code,)
        source = _narrow_rows(sort, arguments.add([bound[code].salt for code in codes], "int8[]"))
        bits = sum(bound[code].bit for code in codes)
    else:
        raise NotSupported("fhir.search.sort-too-many", limit=MOST_SORTED, parameter=f"{plan.type}.{sort.code}")
    rows: list[Any] = []
    if place is None or place[0] is not None:
        rows, ended = await _read(connection, planner, plan, sort, place, query.count, source, arguments)
        if not ended or not bits:
            return rows
        place = None
    return rows + await _without_value(connection, planner, plan, bits, place, query)


async def _read(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, sort: Sort, place: Place | None, count: int,
    source: Source, arguments: Arguments,
) -> tuple[list[Any], bool]:  # fmt: skip
    """Reads stretches until they hold more than a page behind `place`; says whether the index has ended."""
    found: dict[int, Any] = {}
    edge = place[0] if place else None
    stretch = STRETCH
    while True:
        rows = await planner.fetch(connection, *_statement(planner, plan, sort, source, arguments, edge, stretch))
        cuts = [row["value"] for row in rows if row["res"] is None]
        cut = (max(cuts) if sort.descending else min(cuts)) if cuts else None
        for row in rows:
            behind_cut = cut is not None and (row["value"] <= cut if sort.descending else row["value"] >= cut)
            if row["res"] is not None and not behind_cut:
                found[row["res"]] = row
        if len(found) > MOST_SORTED + count:
            break
        if cut is None:
            return list(found.values()), True
        if place is None and len(found) > count:
            break
        if place is not None and sum(row["value"] != place[0] for row in found.values()) > count:
            break
        if cut == edge:
            stretch *= 4
            if stretch > LONGEST_STRETCH:
                raise TooCostly("fhir.search.too-many-ties", limit=MOST_SORTED)
        edge = cut
    return _bounded(list(found.values()), sort, place, count), False


def _statement(
    planner: Planner, plan: Plan, sort: Sort, source: Source, arguments: Arguments, edge: Any, stretch: int
) -> tuple[str, Arguments]:
    order, compare, farthest = ("DESC", "<=", "min(value)") if sort.descending else ("ASC", ">=", "max(value)")
    mine = arguments.copy()
    behind = f"{source.column} {compare} {mine.add(edge, source.type)}" if edge is not None else "TRUE"
    size = mine.add(stretch, "int8")
    value = finite("{}") if source.type == "timestamptz" else "{}"
    scans, arms = [], []
    suffixes = [""] if source.whole else [f"_{segment.number}" for segment in planner.densities.segments]
    for number, suffix in enumerate(suffixes):
        scans.append(f"n{number} AS MATERIALIZED ({source.scan(suffix, behind)} ORDER BY value {order} LIMIT {size})")
        arms.append(
            f"SELECT {MATCH}, {value.format('n.value')} AS value FROM n{number} AS n CROSS JOIN LATERAL "
            f"(SELECT * FROM resource{suffix} AS x WHERE x.res = n.res OFFSET 0) AS r "
            f"WHERE {source.first(suffix)} AND {plan.where(suffix)} "
            # A row without res says that the stretch was cut, and where.
            f"UNION ALL SELECT NULL, NULL, NULL, {value.format(farthest)} FROM n{number} HAVING count(*) = {size}"
        )
    return f"WITH {', '.join(scans)} {' UNION ALL '.join(arms)}", mine


def _bounded(rows: list[Any], sort: Sort, place: Place | None, count: int) -> list[Any]:
    """Returns at most MOST_SORTED rows, complete in their first key. Raises TooCostly when the page would tie."""
    rows.sort(key=lambda row: row["value"], reverse=sort.descending)
    if len(rows) <= MOST_SORTED:
        return rows
    last = rows[MOST_SORTED]["value"]
    kept = [row for row in rows[:MOST_SORTED] if row["value"] != last]
    if sum(place is None or row["value"] != place[0] for row in kept) <= count:
        raise TooCostly("fhir.search.too-many-ties", limit=MOST_SORTED)
    return kept


def _commits(as_of: str) -> Source:
    def scan(suffix: str, behind: str) -> str:
        return (
            "SELECT u.res, c.instant AS value, u.version FROM commit AS c CROSS JOIN LATERAL "
            f"unnest(c.res, c.versions) AS u(res, version) WHERE c.instant <= {as_of} AND {behind}"
        )

    def first(suffix: str) -> str:
        # A resource stands where the version is that was its newest then.
        return (
            f"(r.version = n.version OR NOT EXISTS (SELECT FROM version AS o WHERE o.res = n.res "
            f"AND o.version > n.version AND o.instant <= {as_of}))"
        )

    return Source(scan, "c.instant", "timestamptz", True, first)


def _clinical_dates(plan: Plan) -> Source:
    def scan(suffix: str, behind: str) -> str:
        number = TYPE_NUMBERS[plan.type]
        return (
            f"SELECT res, at AS value FROM resource{suffix} WHERE type = {number} AND until > '-infinity' AND {behind}"
        )

    return Source(scan, "at", "timestamptz")


def _narrow_rows(sort: Sort, keys: str) -> Source:
    assert sort.parameter is not None
    table, column, type_ = TABLES[sort.parameter.type]
    beyond = ">" if sort.descending else "<"

    def scan(suffix: str, behind: str) -> str:
        return f"SELECT q.res, q.{column} AS value FROM {table}{suffix} AS q WHERE q.key = ANY ({keys}) AND {behind}"

    def first(suffix: str) -> str:
        # A resource stands where its first value in this order is, not where its others are.
        return (
            f"NOT EXISTS (SELECT FROM {table}{suffix} AS o WHERE o.res = n.res AND o.key = ANY ({keys}) "
            f"AND o.{column} {beyond} n.value)"
        )

    return Source(scan, f"q.{column}", type_, False, first)


async def _without_value(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, bits: int, place: Place | None, query: Query
) -> list[Any]:
    """Returns rows that the first key has no value in: one more than a page, newest first; all where other keys order.

    Raises TooCostly where those are more than can be sorted.
    """
    arguments = plan.extended()
    alone = len(query.sort) == 1
    most = query.count + 1 if alone else MOST_SORTED + 1
    place = place if alone else None
    edge, mask = arguments.add(place[-1] if place else FARTHEST, "int8"), arguments.add(bits, "int8")
    arms = [
        f"(SELECT {MATCH} FROM resource_{segment.number} AS r WHERE r.res < {edge} "
        f"AND (r.present & {mask}) = 0 AND {plan.where(f'_{segment.number}')} ORDER BY r.res DESC LIMIT {most})"
        for segment in planner.densities.segments
    ]
    sql = f"SELECT * FROM ({' UNION ALL '.join(arms)}) AS a ORDER BY res DESC LIMIT {most}"
    rows = await planner.fetch(connection, sql, arguments)
    if not alone and len(rows) == most:
        raise TooCostly("fhir.search.too-many-ties", limit=MOST_SORTED)
    return rows
