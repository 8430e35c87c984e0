"""How feeds go just now, for a screen: what waits, what came within an hour, what was kept aside and why, row by row.

Figures, and refusals as their sender is told them: masked. It changes nothing; `overseeing` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kangyun.base.errors import NotFound
from kangyun.base.texts import Language, say
from kangyun.database.pool import Pool
from kangyun.exchange.feeds.aside import Aside
from kangyun.exchange.feeds.deliveries import code_of, said
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.tables.reading.model import column_name

MOST = 200
"""Deliveries or refusals of one answer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which refusals: of a table, a day by the table's business time, a delivery, or whole rows only; from a place on.

    closed: also those that a later delivery has answered.
    """

    table: str = ""
    day: date | None = None
    number: int | None = None
    whole: bool = False
    closed: bool = False
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at feeds. One for a process."""

    pool: Pool
    aside: Aside

    async def figures(self, feeds: Sequence[Source]) -> dict[str, dict[str, Any]]:
        """Returns by its name how each feed goes: what waits, was parked, is stopped, came in a day and in an hour."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["going"], [one.id for one in feeds])
        return {row["name"]: {name: value for name, value in row.items() if name != "name"} for row in rows}

    async def rates(self, feed: Source) -> list[dict[str, Any]]:
        """Returns how many rows were taken in, and kept aside, each minute of the last hour; minutes with none are left
        out."""
        async with self.pool.connection() as connection:
            return [dict(row) for row in await connection.fetch(SQL["rates"], feed.id)]

    async def deliveries(self, feed: Source, before: int, language: Language) -> list[dict[str, Any]]:
        """Returns deliveries below a number, the last first, and what became of each."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["deliveries_before"], feed.id, before, MOST)
        return [_told(row, language) for row in rows]

    async def delivery(self, feed: Source, number: int, language: Language) -> dict[str, Any]:
        """Returns a delivery. Raises NotFound."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["deliveries_before"], feed.id, number + 1, 1)
        if not rows or rows[0]["number"] != number:
            raise NotFound(f"{TEXTS}no-delivery", number=number)
        return _told(rows[0], language)

    async def refusals(self, feed: Source, wanted: Wanted, language: Language) -> dict[str, Any]:
        """Returns how many refusals there are, and a page of them, the last delivery's first."""
        table = column_name(wanted.table) if wanted.table else None
        about = (table, wanted.day, wanted.number, wanted.whole, wanted.closed, MOST, wanted.skip)
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["refused_rows"], feed.id, *about)
        told = [
            {name: row[name] for name in ("delivery", "row", "part", "shown", "whole", "table", "day", "received")}
            | {"code": code_of(row["text"]), "answered": row["answered"]}
            | {"why": said(row["text"], row["parameters"], language)}
            for row in rows
        ]
        return {"total": rows[0]["total"] if rows else 0, "rows": told}

    async def messages(self, feed: Source, language: Language) -> list[dict[str, Any]]:
        """Returns the HL7 v2 messages of the feed's institution that are kept aside, with why."""
        return [
            {
                "id": one.id, "sender": one.sender, "control": one.control, "received": one.received,
                "times": one.times, "size": one.size,
                "reasons": [
                    {"part": why.place.part or "", "shown": why.shown or "", "whole": why.whole}
                    | {"why": say(why.text, language, why.parameters)}
                    for why in one.reasons
                ],
            }
            for one in await self.aside.list(feed.institution)
        ]  # fmt: skip


def _told(row: Any, language: Language) -> dict[str, Any]:
    why = said(row["reason"], row["parameters"], language) if row["reason"] else ""
    return {name: value for name, value in row.items() if name not in ("reason", "parameters")} | {"why": why}
