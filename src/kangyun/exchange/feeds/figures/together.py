"""What came of all feeds together, or of one institution's: kept sums only, nothing is counted row by row.

What a day's rows were is kept by `feed_day`, how fields were filled by `feed_field`; what is dear to reckon (in time,
linked) is kept each time that figures are published. No figure is of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from kangyun.exchange.feeds.figures.publishing import SQL


@dataclass(frozen=True, slots=True)
class Day:
    """What came for one business day. None where no table had anything for it, or nobody declared any.

    compared: what was received of the tables that were declared; received: of all.
    """

    day: date
    tables: int
    declared: int
    expected: int | None
    received: int | None
    stored: int | None
    refused: int | None
    compared: int | None


@dataclass(frozen=True, slots=True)
class Together:
    """How feeds do. in_time of dated rows, and back_fill beside them; looked_at, linked; `at`: when they were reckoned;
    None where not yet.

    held: rows that stand, of one institution; None for all.
    """

    connected: int
    asked: int
    feeds: int
    days: Sequence[Day]
    in_time: int | None
    dated: int | None
    back_fill: int | None
    looked_at: int | None
    linked: int | None
    at: datetime | None
    rows: int | None
    filled: int | None
    held: int | None


async def together(connection: asyncpg.Connection, institution: str | None, last: date, days: int) -> Together:
    """Returns how the feeds of an institution do, of all for None: `days` business days up to `last`, and its month."""
    joined = await connection.fetchrow(SQL["joined"], institution)
    rows = await connection.fetch(SQL["days"], institution, last - timedelta(days=days - 1), last)
    month = await connection.fetchrow(SQL["month"], institution, last.replace(day=1))
    held = await connection.fetchval(SQL["held"], institution) if institution else None
    return Together(**dict(joined), days=tuple(Day(**dict(row)) for row in rows), **dict(month), held=held)
