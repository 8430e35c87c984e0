"""Histories: of one resource by its versions, of a type or of everything by the commits, newest first.

Source: https://hl7.org/fhir/R4/http.html#history
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.fhir.search.dates import Range
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.statements import statement
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen

FARTHEST = (1 << 63) - 1
# A type's history walks the commits in steps of so many.
STEP = 200


@dataclass(slots=True)
class Versions:
    """A page of a history. `next` is where the page behind begins."""

    entries: list[Stored]
    total: int | None
    next: list[int] | None


async def instance_history(
    connection: asyncpg.Connection, reader: Reader, res: int, *, count: int, since: datetime | None,
    during: Range | None, place: list[int] | None, sight: Sight = EVERYTHING,
) -> Versions:  # fmt: skip
    """Returns versions of one resource: those since an instant, and those that were current at some time of a range."""
    start = place[0] if place else (1 << 31) - 1
    first, end = during or (None, None)
    history = seen(statement("instance_history"), sight, res, start, since, end, count + 1, first)
    rows = await connection.fetch(*history)
    total = None
    if not (place or since or during):
        total = await connection.fetchval(*seen(statement("count_versions"), sight, res))
    return await _page(connection, reader, rows, count, total, lambda row: [row["version"]])


async def commits_history(
    connection: asyncpg.Connection, reader: Reader, type_: str | None, *, count: int, since: datetime | None,
    during: Range | None, place: list[int] | None, sight: Sight = EVERYTHING,
) -> Versions:  # fmt: skip
    """Returns versions of all resources, or of one type, in the order of their commits."""
    sql = statement("commits_history")
    commit, res = place or (FARTHEST, FARTHEST)
    number = TYPE_NUMBERS[type_] if type_ else None
    first, end = during or (None, None)
    rows: list[Any] = []
    while len(rows) <= count:
        wanted = count + 1 - len(rows)
        step = await connection.fetch(*seen(sql, sight, commit, res, number, since, end, wanted, STEP, first))
        ends = [row for row in step if row["version"] is None]
        rows += [row for row in step if row["version"] is not None]
        if not ends:
            break
        commit, res = ends[0]["commit"], -1
    return await _page(connection, reader, rows, count, None, lambda row: [row["commit"], row["res"]])


async def _page(
    connection: asyncpg.Connection, reader: Reader, rows: list[Any], count: int, total: int | None, place: Any
) -> Versions:
    more = len(rows) > count
    rows = rows[:count]
    await reader.bring_keys(connection, [row["key"] for row in rows])
    entries = [reader.stored(row, row["res"]) for row in rows if reader.is_readable(row)]
    return Versions(entries, total, place(rows[-1]) if more and rows else None)
