"""How frequent tokens are, from the server's own statistics: they choose plans and are never shown as counts.

A token that is not among a segment's frequent ones is rare there. Where there are no statistics yet, all are.
"""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg

from kangyun.store.segments import SEGMENT_NUMBERS

FRESH_FOR = 60.0  # seconds

_STATISTICS = """
SELECT substr(c.relname, 10)::int AS segment, greatest(c.reltuples, 0)::float8 AS rows,
    e.most_common_elems::text::int8[] AS tokens, e.most_common_elem_freqs AS token_shares,
    t.most_common_vals::text::int2[] AS types, t.most_common_freqs AS type_shares
FROM pg_class AS c
LEFT JOIN pg_stats AS e ON e.tablename = c.relname AND e.attname = 'tok' AND e.schemaname = current_schema()
LEFT JOIN pg_stats AS t ON t.tablename = c.relname AND t.attname = 'type' AND t.schemaname = current_schema()
WHERE c.relkind = 'r' AND c.relname ~ '^resource_[0-9]+$' AND c.relnamespace = current_schema()::regnamespace
"""


@dataclass(slots=True)
class Segment:
    """One segment: its number, rows, and the shares of its frequent tokens and types."""

    number: int
    rows: float = 0.0
    tokens: dict[int, float] = field(default_factory=dict)
    types: dict[int, float] = field(default_factory=dict)

    def rows_with(self, tokens: tuple[int, ...]) -> float:
        """Returns about how many rows have any of the tokens."""
        return min(sum(self.tokens.get(token, 0.0) for token in tokens), 1.0) * self.rows

    def rows_of_type(self, number: int) -> float:
        """Returns about how many rows are of a type."""
        return self.types.get(number, 0.0) * self.rows


class Densities:
    """The segments, newest first, as last seen. `refresh` is cheap to call: it asks once a minute."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._seen = -FRESH_FOR
        self._lock = asyncio.Lock()

    async def refresh(self, connection: asyncpg.Connection) -> None:
        """Brings the statistics up to date where they are older than FRESH_FOR."""
        if time.monotonic() - self._seen < FRESH_FOR:
            return
        async with self._lock:
            # Who comes first asks; the others wait only while nothing is known at all.
            if time.monotonic() - self._seen < FRESH_FOR:
                return
            if self.segments:
                self._seen = time.monotonic()
            await self._ask(connection)
            self._seen = time.monotonic()

    async def _ask(self, connection: asyncpg.Connection) -> None:
        newest = await connection.fetchval("SELECT last_value FROM res_number") // SEGMENT_NUMBERS
        found = []
        for row in await connection.fetch(_STATISTICS):
            if row["segment"] > newest + 1:
                continue
            tokens = dict(zip(row["tokens"] or (), row["token_shares"] or (), strict=False))
            types = dict(zip(row["types"] or (), row["type_shares"] or (), strict=False))
            found.append(Segment(row["segment"], row["rows"], tokens, types))
        self.segments = sorted(found, key=lambda segment: -segment.number)

    @property
    def rows(self) -> float:
        return sum(segment.rows for segment in self.segments)

    def rows_of_type(self, number: int) -> float:
        """Returns about how many rows are of a type."""
        return sum(segment.rows_of_type(number) for segment in self.segments)
