"""`_include` and `_revinclude`: what the matches refer to, and what refers to them."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir.search.tree import Include
from kangyun.store.index import Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.search.plans import COLUMNS
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight, seen, visible

MOST_INCLUDED = 10_000
MOST_ROUNDS = 16


class Includer:
    """Finds what is included."""

    def __init__(self, reader: Reader, indexer: Indexer) -> None:
        self._reader = reader
        self._indexer = indexer

    async def included(
        self, connection: asyncpg.Connection, matches: Sequence[Stored], includes: Sequence[Include], sight: Sight
    ) -> list[Stored]:
        """Returns what the includes bring, each once, without the matches. Raises TooCostly beyond MOST_INCLUDED."""
        known = {match.res for match in matches}
        brought: list[Stored] = []
        newest: Sequence[Stored] = matches
        for round_ in range(MOST_ROUNDS):
            found: dict[int, Stored] = {}
            for include in includes:
                if round_ and not include.iterate:
                    continue
                for stored in await self._once(connection, newest, include, sight):
                    if stored.res not in known:
                        found[stored.res] = stored
            if not found:
                break
            known |= found.keys()
            newest = list(found.values())
            brought += newest
            if len(brought) > MOST_INCLUDED:
                raise TooCostly("store.too-many-included", limit=MOST_INCLUDED)
        return brought

    async def _once(
        self, connection: asyncpg.Connection, sources: Sequence[Stored], include: Include, sight: Sight
    ) -> list[Stored]:
        if include.reverse:
            return await self._referring(connection, sources, include, sight)
        return await self._referred(connection, sources, include, sight)

    def _salts(self, type_: str, include: Include) -> list[int]:
        bound = self._indexer.bound(type_)
        if include.parameter is None:
            return [
                one.salt for one in bound.values() if one.parameter.type == "reference" and not one.parameter.alias_of
            ]
        codes = include.parameter.alias_of or (include.parameter.code,)
        return [bound[code].salt for code in codes if code in bound]

    async def _referred(
        self, connection: asyncpg.Connection, sources: Sequence[Stored], include: Include, sight: Sight
    ) -> list[Stored]:
        found: list[Stored] = []
        types = {source.type for source in sources} if include.source == "*" else {include.source}
        wanted = include.target or (include.parameter.only if include.parameter else None)
        for type_ in types:
            own = [source.res for source in sources if source.type == type_]
            if not own:
                continue
            sql = (
                f"SELECT {COLUMNS} FROM (SELECT DISTINCT l.tok # s.salt AS res FROM resource AS o "
                "CROSS JOIN unnest(o.tok[1:o.links]) AS l(tok) CROSS JOIN unnest($2::int8[]) AS s(salt) "
                f"WHERE o.res = ANY ($1::int8[]) AND {visible('o', sight)}) AS t "
                f"JOIN resource AS r ON r.res = t.res AND NOT r.deleted AND {visible('r', sight)} "
                "AND ($3::int2 IS NULL OR r.type = $3) JOIN version AS v ON v.res = r.res AND v.version = r.version "
                f"LIMIT {MOST_INCLUDED + 1}"
            )
            number = TYPE_NUMBERS[wanted] if wanted else None
            found += await self._opened(
                connection,
                await connection.fetch(*seen(sql, sight, own, self._salts(type_, include), number)),
            )
        return found

    async def _referring(
        self, connection: asyncpg.Connection, sources: Sequence[Stored], include: Include, sight: Sight
    ) -> list[Stored]:
        if include.target:
            sources = [source for source in sources if source.type == include.target]
        types = sorted(TYPE_NUMBERS) if include.source == "*" else [include.source]
        found: list[Stored] = []
        tokens: list[int] = []
        for type_ in types:
            tokens += [source.res ^ salt for salt in self._salts(type_, include) for source in sources]
        sql = (
            f"SELECT {COLUMNS} FROM unnest($1::int8[]) AS t(tok) CROSS JOIN LATERAL "
            "(SELECT * FROM resource AS o WHERE o.tok @> ARRAY[t.tok] OFFSET 0) AS r "
            "JOIN version AS v ON v.res = r.res AND v.version = r.version "
            f"WHERE NOT r.deleted AND {visible('r', sight)} LIMIT {MOST_INCLUDED + 1}"
        )
        if tokens:
            found += await self._opened(connection, await connection.fetch(*seen(sql, sight, tokens)))
        return found

    async def _opened(self, connection: asyncpg.Connection, rows: Iterable[Any]) -> list[Stored]:
        rows = list(rows)
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        return [self._reader.stored(row, row["res"]) for row in rows]
