"""How a feed goes, for who looks after it: its tables, its deliveries, how fields were filled; and what was parked set
going again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kangyun.base.errors import NotFound
from kangyun.base.texts import Language
from kangyun.database.pool import Pool
from kangyun.exchange.feeds.deliveries import said
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.tables.reading.model import column_name

MOST = 500


@dataclass(frozen=True, slots=True)
class Oversight:
    """Looks after feeds. One for a process."""

    pool: Pool

    async def tables(self, feed: Source, language: Language = "zh") -> Sequence[dict[str, Any]]:
        """Returns the tables of a feed, and why those are stopped that are."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["sheets"], feed.id)
        return [
            {name: row[name] for name in ("name", "title", "columns", "keys", "day", "amounts", "stopped")}
            | {"why": said(row["reason"], row["parameters"], language) if row["reason"] else ""}
            for row in rows
        ]

    async def deliveries(self, feed: Source, after: int) -> Sequence[dict[str, Any]]:
        """Returns deliveries behind a number, and what became of each."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["deliveries"], feed.id, after, MOST)
        return [
            {name: value for name, value in row.items() if name not in ("reason", "parameters")}
            | {"why": said(row["reason"], row["parameters"]) if row["reason"] else ""}
            for row in rows
        ]

    async def fields(self, feed: Source, first: date, last: date) -> Sequence[dict[str, Any]]:
        """Returns how the fields of each table were filled, by month."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["field_figures"], feed.id, first.replace(day=1), last)
        return [dict(row) for row in rows]

    async def again(self, feed: Source, by: str, table: str = "", number: int | None = None) -> int:
        """Gives parked deliveries their turn again: all, a table's, or one. Returns how many. Raises NotFound."""
        async with self.pool.connection() as connection, connection.transaction():
            sheet = await connection.fetchrow(SQL["sheet_named"], feed.id, column_name(table)) if table else None
            if table and sheet is None:
                raise NotFound(f"{TEXTS}no-table", table=table)
            done: str = await connection.execute(SQL["again"], feed.id, sheet["id"] if sheet else None, number)
            await connection.execute(SQL["note"], feed.id, "again", feed.state, by, table or str(number or "*"))
        return int(done.rpartition(" ")[2])

    async def resume(self, feed: Source, by: str, table: str) -> int:
        """Lets a stopped table go on, with the columns that it has now; what was parked meanwhile has its turn again.

        Returns how many deliveries that are. Raises NotFound.
        """
        async with self.pool.connection() as connection, connection.transaction():
            sheet = await connection.fetchrow(SQL["sheet_named"], feed.id, column_name(table))
            if sheet is None or not await connection.fetchval(SQL["resume"], feed.id, sheet["name"]):
                raise NotFound(f"{TEXTS}no-table", table=table)
            done: str = await connection.execute(SQL["again"], feed.id, sheet["id"], None)
            await connection.execute(SQL["note"], feed.id, "resumed", feed.state, by, sheet["name"])
        return int(done.rpartition(" ")[2])
