"""Days: where a day begins in the region's zone, which are over, and the tables of hot samples, one a day of UTC."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache

import asyncpg
import numpy as np

from kangyun.database.statements import statements
from kangyun.devices.series.batch import Whole

SQL = statements("devices.series")
DAY = 86_400_000_000  # microseconds
AHEAD, BEHIND = 2, 8
"""Days of which there is a table: what is older is compacted right away where it comes, and needs none of its own."""
CLOSED_AFTER = timedelta(hours=2)
"""How long after its end a day is compacted: most of what devices bring late has come by then."""
REST = "device_sample_rest"
_PREFIX = "device_sample_d"
_QUARTER = 900_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(instant: datetime) -> int:
    """Returns an instant as samples have it."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """Returns the instant of a sample."""
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=65_536)
def day_of(quarter: int, zone: tzinfo) -> int:
    """Returns where the day begins in which a quarter of an hour lies, counted since 1970; microseconds."""
    local = instant(quarter * _QUARTER).astimezone(zone)
    return microseconds(datetime.combine(local.date(), time(), zone))


def days_of(at: Whole, zone: tzinfo) -> list[int]:
    """Returns where the days begin in which instants lie, each once. No zone changes its days within a quarter."""
    return sorted({day_of(quarter, zone) for quarter in np.unique(at // _QUARTER).tolist()})


def day_after(begin: int, zone: tzinfo) -> int:
    """Returns where the day after one begins."""
    following = instant(begin).astimezone(zone).date() + timedelta(days=1)
    return microseconds(datetime.combine(following, time(), zone))


def closed_before(now: datetime, zone: tzinfo) -> int:
    """Returns the end of the last day that is closed; microseconds."""
    local = (now - CLOSED_AFTER).astimezone(zone)
    return microseconds(datetime.combine(local.date(), time(), zone))


async def tables(connection: asyncpg.Connection) -> list[str]:
    """Returns the tables of hot samples: days in order, the rest last."""
    return [row["name"] for row in await connection.fetch(SQL["hot_tables"])]


def begin_of(table: str) -> int | None:
    """Returns where a table's day begins, None of the rest."""
    if not table.startswith(_PREFIX):
        return None
    return microseconds(datetime.strptime(table.removeprefix(_PREFIX), "%Y%m%d").replace(tzinfo=UTC))


async def keep(connection: asyncpg.Connection, now: datetime) -> None:
    """Makes the tables of the days around now, and drops those of days long past when they are empty.

    Raises LockNotAvailableError or CheckViolationError where others were in the way: then again later, no harm done.
    """
    today = microseconds(now) // DAY * DAY
    there = await tables(connection)
    for place in range(-1, AHEAD + 1):
        begin = today + place * DAY
        name = f"{_PREFIX}{instant(begin):%Y%m%d}"
        if name not in there:
            await _make(connection, name, begin)
    for name in there:
        begun = begin_of(name)
        if begun is not None and begun < today - BEHIND * DAY:
            await _drop(connection, name)


async def _make(connection: asyncpg.Connection, name: str, begin: int) -> None:
    """What is of that day already goes with it."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '200ms'")
        await connection.execute(f"CREATE TABLE {name} (LIKE device_sample INCLUDING ALL)")
        await connection.execute(SQL["move_to_day"].replace("{table}", name), begin, begin + DAY)
        await connection.execute(
            f"ALTER TABLE device_sample ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({begin + DAY})"
        )


async def _drop(connection: asyncpg.Connection, name: str) -> None:
    if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '200ms'")
        await connection.execute(f"LOCK TABLE device_sample, {name} IN ACCESS EXCLUSIVE MODE")
        if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):
            await connection.execute(f"DROP TABLE {name}")
