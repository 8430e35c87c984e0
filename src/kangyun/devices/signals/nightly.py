"""Once a day, after the night: everybody's rhythm, nights and usual area anew, and what days of readings suggest.

A batch of persons is one transaction: what was learnt, what is told of it, and that it was told. A run that was killed
begins again, and learns the same.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np

from kangyun.access.erasing import register as register_eraser
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.database.leases import lease
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.devices.metrics import metrics
from kangyun.devices.series.charting import Buckets
from kangyun.devices.series.packing import UNJUDGED
from kangyun.devices.series.reading import Readings
from kangyun.devices.signals import nights, places, rhythm, suspecting
from kangyun.devices.signals.keeping import read_tables
from kangyun.devices.signals.limits import LimitTable
from kangyun.devices.signals.model import Floats, Ints, Level, Warning
from kangyun.devices.signals.rules import RuleTable
from kangyun.devices.signals.telling import SQL, Tell, tell_new
from kangyun.devices.signals.watchtable import watch_table

logger = logging.getLogger(__name__)

HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds
BATCH = 50  # persons of a transaction
LOOK = 300.0  # seconds
AFTER = timedelta(minutes=20)
"""So long after the last hour of the night the day's work begins: devices have sent by then, mostly."""
WATCHED = (*rhythm.populations(), "latitude", "systolic-office")
NEWEST = ("heart-rate", "steps")
_PLACED = ("latitude", "longitude")
DAYS_OF = {
    "systolic-home": 28, "diastolic-home": 28, "systolic-office": 28, "diastolic-office": 28, "glucose": 14,
    "weight": 14, "latitude": 30, "longitude": 30,
}  # fmt: skip


class Column(NamedTuple):
    """Samples of a person and metric, of all devices, oldest first; what nobody is judged by is left out."""

    at: Ints
    value: Floats


NONE = Column(np.zeros(0, np.int64), np.zeros(0))


