"""Hot samples: the door by which readings come in. One statement a batch, in the caller's transaction.

The key (series, at) makes a repetition nothing. What is in chunks already is looked up *after* the insert: while a
sample is moved to a chunk, an insert of the same waits for the move's end, and the look that follows sees the chunk.
So nothing is new twice, whatever happens at the same time.
"""

from collections.abc import Sequence
from typing import TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

from kangyun.access.kept import Kept
from kangyun.database.statements import statements
from kangyun.devices.model import Mark
from kangyun.devices.series import days
from kangyun.devices.series.batch import Batch, Flags, Inserted, Whole, episodic, in_order, resolutions, steps
from kangyun.devices.series.chunks import Chunks, tell
from kangyun.devices.series.packing import NONE, Curve, merged

SQL = statements("devices.series")
Fates: TypeAlias = NDArray[np.int8]
Marks: TypeAlias = NDArray[np.int16]
_THERE, _NEW, _OTHER, _UNKNOWN = range(4)
MOST_REMEMBERED = 2_000_000  # series; about 200 bytes each


class Samples:
    """Takes samples in. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._chunks = Chunks(kept)
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
        value, unfit = steps(batch.metric, batch.value)
        fate = np.full(len(batch.series), _THERE, np.int8)
        (fit,) = np.nonzero(~unfit)
        if len(fit):
            order, again = in_order(batch.series[fit], batch.at[fit])
            fit = fit[order]
            columns = (batch.series[fit], batch.at[fit], value[fit])
            fate[fit] = await self._insert(connection, *columns, batch.mark[fit], again)
            await self._tell(connection, batch, fate)
        return Inserted(fate == _NEW, fate == _OTHER, unfit)

    async def _insert(
        self, connection: asyncpg.Connection, series: Whole, at: Whole, value: Whole, mark: Marks, again: Flags
    ) -> Fates:
        """Inserts rows in order of (series, at) but for those that repeat the one before; returns the fate of each."""
        rows = (column[~again] if again.any() else column for column in (series, at, value, mark))
        row = await connection.fetchrow(SQL["insert_samples"], *(column.tolist() for column in rows))
        fate = np.full(len(series), _NEW, np.int8)
        if row["count"] < len(series):
            there = set(zip(row["series"] or (), row["at"] or (), strict=True))
            pairs = zip(series.tolist(), at.tolist(), strict=True)
            fate[np.fromiter((one not in there for one in pairs), bool, len(series)) | again] = _UNKNOWN
            await self._compare(connection, series, at, value, fate)
        upto = await connection.fetchval(SQL["chunked_upto"])
        if at.min() < upto:
            await self._look_into_chunks(connection, series, at, value, fate, (at < upto) & ((fate != _THERE) | again))
        return fate

    async def _compare(
        self, connection: asyncpg.Connection, series: Whole, at: Whole, value: Whole, fate: Fates
    ) -> None:
        """Finds out whether what stands among the hot samples is the same."""
        (asked,) = np.nonzero(fate == _UNKNOWN)
        rows = await connection.fetch(SQL["standing_samples"], series[asked].tolist(), at[asked].tolist())
        for row in rows:
            place = asked[row["i"] - 1]
            fate[place] = _THERE if row["value"] == value[place] else _OTHER

    async def _look_into_chunks(
        self, connection: asyncpg.Connection, series: Whole, at: Whole, value: Whole, fate: Fates, which: Flags
    ) -> None:
        """Finds out what of some stands in chunks already, and takes back what was inserted of it."""
        (asked,) = np.nonzero(which)
        if not len(asked):
            return
        found = await self._chunks.holding(connection, series[asked].tolist(), at[asked].tolist())
        back = []
        for number, samples in found.items():
            low, high = np.searchsorted(series[asked], (number, number + 1))
            places = asked[low:high]
            where = np.minimum(np.searchsorted(samples.at, at[places]), len(samples) - 1)
            held = samples.at[where] == at[places]
            back.append(places[held & (fate[places] == _NEW)])
            same = samples.value[where] == value[places]
            fate[places[held]] = np.where(same, _THERE, _OTHER)[held]
        gone = np.concatenate([np.zeros(0, np.int64), *back])
        if len(gone):
            await connection.execute(SQL["take_back"], series[gone].tolist(), at[gone].tolist())

    async def _tell(self, connection: asyncpg.Connection, batch: Batch, fate: Fates) -> None:
        """Notes new measurements of episodic metrics; days of others are noted when they are compacted."""
        which = (fate == _NEW) & episodic()[batch.metric]
        if which.any():
            await tell(connection, list(zip(batch.series[which].tolist(), batch.at[which].tolist(), strict=True)))

    async def move(
        self,
        connection: asyncpg.Connection,
        device: int,
        holders: tuple[int | None, int | None],
        since: int,
        until: int,
    ) -> int:
        """Moves a device's samples of [since, until) from one holder's series to another's, their questions answered.

        holders: from, to; None is nobody. since, until: microseconds. Returns how many; of an instant at which the
        other has one already, that one stands. Within the transaction that the connection is in.
        """
        before, after = holders
        metrics = {row["id"]: row["metric"] for row in await connection.fetch(SQL["series_of_device"], device, before)}
        old = list(metrics)
        new = await self.series_of([device] * len(old), list(metrics.values()), [after] * len(old))
        taken = await self._chunks.take_out(connection, old, since, until)
        for row in await connection.fetch(SQL["take_hot_within"], old, since, until):
            hot = Curve(*(np.array(row[name], np.int64) for name in ("at", "value", "mark")))
            taken[row["series"]] = merged(taken.get(row["series"], NONE), hot)
        for number, target in zip(old, new.tolist(), strict=True):
            if number in taken:
                await self._arrive(connection, target, metrics[number], taken[number])
                await tell(connection, self._left(number, metrics[number], taken[number]))
        return sum(map(len, taken.values()))

    def _left(self, series: int, metric: int, curve: Curve) -> list[tuple[int, int]]:
        """Returns what the record is to hear of that is not there any more."""
        at = curve.at.tolist() if episodic()[metric] else days.days_of(curve.at, self._kept.store.zone)
        return [(series, one) for one in at]

    async def _arrive(self, connection: asyncpg.Connection, series: int, metric: int, curve: Curve) -> None:
        batch = Batch(
            np.full(len(curve), series), np.full(len(curve), metric, np.int16), curve.at,
            curve.value * resolutions()[metric], (curve.mark & ~int(Mark.QUESTION)).astype(np.int16),
        )  # fmt: skip
        await self.insert(connection, batch)
