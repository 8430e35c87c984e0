"""One table or view, read on from where it was left: pages by a column that rises, each row sent once.

A page begins again at the last value of the page before (of times: at its second), and a reading some time before the
last value of the reading before, so that neither rows of one instant nor late rows are missed; what was sent already is
known by its digest. A table whose columns changed is stopped, it alone. ADR 37.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.exchange.gateway.beside import columns_of
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.marks import Marks
from kangyun.exchange.gateway.pace import BEIJING, Pace, beijing
from kangyun.exchange.gateway.queue import Batch, Queue, SetBack
from kangyun.exchange.gateway.sources.opening import Columns, Session
from kangyun.exchange.protocol import Rows

MOST_ROWS = 2_000
MOST_CHARACTERS = 1_000_000
"""Of one delivery, so that little is in memory at once. A row that is longer alone is a delivery of its own."""
TEXTS = "exchange.gateway."
_DIGEST = 12
"""Bytes: two of a thousand million rows are the same with a likelihood below 10⁻¹⁰."""


class Line(NamedTuple):
    """A row that was read. mark: where it stands. digest: of its cells, and of how often they stood there before."""

    cells: list[str | None]
    mark: str
    digest: bytes


def row_digest(cells: Sequence[str | None], ordinal: int = 0) -> bytes:
    """Returns what a row is known by."""
    told = "\x1f".join("\x00" if cell is None else cell for cell in cells)
    return hashlib.blake2b(f"{ordinal}\x1e{told}".encode(), digest_size=_DIGEST).digest()


def has_its_columns(queue: Queue, table: Table, columns: Columns) -> bool:
    """Whether a table has the columns that it had; if not, it is stopped. One that is new begins here."""
    place = queue.place(table.place)
    if place.stopped:
        return False
    missing = [
        name for name in (table.column, *table.key, table.business, *table.sums) if name and name not in columns.names
    ]
    if missing:
        queue.stop(table.place, TEXTS + "column-missing", columns="、".join(missing))
        return False
    if not place.columns:
        queue.know(table.place, columns.names, table.start if table.by != "flag" else "")
        return True
    if list(place.columns) != columns.names:
        gone = [name for name in place.columns if name not in columns.names]
        added = [name for name in columns.names if name not in place.columns]
        queue.stop(table.place, TEXTS + "columns-changed", gone="、".join(gone) or "-", added="、".join(added) or "-")
        return False
    return True


@dataclass(slots=True)
class Collecting:
    """Reads one table into the queue. One thread's."""

    queue: Queue
    table: Table
    pace: Pace
    now: Callable[[], Any] = field(default=beijing)

    def round(self, session: Session) -> int:
        """Reads what is new. Returns how many rows were queued. Raises SourceFailed, Full, Stopping, Closed."""
        while True:
            try:
                return self._round(session)
            except SetBack:
                continue

    def _round(self, session: Session) -> int:
        columns = columns_of(session, self.table)
        if not has_its_columns(self.queue, self.table, columns):
            return 0
        marks = Marks(
            "text" if session.source.kind == "sqlite" and self.table.by == "time" else self.table.by, self.table.form
        )
        place = self.queue.place(self.table.place)
        try:
            value = marks.kept(place.value or self.table.start) if place.value or self.table.start else ""
        except Invalid as wrong:
            self.queue.stop(self.table.place, wrong.issues[0].text, **wrong.issues[0].parameters)
            return 0
        until = marks.at(self.now() - timedelta(seconds=self.table.settle)) if marks.by != "number" else ""
        taken = 0
        since, held = max(marks.earlier(value, self.table.overlap), place.since), place.value
        fewest = most = min(self.table.page, session.dialect.most or self.table.page)
        while True:
            self.pace.check()
            page = _Page(self, session, columns, marks, value, held)
            count, last = page.read(since, until, most)
            taken, value = taken + page.taken, max(value, last)
            # Also after each page: of a backlog of years only what lies within the overlap is remembered.
            self.queue.passed(self.table.place, value, marks.earlier(value, self.table.overlap), page.held)
            held = value
            if count < most:
                return taken
            # A page that came no further is asked for again with more rows: they are all of one instant.
            nearer = max(since, marks.earlier(last, 0))
            most = most * 2 if nearer == since else fewest
            since = nearer


