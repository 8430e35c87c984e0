"""Figures, written into the record as each institution's own: of this month and the last, whose links may come late,
and of each month before in which something came, was put right or was declared since.

What has not changed makes no version.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.database.rounds import make_rounds_alone
from kangyun.database.statements import statements
from kangyun.exchange.feeds.figures.report import Monthly, report_of, with_unsent
from kangyun.exchange.feeds.register import SQL as FEED_SQL
from kangyun.exchange.tables.mapping import BadMapping, parse
from kangyun.exchange.tables.reading.model import column_name
from kangyun.exchange.tables.recognition import tables

SQL = statements(__package__.removeprefix("kangyun."))
ACTOR = Actor("Device/feed-figures", "数据接入统计", "", "SYSADMIN", administrator=True)
EVERY = 6 * 3600.0  # seconds
DEMO_EVERY = 120.0  # All that a demonstration has came just now, and costs nothing to reckon.
BEGINNING = "ge1850-01-01"  # what a chain asks of a target that only has to be there


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a table has to lead to something that is there."""

    table: Sequence[str]
    what: str
    type: str
    date: str
    leads: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data/figures.toml`."""

    edition: str
    in_time_days: int
    links: Sequence[Link]


@cache
def table() -> Table:
    """Returns the table of the package."""
    return msgspec.toml.decode(files(__package__).joinpath("data", "figures.toml").read_bytes(), type=Table)


@dataclass(frozen=True, slots=True)
class Figures:
    """Publishes figures. One for a process."""

    platform: Platform

    async def changed(self, before: date) -> list[date]:
        """Returns the months before a day that changed since they were published, or never were, the newest first."""
        async with self.platform.pool.connection() as connection:
            return [row["month"] for row in await connection.fetch(SQL["changed"], before)]

    async def publish(self, month: date, *, whole: bool = True) -> int:
        """Writes the reports of a month (its first day), or of it those that changed; returns how many.

        Raises Unavailable, Throttled.
        """
        after = (month + timedelta(days=31)).replace(day=1)
        async with self.platform.pool.connection() as connection:
            sheets = await connection.fetch(SQL["sheets"], month, after, whole)
        for sheet in sheets:
            actor = replace(ACTOR, institution=sheet["institution"])
            record = await self.platform.gate.open(actor, Circumstances("feed-figures", "", uuid4().hex, historic=True))
            monthly = await self._monthly(record, sheet, month, after)
            report = report_of(monthly)
            operation = record.operation("update", "MeasureReport", id=report["id"], resource=report)
            await record.commit([operation], "feed-figures")
            await self._keep(sheet, monthly)
        return len(sheets)

    async def _keep(self, sheet: asyncpg.Record, monthly: Monthly) -> None:
        """Keeps what was dear to reckon, so that it can be added up at any time."""
        of = monthly.figures
        dated = max(of["stored"] + of["revoked"] - of["back-fill"], 0)
        linked = of.get("looked-at", 0), of.get("linked", 0)
        async with self.platform.pool.connection() as connection:
            figures = of["in-time"], dated, of["back-fill"], *linked
            await connection.execute(SQL["keep"], sheet["id"], monthly.month, *figures, sheet["at"])

    async def _monthly(self, record: Record, sheet: asyncpg.Record, month: date, after: date) -> Monthly:
        zone = self.platform.settings.time_zone
        async with self.platform.pool.connection() as connection:
            came = await connection.fetchrow(SQL["in_time"], sheet["id"], month, after, table().in_time_days, zone)
            fields = await connection.fetch(SQL["fields"], sheet["id"], month)
            own = [row["content"] for row in await connection.fetch(FEED_SQL["mappings"], sheet["feed"])]
        figures = {name: sheet[name] for name in ("stored", "revoked", "refused")} | {
            "in-time": came["in_time"], "back-fill": came["back_fill"]
        }  # fmt: skip
        if sheet["declared"] is not None:
            figures |= {name: sheet[name] for name in ("declared", "compared", "agreeing", "either")}
        for link in table().links:
            if sheet["name"] in link.table:
                figures |= await _linked(record, link, month, after)
        return Monthly(
            sheet["institution"].removeprefix("Organization/"), sheet["institution"], sheet["feed_name"],
            sheet["name"], sheet["title"], month, figures,
            with_unsent({row["field"]: _field(row) for row in fields}, _columns(sheet["name"], sheet["dialect"], own)),
        )  # fmt: skip


async def _linked(record: Record, link: Link, month: date, after: date) -> Mapping[str, int]:
    """Returns how many resources of the month should lead somewhere, and how many do."""
    # What begins in the month: a period may go on beyond it.
    before = month - timedelta(days=1)
    within = [(link.date, f"sa{before.isoformat()}"), (link.date, f"lt{after.isoformat()}")]
    counts = []
    for criteria in (within, [*within, (link.leads, BEGINNING)]):
        pairs = [*criteria, ("_total", "accurate"), ("_summary", "count")]
        page = await record.search(await record.read_query(link.type, pairs, strict=True))
        counts.append(page.total or 0)
    return {"looked-at": counts[0], "linked": counts[1]}


def _columns(table: str, dialect: str, own: Sequence[str]) -> Sequence[str]:
    """Returns the columns that a table has in a feed's dialect; none where that cannot be told.

    own: the feed's own mappings: a table that one of them reads has the hospital's columns.
    """
    try:
        if any(table in map(column_name, parse(text).tables) for text in own):
            return ()
    except BadMapping:  # Of an older edition: its deliveries are parked, figures of other feeds are published.
        return ()
    has = {of: columns for (of, name), columns in tables().items() if name == table}
    # A front page has one dialect, which a feed need not name.
    found = has.get(dialect) or (next(iter(has.values())) if len(has) == 1 else {})
    return tuple(map(column_name, found))


def _field(row: asyncpg.Record) -> Mapping[str, int]:
    names = {"rows": "rows", "filled": "filled", "valid": "valid", "left-out": "left_out", "put-right": "mended"}
    return {figure: row[column] for figure, column in names.items()}


async def keep_published(platform: Platform, stop: asyncio.Event) -> None:
    """Publishes figures now and then until `stop`; one process does."""

    async def publish(_: asyncpg.Connection) -> None:
        today = clock.now().astimezone(ZoneInfo(platform.settings.time_zone)).date()
        figures, (last, this) = Figures(platform), _months(today)
        for month in (last, this):
            await figures.publish(month)
        for month in await figures.changed(last):
            if stop.is_set():
                return
            await figures.publish(month, whole=False)

    every = DEMO_EVERY if platform.settings.demo else EVERY
    await make_rounds_alone(platform.pool, "feed-figures", publish, every, stop)


def _months(today: date) -> tuple[date, date]:
    this = today.replace(day=1)
    return (this - timedelta(days=1)).replace(day=1), this
