"""Waves (an ECG, a pleth): each stored whole, as it came, sealed. Their samples are no readings: no rule, no chart.

Not drawn here: whoever reads an ECG has a program for that, and gets it by `$series-samples`.
"""

import struct
from collections.abc import Sequence

import asyncpg
import numpy as np
import zstandard

from kangyun.access.kept import Kept
from kangyun.database.statements import statements
from kangyun.devices.model import Wave
from kangyun.devices.series.chunks import Chunks

SQL = statements("devices.series")
MOST_SAMPLES = 1 << 20
"""Of one wave: an hour at 250 Hz and more."""
_HEAD = struct.Struct("<Bdd")
_VERSION, _LEVEL = 1, 3


class Waves:
    """Keeps waves. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._chunks = Chunks(kept)

    async def insert(self, connection: asyncpg.Connection, waves: Sequence[tuple[int, Wave]]) -> list[bool]:
        """Stores waves (series, wave) within the transaction. Returns which are new; the same again is not.

        What has more samples than MOST_SAMPLES, or is of nobody who could have a key, is not stored, and not new.
        """
        owners = await self._chunks.owners(connection, {series for series, _ in waves})
        keys = await self._chunks.keys(connection, owners.values())
        rows = [
            (series, wave.at, wave.period, len(wave.samples), keys[series], self._sealed(keys[series], series, wave))
            for series, wave in waves
            if series in keys and 0 < len(wave.samples) <= MOST_SAMPLES
        ]
        if not rows:
            return [False] * len(waves)
        columns = [list(column) for column in zip(*rows, strict=True)]
        new = {(row["series"], row["at"]) for row in await connection.fetch(SQL["write_waves"], *columns)}
        found = []
        for series, wave in waves:
            found.append((series, wave.at) in new)
            new.discard((series, wave.at))
        return found

    async def weight(self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int) -> int:
        """Returns how many samples the waves of series have that begin within [since, until)."""
        count: int = await connection.fetchval(SQL["weigh_waves"], list(series), since, until)
        return count

    async def read(
        self, connection: asyncpg.Connection, series: int, metric: int, since: int, until: int
    ) -> list[Wave]:
        """Returns the waves of a series that begin within [since, until)."""
        rows = await connection.fetch(SQL["waves"], series, since, until)
        await self._kept.bring(connection, {row["key"] for row in rows})
        found = []
        for row in rows:
            body = self._kept.open_by(row["key"], row["body"], _place(series, row["at"]))
            version, origin, factor = _HEAD.unpack_from(body)
            if version != _VERSION:
                raise ValueError("no wave of this version")
            plain = zstandard.ZstdDecompressor().decompress(body[_HEAD.size :], max_output_size=8 * row["count"])
            samples = np.cumsum(np.frombuffer(plain, "<i8")).tolist()
            found.append(Wave(metric, row["at"], row["period"], origin, factor, tuple(samples)))
        return found

    def _sealed(self, key: int, series: int, wave: Wave) -> bytes:
        steps = np.diff(np.array(wave.samples, "<i8"), prepend=0).astype("<i8")
        packed = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False).compress(steps.tobytes())
        return self._kept.seal_by(key, _HEAD.pack(_VERSION, wave.origin, wave.factor) + packed, _place(series, wave.at))


def _place(series: int, at: int) -> str:
    return f"wave {series} {at}"
