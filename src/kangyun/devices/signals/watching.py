"""What is found by the clock: a device that is silent, a bed that stays empty by night, a home without movement.

A silent device is said to be silent, never normal. Nothing is found of whose sensors are silent themselves: that would
be the device, not the person. By `kangyun work`; of several processes, the one with the lease looks.
"""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.devices.metrics import metrics
from kangyun.devices.register.kinds import kinds
from kangyun.devices.signals.judging import SILENT
from kangyun.devices.signals.keeping import read_tables
from kangyun.devices.signals.model import Level, Warning
from kangyun.devices.signals.rules import RuleTable
from kangyun.devices.signals.telling import SQL, Tell, tell_new
from kangyun.devices.signals.watchtable import Away, watch_table

EVERY = 60.0  # seconds
SILENCE_EVERY = timedelta(minutes=30)
PATIENCE = 5.0  # seconds until somebody else may have given the lease up
CHANGES_KEPT = 3600  # seconds
DAY = timedelta(days=1)


class Watch:
    """Looks at the clock. tell: raises alarms within the transaction."""

    def __init__(self, pool: Pool, rules: RuleTable, zone: ZoneInfo, tell: Tell) -> None:
        self._pool, self._rules, self._zone, self._tell = pool, rules, zone, tell

    async def look(self, now: datetime) -> list[Warning]:
        """Tells of empty beds and of homes without movement. Returns what was told."""
        table = watch_table()
        async with self._pool.connection() as connection, connection.transaction():
            found = await self._gone(connection, "bed-not-returned", ["in-bed"], table.bed, now)
            found += await self._gone(connection, "no-movement", ["motion", "steps"], table.still, now)
            return await tell_new(connection, found, self._rules, self._tell)

    async def look_for_silence(self, now: datetime) -> list[Warning]:
        """Tells of devices that have sent nothing for longer than their kind is silent. Returns what was told."""
        found: dict[int, Warning] = {}
        async with self._pool.connection() as connection, connection.transaction():
            for row in await connection.fetch(SQL["silent"], now - DAY):
                hours = (now - row["heard"]).total_seconds() / 3600
                if hours < max(kinds().silent_hours(row["kind"], row["model"]), 24.0):
                    continue
                since = _microseconds(row["heard"])
                former = found.get(row["holder"])
                if former is None or since < former.since:
                    found[row["holder"]] = Warning(
                        rule="device-silent", level=Level.YELLOW, holder=row["holder"], at=_microseconds(now),
                        since=since, figures={"device": row["kind"], "days": int(hours // 24)}, device=row["device"],
                    )  # fmt: skip
            await connection.execute(SQL["forget_changes"], CHANGES_KEPT)
            return await tell_new(connection, list(found.values()), self._rules, self._tell)

    async def _gone(
        self, connection: asyncpg.Connection, rule: str, names: list[str], table: Away, now: datetime
    ) -> list[Warning]:
        local = now.astimezone(self._zone)
        if not table.within(local.hour):
            return []
        known = metrics()
        alive = now - timedelta(minutes=table.alive_minutes)
        # 1 of a sensor of presence; of steps, what counts as walking.
        rows = await connection.fetch(
            SQL["gone"], [known[name].number for name in names], _microseconds(now - DAY / 2), alive, 1,
            SILENT, known[names[0]].number,
        )  # fmt: skip
        found = []
        for row in rows:
            if not row["alive"] or (row["newest"] is None and table.from_hour is None):
                continue
            begin = row["newest"] if row["newest"] is not None else 0
            if table.from_hour is not None:
                first = local.replace(hour=table.from_hour, minute=0, second=0, microsecond=0)
                begin = max(begin, _microseconds(first))
            minutes = (_microseconds(now) - begin) / 60_000_000
            if minutes >= table.minutes:
                figures: dict[str, float | str] = {"minutes": int(minutes), "hours": int(minutes // 60)}
                found.append(
                    Warning(
                        rule=rule,
                        level=Level.AMBER,
                        holder=row["holder"],
                        at=_microseconds(now),
                        since=begin,
                        figures=figures,
                    )
                )
        return found


async def keep_watching(platform: Platform, tell: Tell, stop: asyncio.Event) -> None:
    """Looks until `stop`."""
    store = platform.gate.store
    _, rules = read_tables(platform.gate.settings.data)
    watch = Watch(platform.pool, rules, store.zone, tell)
    silence = clock.now() - SILENCE_EVERY

    async def look() -> None:
        nonlocal silence
        now = clock.now()
        await watch.look(now)
        if now - silence >= SILENCE_EVERY:
            await watch.look_for_silence(now)
            silence = now

    async def work(connection: asyncpg.Connection) -> None:
        await work_off(connection, look, EVERY, stop)

    await make_rounds_alone(platform.pool, "signals watch", work, PATIENCE, stop)


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
