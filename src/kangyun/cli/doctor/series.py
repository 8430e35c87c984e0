"""What devices measured: closed days that wait to be compacted, and what the record has not heard or refused."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import asyncpg

from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.cli.doctor.findings import Finding, good, note
from kangyun.devices.series.vitals import LATE_AFTER, condition

MOST_WAITING = 100_000
"""News: ten minutes of what the record hears."""


async def examine(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Finding]:
    """Gives the findings."""
    found = await condition(connection, clock.now(), ZoneInfo(settings.time_zone))
    if found.behind > LATE_AFTER:
        yield note("series-late", hours=round(found.behind.total_seconds() / 3600))
    if found.waiting > MOST_WAITING:
        yield note("series-untold", count=found.waiting)
    if found.refused:
        yield note("series-refused", count=found.refused)
    if found.behind <= LATE_AFTER and found.waiting <= MOST_WAITING and not found.refused:
        yield good("series-well", count=found.hot)
