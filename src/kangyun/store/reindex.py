"""The index made again, while everybody reads and writes: for a new search parameter, or for all.

It goes up through `res` in small steps and remembers how far it came; a resource that somebody changes meanwhile is
indexed by that change. What is current already is passed over, so a step done twice does no harm. No version is made
and no commit: the record is what it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.database.pool import Pool
from kangyun.fhir.references import references
from kangyun.store import holders, rows
from kangyun.store.bundles import named_patients
from kangyun.store.contents import named_contents
from kangyun.store.index import Indexer, IndexRow, News, Target
from kangyun.store.model import Stored
from kangyun.store.reader import Name, Reader
from kangyun.store.references import local_target
from kangyun.store.registry import Registry
from kangyun.store.statements import statement
from kangyun.store.tokens import bucket_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.writer import OTHER_EDITION

STEP = 200
FARTHEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reindexing is: up to this `res`; how many were made anew, and about how many are left."""

    res: int
    done: int
    left: int


# Told after each step; may raise to stop.
Tell = Callable[[Progress], Awaitable[None]]


class Reindexer:
    """Makes index rows anew. One for a process; several processes may do different ranges."""

    def __init__(
        self, pool: Pool, reader: Reader, indexer: Indexer, registry: Registry, bases: tuple[str, ...]
    ) -> None:
        self._pool = pool
        self._reader = reader
        self._indexer = indexer
        self._registry = registry
        self._bases = bases

    async def run(self, types: Sequence[str], tell: Tell, after: int = 0, upto: int = FARTHEST) -> int:
        """Makes anew all rows of the types that are older than the edition that stands; returns how many.

        after: the `res` that an earlier run came to.
        """
        numbers = [TYPE_NUMBERS[type_] for type_ in types]
        await self._refresh()
        async with self._pool.connection() as connection:
            left = await connection.fetchval(statement("count_outdated"), self._registry.edition, numbers)
        done = 0
        while True:
            async with self._pool.connection() as connection:
                found = await connection.fetch(
                    statement("outdated"), after, self._registry.edition, numbers, upto, STEP
                )
                if not found:
                    return done
                try:
                    made = await self._step(connection, [row["res"] for row in found])
                except asyncpg.PostgresError as error:
                    if error.sqlstate != OTHER_EDITION:
                        raise
                    made = -1
            if made < 0:
                await self._refresh()
                continue
            after, done = found[-1]["res"], done + made
            await tell(Progress(after, done, max(left - done, 0)))
            await asyncio.sleep(0)

    async def _refresh(self) -> None:
        async with self._pool.connection() as connection:
            await self._registry.refresh(connection)

    async def _step(self, connection: asyncpg.Connection, res: list[int]) -> int:
        read = await connection.fetch(statement("to_reindex"), res)
        await self._reader.bring_keys(connection, [row["key"] for row in read])
        stored = [self._reader.stored(row, row["res"]) for row in read]
        targets = await self._targets(connection, stored)
        news = News()
        indexed = [(one, self._indexer.row(one.resource, one.res, targets, news)) for one in stored]
        held = await self._held(connection, stored)
        async with connection.transaction():
            done: int = await self._write(connection, stored, indexed, news)
            if held:
                await holders.note_old(connection, held)
                await holders.carry(connection, {holder for _, holder in held}, self._indexer.labelling)
        self._indexer.learn(news)
        return done

    async def _write(
        self, connection: asyncpg.Connection, stored: Sequence[Stored], indexed: Sequence[tuple[Stored, IndexRow]],
        news: News,
    ) -> int:  # fmt: skip
        done: int = await connection.fetchval(
            _REINDEX,
            self._registry.edition,
            # The patients', too: whom an erasure is about to forget is not indexed anew.
            sorted({bucket_of(res) for one, row in indexed for res in {one.res, row.patient} if res is not None}),
            [rows.expectation(one.res, one.version) for one in stored],
            [self._row(one, row) for one, row in indexed],
            news.term_rows(),
            news.unit_rows(),
            [rows.date_row(one.res, *v) for one, row in indexed for v in row.dates],
            [rows.quantity_row(one.res, *v) for one, row in indexed for v in row.quantities],
            [rows.string_row(one.res, *v) for one, row in indexed for v in row.strings],
        )
        return done

    async def _held(self, connection: asyncpg.Connection, stored: Sequence[Stored]) -> list[tuple[int, int]]:
        """Returns (content, holder) of what they name: contents have the labels of what holds them."""
        named = [(name, one.res) for one in stored for name in named_contents(one.resource, self._bases, one.rest)]
        res_of = self._reader.ids.res_of
        chosen = {name for name, _ in named if res_of(name[1]) is None}
        known = await self._reader.names(connection, list(chosen)) if chosen else {}
        contents = [(res_of(name[1]) or known.get(name), holder) for name, holder in named]
        return [(content, holder) for content, holder in contents if content is not None]

    def _row(self, one: Stored, row: IndexRow) -> bytes:
        # The institution is not the index's: the statement leaves it as it is. Labels it only adds to.
        return rows.resource_row(
            *(one.res, row.patient, row.at, row.until, row.labels, row.present, 0, one.version, TYPE_NUMBERS[one.type]),
            *(self._registry.edition, row.links, False, row.tok),
        )

    async def _targets(self, connection: asyncpg.Connection, stored: Sequence[Stored]) -> dict[str, Target]:
        """Returns where the local references lead."""
        found: dict[str, Target] = {}
        chosen: dict[Name, list[str]] = {}
        for one in stored:
            for link in references(one.resource, one.rest) + named_patients(one.resource, self._bases):
                target = local_target(link["reference"])
                if target is None:
                    continue
                res = self._reader.ids.res_of(target[1])
                if res is not None:
                    found[link["reference"]] = res
                else:
                    chosen.setdefault(target, []).append(link["reference"])
        for name, res in (await self._reader.names(connection, list(chosen))).items():
            found.update(dict.fromkeys(chosen[name], res))
        return found


_REINDEX = (
    "SELECT done FROM reindex_rows($1, $2::int4[], $3::expectation[], $4::resource_row[], $5::term_row[], "
    "$6::unit_row[], $7::date_row[], $8::quantity_row[], $9::string_row[])"
)