@dataclass(slots=True)
class _Page:
    """One query. value: the position before it. held: the same as the queue has it."""

    of: Collecting
    session: Session
    columns: Columns
    marks: Marks
    value: str
    held: str
    taken: int = 0

    def read(self, since: str, until: str, most: int) -> tuple[int, str]:
        """Queues what is new of a page. Returns how many rows it had, and its last mark."""
        count, last = 0, ""
        waiting: list[Line] = []
        size = 0
        for line in self._lines(since, until, most):
            count, last = count + 1, line.mark
            waiting.append(line)
            size += sum(len(cell) for cell in line.cells if cell)
            if len(waiting) >= MOST_ROWS or size >= MOST_CHARACTERS:
                self._put(waiting)
                waiting, size = [], 0
        self._put(waiting)
        return count, last

    def _lines(self, since: str, until: str, most: int) -> Iterator[Line]:
        table, name = self.of.table, self.session.dialect.name(self.of.table.column)
        wanted = [(f"{name} >= ?", since), (f"{name} <= ?", until)]
        wanted = [(part, mark) for part, mark in wanted if mark] or [(f"{name} IS NOT NULL", "")]
        condition = " AND ".join(part for part, _ in wanted)
        values = [self.marks.bound(mark) for _, mark in wanted if mark]
        at = self.columns.names.index(table.column)
        mark, same = "", dict[bytes, int]()
        for raw, cells in self.session.rows(table.table, self.columns, condition, values, table.column, most):
            try:
                here = self.marks.kept(raw[at] if self.marks.by == "time" else cells[at])
            except Invalid:
                here = mark  # 0000-00-00 of MySQL: it stands with the row before it.
            if here != mark:
                mark, same = here, {}
            digest = row_digest(cells)
            ordinal = same[digest] = same.get(digest, -1) + 1
            yield Line(cells, mark, row_digest(cells, ordinal) if ordinal else digest)

    def _put(self, lines: list[Line]) -> None:
        if not lines:
            return
        table = self.of.table
        seen = self.of.queue.was_seen(table.place, [line.digest for line in lines])
        fresh = [line for line in lines if line.digest not in seen]
        if not fresh:
            return
        self.value = max(self.value, lines[-1].mark)
        self.of.queue.put(batch(table, self.columns.names, fresh, self.value, self._business(fresh), self.held))
        self.held = self.value or self.held
        self.taken += len(fresh)
        self.of.pace.took(len(fresh))
        self.of.pace.check()

    def _business(self, lines: list[Line]) -> Any:
        first, last = self.marks.moment(lines[0].mark), self.marks.moment(lines[-1].mark)
        if self.of.table.column != self.of.table.business or first is None or last is None:
            return None
        return first.replace(tzinfo=BEIJING), last.replace(tzinfo=BEIJING)


def batch(
    table: Table, names: Sequence[str], lines: Sequence[Line], value: str, business: Any = None,
    held: str | None = None,
) -> Batch:  # fmt: skip
    """Returns rows of a table as a delivery, with their keys kept for when it is answered. held: see `Batch`."""
    rows = Rows(table.title, list(names), [line.cells for line in lines], clock.now(), table.dialect, business)
    keys = [names.index(name) for name in table.key]
    about = {"key": table.key, "keys": [[line.cells[place] for place in keys] for line in lines]} if keys else {}
    seen = [(line.digest, line.mark) for line in lines]
    return Batch(table.feed, table.place, rows, len(lines), about, value, seen, held)
