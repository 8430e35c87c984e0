"""How fast the record grows: commits and versions a day. Counted by the index of instants."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from kangyun.base import clock


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the region: commits, and versions that they wrote."""

    day: date
    commits: int
    versions: int


async def growth(connection: asyncpg.Connection, zone: ZoneInfo, days: int, seconds: float) -> list[Day] | None:
    """Returns the last days, the newest last; None where counting takes longer than `seconds`."""
    today = clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        rows = await connection.fetch(_DAYS, str(zone), today - timedelta(days=days - 1), timeout=seconds)
    except TimeoutError:
        return None
    return [Day(*row) for row in rows]


_DAYS = """
SELECT (c.instant AT TIME ZONE $1)::date AS day, count(*)::int8, sum(cardinality(c.res))::int8
FROM commit AS c
WHERE c.instant >= $2 GROUP BY 1 ORDER BY 1
"""
