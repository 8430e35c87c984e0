"""Chunks in the database: written, opened, cut. Each within the caller's transaction.

Sealed by the key of the person who wears the device, or of the institution that gave it out while that is not known.
Who writes chunks holds one lock for the time of the transaction; who reads them holds none.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np

from kangyun.access.kept import Kept
from kangyun.database.statements import statements
from kangyun.devices.series.batch import Whole
from kangyun.devices.series.layout import Chunk, pieces, shares
from kangyun.devices.series.packing import NONE, Curve, merged, packed, packed_hours, unpacked

SQL = statements("devices.series")
_LOCK = 0x6465_7663


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a series is. holder: None while it is asked. institution: that gave the device out; 0: none known."""

    series: int
    metric: int
    holder: int | None
    institution: int


class Chunks:
    """Writes and opens chunks. One for a process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def owners(self, connection: asyncpg.Connection, series: Collection[int]) -> dict[int, Owner]:
        """Returns whose series are, held so until the transaction ends. Those of erased persons are left out."""
        rows = await connection.fetch(SQL["owners"], sorted(series))
        return {row["id"]: Owner(row["id"], row["metric"], row["holder"], row["institution"]) for row in rows}

    async def keys(self, connection: asyncpg.Connection, owners: Collection[Owner]) -> dict[int, int]:
        """Returns the keys that series are sealed by. None for who has none: nothing of theirs may be kept sealed."""
        found: dict[int, int] = {}
        for institution in {owner.institution for owner in owners}:
            of_it = [owner for owner in owners if owner.institution == institution]
            persons = {owner.holder for owner in of_it if owner.holder is not None}
            keys = await self._kept.keys_of(connection, persons, institution) if persons else {}
            common = await self._kept.key_of(institution) if any(owner.holder is None for owner in of_it) else None
            for owner in of_it:
                key = common if owner.holder is None else keys.get(owner.holder)
                if key is not None:
                    found[owner.series] = key
        return found

    async def put(self, connection: asyncpg.Connection, fresh: Mapping[int, Curve], keys: Mapping[int, int]) -> None:
        """Puts samples into the chunks of their series; of an instant, what is there stands. keys: of each series."""
        if not fresh:
            return
        await lock(connection)
        spans = [(series, int(part.at[0]), int(part.at[-1])) for series, part in fresh.items()]
        there: dict[int, list[Chunk]] = {series: [] for series in fresh}
        for row in await connection.fetch(SQL["chunks_near"], *_columns(spans)):
            there[row["series"]].append(Chunk(row["since"], row["until"], row["samples"]))
        shared = [(series, share) for series, part in fresh.items() for share in shares(there[series], part)]
        old = [(series, share.chunk.since) for series, share in shared if share.chunk is not None]
        opened = await self._opened(connection, old)
        new = []
        for series, share in shared:
            before = NONE if share.chunk is None else opened[series, share.chunk.since]
            new += [(series, piece) for piece in pieces(merged(before, share.fresh), share.last)]
        await self._write(connection, old, new, keys)

    async def take_out(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int
    ) -> dict[int, Curve]:
        """Takes the samples of [since, until) out of the chunks of series, and returns them."""
        await lock(connection)
        rows = await connection.fetch(SQL["chunks_within"], list(series), since, until)
        opened = await self._open(connection, rows)
        keys = {row["series"]: row["key"] for row in rows}
        taken: dict[int, list[Curve]] = {}
        rest = []
        for (number, _), samples in opened.items():
            inside = (samples.at >= since) & (samples.at < until)
            taken.setdefault(number, []).append(samples.of(inside))
            if not inside.all():
                rest.append((number, samples.of(~inside)))
        await self._write(connection, list(opened), rest, keys)
        return {number: merged(*parts) for number, parts in taken.items() if any(len(part) for part in parts)}

    async def read(
        self, connection: asyncpg.Connection, series: Sequence[int], since: int, until: int
    ) -> dict[int, Curve]:
        """Returns what the chunks of series have of [since, until)."""
        rows = await connection.fetch(SQL["chunks_within"], list(series), since, until)
        found: dict[int, list[Curve]] = {}
        for (number, _), samples in (await self._open(connection, rows)).items():
            found.setdefault(number, []).append(samples.cut(since, until))
        return {number: merged(*parts) for number, parts in found.items()}

    async def holding(
        self, connection: asyncpg.Connection, series: Sequence[int], at: Sequence[int]
    ) -> dict[int, Curve]:
        """Returns for each series the samples of the chunks that reach over any of these instants."""
        rows = await connection.fetch(SQL["chunks_holding"], series, at)
        found: dict[int, list[Curve]] = {}
        for (number, _), samples in (await self._open(connection, rows)).items():
            found.setdefault(number, []).append(samples)
        return {number: merged(*parts) for number, parts in found.items()}

    async def _opened(
        self, connection: asyncpg.Connection, names: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], Curve]:
        return await self._open(connection, await connection.fetch(SQL["chunks"], *_columns(names) or [[], []]))

    async def _open(self, connection: asyncpg.Connection, rows: Sequence[Any]) -> dict[tuple[int, int], Curve]:
        await self._kept.bring(connection, {row["key"] for row in rows})
        return {
            (row["series"], row["since"]): unpacked(
                self._kept.open_by(row["key"], row["body"], place(row["series"], row["since"]))
            )
            for row in rows
        }

    async def _write(
        self,
        connection: asyncpg.Connection,
        old: Sequence[tuple[int, int]],
        new: Sequence[tuple[int, Curve]],
        keys: Mapping[int, int],
    ) -> None:
        if old:
            await connection.execute(SQL["drop_chunks"], *_columns(old))
        rows = []
        for series, samples in new:
            key, since = keys[series], int(samples.at[0])
            hours = packed_hours(samples)
            sealed = self._kept.seal_by(key, hours, hours_place(series, since)) if hours else b""
            body = self._kept.seal_by(key, packed(samples), place(series, since))
            rows.append((series, since, int(samples.at[-1]), len(samples), key, sealed, body))
        if rows:
            await connection.execute(SQL["write_chunks"], *_columns(rows))


async def lock(connection: asyncpg.Connection) -> None:
    """Holds others who would write chunks until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


def place(series: int, since: int) -> str:
    """Returns where a body belongs, which is authenticated with it."""
    return f"chunk {series} {since}"


def hours_place(series: int, since: int) -> str:
    """Returns where the hours of a chunk belong."""
    return f"hours {series} {since}"


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def split(series: Whole, samples: Curve) -> dict[int, Curve]:
    """Returns samples by series; both are in order of (series, at)."""
    numbers, begins = np.unique(series, return_index=True)
    ends = [*begins[1:].tolist(), len(series)]
    parts = zip(numbers.tolist(), begins.tolist(), ends, strict=True)
    return {number: samples.of(slice(begin, end)) for number, begin, end in parts}


async def tell(connection: asyncpg.Connection, news: list[tuple[int, int]]) -> None:
    """Notes what the record is to hear of: (series, at)."""
    if news:
        await connection.execute(SQL["tell"], [series for series, _ in news], [at for _, at in news])
