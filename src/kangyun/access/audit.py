"""Audit rows of reads, and of what was refused: written in groups, and durable before the answer leaves.

A write's row is part of its transaction (`store.writer`). Chaining, signing and alerts are another issue.
"""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from kangyun.base.errors import Unavailable
from kangyun.database.gathering import Gathering
from kangyun.database.pool import LOST, Pool

GROUP = 64
PATIENCE = 0.005  # seconds that the first of a group waits for others
# A statement that is prepared once; COPY is parsed each time, and takes a round trip more. An array of arrays has one
# length for all: the patients of a row come as text.
_INSERT = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
SELECT instant, institution, outcome, action, actor, purpose, shape, source, request, patients::int8[] FROM unnest(
    $1::timestamptz[], $2::int4[], $3::int2[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[]
) AS a(instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
"""
Row = tuple[Any, ...]
"""The columns of a row, in the order above; patients as a list."""


class Auditor:
    """Writes audit rows. One for a process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gathering = Gathering(self._store, most=GROUP, patience=PATIENCE)
        # Told of each group, how many rows it has.
        self.on_group: Callable[[int], object] | None = None

    async def write(self, row: Row) -> None:
        """Returns when the row is on disk. Raises Unavailable when it cannot be: then nothing may be shown."""
        try:
            await self._gathering.do(row)
        except (asyncpg.PostgresError, Unavailable, *LOST) as error:
            raise Unavailable("access.audit-not-written") from error

    async def _store(self, rows: Sequence[Row]) -> Sequence[None]:
        if self.on_group is not None:
            self.on_group(len(rows))
        async with self._pool.connection() as connection:
            *columns, patients = zip(*rows, strict=True)
            await connection.execute(_INSERT, *columns, [_array(one) for one in patients])
        return [None] * len(rows)


def _array(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
