"""Labels of what is there already, after the rules have changed: set-based, by the tokens that the index has.

A resource keeps what it was labelled before and gets what the new rules say: the stricter of both. What has no label at
all (from before there were labels) is seen by nobody until it has one. Bodies are not opened: the rules know types, and
codes and texts that are terms of the index. Contents get what their holders get, in the same transaction.
"""

from collections.abc import Awaitable, Callable

import asyncpg

from kangyun.database.pool import Pool
from kangyun.fhir.search.words import words
from kangyun.store import holders
from kangyun.store.index import Indexer
from kangyun.store.labelling import Labelling
from kangyun.store.medications import add_tokens
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import labels_by_rule, visible

CHUNK = 20_000 << 12
"""Numbers of `res` that one statement looks at."""
MOST_TERMS = 50_000  # that are read at once


class Relabeller:
    """Labels resources anew. One for a run."""

    def __init__(self, pool: Pool, indexer: Indexer) -> None:
        self._pool = pool
        self._indexer = indexer
        self._labelling: Labelling = indexer.labelling
        ordered = sorted(TYPE_NUMBERS.items(), key=lambda item: item[1])
        self.types = tuple(self._labelling.of_type(name) for name, _ in ordered)
        """What the rules say of each type, the first is of number 1."""

    async def prepare(self, connection: asyncpg.Connection) -> None:
        """Writes down which tokens bring which labels. In the caller's transaction."""
        tokens = await self._tokens(connection)
        await connection.execute("DELETE FROM label_token")
        await connection.copy_records_to_table("label_token", records=tokens.items(), columns=["token", "labels"])
        await add_tokens(connection, self._indexer, self.types)

    async def run(self, tell: Callable[[int], Awaitable[None]] | None = None) -> int:
        """Labels all resources by what `prepare` wrote; `tell` is told up to which `res`. Returns how many had less."""
        async with self._pool.connection() as connection:
            last = int(
                await connection.fetchval(f"SELECT coalesce(max(r.res), 0) FROM resource AS r WHERE {visible('r')}")
            )
        done = 0
        for low in range(0, last + 1, CHUNK):
            async with self._pool.connection() as connection, connection.transaction():
                count = await connection.execute(_LABEL, low, low + CHUNK, self.types)
                await holders.carry_within(connection, low, low + CHUNK, self._labelling)
            done += int(count.rpartition(" ")[2])
            if tell is not None:
                await tell(min(low + CHUNK, last))
        return done

    async def _tokens(self, connection: asyncpg.Connection) -> dict[int, int]:
        """Returns the labels of every token that brings one: of codes, and of texts by their words."""
        salts = [
            bound.salt
            for type_ in TYPE_NUMBERS
            for bound in self._indexer.bound(type_).values()
            if bound.labelled and not bound.parameter.alias_of
        ]
        found: dict[int, int] = {}
        after = -(1 << 63)
        while True:
            rows = await connection.fetch(_TERMS, salts, after, MOST_TERMS)
            for row in rows:
                mask = self._labelling.of_code(row["system"], row["code"])
                if mask:
                    found[row["token"]] = found.get(row["token"], 0) | mask
            if len(rows) < MOST_TERMS:
                break
            after = rows[-1]["token"]
        for text in self._labelling.texts:
            hashed = [self._indexer.hasher.number(word.encode()) for word in words(text)]
            for row in await connection.fetch(_WORDED, salts, hashed):
                found[row["token"]] = found.get(row["token"], 0) | self._labelling.of_text(text)
        return found


_TERMS = """
SELECT token, system, code FROM term WHERE parameter = ANY ($1::int8[]) AND code IS NOT NULL AND token > $2
ORDER BY token LIMIT $3
"""
_WORDED = "SELECT token FROM term WHERE words @> $2::int8[] AND parameter = ANY ($1::int8[])"
# What somebody has written meanwhile has its labels: its version is another one.
_LABEL = f"""
UPDATE resource AS t SET labels = n.labels
FROM (
    SELECT r.res, r.version, r.labels | {labels_by_rule("r", "$3::int8[]")} AS labels
    FROM resource AS r WHERE r.res >= $1 AND r.res < $2 AND {visible("r")}
) AS n
WHERE t.res = n.res AND t.res >= $1 AND t.res < $2 AND t.version = n.version AND t.labels <> n.labels
"""
