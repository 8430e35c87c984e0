"""Matches in the order of a sort key, where they are too many to be sorted here: rows along an index of that order.

For `_lastUpdated` the commits give the order, for strings, numbers, quantities and dates the narrow rows. What comes
back is the next stretch, complete in its first key: rows that tie with the last one are all there, so that the other
keys of the sort can be put right here. Resources without a value come last, newest first.
"""

from typing import Any

import asyncpg

from kangyun.base.errors import NotSupported, TooCostly
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import Sort
from kangyun.store.index import CLINICAL_DATE, Indexer
from kangyun.store.model import TYPE_NUMBERS
from kangyun.store.search.plans import Plan, Planner
from kangyun.store.search.sorting import MOST_SORTED, TABLES

# So many entries of an index are looked at for a stretch.
STRETCH = 5_000
FARTHEST = (1 << 63) - 1


async def along(
    connection: asyncpg.Connection,
    planner: Planner,
    plan: Plan,
    query: Query,
    place: list[Any] | None,
    indexer: Indexer,
) -> list[Any]:
    """Returns the rows (res, version, at) of the stretch behind `place`.

    Raises NotSupported for a key that no index orders, TooCostly when more tie than can be sorted.
    """
    sort = query.sort[0]
    if sort.code == "_lastUpdated":
        return await _by_commits(connection, planner, plan, sort, place, query.count)
    if sort.code == "_id" or sort.parameter is None:
        return await _by_res(connection, planner, plan, sort, place, query.count)
    if CLINICAL_DATE.get(plan.type) == sort.code:
        return await _by_clinical_date(connection, planner, plan, sort, place, query.count)
    if sort.parameter.type not in TABLES:
        raise NotSupported("fhir.search.sort-too-many", limit=MOST_SORTED, parameter=sort.parameter.name)
    return await _by_narrow_rows(connection, planner, plan, sort, place, query.count, indexer)


async def _by_commits(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, sort: Sort, place: list[Any] | None, count: int
) -> list[Any]:
    order, compare = ("DESC", "<=") if sort.descending else ("ASC", ">=")
    arguments = plan.extended()
    behind = f"c.instant {compare} {arguments.add(place[0], 'timestamptz')}" if place else "TRUE"
    sql = (
        "SELECT r.res, r.version, r.at, w.instant AS value FROM ("
        "SELECT c.instant, u.res, u.version FROM ("
        f"SELECT * FROM commit AS c WHERE {behind} ORDER BY c.instant {order} LIMIT {STRETCH}) AS c "
        "CROSS JOIN LATERAL unnest(c.res, c.versions) AS u(res, version)) AS w "
        "CROSS JOIN LATERAL (SELECT * FROM resource AS x WHERE x.res = w.res AND x.version = w.version OFFSET 0) AS r "
        f"WHERE {plan.where('')} ORDER BY w.instant {order} LIMIT {MOST_SORTED + 1}"
    )
    return _whole(await planner.fetch(connection, sql, arguments), count)


async def _by_res(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, sort: Sort, place: list[Any] | None, count: int
) -> list[Any]:
    order, compare = ("DESC", "<=") if sort.descending else ("ASC", ">=")
    arguments = plan.extended()
    behind = f"res {compare} {arguments.add(place[0], 'int8')}" if place else "TRUE"
    sql = (
        f"SELECT r.res, r.version, r.at, r.res AS value FROM (SELECT * FROM resource WHERE {behind} "
        f"ORDER BY res {order} LIMIT {STRETCH * 10}) AS r WHERE {plan.where('')} "
        f"ORDER BY r.res {order} LIMIT {count + 2}"
    )
    return _whole(await planner.fetch(connection, sql, arguments), count)


