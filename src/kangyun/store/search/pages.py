"""Pages of a plan: in the default order, by id, by other keys.

Three ways to a page, measured in facts/store.md 1(a) and 1(c):

* *walk*: the newest rows of a segment, stopping when the page is full. For what is frequent.
* *seed*: an index gives all rows that can match; the rest is filtered, the newest are taken. For what is rare, and when
  a walk did not fill the page. The total comes with it.
* *order*: rows along an index that has the order (`orders.py`). For sorts of many matches.
"""

from typing import Any, NamedTuple

import asyncpg

from kangyun.base.errors import Issue, TooCostly
from kangyun.fhir.search.query import Query
from kangyun.store.index import Indexer
from kangyun.store.reader import Reader
from kangyun.store.search.conditions import Arguments
from kangyun.store.search.densities import Segment
from kangyun.store.search.orders import along
from kangyun.store.search.plans import COLUMNS, Plan, Planner
from kangyun.store.search.sorting import MATCH, MOST_SORTED, Place, after, sorted_places
from kangyun.store.segments import segment_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import seen, visible

WALK, MOST_WALKED = 5_000, 20_000
# So many rows are walked for each that is wanted, beyond what the share says.
RESERVE = 20
# Nothing is walked for so few, nor for a whole type that has so few rows for each that is wanted.
FEW, FREQUENT = 1_000, 3
# Whether a row refers to one of many costs so much more than whether it has a token; and what refers to one stands
# together, so that a walk may meet none for long.
LINKS_COST = 10
MOST_COUNTED = 10_000
FARTHEST = (1 << 63) - 1


class Rows(NamedTuple):
    """Rows of a page, the total where it is known, and the place where they end, None where nothing is behind."""

    rows: list[Any]
    total: int | None
    last: Place | None


async def newest(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, query: Query, place: Place | None
) -> Rows:
    """Returns a page in the default order, `res` descending; of many that are sorted by id, the other way round."""
    rising = bool(query.sort) and not query.sort[0].descending
    start = place[0] if place else (0 if rising else FARTHEST)
    want = query.count + 1
    rows, total = await found(connection, planner, plan, start, want, rising=rising)
    if place is not None or (total is not None and total > MOST_COUNTED and query.total is None):
        total = None
    if not plan.sight.everything and query.total is None:
        total = None  # Which way was taken tells of rows that are not seen; a page that is not full has its total.
    if len(rows) < want and place is None:
        total = len(rows)
    more = len(rows) == want
    rows = rows[: query.count]
    return Rows(rows, total, [rows[-1]["res"]] if more and rows else None)


async def found(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, start: int, want: int, *, rising: bool = False
) -> tuple[list[Any], int | None]:
    """Returns the newest rows before `start`, or with `rising` the oldest behind it, and how many match in all where
    that came with them."""
    segments = _from_here(planner, start, rising)
    most = FREQUENT * want if plan.by_type else FEW if plan.joined else MOST_COUNTED
    if plan.rows <= most:
        if segments and plan.rows > FEW and _worth_walking(planner, plan, segments[0], want):
            walked = await _walk(connection, planner, plan, segments[0], start, want, rising)
            if len(walked) == want:
                return walked, None
        return await _seeded(connection, planner, plan, start, want, rising)
    rows: list[Any] = []
    for segment in segments:
        missing = want - len(rows)
        more: list[Any] = []
        if _worth_walking(planner, plan, segment, missing):
            more = await _walk(connection, planner, plan, segment, start, missing, rising)
        if len(more) < missing and not plan.by_type:
            more = await _seeded_in(connection, planner, plan, segment, start, missing, rising)
        rows += more
        if len(rows) == want:
            break
    return rows, None


def _worth_walking(planner: Planner, plan: Plan, segment: Segment, want: int) -> bool:
    """Whether a page is found sooner among the newest rows of the type than among all that the seed gives."""
    seed = plan.seed.seed
    if plan.by_type or seed is None:
        return True
    rows = planner.rows_in(segment, plan)
    # Expected of a walk are want / (rows / rows of the type) rows, of the seed all of them.
    walked = want * segment.rows_of_type(TYPE_NUMBERS[plan.type]) * (LINKS_COST if seed.links else 1)
    return walked < rows * rows


class Edge(NamedTuple):
    """Where rows begin, as a place of the statement, and which way they go from there."""

    place: str
    compare: str
    order: str


def _edge(arguments: Arguments, start: int, rising: bool) -> Edge:
    return Edge(arguments.add(start, "int8"), *((">", "ASC") if rising else ("<", "DESC")))


