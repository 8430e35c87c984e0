"""对账: what a hospital counts of a table and a day against what came, was stored and was kept aside.

Down to the serial number, where they differ; with requests to send again, and months that are closed.

Rows are counted by business key (`feed_row`), so what is sent again changes no count. Serial numbers stand here only
sealed by the institution's key: in what was asked and answered.
"""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from kangyun.access.kept import Kept
from kangyun.base import clock
from kangyun.base.errors import Conflict, Gone, Invalid, NotFound, RuleBroken
from kangyun.database.pool import Pool
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.feeds.tallying import NO_DAY, SCALE, read_key, scaled
from kangyun.exchange.protocol import Asked, Declared, Serials
from kangyun.exchange.tables.reading.model import column_name

BEIJING = timedelta(hours=8)
MOST_DECLARED = 50_000
MOST_KEPT = 1_000_000_000  # rows of a table and day
MOST_KEYS = 500_000
REFUSED = b"r"


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a column adds up to, in ten-thousandths. declared: None where the hospital has said nothing."""

    declared: int | None
    received: int
    stored: int


@dataclass(frozen=True, slots=True)
class Line:
    """A table and a day. received: stored, revoked and refused. day: NO_DAY for rows that say none."""

    table: str
    title: str
    day: date
    declared: int | None
    stored: int
    revoked: int
    refused: int
    sums: Mapping[str, Amounts]

    @property
    def received(self) -> int:
        return self.stored + self.revoked + self.refused

    @property
    def differs(self) -> bool:
        """Whether there is something to look into: a count or a sum that is not the hospital's, or rows kept aside."""
        counts = self.declared is not None and self.declared != self.received
        return counts or self.refused > 0 or any(
            one.declared is not None and one.declared != one.received for one in self.sums.values()
        )  # fmt: skip


