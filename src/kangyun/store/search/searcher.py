"""Searches carried out: the plan, the page, the total, and what is included.

Three ways to a page, measured in facts/store.md 1(a) and 1(c):

* *walk*: the newest rows of a segment, at most WALK of them, stopping when the page is full. For what is frequent.
* *seed*: an index gives all rows that can match, in every segment; the rest is filtered, the newest are taken. For
  what is rare,
  and when a walk did not fill the page. The total comes with it.
* *order*: rows along (type, clinical date) or (patient, type, clinical date). For sorting by date.

Other sorts take at most MOST_SORTED matches.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.base.errors import NotSupported, TooCostly
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import Node
from kangyun.store.index import CLINICAL_DATE, Indexer
from kangyun.store.model import TYPE_NUMBERS, Stored
from kangyun.store.reader import Name, Reader
from kangyun.store.search.compiler import Compiler, Expand
from kangyun.store.search.conditions import Arguments, Condition, Seed
from kangyun.store.search.cursor import Cursors
from kangyun.store.search.densities import Densities
from kangyun.store.search.includes import Includer
from kangyun.store.search.sorting import MOST_SORTED, after, sorted_places
from kangyun.store.visible import EVERYTHING, Sight, visible

WALK = 4000
MOST_COUNTED = 10_000
# Below this many rows in all, counting costs nothing to speak of.
SMALL = 20_000
FARTHEST = (1 << 63) - 1
# What is known of a seed that says only that it is sharp.
SHARP_ROWS = 50.0
UNKNOWN_SHARE = 0.05

_COLUMNS = "v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body"


@dataclass(slots=True)
class Page:
    """A page of matches. `total` is None where it was not counted; `next` is the cursor of the page behind."""

    matches: list[Stored]
    total: int | None = None
    next: str | None = None
    included: list[Stored] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """A search compiled: its conditions and what is known of how many rows they leave."""

    type: str
    conditions: list[Condition]
    arguments: Arguments
    sight: Sight
    seed: Condition | None
    rows: float
    share: float


class Searcher:
    """Carries out searches. One for a process."""

    def __init__(
        self, reader: Reader, indexer: Indexer, cursors: Cursors, expand: Expand, bases: tuple[str, ...], seconds: float
    ) -> None:
        self._reader = reader
        self._indexer = indexer
        self.cursors = cursors
        self._expand = expand
        self._bases = bases
        self._seconds = seconds
        self.densities = Densities()
        self._includer = Includer(reader, indexer)

    async def search(self, connection: asyncpg.Connection, query: Query, actor: str, sight: Sight = EVERYTHING) -> Page:
        """Returns a page of a search. Raises TooCostly when it takes longer than its limit."""
        try:
            async with asyncio.timeout(self._seconds * 2):
                return await self._search(connection, query, actor, sight)
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise TooCostly(
                "fhir.search.too-costly", seconds=str(self._seconds), cheaper=self._cheaper(query.type)
            ) from None

    async def matches(self, connection: asyncpg.Connection, type_: str, node: Node, most: int = 2) -> list[str]:
        """Returns the ids of at most `most` matches: for conditional interactions."""
        await self.densities.refresh(connection)
        plan = await self._plan(connection, type_, node, EVERYTHING)
        rows, _ = await self._seeded(connection, plan, FARTHEST, most)
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        return [self._reader.stored(row, row["res"]).id for row in rows]

    # --- for chains

    async def keys(
        self, connection: asyncpg.Connection, type_: str, node: Node, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` of all matches, None when they are more than `most` or no index gives them."""
        plan = await self._plan(connection, type_, node, sight)
        if plan.rows > most * 2:
            return None
        rows = await self._fetch(
            connection, f"{self._gathered(plan)} SELECT res FROM m LIMIT {most + 1}", plan.arguments
        )
        return [row["res"] for row in rows] if len(rows) <= most else None

    async def referred(
        self, connection: asyncpg.Connection, type_: str, node: Node, salt: int, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` that all matches refer to by one parameter, None as for `keys`."""
        plan = await self._plan(connection, type_, node, sight)
        if plan.rows > most:
            return None
        place = plan.arguments.add(salt, "int8")
        sql = (
            f"{self._gathered(plan)} SELECT DISTINCT l.tok # {place} AS res FROM m "
            f"JOIN resource AS r ON r.res = m.res CROSS JOIN unnest(r.tok[1:r.links]) AS l(tok) LIMIT {most * 8}"
        )
        rows = await self._fetch(connection, sql, plan.arguments)
        return [row["res"] for row in rows if 0 < row["res"] < 1 << 52] if len(rows) < most * 8 else None

    # --- for who follows changes

    async def among(
        self, connection: asyncpg.Connection, type_: str, node: Node, chosen: Sequence[int], sight: Sight = EVERYTHING
    ) -> dict[int, int]:
        """Returns those of the chosen `res` that match, with the versions that do."""
        await self.densities.refresh(connection)
        plan = await self._plan(connection, type_, node, sight)
        place = plan.arguments.add(list(chosen), "int8[]")
        sql = (
            f"SELECT r.res, r.version FROM (SELECT * FROM resource WHERE res = ANY ({place}) OFFSET 0) AS r "
            f"WHERE {self._where(plan, '')}"
        )
        return {row["res"]: row["version"] for row in await self._fetch(connection, sql, plan.arguments)}

    # --- a page

    async def _search(self, connection: asyncpg.Connection, query: Query, actor: str, sight: Sight) -> Page:
        await self.densities.refresh(connection)
        place = self.cursors.read(query.cursor, actor, query.asked) if query.cursor else None
        plan = await self._plan(connection, query.type, query.node, sight, query.compartment)
        if query.summary == "count" or query.count == 0:
            return Page([], await self._count(connection, plan, None))
        clinical = CLINICAL_DATE.get(query.type)
        if not query.sort or query.sort[0].code == "_id":
            page = await self._newest(connection, plan, query, place)
        elif len(query.sort) == 1 and query.sort[0].code == clinical:
            page = await self._by_date(connection, plan, query, place)
        else:
            page = await self._sorted(connection, plan, query, place)
        rows, total, last = page
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        answer = Page([self._reader.stored(row, row["res"]) for row in rows], total)
        if last is not None:
            answer.next = self.cursors.write(last, actor, query.asked)
        if total is None and place is None:
            answer.total = await self._wanted_total(connection, plan, query)
        if query.includes and answer.matches:
            answer.included = await self._includer.included(connection, answer.matches, query.includes, sight)
        return answer

    async def _plan(
        self, connection: asyncpg.Connection, type_: str, node: Node, sight: Sight, owner: Name | None = None
    ) -> _Plan:
        arguments = Arguments()
        compiler = Compiler(connection, self._indexer, self._reader, self, self._bases, self._expand, arguments, sight)
        conditions = await compiler.conditions(type_, node)
        if owner:
            conditions.append(await compiler.compartment(type_, owner))
        total = max(self.densities.rows, 1.0)
        number = TYPE_NUMBERS[type_]
        of_type = self.densities.rows_of_type(number)
        share = of_type / total
        best: tuple[float, Condition | None] = (of_type, None)
        for condition in conditions:
            if condition.seed is None:
                continue
            rows = self._rows(condition.seed, total)
            if condition.seed.tokens or condition.seed.any_of:
                share = min(share, rows / total) if share else rows / total
            if rows < best[0] or best[1] is None:
                best = (min(rows, best[0]) if best[1] is not None else rows, condition)
        if best[1] is None or (best[0] > of_type and not conditions):
            best = (of_type, self._type_seed(number))
        return _Plan(type_, conditions, arguments, sight, best[1], best[0], share)

    def _rows(self, seed: Seed, total: float) -> float:
        if seed.sharp:
            return SHARP_ROWS
        if seed.tokens:
            return min(self.densities.rows_with((token,)) for token in seed.tokens)
        if seed.any_of:
            return self.densities.rows_with(seed.any_of)
        return total * UNKNOWN_SHARE

    @staticmethod
    def _type_seed(number: int) -> Condition:
        return Condition("TRUE", Seed(f"SELECT * FROM resource{{n}} WHERE type = {number} OFFSET 0", None))

    async def _newest(
        self, connection: asyncpg.Connection, plan: _Plan, query: Query, place: list[Any] | None
    ) -> tuple[list[Any], int | None, list[Any] | None]:
        """A page in the default order: `res` descending; `_sort=_id` is the other way round."""
        rising = bool(query.sort) and not query.sort[0].descending
        start = place[0] if place else (0 if rising else FARTHEST)
        want = query.count + 1
        rows: list[Any] | None = None
        total = None
        if plan.share * WALK >= 2 * want:
            rows = await self._walk(connection, plan, start, want, rising)
        if rows is None:
            rows, total = await self._seeded(connection, plan, start, want, rising=rising)
        if place is not None or (total is not None and total > MOST_COUNTED and query.total is None):
            total = None
        if len(rows) < want and place is None:
            total = len(rows)
        more = len(rows) == want
        rows = rows[: query.count]
        return rows, total, [rows[-1]["res"]] if more and rows else None

    async def _walk(
        self, connection: asyncpg.Connection, plan: _Plan, start: int, want: int, rising: bool
    ) -> list[Any] | None:
        """Walks the newest rows of the segment that the page starts in; None when they do not fill it."""
        segments = [s for s in self.densities.segments if s.rows]
        if rising:
            segments.reverse()
        for segment in segments:
            suffix = f"_{segment.number}"
            arguments = _copied(plan.arguments)
            compare, order = (">", "ASC") if rising else ("<", "DESC")
            edge = arguments.add(start, "int8")
            sql = (
                f"SELECT {_COLUMNS} FROM (SELECT r.res, r.version FROM (SELECT * FROM resource{suffix} "
                f"WHERE res {compare} {edge} ORDER BY res {order} LIMIT {WALK}) AS r "
                f"WHERE {self._where(plan, suffix)} ORDER BY r.res {order} LIMIT {want}) AS p "
                f"JOIN version{suffix} AS v ON v.res = p.res AND v.version = p.version ORDER BY p.res {order}"
            )
            rows: list[Any] = await self._fetch(connection, sql, arguments)
            if len(rows) == want:
                return rows
            if rows or plan.rows < segment.rows:
                return None
        return None

    def _where(self, plan: _Plan, suffix: str, given: Condition | None = None) -> str:
        """The conditions on alias r, but for the one that a seed answers already."""
        parts = [f"r.type = {TYPE_NUMBERS[plan.type]}", "NOT r.deleted", visible("r", plan.sight)]
        parts += [
            condition.sql
            for condition in plan.conditions
            if not (condition is given and condition.seed is not None and condition.seed.exact)
        ]
        return " AND ".join(parts).replace("{r}", "r").replace("{n}", suffix)

    def _gathered(self, plan: _Plan, columns: str = "r.res, r.version") -> str:
        """`WITH m AS (…)`: all matches, by the seed, in every segment."""
        chosen = plan.seed or self._type_seed(TYPE_NUMBERS[plan.type])
        assert chosen.seed is not None
        arms = []
        for segment in self.densities.segments:
            suffix = f"_{segment.number}"
            seed = chosen.seed.sql.replace("{n}", suffix)
            arms.append(f"SELECT {columns} FROM ({seed}) AS r WHERE {self._where(plan, suffix, chosen)}")
        return f"WITH m AS MATERIALIZED ({' UNION ALL '.join(arms)})"

    async def _seeded(
        self, connection: asyncpg.Connection, plan: _Plan, start: int, want: int, *, rising: bool = False
    ) -> tuple[list[Any], int | None]:
        arguments = _copied(plan.arguments)
        compare, order = (">", "ASC") if rising else ("<", "DESC")
        edge = arguments.add(start, "int8")
        sql = (
            f"{self._gathered(plan)} SELECT {_COLUMNS}, (SELECT count(*) FROM m) AS total "
            f"FROM (SELECT res, version FROM m WHERE res {compare} {edge} ORDER BY res {order} LIMIT {want}) AS p "
            f"JOIN version AS v ON v.res = p.res AND v.version = p.version ORDER BY p.res {order}"
        )
        rows = await self._fetch(connection, sql, arguments)
        return rows, rows[0]["total"] if rows else None

    async def _by_date(
        self, connection: asyncpg.Connection, plan: _Plan, query: Query, place: list[Any] | None
    ) -> tuple[list[Any], int | None, list[Any] | None]:
        """A page by clinical date: along an index where one patient or the type gives the order."""
        descending = query.sort[0].descending
        order = "DESC" if descending else "ASC"
        want = query.count + 1
        if plan.rows > MOST_SORTED:
            rows = await self._along_type(connection, plan, want, order, place)
            if rows is not None:
                return self._dated(rows, None, query)
        arguments = _copied(plan.arguments)
        after = _after(arguments, place, descending)
        sql = (
            f"{self._gathered(plan, 'r.res, r.version, r.at')} "
            f"SELECT {_COLUMNS}, p.at, (SELECT count(*) FROM m) AS total "
            f"FROM (SELECT res, version, at FROM m WHERE {after} ORDER BY at {order}, res {order} LIMIT {want}) AS p "
            f"JOIN version AS v ON v.res = p.res AND v.version = p.version ORDER BY p.at {order}, p.res {order}"
        )
        rows = await self._fetch(connection, sql, arguments)
        total = rows[0]["total"] if rows else (0 if place is None else None)
        if place is not None or (total is not None and total > MOST_COUNTED and query.total is None):
            total = None
        return self._dated(rows, total, query)

    async def _along_type(
        self, connection: asyncpg.Connection, plan: _Plan, want: int, order: str, place: list[Any] | None
    ) -> list[Any] | None:
        arguments = _copied(plan.arguments)
        after = _after(arguments, place, order == "DESC")
        number = TYPE_NUMBERS[plan.type]
        arms = []
        for segment in self.densities.segments:
            suffix = f"_{segment.number}"
            arms.append(
                f"(SELECT r.res, r.version, r.at FROM (SELECT * FROM resource{suffix} "
                f"WHERE type = {number} AND {after} "
                f"ORDER BY at {order}, res {order} LIMIT {WALK * 5}) AS r WHERE {self._where(plan, suffix)} "
                f"ORDER BY r.at {order}, r.res {order} LIMIT {want})"
            )
        sql = (
            f"SELECT {_COLUMNS}, p.at FROM (SELECT * FROM ({' UNION ALL '.join(arms)}) AS a "
            f"ORDER BY at {order}, res {order} LIMIT {want}) AS p "
            f"JOIN version AS v ON v.res = p.res AND v.version = p.version ORDER BY p.at {order}, p.res {order}"
        )
        rows: list[Any] = await self._fetch(connection, sql, arguments)
        return rows if len(rows) == want else None

    @staticmethod
    def _dated(rows: list[Any], total: int | None, query: Query) -> tuple[list[Any], int | None, list[Any] | None]:
        more = len(rows) > query.count
        rows = rows[: query.count]
        last = [_written(rows[-1]["at"]), rows[-1]["res"]] if more and rows else None
        return rows, total, last

    async def _sorted(
        self, connection: asyncpg.Connection, plan: _Plan, query: Query, place: list[Any] | None
    ) -> tuple[list[Any], int | None, list[Any] | None]:
        """A page by other keys: all matches, at most MOST_SORTED, with their sort values."""
        sql = f"{self._gathered(plan, 'r.res, r.version, r.at')} SELECT res, version, at FROM m LIMIT {MOST_SORTED + 1}"
        found = await self._fetch(connection, sql, plan.arguments)
        if len(found) > MOST_SORTED:
            code = query.sort[0].code
            raise NotSupported("fhir.search.sort-too-many", limit=MOST_SORTED, parameter=code)
        places = await sorted_places(connection, self._reader, self._indexer, query, found)
        rest = after(places, query.sort, place)
        chosen = rest[: query.count]
        wanted = [one[-1] for one in chosen]
        sql = (
            f"SELECT {_COLUMNS} FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version "
            f"WHERE r.res = ANY ($1::int8[]) AND {visible('r', plan.sight)}"
        )
        by_res = {row["res"]: row for row in await connection.fetch(sql, wanted)}
        rows = [by_res[res] for res in wanted if res in by_res]
        return rows, len(places), chosen[-1] if len(rest) > query.count and chosen else None

    # --- totals

    async def _wanted_total(self, connection: asyncpg.Connection, plan: _Plan, query: Query) -> int | None:
        if query.total == "accurate":
            return await self._count(connection, plan, None)
        if query.total == "none":
            return None
        if query.total == "estimate" or self.densities.rows < SMALL or plan.rows <= MOST_COUNTED / 5:
            counted = await self._count(connection, plan, MOST_COUNTED + 1)
            return counted if counted <= MOST_COUNTED or query.total else None
        return None

    async def _count(self, connection: asyncpg.Connection, plan: _Plan, most: int | None) -> int:
        limit = f" LIMIT {most}" if most else ""
        chosen = plan.seed or self._type_seed(TYPE_NUMBERS[plan.type])
        assert chosen.seed is not None
        arms = []
        for segment in self.densities.segments:
            suffix = f"_{segment.number}"
            seed = chosen.seed.sql.replace("{n}", suffix)
            arms.append(f"SELECT 1 FROM ({seed}) AS r WHERE {self._where(plan, suffix, chosen)}")
        sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM ({' UNION ALL '.join(arms)}) AS a{limit}) AS b"
        return int((await self._fetch(connection, sql, plan.arguments))[0]["n"])

    async def _fetch(self, connection: asyncpg.Connection, sql: str, arguments: Arguments) -> list[Any]:
        fitted, values = arguments.fitted(sql)
        rows: list[Any] = await connection.fetch(fitted, *values, timeout=self._seconds)
        return rows

    def _cheaper(self, type_: str) -> str:
        known = self._indexer.bound(type_)
        return ", ".join(
            code for code in ("patient", "subject", "identifier", "encounter", "code", "_id") if code in known
        )


def _copied(arguments: Arguments) -> Arguments:
    copy = Arguments()
    copy.values = list(arguments.values)
    return copy


def _after(arguments: Arguments, place: list[Any] | None, descending: bool) -> str:
    if place is None:
        return "TRUE"
    moment, res = arguments.add(_read(place[0]), "timestamptz"), arguments.add(place[1], "int8")
    return f"(at, res) {'<' if descending else '>'} ({moment}, {res})"


def _written(moment: datetime) -> str:
    return moment.isoformat()


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)