def _opened(chosen: str, suffix: str, order: str, more: str = "") -> str:
    """Returns the SELECT of what is read of the chosen (res, version)."""
    return (
        f"SELECT {COLUMNS}{more} FROM ({chosen}) AS p "
        f"JOIN version{suffix} AS v ON v.res = p.res AND v.version = p.version ORDER BY p.res {order}"
    )


async def _walk(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, segment: Segment, start: int, want: int, rising: bool
) -> list[Any]:
    """Walks the newest rows of a segment: those of the type, or the narrow rows of the seed's parameter.

    Stops after some of them, so fewer rows than wanted do not say that there are no more; where nothing but the type
    can give rows, it goes on to the end.
    """
    suffix = f"_{segment.number}"
    arguments = plan.extended()
    edge = _edge(arguments, start, rising)
    keyed = plan.seed.seed is not None and plan.seed.seed.stretch is not None
    walked = (_along_keys if keyed else _along_type)(plan, suffix, arguments, edge, want)
    rows = await planner.fetch(connection, _opened(walked, suffix, edge.order), arguments)
    if len(rows) == want and not await _all_reach(connection, planner, plan, suffix, (start, rows[-1]["res"])):
        return []
    return rows


def _along_keys(plan: Plan, suffix: str, arguments: Arguments, edge: Edge, want: int) -> str:
    seed = plan.seed.seed
    assert seed is not None and seed.stretch is not None
    # What is read of several keys is counted as well.
    most = arguments.add(WALK if seed.reach else MOST_WALKED, "int8")
    before = f"{edge.compare} {edge.place}"
    narrow = seed.stretch.replace("{before}", before).replace("{order}", edge.order).replace("{most}", most)
    # By the order that the stretch has: of r.res the server would not know it, and sort everything.
    return (
        f"SELECT DISTINCT ON (w.res) w.res, r.version FROM ({narrow.replace('{n}', suffix)}) AS w "
        f"CROSS JOIN LATERAL (SELECT * FROM resource{suffix} AS x WHERE x.res = w.res OFFSET 0) AS r "
        f"WHERE {plan.where(suffix, plan.seed)} ORDER BY w.res {edge.order} LIMIT {want}"
    )


def _along_type(plan: Plan, suffix: str, arguments: Arguments, edge: Edge, want: int) -> str:
    most = int(min(max(RESERVE * want / plan.share, WALK), MOST_WALKED)) if plan.share else WALK
    size = arguments.add(FARTHEST if plan.by_type else most, "int8")
    number = TYPE_NUMBERS[plan.type]
    # As a comparison of rows: with `type = …` the server would think the primary key as good an order, and look at all
    # that has come since, whatever its type.
    behind = f"(type, res) {edge.compare} ({number}, {edge.place})"
    within = f"type {'<=' if edge.compare == '>' else '>='} {number}"
    return (
        f"SELECT r.res, r.version FROM (SELECT * FROM resource{suffix} WHERE {behind} AND {within} "
        f"ORDER BY type {edge.order}, res {edge.order} LIMIT {size}) AS r "
        f"WHERE {plan.where(suffix, typed=True)} ORDER BY r.type {edge.order}, r.res {edge.order} LIMIT {want}"
    )


async def _all_reach(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, suffix: str, ends: tuple[int, int]
) -> bool:
    """Whether the stretches of all keys hold all that lies between these ends: each stops at another place."""
    seed = plan.seed.seed
    if seed is None or seed.reach is None:
        return True
    arguments = plan.extended()
    low, high = (arguments.add(end, "int8") for end in sorted(ends))
    between = f"res > {low} AND res < {high}"
    counted = seed.reach.replace("{between}", between).replace("{n}", suffix).replace("{most}", str(WALK))
    return bool((await planner.fetch(connection, counted, arguments))[0]["n"] < WALK)


def _from_here(planner: Planner, start: int, rising: bool) -> list[Segment]:
    """Returns the segments that a page can have rows of, in its order."""
    segments = planner.densities.segments
    here = segment_of(start) if 0 < start < FARTHEST else None
    if rising:
        return [segment for segment in reversed(segments) if here is None or segment.number >= here]
    falling = [segment for segment in segments if here is None or segment.number <= here]
    # The newest segment may be made and still be empty.
    return falling[1:] if here is None and len(falling) > 1 and not falling[0].rows else falling


async def _seeded(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, start: int, want: int, rising: bool
) -> tuple[list[Any], int | None]:
    """Returns rows by the seed, and how many match in all where everything is seen."""
    arguments = plan.extended()
    edge = _edge(arguments, start, rising)
    if not plan.sight.everything:
        return await _seeded_seen(connection, planner, plan, arguments, edge, want), None
    chosen = f"SELECT res, version FROM m WHERE res {edge.compare} {edge.place} ORDER BY res {edge.order} LIMIT {want}"
    opened = _opened(chosen, "", edge.order, ", (SELECT count(*) FROM m) AS total")
    rows = await planner.fetch(connection, f"{plan.gathered(planner.densities.segments)} {opened}", arguments)
    return rows, rows[0]["total"] if rows else 0


