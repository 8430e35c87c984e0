"""Schedules of apps: what is due by the clock is done once for all processes, at least once each time.

It is kept which time was done last, when it was done. Of times that went by while nothing ran, one is made up for. What
fails is tried again at the next look, and the log says so; what goes on for long keeps others waiting.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.apps.model import Installed, Schedule
from kangyun.access.apps.reacting import actor_of, name_of
from kangyun.access.apps.record import Record
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.database.rounds import make_rounds_alone

logger = logging.getLogger(__name__)

LEASE = "apps/schedules"
LOOK = 10.0  # seconds between two looks at the clock
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def due(schedule: Schedule, now: datetime, zone: tzinfo) -> datetime:
    """Returns the last time, not after now, that a schedule names. Pure."""
    if schedule.every is not None:
        return _EPOCH + (now - _EPOCH) // schedule.every * schedule.every
    assert schedule.at is not None
    today = now.astimezone(zone).date()
    times = (datetime.combine(today - timedelta(days=back), schedule.at, zone) for back in (0, 1))
    return next(one for one in times if one <= now).astimezone(UTC)


async def keep_schedules(platform: Platform, apps: Sequence[Installed], stop: asyncio.Event) -> None:
    """Does what is due until `stop`; of several processes one does."""
    known = [(app, name, schedule) for app in apps for name, schedule in app.app.schedules.items()]

    async def look(connection: asyncpg.Connection) -> None:
        for app, name, schedule in known:
            await _look(platform, connection, app, name, schedule)

    if known:
        await make_rounds_alone(platform.pool, LEASE, look, LOOK, stop)


async def _look(
    platform: Platform, connection: asyncpg.Connection, app: Installed, name: str, schedule: Schedule
) -> None:  # fmt: skip
    moment = due(schedule, clock.now(), platform.gate.store.zone)
    # A schedule that is new begins with the time to come.
    last = await connection.fetchval(_LAST, name_of(app, name), moment)
    if last >= moment:
        return
    about = Circumstances(
        f"schedule {name_of(app, name)}", "", f"due-{moment:%Y%m%dT%H%M%SZ}", origin=name_of(app, name)
    )
    record = Record(await platform.gate.open(actor_of(app), about), app, name, "zh")
    try:
        await schedule.run(record)
    except Exception as error:
        logger.error("%s: %s", name_of(app, name), type(error).__name__)
        return
    await connection.execute("UPDATE app_schedule SET done = $2 WHERE name = $1", name_of(app, name), moment)


_LAST = """
INSERT INTO app_schedule (name, done) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING done
"""