class Found(msgspec.Struct, frozen=True):
    """What serial numbers told. missing: that we have not. aside: that were kept aside. surplus: only we have.

    aside: keys as well that nobody can read, since their rows are. surplus: as digest of the key and number of the
    delivery; what the delivery's content still says is looked up. elsewhere: that we have under another day.
    """

    missing: list[list[str]]
    aside: list[list[str]]
    surplus: list[tuple[int, int]]
    elsewhere: list[tuple[list[str], date]] = []


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Counts against what is declared. One for a process."""

    pool: Pool
    kept: Kept

    async def declare(self, feed: Source, told: Sequence[Declared]) -> None:
        """Takes in what the hospital counts. Raises Invalid."""
        if any(not 0 <= one.rows <= MOST_KEPT for one in told):
            raise Invalid(f"{TEXTS}wrong-member", at="rows", member="rows")
        if len(told) > MOST_DECLARED:
            raise Invalid(f"{TEXTS}too-many", limit=MOST_DECLARED)
        sheets: dict[str, int] = {}
        sums: list[tuple[int, date, str, int]] = []
        async with self.pool.connection() as connection, connection.transaction():
            for name in dict.fromkeys(column_name(one.table) for one in told):
                sheets[name] = (await connection.fetchrow(SQL["sheet"], feed.id, name, ""))["id"]
            rows = [(sheets[column_name(one.table)], one.day, one.rows) for one in told]
            for sheet, one in zip((row[0] for row in rows), told, strict=True):
                sums += [(sheet, one.day, column_name(name), _scaled(value)) for name, value in one.sums.items()]
            if rows:
                await connection.execute(SQL["declare"], *map(list, zip(*rows, strict=True)))
            if sums:
                await connection.execute(SQL["declare_sums"], *map(list, zip(*sums, strict=True)))

    async def lines(self, feed: Source, first: date, last: date) -> list[Line]:
        """Returns the figures by day and table."""
        async with self.pool.connection() as connection:
            sums: dict[tuple[str, date], dict[str, Amounts]] = {}
            for row in await connection.fetch(SQL["sums"], feed.id, first, last):
                amounts = Amounts(row["declared"], row["received"], row["stored"])
                sums.setdefault((row["name"], row["day"]), {})[row["field"]] = amounts
            rows = await connection.fetch(SQL["days"], feed.id, first, last)
        return [
            Line(
                row["name"], row["title"], row["day"], row["declared"], row["stored"], row["revoked"], row["refused"],
                sums.get((row["name"], row["day"]), {}),
            )
            for row in rows
        ]  # fmt: skip

    async def ask(
        self, feed: Source, what: Literal["resend", "serials"], table: str, day: date, by: str, institution: int,
        keys: Sequence[Sequence[str]] = (),
    ) -> int:  # fmt: skip
        """Asks for the rows of a day, or for the keys that the hospital has. Raises NotFound for an unknown table."""
        key, sealed = await self.kept.seal(institution, msgspec.json.encode(keys), _place(feed, "keys"))
        async with self.pool.connection() as connection:
            sheet = await connection.fetchrow(SQL["sheet_named"], feed.id, column_name(table))
            if sheet is None:
                raise NotFound(f"{TEXTS}no-table", table=table)
            id_: int = await connection.fetchval(SQL["ask"], feed.id, what, sheet["id"], day, by, key, sealed)
            return id_

    async def asked(self, feed: Source) -> list[Asked]:
        """Returns what the gateway has not answered yet."""
        found = []
        async with self.pool.connection() as connection:
            for row in await connection.fetch(SQL["open_asked"], feed.id):
                keys: list[list[str]] = []
                if row["keys"]:  # Else somebody was erased meanwhile, and the whole day is asked for.
                    told = await self.kept.open(connection, row["key"], row["keys"], _place(feed, "keys"))
                    keys = msgspec.json.decode(told, type=list[list[str]])
                about = (row["id"], row["what"], row["name"], row["day"])
                found.append(Asked(*about, keys, row["columns"], row["by"]))
        return found

    async def answer(self, feed: Source, id_: int, serials: Serials | None, institution: int) -> None:
        """Takes in an answer: serial numbers, or that the rows were queued again. Raises NotFound, Invalid."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(SQL["one_asked"], feed.id, id_)
            if row is None:
                raise NotFound(f"{TEXTS}not-asked")
            found = Found([], [], [])
            if row["what"] == "serials":
                if serials is None or len(serials.keys) > MOST_KEYS:
                    raise Invalid(f"{TEXTS}serials-wanted")
                told = [(list(one), read_key(one)) for one in serials.keys]
                read = [(one, digest) for one, digest in told if digest is not None]
                digests = [digest for _, digest in read]
                differing = await connection.fetch(SQL["compare"], row["sheet"], row["day"], digests)
                unread = [one for one, digest in told if digest is None]
                found = _found([one for one, _ in read], differing, unread)
        key, sealed = await self.kept.seal(institution, msgspec.json.encode(found), _place(feed, "answer"))
        async with self.pool.connection() as connection:
            counts = (len(found.missing), len(found.surplus)) if row["what"] == "serials" else (None, None)
            # The question's own seal goes with its key, and nobody asks for it any more.
            await connection.execute(SQL["answer"], feed.id, id_, key, sealed, *counts)

    async def found(self, feed: Source, id_: int) -> Found | None:
        """Returns what an answer told, None where there is none yet. Raises NotFound, Gone where it was dropped."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(SQL["one_asked"], feed.id, id_)
            if row is None:
                raise NotFound(f"{TEXTS}not-asked")
            if row["answered"] is None:
                return None
            if row["answer"] is None:
                raise Gone(f"{TEXTS}answer-dropped")
            told = await self.kept.open(connection, row["key"], row["answer"], _place(feed, "answer"))
        return msgspec.json.decode(told, type=Found)

    async def all_asked(self, feed: Source) -> list[dict[str, Any]]:
        """Returns what was asked lately, and how many differ."""
        async with self.pool.connection() as connection:
            return [dict(row) for row in await connection.fetch(SQL["all_asked"], feed.id)]

    async def close(self, feed: Source, month: date, by: str, why: str) -> list[Line]:
        """Closes a month: its figures are kept as they stand. Raises RuleBroken for one that is not over, Conflict."""
        first, last = bounds(month)
        if last >= (clock.now() + BEIJING).date():
            raise RuleBroken(f"{TEXTS}month-runs", month=f"{month:%Y-%m}")
        lines = await self.lines(feed, first, last)
        figures = msgspec.json.encode(lines).decode()
        async with self.pool.connection() as connection:
            if await connection.fetchval(SQL["close_month"], feed.id, first, by, why, figures) is None:
                raise Conflict(f"{TEXTS}month-closed", month=f"{month:%Y-%m}")
        return lines

    async def closed(self, feed: Source) -> dict[date, tuple[Mapping[str, Any], list[Line]]]:
        """Returns the months that are closed: when, by whom and why; and the figures as they stood."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["closed_months"], feed.id)
        return {
            row["month"]: (
                {"at": row["at"], "by": row["by"], "why": row["why"]},
                msgspec.json.decode(row["figures"], type=list[Line]),
            )
            for row in rows
        }


def bounds(month: date) -> tuple[date, date]:
    """Returns the first and the last day of a day's month."""
    return month.replace(day=1), month.replace(day=monthrange(month.year, month.month)[1])


def plain(amount: int | None) -> str:
    """Returns an amount as people write it; empty where there is none."""
    return "" if amount is None else f"{amount / SCALE:.2f}"


def shown_day(day: date) -> str:
    """Returns a day as it is shown."""
    return "无日期" if day == NO_DAY else day.isoformat()


def _found(keys: Sequence[list[str]], differing: Sequence[Mapping[str, Any]], unread: list[list[str]]) -> Found:
    theirs = [(keys[row["nth"] - 1], row) for row in differing if row["nth"] is not None]
    missing = [key for key, row in theirs if row["delivery"] is None]
    aside = [key for key, row in theirs if row["outcome"] == REFUSED]
    elsewhere = [(key, row["day"]) for key, row in theirs if row["delivery"] is not None and row["outcome"] != REFUSED]
    surplus = [(row["key"], row["delivery"]) for row in differing if row["nth"] is None]
    return Found(missing, [*aside, *unread], surplus, elsewhere)


def _scaled(written: str) -> int:
    try:
        return scaled(written)
    except ValueError:
        raise Invalid(f"{TEXTS}not-an-amount") from None


def _place(feed: Source, what: str) -> str:
    return f"feed/{feed.name}/{what}"