async def _by_clinical_date(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, sort: Sort, place: list[Any] | None, count: int
) -> list[Any]:
    order, compare = ("DESC", "<=") if sort.descending else ("ASC", ">=")
    arguments = plan.extended()
    behind = f"at {compare} {arguments.add(place[0], 'timestamptz')}" if place and place[0] else "TRUE"
    number = TYPE_NUMBERS[plan.type]
    sql = (
        f"SELECT r.res, r.version, r.at, r.at AS value FROM (SELECT * FROM resource WHERE type = {number} AND {behind} "
        f"ORDER BY at {order}, res {order} LIMIT {STRETCH * 4}) AS r WHERE {plan.where('')} "
        f"ORDER BY r.at {order} LIMIT {MOST_SORTED + 1}"
    )
    return _whole(await planner.fetch(connection, sql, arguments), count)


async def _by_narrow_rows(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, sort: Sort, place: list[Any] | None, count: int,
    indexer: Indexer,
) -> list[Any]:  # fmt: skip
    assert sort.parameter is not None
    table, column, type_ = TABLES[sort.parameter.type]
    bound = indexer.bound(plan.type)
    codes = sort.parameter.alias_of or (sort.code,)
    arguments = plan.extended()
    keys = arguments.add([bound[code].salt for code in codes], "int8[]")
    bits = arguments.add(sum(bound[code].bit for code in codes), "int8")
    if place is not None and place[0] is None:
        return await _without_value(connection, planner, plan, arguments, bits, place)
    order, compare, beyond = ("DESC", "<=", ">") if sort.descending else ("ASC", ">=", "<")
    behind = f"q.{column} {compare} {arguments.add(place[0], type_)}" if place else "TRUE"
    arms = []
    for segment in planner.densities.segments:
        suffix = f"_{segment.number}"
        # A resource stands where its first value in this order is, not where its others are.
        arms.append(
            f"(SELECT r.res, r.version, r.at, n.value FROM (SELECT q.res, q.key, q.{column} AS value "
            f"FROM {table}{suffix} AS q WHERE q.key = ANY ({keys}) AND {behind} ORDER BY q.{column} {order} "
            f"LIMIT {STRETCH}) AS n "
            f"CROSS JOIN LATERAL (SELECT * FROM resource{suffix} AS x WHERE x.res = n.res OFFSET 0) AS r "
            f"WHERE NOT EXISTS (SELECT FROM {table}{suffix} AS o WHERE o.res = n.res AND o.key = ANY ({keys}) "
            f"AND o.{column} {beyond} n.value) AND {plan.where(suffix)} ORDER BY n.value {order})"
        )
    sql = f"SELECT * FROM ({' UNION ALL '.join(arms)}) AS a ORDER BY value {order} LIMIT {MOST_SORTED + 1}"
    rows = _whole(await planner.fetch(connection, sql, arguments), count)
    if len(rows) <= count:
        rows = rows + await _without_value(connection, planner, plan, arguments, bits, None)
    return rows


async def _without_value(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, arguments: Any, bits: str, place: list[Any] | None
) -> list[Any]:
    """Rows that the sort's parameter has no value in, newest first."""
    edge = arguments.add(place[-1] if place else FARTHEST, "int8")
    arms = [
        f"(SELECT r.res, r.version, r.at FROM (SELECT * FROM resource_{segment.number} WHERE res < {edge} "
        f"ORDER BY res DESC LIMIT {STRETCH * 10}) AS r "
        f"WHERE (r.present & {bits}) = 0 AND {plan.where(f'_{segment.number}')} "
        f"ORDER BY r.res DESC LIMIT {MOST_SORTED})"
        for segment in planner.densities.segments
    ]
    sql = f"SELECT * FROM ({' UNION ALL '.join(arms)}) AS a ORDER BY res DESC LIMIT {MOST_SORTED}"
    return await planner.fetch(connection, sql, arguments)


def _whole(rows: list[Any], count: int) -> list[Any]:
    """Returns rows whose first key is complete: those that tie with the last one of a cut stretch are left out."""
    if len(rows) <= MOST_SORTED:
        return rows
    last = rows[-1]["value"]
    kept = [row for row in rows if row["value"] != last]
    if len(kept) <= count:
        raise TooCostly("fhir.search.too-many-ties", limit=MOST_SORTED)
    return kept