async def _seeded_seen(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, arguments: Arguments, edge: Edge, want: int
) -> list[Any]:
    """Returns rows by the seed that may be seen: asked in the order of the page, until it is full."""
    columns = "r.res, r.version, r.patient, r.labels, r.institution, r.type"
    columns += ", r.tok" if plan.sight.asks_tokens else ""  # The rows are sorted, and tokens are the most of one.
    arms = " UNION ALL ".join(plan.arm(segment, columns, sighted=False) for segment in planner.densities.segments)
    rows = f"SELECT * FROM ({arms}) AS a WHERE res {edge.compare} {edge.place} ORDER BY res {edge.order} OFFSET 0"
    chosen = f"SELECT r.res, r.version FROM ({rows}) AS r WHERE {plan.visible} ORDER BY r.res {edge.order} LIMIT {want}"
    return await planner.fetch(connection, _opened(chosen, "", edge.order), arguments)


async def _seeded_in(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, segment: Segment, start: int, want: int, rising: bool
) -> list[Any]:
    """Returns rows of one segment by the seed. They are many: none is kept but those of the page."""
    arguments = plan.extended()
    edge = _edge(arguments, start, rising)
    chosen = (
        f"{plan.arm(segment, 'r.res, r.version')} AND r.res {edge.compare} {edge.place} "
        f"ORDER BY r.res {edge.order} LIMIT {want}"
    )
    return await planner.fetch(connection, _opened(chosen, f"_{segment.number}", edge.order), arguments)


async def by_keys(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, query: Query, place: Place | None,
    reader: Reader, indexer: Indexer,
) -> Rows:  # fmt: skip
    """Returns a page by keys: sorted here where matches are few, else along the index of the first key."""
    few = await _few(connection, planner, plan)
    hides = not plan.sight.everything and query.total is None
    found = await along(connection, planner, plan, query, place, indexer) if few is None else few
    total = None if few is None or hides else len(few)
    return await _chosen(connection, plan, query, place, found, total, reader, indexer)


async def by_id(
    connection: asyncpg.Connection, planner: Planner, plan: Plan, query: Query, place: Place | None,
    reader: Reader, indexer: Indexer,
) -> Rows:  # fmt: skip
    """Returns a page by id where matches are few. No index has the ids: many come in the order of `res`.

    Raises TooCostly when the matches have become too many since the first page.
    """
    if place is None or len(place) > 1:
        few = await _few(connection, planner, plan)
        if few is not None:
            hides = not plan.sight.everything and query.total is None
            total = None if hides else len(few)
            return await _chosen(connection, plan, query, place, few, total, reader, indexer)
        if place is not None:
            raise TooCostly("fhir.search.too-many-ties", limit=MOST_SORTED)
    query.ignored.append(by_key())
    return await newest(connection, planner, plan, query, place)


def by_key() -> Issue:
    """Returns what is said of matches that are too many to be sorted by their ids."""
    return Issue("warning", "not-supported", "fhir.search.sort-by-key", parameters={"limit": MOST_SORTED})


async def _few(connection: asyncpg.Connection, planner: Planner, plan: Plan) -> list[Any] | None:
    """Returns all matches as (res, version, at), None when they are more than MOST_SORTED."""
    if plan.rows > MOST_SORTED * 10:
        return None
    sql = f"{plan.gathered(planner.densities.segments, MATCH)} SELECT res, version, at FROM m"
    found = await planner.fetch(connection, f"{sql} LIMIT {MOST_SORTED + 1}", plan.arguments)
    return found if len(found) <= MOST_SORTED else None


async def _chosen(
    connection: asyncpg.Connection, plan: Plan, query: Query, place: Place | None, found: list[Any],
    total: int | None, reader: Reader, indexer: Indexer,
) -> Rows:  # fmt: skip
    """Returns the page behind `place` of what was found, sorted here."""
    places = await sorted_places(connection, reader, indexer, query, found)
    rest = after(places, query.sort, place)
    chosen = rest[: query.count]
    wanted = [one[-1] for one in chosen]
    sql = (
        f"SELECT {COLUMNS} FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version "
        f"WHERE r.res = ANY ($1::int8[]) AND {visible('r', plan.sight)}"
    )
    by_res = {row["res"]: row for row in await connection.fetch(*seen(sql, plan.sight, wanted))}
    rows = [by_res[res] for res in wanted if res in by_res]
    more = len(rest) > query.count and bool(chosen)
    if place is None and not more:
        total = len(places)
    return Rows(rows, total, chosen[-1] if more else None)
