"""Audit rows of reads, and of what was refused: written in groups, and durable before the answer leaves.

A write's row is part of its transaction (`store.writer`). Chaining, signing and alerts are another issue.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from kangyun.base.errors import Unavailable
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
        self._rows: list[Row] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()
        # Told of each group, how many rows it has.
        self.on_group: Callable[[int], object] | None = None

    async def write(self, row: Row) -> None:
        """Returns when the row is on disk. Raises Unavailable when it cannot be: then nothing may be shown."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._rows.append(row)
        self._waiting.append(done)
        if len(self._rows) >= GROUP:
            self._flush()
        elif not self._writing:
            # Nobody writes: go at once, and let those who come meanwhile be the next group.
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._flush)
        await done

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, []
        waiting, self._waiting = self._waiting, []
        if rows:
            if self.on_group is not None:
                self.on_group(len(rows))
            task = asyncio.ensure_future(self._store(rows, waiting))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _store(self, rows: list[Row], waiting: list[asyncio.Future[None]]) -> None:
        try:
            async with self._pool.connection() as connection:
                *columns, patients = zip(*rows, strict=True)
                await connection.execute(_INSERT, *columns, [_array(one) for one in patients])
        except asyncpg.DataError as error:
            # One row cannot be written: it must not take the others with it.
            if len(rows) > 1:
                await asyncio.gather(*(self._store([row], [one]) for row, one in zip(rows, waiting, strict=True)))
            else:
                _fail(waiting, error)
        except BaseException as error:
            _fail(waiting, error)
            if not isinstance(error, (Unavailable, asyncpg.PostgresError, *LOST)):
                raise
        else:
            for one in waiting:
                if not one.done():
                    one.set_result(None)


def _array(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _fail(waiting: list[asyncio.Future[None]], error: BaseException) -> None:
    for one in waiting:
        if not one.done():
            failure = Unavailable("access.audit-not-written")
            failure.__cause__ = error
            one.set_exception(failure)
