"""Reading samples back, hot ones and chunks as one. No gate: whoever calls asks it first (`operations`).

What is moved to a chunk while somebody reads would be seen twice or not at all by two statements: a reader opens
`reading`, where all statements see the same.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np

from kangyun.access.kept import Kept
from kangyun.database.statements import statements
from kangyun.devices.series import charting
from kangyun.devices.series.charting import Buckets
from kangyun.devices.series.chunks import Chunks, hours_place, place
from kangyun.devices.series.packing import HOUR, NONE, Curve, hours_of, merged, unpacked, unpacked_hours

SQL = statements("devices.series")


@dataclass(frozen=True, slots=True)
class Series:
    """What a series is of. holder: None while it is asked whose it is."""

    id: int
    device: int
    metric: int
    holder: int | None


@dataclass(frozen=True, slots=True)
class Last:
    """The newest sample of a series; value in steps."""

    series: Series
    at: int
    value: int
    mark: int


class Readings:
    """Reads samples. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._chunks = Chunks(kept)

    async def at(
        self, connection: asyncpg.Connection, wanted: Sequence[tuple[int, int, int, int]]
    ) -> list[tuple[int, int] | None]:
        """Returns value and mark of samples by (device, metric, holder, instant), None where there is none."""
        found: list[tuple[int, int] | None] = [None] * len(wanted)
        columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], [], []]
        rows = await connection.fetch(SQL["samples_at"], *columns)
        cold = []
        for row in rows:
            if row["value"] is None:
                cold.append((row["i"] - 1, row["series"]))
            else:
                found[row["i"] - 1] = row["value"], row["mark"]
        curves = await self._chunks.holding(
            connection, [series for _, series in cold], [wanted[nth][3] for nth, _ in cold]
        )
        for nth, series in cold:
            curve, at = curves.get(series, NONE), wanted[nth][3]
            where = int(np.searchsorted(curve.at, at))
            if where < len(curve) and curve.at[where] == at:
                found[nth] = int(curve.value[where]), int(curve.mark[where])
        return found

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """Opens a connection on which the database stands still."""
        async with (
            self._kept.store.pool.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def of_holders(
        self, connection: asyncpg.Connection, holders: Sequence[int], metrics: Sequence[int] | None = None
    ) -> list[Series]:
        """Returns the series of persons, of some metrics or of all."""
        rows = await connection.fetch(SQL["series_of_holders"], list(holders), metrics)
        return [Series(*row) for row in rows]

    async def curves(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int
    ) -> dict[int, Curve]:
        """Returns the samples of series within [since, until), of those that have any."""
        found = await self._chunks.read(connection, series, since, until)
        for number, hot in (await self._hot(connection, series, since, until)).items():
            found[number] = merged(found.get(number, NONE), hot)
        return {number: curve for number, curve in found.items() if len(curve)}

    async def _hot(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int
    ) -> dict[int, Curve]:
        rows = await connection.fetch(SQL["hot_within"], list(series), since, until)
        return {row["series"]: _curve(row) for row in rows}

    async def chart(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int, points: int
    ) -> dict[int, Curve | Buckets]:
        """Returns what a chart shows of each series within [since, until): samples where they are few enough."""
        period = charting.period_of(since, until, points)
        if period < HOUR:
            found: dict[int, Curve | Buckets] = {}
            for number, curve in (await self.curves(connection, series, since, until)).items():
                found[number] = curve if len(curve) <= points else charting.of_curve(curve, since, period)
            return found
        return await self._by_hours(connection, series, since, until, points)

    async def _by_hours(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int, points: int
    ) -> dict[int, Curve | Buckets]:
        since = since // HOUR * HOUR  # Hours are kept whole.
        period = charting.period_of(since, until, points)
        rows = await connection.fetch(SQL["hours_within"], list(series), since, until)
        await self._kept.bring(connection, {row["key"] for row in rows})
        hot = await self._hot(connection, series, since, until)
        found: dict[int, Curve | Buckets] = {}
        for number in series:
            of_it = [row for row in rows if row["series"] == number]
            sparse = [self._body(row) for row in of_it if row["body"] is not None]
            curve = merged(*sparse, hot.get(number, NONE)).cut(since, until)
            hours = unpacked_hours([self._hours(row) for row in of_it if row["body"] is None])
            if not len(hours) and len(curve) <= points:
                found[number] = curve
            else:
                inside = hours[(hours["hour"] >= since // HOUR) & (hours["hour"] < -(-until // HOUR))]
                found[number] = charting.of_hours(np.concatenate([inside, hours_of(curve)]), since, period)
        return {number: one for number, one in found.items() if not isinstance(one, Curve) or len(one)}

    def _hours(self, row: Any) -> bytes:
        return self._kept.open_by(row["key"], row["hours"], hours_place(row["series"], row["since"]))

    def _body(self, row: Any) -> Curve:
        return unpacked(self._kept.open_by(row["key"], row["body"], place(row["series"], row["since"])))

    async def last(self, connection: asyncpg.Connection, series: Sequence[Series]) -> list[Last]:
        """Returns the newest sample of each series that has any."""
        by_number = {one.id: one for one in series}
        rows = await connection.fetch(SQL["last_hot"], list(by_number))
        found = {row["series"]: (row["at"], row["value"], row["mark"]) for row in rows}
        missing = [number for number in by_number if number not in found]
        chunks = await connection.fetch(SQL["last_chunks"], missing)
        await self._kept.bring(connection, {row["key"] for row in chunks})
        for row in chunks:
            curve = self._body(row)
            found[row["series"]] = (int(curve.at[-1]), int(curve.value[-1]), int(curve.mark[-1]))
        return [Last(by_number[number], *sample) for number, sample in found.items()]


def _curve(row: Any) -> Curve:
    return merged(Curve(*(np.array(row[name], np.int64) for name in ("at", "value", "mark"))))
