"""Searches carried out: plan, page, total, and what is included."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import Node
from kangyun.store.index import Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.search import pages
from kangyun.store.search.cursor import Cursors
from kangyun.store.search.includes import Includer
from kangyun.store.search.pages import FARTHEST, FEW, MOST_COUNTED, Rows
from kangyun.store.search.plans import Plan, Planner
from kangyun.store.search.sorting import Place
from kangyun.store.search.values import Expand
from kangyun.store.visible import EVERYTHING, Sight

# Below this many rows in all, counting costs nothing to speak of.
SMALL = 20_000
# A commit may be some milliseconds ahead of the clock.
NEWEST_INSTANT = "SELECT greatest(clock_timestamp(), (SELECT max(instant) FROM commit))"
# Where more of a type than this are targets of a chain, the first rows that are looked at will do.
MOST_SHARE = 0.2


@dataclass(slots=True)
class Page:
    """A page of matches. `total` is None where it was not counted; `next` is the cursor of the page behind."""

    matches: list[Stored]
    total: int | None = None
    next: str | None = None
    included: list[Stored] = field(default_factory=list)


class Searcher:
    """Carries out searches. One for a process."""

    def __init__(
        self, reader: Reader, indexer: Indexer, cursors: Cursors, expand: Expand, bases: tuple[str, ...], seconds: float
    ) -> None:
        self.reader = reader
        self.indexer = indexer
        self.cursors = cursors
        self.planner = Planner(reader, indexer, expand, bases, seconds)
        self.includer = Includer(reader, indexer)

    async def search(self, connection: asyncpg.Connection, query: Query, actor: str, sight: Sight = EVERYTHING) -> Page:
        """Returns a page of a search. Raises TooCostly when it takes longer than its limit."""
        async with self.in_time(connection, self._cheaper(query.type)):
            return await self._search(connection, query, actor, sight)

    @contextlib.asynccontextmanager
    async def in_time(self, connection: asyncpg.Connection, cheaper: str) -> AsyncIterator[None]:
        """Ends what takes longer than the limit by TooCostly, which names what would be cheaper, and the connection."""
        try:
            async with asyncio.timeout(self.planner.seconds * 2):
                yield
        except (TimeoutError, asyncpg.QueryCanceledError):
            # Its statement may go on for a while, and must not meet the next caller.
            connection.terminate()
            raise TooCostly("fhir.search.too-costly", seconds=str(self.planner.seconds), cheaper=cheaper) from None

    async def matches(
        self, connection: asyncpg.Connection, type_: str, node: Node, most: int = 2, sight: Sight = EVERYTHING
    ) -> list[str]:
        """Returns the ids of at most `most` matches: for conditional interactions. Raises TooCostly as `search`."""
        async with self.in_time(connection, self._cheaper(type_)):
            await self.planner.densities.refresh(connection)
            plan = await self.planner.plan(connection, type_, node, self, sight)
            rows, _ = await pages.found(connection, self.planner, plan, FARTHEST, most)
            await self.reader.bring_keys(connection, [row["key"] for row in rows])
            return [self.reader.stored(row, row["res"]).id for row in rows]

    async def residents(
        self, connection: asyncpg.Connection, query: Query, node: Node, most: int, sight: Sight
    ) -> set[int] | None:
        """Returns whom all that matches a node of a search is about, None where they are more than `most`, or many
        rows would have to be looked at. Raises TooCostly as `search`."""
        async with self.in_time(connection, self._cheaper(query.type)):
            await self.planner.densities.refresh(connection)
            plan = await self.planner.plan(connection, query.type, node, self, sight, query.compartment)
            if plan.rows > MOST_COUNTED:
                return None
            gathered = plan.gathered(self.planner.densities.segments, "r.patient")
            sql = f"{gathered} SELECT DISTINCT patient FROM m WHERE patient IS NOT NULL LIMIT {most + 1}"
            rows = await self.planner.fetch(connection, sql, plan.arguments)
            return {row["patient"] for row in rows} if len(rows) <= most else None

    # --- for chains

    async def keys(
        self, connection: asyncpg.Connection, type_: str, node: Node, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` of all matches, None when they are more than `most`, or a large part of many."""
        plan = await self.planner.plan(connection, type_, node, self, sight, most_probed=most)
        if plan.rows > most or (plan.rows > FEW and plan.share > MOST_SHARE):
            return None
        sql = f"{plan.gathered(self.planner.densities.segments)} SELECT res FROM m LIMIT {most + 1}"
        rows = await self.planner.fetch(connection, sql, plan.arguments)
        return [row["res"] for row in rows] if len(rows) <= most else None

    async def referred(
        self, connection: asyncpg.Connection, type_: str, node: Node, salt: int, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` that all matches refer to by one parameter, None as for `keys`."""
        plan = await self.planner.plan(connection, type_, node, self, sight)
        if plan.rows > most:
            return None
        place = plan.arguments.add(salt, "int8")
        sql = (
            f"{plan.gathered(self.planner.densities.segments, 'r.tok[1:r.links] AS links')} "
            f"SELECT DISTINCT l.tok # {place} AS res FROM m CROSS JOIN unnest(m.links) AS l(tok) LIMIT {most * 8}"
        )
        rows = await self.planner.fetch(connection, sql, plan.arguments)
        # Tokens of other parameters give numbers that no resource has.
        return [row["res"] for row in rows if 0 < row["res"] < 1 << 52] if len(rows) < most * 8 else None

    # --- a page

    async def _search(self, connection: asyncpg.Connection, query: Query, actor: str, sight: Sight) -> Page:
        await self.planner.densities.refresh(connection)
        place = await self.place(connection, query, actor)
        plan = await self.planner.plan(connection, query.type, query.node, self, sight, query.compartment)
        if query.summary == "count" or query.count == 0:
            return Page([], await self.planner.count(connection, plan, None))
        rows, total, last = await self.rows(connection, plan, query, place)
        await self.reader.bring_keys(connection, [row["key"] for row in rows])
        answer = Page([self.reader.stored(row, row["res"]) for row in rows], total)
        if last is not None:
            answer.next = self.cursor(query, actor, last)
        if total is None and place is None:
            answer.total = await self.wanted_total(connection, plan, query)
        if query.includes and answer.matches:
            answer.included = await self.includer.included(connection, answer.matches, query.includes, sight)
        return answer

    async def place(
        self, connection: asyncpg.Connection, query: Query, actor: str, asked: list[tuple[str, str]] | None = None
    ) -> Place | None:
        """Returns the place behind which the page begins, None for the first one. Settles `query.as_of`."""
        place = self.cursors.read(query.cursor, actor, asked or query.asked) if query.cursor else None
        if query.by_instant:
            query.as_of = datetime.fromisoformat(place.pop()) if place else await connection.fetchval(NEWEST_INSTANT)
        return place

    def cursor(self, query: Query, actor: str, last: Place, asked: list[tuple[str, str]] | None = None) -> str:
        """Returns the cursor of the page behind `last`."""
        as_of = [query.as_of.isoformat()] if query.as_of else []
        return self.cursors.write([*last, *as_of], actor, asked or query.asked)

    async def rows(self, connection: asyncpg.Connection, plan: Plan, query: Query, place: Place | None) -> Rows:
        """Returns the rows of a page in the order that is asked for."""
        sort = query.sort
        if not sort:
            return await pages.newest(connection, self.planner, plan, query, place)
        if sort[0].code == "_id":
            return await pages.by_id(connection, self.planner, plan, query, place, self.reader, self.indexer)
        return await pages.by_keys(connection, self.planner, plan, query, place, self.reader, self.indexer)

    async def wanted_total(self, connection: asyncpg.Connection, plan: Plan, query: Query) -> int | None:
        """Returns the total that the search asks for, or that costs next to nothing. Never the server's guess."""
        if query.total == "accurate":
            return await self.planner.count(connection, plan, None)
        if query.total == "none":
            return None
        if not plan.sight.everything and query.total is None:
            return None  # Whether it is cheap tells of rows that are not seen.
        small = self.planner.densities.rows < SMALL or (plan.rows <= MOST_COUNTED / 5 and not plan.joined)
        if query.total == "estimate" or small:
            counted = await self.planner.count(connection, plan, MOST_COUNTED + 1)
            return counted if counted <= MOST_COUNTED or query.total else None
        return None

    def _cheaper(self, type_: str) -> str:
        known = self.indexer.bound(type_)
        codes = ("patient", "subject", "identifier", "encounter", "code", "_id")
        return ", ".join(code for code in codes if code in known)
