"""How series do, in figures that hold nothing of what is in them: for `/metrics` and `doctor`. Cheap: by estimates."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import asyncpg

from kangyun.database.statements import statements
from kangyun.database.vitals import Vitals
from kangyun.devices.series import days

SQL = statements("devices.series")
LATE_AFTER = timedelta(hours=6)
"""By then a closed day has been compacted."""


@dataclass(frozen=True, slots=True)
class Condition:
    """hot: samples in the tables of days, about. behind: how long the oldest closed day waits to be compacted.

    waiting: news that the record has not heard. refused: that it did not take.
    """

    hot: int
    behind: timedelta
    waiting: int
    refused: int


async def condition(connection: asyncpg.Connection, now: datetime, zone: tzinfo) -> Condition:
    """Returns how series do."""
    row = await connection.fetchrow(SQL["condition"])
    bound = days.closed_before(now, zone)
    is_behind = row["done"] is not None and row["done"] < bound
    behind = now - days.instant(days.day_after(row["done"], zone)) if is_behind else timedelta()
    return Condition(row["hot"], behind, row["waiting"], row["refused"])


async def series_vitals(connection: asyncpg.Connection, now: datetime, zone: tzinfo) -> Vitals:
    """Returns the figures."""
    found = await condition(connection, now, zone)
    return [
        ("kangyun_series_hot_samples", "Samples that are in no chunk yet, about.", found.hot),
        ("kangyun_series_behind_seconds", "How long the oldest closed day waits.", found.behind.total_seconds()),
        ("kangyun_series_news_waiting", "News of series that the record has not heard.", found.waiting),
        ("kangyun_series_news_refused", "News of series that the record refused.", found.refused),
    ]
