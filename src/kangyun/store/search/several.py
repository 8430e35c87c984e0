"""A search over several types at once: `GET [base]?_type=…`, and a compartment's `*`.

Each type is searched by its own plan; the pages are merged in the order that is asked for. Only what every type has
can order them: `res` (newest first), `_id` and `_lastUpdated`. It shares the searcher's inner parts.

Source: https://hl7.org/fhir/R4/http.html#search
"""

import heapq
from collections.abc import Sequence
from typing import Any

import asyncpg

from kangyun.base.errors import NotSupported
from kangyun.fhir.search.query import Query
from kangyun.store.search import pages
from kangyun.store.search.pages import Rows
from kangyun.store.search.plans import Plan
from kangyun.store.search.searcher import Page, Searcher
from kangyun.store.search.sorting import MOST_SORTED, VERSIONS, Place, after, sorted_places
from kangyun.store.types import TYPE_NAMES, TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen, visible


async def search_several(
    searcher: Searcher,
    connection: asyncpg.Connection,
    queries: Sequence[Query],
    actor: str,
    sight: Sight = EVERYTHING,
) -> Page:
    """Returns a page of the matches of all queries: they say the same of different types. Raises TooCostly."""
    async with searcher.in_time(connection, "_type, _id, _lastUpdated"):
        return await _search(searcher, connection, queries, actor, sight)


async def _search(
    searcher: Searcher, connection: asyncpg.Connection, queries: Sequence[Query], actor: str, sight: Sight
) -> Page:
    await searcher.planner.densities.refresh(connection)
    first = queries[0]
    asked = [("*", str(len(queries))), *first.asked]
    place = await searcher.place(connection, first, actor, asked)
    there = await _types_there(connection, [query.type for query in queries], sight)
    plans = [
        (query, await searcher.planner.plan(connection, query.type, query.node, searcher, sight, query.compartment))
        for query in queries
        if query.type in there
    ]
    if first.summary == "count" or first.count == 0:
        return Page([], sum([await searcher.planner.count(connection, plan, None) for _, plan in plans]))
    page = None
    if first.sort and (place is None or len(place) > 1):
        page = await _sorted(searcher, connection, plans, first, place)
    if first.sort and page is None:
        first.ignored.append(pages.by_key())
    rows, total, last = page or await _newest(searcher, connection, plans, first, place)
    await searcher.reader.bring_keys(connection, [row["key"] for row in rows])
    answer = Page([searcher.reader.stored(row, row["res"]) for row in rows], total)
    if last is not None:
        answer.next = searcher.cursor(first, actor, last, asked)
    if total is None and place is None:
        totals = [await searcher.wanted_total(connection, plan, query) for query, plan in plans]
        answer.total = sum(one for one in totals if one is not None) if None not in totals else None
    if first.includes and answer.matches:
        answer.included = await searcher.includer.included(connection, answer.matches, first.includes, sight)
    return answer


async def _types_there(connection: asyncpg.Connection, types: Sequence[str], sight: Sight) -> set[str]:
    """Of many types most have no resource: those need no plan."""
    sql = (
        "SELECT t.type FROM unnest($1::int2[]) AS t(type) "
        f"WHERE EXISTS (SELECT FROM resource AS r WHERE r.type = t.type AND {visible('r', sight)})"
    )
    rows = await connection.fetch(*seen(sql, sight, [TYPE_NUMBERS[name] for name in types]))
    return {TYPE_NAMES[row["type"]] for row in rows}


async def _newest(
    searcher: Searcher,
    connection: asyncpg.Connection,
    plans: Sequence[tuple[Query, Plan]],
    first: Query,
    place: Place | None,
) -> Rows:
    descending = not first.sort or first.sort[0].descending
    found = [await pages.newest(connection, searcher.planner, plan, query, place) for query, plan in plans]
    merged = list(heapq.merge(*(rows for rows, _, _ in found), key=lambda row: row["res"], reverse=descending))
    rows = merged[: first.count]
    more = len(merged) > len(rows) or any(last is not None for _, _, last in found)
    totals = [total for _, total, _ in found]
    total = sum(one for one in totals if one is not None) if None not in totals else None
    return Rows(rows, total, [rows[-1]["res"]] if more and rows else None)


async def _sorted(
    searcher: Searcher,
    connection: asyncpg.Connection,
    plans: Sequence[tuple[Query, Plan]],
    first: Query,
    place: Place | None,
) -> Rows | None:
    """Returns a page of what is sorted here; None where that is too much, and by id, as in `pages.by_id`."""
    found: list[Any] = []
    for _, plan in plans:
        sql = f"{plan.gathered(searcher.planner.densities.segments)} SELECT res, version FROM m LIMIT {MOST_SORTED + 1}"
        found += await searcher.planner.fetch(connection, sql, plan.arguments)
    if len(found) > MOST_SORTED:
        if first.sort[0].code == "_id" and place is None:
            return None
        raise NotSupported("fhir.search.sort-too-many", limit=MOST_SORTED, parameter=first.sort[0].code)
    places = await sorted_places(connection, searcher.reader, searcher.indexer, first, found)
    rest = after(places, first.sort, place)
    chosen = rest[: first.count]
    versions = {row["res"]: row["version"] for row in found}
    wanted = [one[-1] for one in chosen]
    by_res = {row["res"]: row for row in await connection.fetch(VERSIONS, wanted, [versions[res] for res in wanted])}
    last = chosen[-1] if len(rest) > first.count and chosen else None
    # What was expunged in this moment is missing.
    return Rows([by_res[res] for res in wanted if res in by_res], len(places), last)
