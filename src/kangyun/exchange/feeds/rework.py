"""Rows that were kept aside, given back as a workbook: all their cells as they came, and why. Dropped back with the
cells put right, it answers them: it says of each row which it was.

It holds what the hospital sent, unmasked, so it is for the hospital's own people. It is made of the deliveries while
their content is kept.
"""

from dataclasses import dataclass, field

from kangyun.access.kept import Kept
from kangyun.access.staff import workbook
from kangyun.database.pool import Pool
from kangyun.exchange.feeds.contents import sheet_of
from kangyun.exchange.feeds.deliveries import said
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.returning import BATCH, MOST, REASON, ROW
from kangyun.exchange.tables.reading import Row
from kangyun.exchange.tables.reading.model import column_name

OURS = (BATCH, ROW, REASON)


@dataclass(slots=True)
class _Lines:
    """Rows of one table, whose columns may have changed from delivery to delivery."""

    header: dict[str, None] = field(default_factory=dict)
    rows: list[tuple[dict[str, str], tuple[str, str, str]]] = field(default_factory=list)

    def add(self, header: tuple[str, ...], cells: list[str], ours: tuple[str, str, str]) -> None:
        told = {name: cell for name, cell in zip(header, cells, strict=False) if name and name not in OURS}
        self.header.update(dict.fromkeys(told))
        self.rows.append((told, ours))

    def workbook(self) -> bytes:
        lines = [[*(told.get(name, "") for name in self.header), *ours] for told, ours in self.rows]
        return workbook("退回", (*self.header, *OURS), lines)


@dataclass(frozen=True, slots=True)
class Rework:
    """Gives back rows that were kept aside. One for a process."""

    pool: Pool
    kept: Kept

    async def tables(self, feed: Source) -> dict[str, int]:
        """Returns how many rows of each table are kept aside, and not answered yet."""
        async with self.pool.connection() as connection:
            return {row["name"]: row["rows"] for row in await connection.fetch(SQL["open_tables"], feed.id)}

    async def workbook(self, feed: Source, table: str) -> tuple[bytes, int]:
        """Returns the workbook of a table, and how many rows are in it."""
        lines = _Lines()
        async with self.pool.connection() as connection:
            found = await connection.fetch(SQL["open_rows"], feed.id, column_name(table), MOST)
            reasons: dict[int, dict[int, list[str]]] = {}
            for row in found:
                part = f"{row['part']} " if row["part"] else ""
                shown = f"「{row['shown']}」" if row["shown"] else ""
                told = f"{part}{shown}{said(row['text'], row['parameters'])}"
                reasons.setdefault(row["delivery"], {}).setdefault(row["row"], []).append(told)
            for number, rows in reasons.items():
                sheet = await sheet_of(connection, self.kept, feed, number)
                if sheet is None:
                    continue
                for one in sheet.table.rows:
                    if isinstance(one, Row) and one.number in rows:
                        ours = (str(number), str(one.number), " ".join(rows[one.number]))
                        lines.add(sheet.table.header, list(one.cells), ours)
        return lines.workbook(), len(lines.rows)
