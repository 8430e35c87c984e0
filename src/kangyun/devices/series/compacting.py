"""Compaction: the samples of closed days leave the hot tables and become chunks. In the background, one at a time.

A step takes a number of samples and puts them into chunks in one transaction: whoever kills it, they are in one place.
It takes what it sees; what comes meanwhile stays hot until the next round, and so does what comes late.
"""

import logging
from datetime import datetime

import asyncpg
import numpy as np

from kangyun.access.kept import Kept
from kangyun.base.crypto import Unreadable
from kangyun.database.pool import Pool
from kangyun.database.statements import statements
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.series import days
from kangyun.devices.series.batch import Whole, in_order
from kangyun.devices.series.chunks import Chunks, Owner, split, tell
from kangyun.devices.series.packing import Curve

logger = logging.getLogger(__name__)

SQL = statements("devices.series")
AT_ONCE = 50_000
"""Samples of a step: a fifth of a second."""
SERIES_AT_ONCE = 2_000
"""Each may need a key of its own, and a process holds some ten thousands."""
_FIRST = (-(1 << 63), -(1 << 63))


class Compaction:
    """Compacts. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._chunks = Chunks(kept)
        self._zone = kept.store.zone

    @property
    def _pool(self) -> Pool:
        return self._kept.store.pool

    async def run(self, now: datetime) -> int:
        """Compacts all that is closed; returns how many samples. Whoever calls it holds the lease."""
        bound, count = days.closed_before(now, self._zone), 0
        async with self._pool.connection() as connection:
            tables = await days.tables(connection)
        for table in tables:
            begun = days.begin_of(table)
            if begun is not None and begun >= bound:
                continue
            place: tuple[int, int] | None = _FIRST
            while place is not None:
                place, taken = await self.step(table, place, bound)
                count += taken
        async with self._pool.connection() as connection:
            await connection.execute(SQL["chunked_all"], bound)
        return count

    async def step(
        self, table: str, place: tuple[int, int], bound: int, most: int = AT_ONCE
    ) -> tuple[tuple[int, int] | None, int]:
        """Takes one step from a place (series, at) on. Returns the place it came to, None at the end; how many."""
        async with self._pool.connection() as connection, connection.transaction():
            # First, so that who inserts after this commit looks into the chunks.
            await connection.execute(SQL["chunked"], bound)
            row = await connection.fetchrow(SQL["take_hot"].replace("{table}", table), *place, bound, most)
            if row["series"] is None:
                return None, 0
            columns = [np.array(row[name], np.int64) for name in ("series", "at", "value", "mark")]
            order, _ = in_order(columns[0], columns[1])
            series, at, value, mark = (column[order] for column in columns)
            taken = list(split(series, Curve(at, value, mark)).items())
            for begin in range(0, len(taken), SERIES_AT_ONCE):
                await self._put(connection, dict(taken[begin : begin + SERIES_AT_ONCE]))
        ended = len(series) < most
        return None if ended else (int(series[-1]), int(at[-1])), len(series)

    async def _put(self, connection: asyncpg.Connection, taken: dict[int, Curve]) -> None:
        # Of whom there is no series, was erased: nothing of it is kept.
        owners = await self._chunks.owners(connection, taken)
        keys = await self._chunks.keys(connection, owners.values())
        left = {number: taken[number] for number in owners.keys() - keys}
        left |= await self._put_readable(connection, {number: taken[number] for number in keys}, keys)
        for number, part in left.items():
            series = [number] * len(part)
            await connection.execute(SQL["put_back"], series, part.at.tolist(), part.value.tolist(), part.mark.tolist())
        if left:
            logger.warning("series: %d stay as they are: no key, or a chunk that cannot be read", len(left))
        moved = keys.keys() - left.keys()
        await tell(
            connection, [(number, day) for number in moved for day in self._days(owners[number], taken[number].at)]
        )

    async def _put_readable(
        self, connection: asyncpg.Connection, taken: dict[int, Curve], keys: dict[int, int]
    ) -> dict[int, Curve]:
        """Puts samples into chunks. Returns those of series whose chunk cannot be read: it keeps no other waiting."""
        try:
            await self._chunks.put(connection, taken, keys)
        except Unreadable:
            if len(taken) == 1:
                return taken
            left: dict[int, Curve] = {}
            for number, part in taken.items():
                left |= await self._put_readable(connection, {number: part}, keys)
            return left
        return {}

    def _days(self, owner: Owner, at: Whole) -> list[int]:
        if metrics_by_number()[owner.metric].kind not in ("continuous", "daily"):
            return []
        return days.days_of(at, self._zone)
