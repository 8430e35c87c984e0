"""The rows that were kept aside, as a workbook to be put right and sent again: all cells as they were, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kangyun.access.staff import workbook
from kangyun.exchange.entries import Refusal
from kangyun.exchange.tables.reading import Row, Table

REASON, ROW, BATCH = "原因", "原行号", "原批次"
REMEMBERED = 2_000
"""Rows that are kept at hand until it is known what became of them: more than one transaction has."""
MOST = 50_000
"""Rows that are returned; of more something is wrong with the export, and the first say what."""


class Returned:
    """Collects the rows of one table that were kept aside."""

    def __init__(self, table: Table) -> None:
        self._lately: dict[int, Sequence[str]] = {}
        self._reasons: dict[int, list[str]] = {}
        self._cells: dict[int, Sequence[str]] = {}
        self._header = table.header
        self.table = replace(table, rows=self._seen(table.rows))
        """The table as it is to be read, so that its rows are known here."""

    def __len__(self) -> int:
        return len(self._cells)

    def _seen(self, rows: Iterator[Row | Refusal]) -> Iterator[Row | Refusal]:
        for row in rows:
            if isinstance(row, Row):
                self._lately[row.number] = row.cells
                if len(self._lately) > REMEMBERED:
                    del self._lately[next(iter(self._lately))]
            yield row

    def add(self, refusal: Refusal, said: str) -> None:
        """Takes in what was refused, and why, in words."""
        number = refusal.place.row
        if not refusal.whole or number is None or (number not in self._cells and len(self._cells) >= MOST):
            return
        cells = self.cells(number)
        if cells or number not in self._cells:
            self._cells[number] = cells
        self._reasons.setdefault(number, []).append(said)

    def cells(self, number: int | None) -> Sequence[str]:
        """Returns the cells of a row that was read lately; none where it could not be read."""
        return () if number is None else self._lately.get(number, ())

    def workbook(self) -> bytes:
        """Returns the workbook: the columns that the table has, the row's number, and the reasons."""
        header = (*self._header, ROW, REASON)
        return workbook("退回", header, [self._line(number) for number in sorted(self._cells)])

    def _line(self, number: int) -> list[str]:
        cells = self._cells[number]
        missing = [""] * (len(self._header) - len(cells))
        return [*cells, *missing, str(number), " ".join(self._reasons[number])]