class Nightly:
    """Looks at everybody. tell: raises alarms within the transaction."""

    def __init__(
        self, pool: Pool, readings: Readings, limits: LimitTable, rules: RuleTable, zone: ZoneInfo, tell: Tell
    ) -> None:  # fmt: skip
        self._pool, self._readings, self._tell = pool, readings, tell
        self._limits, self._rules, self._zone = limits, rules, zone

    async def look(self, now: datetime) -> int:
        """Looks at everybody, for the day that it is. Returns at how many."""
        numbers = [metrics()[name].number for name in WATCHED]
        last, count = 0, 0
        while True:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(SQL["watched"], last, numbers, BATCH)
                holders = [row["holder"] for row in rows]
                if not holders:
                    return count
                async with connection.transaction():
                    await self._batch(connection, holders, now)
            last, count = holders[-1], count + len(holders)

    async def _batch(self, connection: asyncpg.Connection, holders: list[int], now: datetime) -> None:
        today = now.astimezone(self._zone).date()
        midnight = _microseconds(datetime.combine(today, datetime.min.time(), self._zone))
        offset = _offset(now, self._zone)
        await self._rhythms(connection, holders, midnight, offset)
        rows = await connection.fetch(SQL["conditions"], holders)
        ill = {row["holder"]: frozenset(row["conditions"]) for row in rows}
        samples = await self._samples(connection, holders, ill, midnight)
        await self._nights(connection, samples, today, offset)
        former: dict[int, list[tuple[int, float]]] = {}
        for row in await connection.fetch(SQL["nights"], holders):
            former.setdefault(row["holder"], []).append((_day(row["night"]), row["rate"]))
        found: list[Warning] = []
        for holder in holders:
            mine = samples.get(holder, {})
            if "dementia" in ill.get(holder, ()):
                await self._area(connection, holder, mine, offset)
            found += self._night(holder, former.get(holder, []), _day(today), now)
            found += self._uneven(holder, mine, midnight, now)
            if "hypertension" not in ill.get(holder, ()):
                found += self._suspected(holder, mine, _day(today), offset, now)
            found += self._missed(holder, mine, _day(today), offset, now)
        await connection.execute(SQL["tell_change"], holders)
        await tell_new(connection, found, self._rules, self._tell)

    async def _rhythms(self, connection: asyncpg.Connection, holders: list[int], midnight: int, offset: int) -> None:
        known = metrics()
        numbers = {known[name].number: name for name in rhythm.populations()}
        series = await self._readings.of_holders(connection, holders, list(numbers))
        since = midnight - rhythm.KEPT_DAYS * DAY
        charts = await self._readings.chart(
            connection, [one.id for one in series], since, midnight, rhythm.KEPT_DAYS * 24
        )  # fmt: skip
        parts: dict[tuple[int, int], list[tuple[Ints, Ints, Floats]]] = {}
        for one in series:
            chart = charts.get(one.id)
            if chart is None or one.holder is None:
                continue
            step = known[numbers[one.metric]].resolution
            if isinstance(chart, Buckets):
                there = chart.count > 0
                hours = (chart.since + chart.place[there] * chart.period + offset) // HOUR
                hourly = hours // 24, hours % 24, chart.mean[there] * step
            else:
                judged = (chart.mark & UNJUDGED) == 0
                hourly = rhythm.hourly(chart.at[judged], chart.value[judged] * step, offset)
            parts.setdefault((one.holder, one.metric), []).append(hourly)
        rows = []
        for (holder, number), each in parts.items():
            day, hour, value = (np.concatenate(column) for column in zip(*each, strict=True))
            learnt = rhythm.learn(numbers[number], day, hour, value)
            rows.append((holder, number, learnt.days, learnt.middle.tolist(), learnt.spread.tolist()))
        await connection.executemany(SQL["keep_rhythm"], rows)

    async def _samples(
        self, connection: asyncpg.Connection, holders: list[int], ill: Mapping[int, frozenset[str]], midnight: int
    ) -> dict[int, dict[str, Column]]:
        known = metrics()
        found: dict[int, dict[str, Column]] = {}
        spans = {name: midnight - days * DAY for name, days in DAYS_OF.items()} | dict.fromkeys(NEWEST, midnight - DAY)
        # Until the end of the night; what is read by day is of the days before.
        for name, since in spans.items():
            whose = [one for one in holders if name not in _PLACED or "dementia" in ill.get(one, ())]
            series = await self._readings.of_holders(connection, whose, [known[name].number])
            curves = await self._readings.curves(connection, [one.id for one in series], since, midnight + DAY // 3)
            for one in series:
                curve = curves.get(one.id)
                if curve is None or one.holder is None:
                    continue
                judged = (curve.mark & UNJUDGED) == 0
                former = found.setdefault(one.holder, {}).get(name, NONE)
                at = np.concatenate([former.at, curve.at[judged]])
                value = np.concatenate([former.value, curve.value[judged] * known[name].resolution])
                order = np.argsort(at, kind="stable")
                found[one.holder][name] = Column(at[order], value[order])
        return found

    async def _nights(
        self, connection: asyncpg.Connection, samples: Mapping[int, dict[str, Column]], today: date, offset: int
    ) -> None:
        table, rows = watch_table().night, []
        for holder, mine in samples.items():
            heart, steps = mine.get("heart-rate", NONE), mine.get("steps", NONE)
            resting = nights.resting(heart.at, heart.value, steps.at[steps.value > 0], offset, table)
            rows += [(holder, date.fromordinal(day + _EPOCH), rate) for day, rate in resting.items()]
        await connection.executemany(SQL["keep_night"], rows)
        await connection.execute(SQL["drop_nights"], list(samples), today - timedelta(days=table.kept_nights + 7))

    async def _area(self, connection: asyncpg.Connection, holder: int, mine: dict[str, Column], offset: int) -> None:
        north, east = mine.get("latitude", NONE), mine.get("longitude", NONE)
        at, first, second = np.intersect1d(north.at, east.at, return_indices=True)
        night = (at + offset) // HOUR % 24 < 5
        found = places.usual_area(north.value[first], east.value[second], night)
        if found is not None:
            await connection.execute(SQL["keep_area"], holder, *found)

    def _night(self, holder: int, former: list[tuple[int, float]], today: int, now: datetime) -> list[Warning]:
        judged = nights.judged(former, watch_table().night)
        if not judged or judged[-1].day != today or judged[-1].state != "red":
            return []
        last = judged[-1]
        figures: dict[str, float | str] = {
            "value": round(last.rate), "usual": round(last.usual), "nights": last.running,
            "above": round(last.rate - last.usual, 1),
        }  # fmt: skip
        return [_warning("night-heart-rate", holder, now, last.running, figures)]

    def _uneven(self, holder: int, mine: dict[str, Column], midnight: int, now: datetime) -> list[Warning]:
        table = watch_table().pulse
        heart, steps = mine.get("heart-rate", NONE), mine.get("steps", NONE)
        chosen = heart.at < midnight
        hours, ratios = suspecting.uneven_hours(
            heart.at[chosen], heart.value[chosen], steps.at[steps.value > 0], table
        )  # fmt: skip
        if len(hours) < table.fewest_hours:
            return []
        figures: dict[str, float | str] = {
            "hours": len(hours), "ratio": f"{np.median(ratios):.2f}", "limit": f"{table.ratio:.2f}",
        }  # fmt: skip
        return [_warning("pulse-irregular", holder, now, 1, figures)]

    def _suspected(self, holder: int, mine: dict[str, Column], today: int, offset: int, now: datetime) -> list[Warning]:
        pairs = []
        for place in ("home", "office"):
            high, low = mine.get(f"systolic-{place}", NONE), mine.get(f"diastolic-{place}", NONE)
            pairs.append(suspecting.paired(high.at, high.value, low.at, low.value, offset))
        found = suspecting.suspected(pairs[0], pairs[1], today, self._limits, watch_table().suspect)
        if found is None:
            return []
        figures: dict[str, float | str] = {
            "mean": "/".join(f"{one:.0f}" for one in found.mean),
            "limit": "/".join(f"{one:.0f}" for one in found.limit),
            "days": found.days, "count": found.readings, "place": found.place,
        }  # fmt: skip
        return [_warning("suspected-hypertension", holder, now, found.days, figures)]

    def _missed(self, holder: int, mine: dict[str, Column], today: int, offset: int, now: datetime) -> list[Warning]:
        table = watch_table().missed
        for name in table.metrics:
            days = np.unique((mine.get(name, NONE).at + offset) // DAY)
            usual = days[days >= today - table.of_days]
            if len(usual) >= table.usual_days and today - int(usual[-1]) >= table.silent_days:
                what = {"systolic-home": "pressure"}.get(name, name)
                figures: dict[str, float | str] = {"days": today - int(usual[-1]), "what": what}
                return [_warning("measurement-missed", holder, now, today - int(usual[-1]), figures)]
        return []


async def keep_learning(platform: Platform, tell: Tell, stop: asyncio.Event) -> None:
    """Looks once a day, until `stop`."""
    store = platform.gate.store
    limits, rules = read_tables(platform.gate.settings.data)
    nightly = Nightly(platform.pool, Readings(Kept(store)), limits, rules, store.zone, tell)
    await make_rounds("signals nightly", lambda: _when_due(platform.pool, nightly, store.zone), LOOK, stop)


async def _when_due(pool: Pool, nightly: Nightly, zone: ZoneInfo) -> None:
    now = clock.now()
    local = now.astimezone(zone)
    due = local.replace(hour=watch_table().night.hours[1], minute=0, second=0, microsecond=0) + AFTER
    if local < due:
        return
    async with lease(pool, "signals nightly") as held:
        if held is None or await held.fetchval(SQL["looked"]) >= local.date():
            return
        count = await nightly.look(now)
        await held.execute(SQL["keep_looked"], local.date())
        logger.info("signals: looked at %d persons", count)


def _warning(rule: str, holder: int, now: datetime, days: int, figures: dict[str, float | str]) -> Warning:
    at = _microseconds(now)
    return Warning(rule=rule, level=Level.YELLOW, holder=holder, at=at, since=at - days * DAY, figures=figures)


_EPOCH = date(1970, 1, 1).toordinal()


def _day(day: date) -> int:
    return day.toordinal() - _EPOCH


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)


def _offset(now: datetime, zone: ZoneInfo) -> int:
    offset = now.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * 1_000_000


async def _forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> Any:
    """Removes what rules know of persons who are erased."""
    await connection.execute(SQL["erase"], list(patients))


register_eraser("device-signals", _forget)
