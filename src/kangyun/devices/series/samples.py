"""Hot samples: the door by which readings come in. One statement a batch, in the caller's transaction.

The key (series, at) makes a repetition nothing. What is in chunks already is looked up *after* the insert: while a
sample is moved to a chunk, an insert of the same waits for the move's end, and the look that follows sees the chunk.
So nothing is new twice, whatever happens at the same time.
"""

from collections.abc import Sequence

import asyncpg
import numpy as np

from kangyun.access.kept import Kept
from kangyun.database.statements import statements
from kangyun.devices.model import Mark
from kangyun.devices.series.batch import Batch, Inserted, Whole, in_order, steps

SQL = statements("devices.series")
MOST_REMEMBERED = 2_000_000  # series; about 200 bytes each


class Samples:
    """Takes samples in. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._numbers: dict[tuple[int, int, int | None], int] = {}

    async def series_of(self, devices: Sequence[int], metrics: Sequence[int], holders: Sequence[int | None]) -> Whole:
        """Returns the numbers of series, which are made where there are none. holders: None while it is not known."""
        asked = list(zip(devices, metrics, holders, strict=True))
        numbers = self._numbers
        missing = list({one for one in asked if one not in numbers})
        if missing:
            if len(numbers) + len(missing) > MOST_REMEMBERED:
                numbers.clear()
                missing = list(set(asked))
            await self._bring(missing)
        return np.fromiter(map(numbers.__getitem__, asked), np.int64, len(asked))

    async def _bring(self, missing: list[tuple[int, int, int | None]]) -> None:
        # On a connection of its own, as what is made is remembered whatever becomes of the caller's transaction.
        async with self._kept.store.pool.connection() as own:
            columns = [list(column) for column in zip(*missing, strict=True)]
            rows = await own.fetch(SQL["series_there"], *columns)
            if len(rows) < len(missing):
                await own.execute(SQL["make_series"], *columns)
                rows = await own.fetch(SQL["series_there"], *columns)
        self._numbers.update({missing[row["i"] - 1]: row["id"] for row in rows})

    async def insert(self, connection: asyncpg.Connection, batch: Batch) -> Inserted:
        """Inserts within the transaction that the connection is in. Returns what became of each."""
        count = len(batch.series)
        value, unfit = steps(batch.metric, batch.value)
        order, again = in_order(batch.series, batch.at)
        order = order[~again & ~unfit[order]]
        new, conflicting = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        if not len(order):
            return Inserted(new, conflicting, unfit)
        series, at, values, mark = batch.series[order], batch.at[order], value[order], batch.mark[order]
        row = await connection.fetchrow(
            SQL["insert_samples"], series.tolist(), at.tolist(), values.tolist(), mark.tolist()
        )
        fresh = np.ones(len(order), dtype=bool)
        if row["count"] < len(order):
            there = set(zip(row["series"] or (), row["at"] or (), strict=True))
            fresh = np.fromiter(
                (one in there for one in zip(series.tolist(), at.tolist(), strict=True)), bool, len(order)
            )
        new[order] = fresh
        return Inserted(new, conflicting, unfit)

    async def move(
        self,
        connection: asyncpg.Connection,
        device: int,
        holders: tuple[int | None, int | None],
        since: int,
        until: int,
    ) -> int:
        """Moves a device's samples of [since, until) from one holder's series to another's, with their questions
        answered. Returns how many; of an instant at which the other has one already, that one stands.

        holders: from, to; None is nobody. since, until: microseconds.
        """
        before, after = holders
        rows = await connection.fetch(SQL["series_of_device"], device, before)
        old = [row["id"] for row in rows]
        new = await self.series_of([device] * len(old), [row["metric"] for row in rows], [after] * len(old))
        moved: int = await connection.fetchval(SQL["move_samples"], old, new.tolist(), since, until, int(Mark.QUESTION))
        return moved
