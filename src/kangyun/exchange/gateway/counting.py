"""What the hospital itself has of a day, by the business time: told to the centre daily, and looked up when it asks.

Counted from the source, not from what was sent: that is the point of it. By business key, as the centre counts: what
stands there twice counts once, and the amounts are those of the last.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from kangyun.exchange.gateway.beside import columns_of
from kangyun.exchange.gateway.collecting import MOST_ROWS, Line, batch, row_digest
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.marks import Marks
from kangyun.exchange.gateway.middle import OURS
from kangyun.exchange.gateway.pace import Pace, beijing
from kangyun.exchange.gateway.queue import Batch, Queue
from kangyun.exchange.gateway.sending import DONE
from kangyun.exchange.gateway.sources.opening import Columns, Session
from kangyun.exchange.protocol import Asked, Declared, Serials
from kangyun.exchange.tables.reading.model import column_name

DAYS = 7
"""Days that are counted again each day: what came late changes them."""
_DAY = len("20260105")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counting:
    """Counts one table, and answers what the centre asks of it. One thread's."""

    queue: Queue
    table: Table
    pace: Pace

    def declare(self, session: Session, days: int = DAYS) -> None:
        """Counts the last whole days. Raises SourceFailed, Stopping, Closed."""
        if not self.table.business:
            return
        columns = columns_of(session, self.table)
        today = beijing().date()
        for back in range(1, days + 1):
            self.pace.check()
            declared = self.of_day(session, columns, today - timedelta(days=back))
            self.queue.count(self.table.place, declared.day.isoformat(), msgspec.json.encode(declared).decode())

    def unread(self, session: Session) -> int:
        """Returns how many rows are not read on: their reading column is empty, a text that is no time, or to come.

        What sorts before all times is read once, by the first reading of all. Raises SourceFailed.
        """
        if self.table.by == "flag":
            return 0
        name = session.dialect.name(self.table.column)
        condition, values = f"{name} IS NULL", list[Any]()
        if self.table.by != "number":
            is_text = self._is_text(session, self.table.column)
            marks = Marks("text" if is_text else "time", self.table.form)
            # A time begins with a digit, as it is read and as it is compared; and what lies a day ahead will not come.
            condition, values = f"{condition} OR {name} > ?", [marks.bound(marks.at(beijing() + timedelta(days=1)))]
            if is_text:
                condition, values = f"{condition} OR {name} < ?", [*values, "0"]
        ((count,),) = session.ask(session.dialect.select(self.table.table, condition, columns=["COUNT(*)"]), values)
        return int(count)

    def of_day(self, session: Session, columns: Columns, day: date) -> Declared:
        """Returns what the source has of a day."""
        listed = _some(columns, list(dict.fromkeys([*self.table.key, *self.table.sums])) or columns.names)
        places = [listed.names.index(name) for name in self.table.key] or range(len(listed.names))
        sums = [listed.names.index(name) for name in self.table.sums]
        found: dict[bytes, list[Decimal]] = {}
        for number, cells in enumerate(self._of_day(session, listed, self.table.business, day)):
            key = row_digest([cells[place] for place in places], 0 if self.table.key else number)
            found[key] = [_amount(cells[place]) for place in sums]
        totals = [sum(column, Decimal(0)) for column in zip(*found.values(), strict=True)] if found else []
        totals = totals or [Decimal(0)] * len(sums)
        return Declared(
            self.table.title, day, len(found),
            {name: format(total, "f") for name, total in zip(self.table.sums, totals, strict=True)},
        )  # fmt: skip

    def asked(self) -> dict[int, Asked]:
        """Returns what the centre asks of this table and is not answered yet."""
        names = (self.table.title.upper(), self.table.table.upper())
        found = (
            (id_, msgspec.json.decode(written, type=Asked))
            for id_, written, _ in self.queue.asked(self.table.feed, done=False)
        )
        return {id_: asked for id_, asked in found if asked.table.upper() in names}

    def answer(self, session: Session) -> None:
        """Does what the centre asks of this table. Raises SourceFailed, Full, Stopping, Closed."""
        for id_, asked in self.asked().items():
            columns = columns_of(session, self.table)
            # The centre says which columns it counts by, once it has seen rows; until then ours are as good.
            key = _named(columns, asked.columns) or self.table.key
            business = (_named(columns, [asked.by]) or [self.table.business])[0]
            if not business or not key:
                _log.error("cannot say", extra={"fields": {"place": self.table.place, "asked": id_}})
            elif asked.what == "serials":
                some = _some(columns, key)
                rows = [[cell or "" for cell in cells] for cells in self._of_day(session, some, business, asked.day)]
                self.queue.done(self.table.feed, id_, msgspec.json.encode(Serials(id_, rows)))
            else:
                self._resend(session, columns, asked, key, business)

    def _resend(self, session: Session, columns: Columns, asked: Asked, key: Sequence[str], business: str) -> None:
        wanted = {tuple(one) for one in asked.keys}
        keys = [columns.names.index(name) for name in key]
        sent = [place for place, name in enumerate(columns.names) if self.table.by != "flag" or name not in OURS]
        names = [columns.names[place] for place in sent]
        lines: list[Line] = []
        for cells in self._of_day(session, columns, business, asked.day):
            if not wanted or tuple(cells[place] or "" for place in keys) in wanted:
                kept = [cells[place] for place in sent]
                lines.append(Line(kept, "", row_digest(kept)))
            if len(lines) >= MOST_ROWS:
                # One at a time, so that a day of a large hospital is never in memory; what is broken off begins again.
                self.queue.put(self._again(names, lines))
                self.pace.check()
                lines = []
        if lines:
            self.queue.put(self._again(names, lines), asked=(self.table.feed, asked.id, DONE))
        else:
            self.queue.done(self.table.feed, asked.id, DONE)

    def _again(self, names: list[str], lines: list[Line]) -> Batch:
        made = batch(self.table, names, lines, "")
        made.seen = []
        return made

    def _of_day(self, session: Session, listed: Columns, business: str, day: date) -> Iterator[list[str | None]]:
        name = session.dialect.name(business)
        ends = _ends(day, self._one(session, business))
        rows = session.rows(self.table.table, listed, f"{name} >= ? AND {name} < ?", ends)
        return (cells for _, cells in rows)

    def _is_text(self, session: Session, column: str) -> bool:
        return session.source.kind == "sqlite" or isinstance(self._one(session, column), str | bytes)

    def _one(self, session: Session, column: str) -> Any:
        """Returns one value of a column: it tells how the others are kept."""
        condition = f"{session.dialect.name(column)} IS NOT NULL"
        one = Columns([column], [False])
        return next((raw[0] for raw, _ in session.rows(self.table.table, one, condition, most=1)), None)


def _ends(day: date, like: Any) -> list[Any]:
    """Returns a day's first instant and the next day's as a column is kept that has such a value.

    Texts begin with their day, however its time is written, and whatever the column that the table is read by is like.
    """
    days = (day, day + timedelta(days=1))
    if isinstance(like, int | float | Decimal):
        form = "%Y%m%d" if len(str(int(like))) <= _DAY else "%Y%m%d%H%M%S"
        return [int(datetime.combine(one, time()).strftime(form)) for one in days]
    if not isinstance(like, str | bytes):
        marks = Marks("time", "")
        return [marks.bound(marks.at(datetime.combine(one, time()))) for one in days]
    text = like.decode("ascii", "replace") if isinstance(like, bytes) else like.strip()
    between = text[4:5] if text[4:5] in ("-", "/", ".") else ""
    return [one.strftime(f"%Y{between}%m{between}%d") for one in days]


def _some(columns: Columns, names: Sequence[str]) -> Columns:
    places = [columns.names.index(name) for name in names]
    return Columns(
        [columns.names[place] for place in places], [columns.texts[place] for place in places], columns.expressions
    )


def _named(columns: Columns, wanted: Sequence[str]) -> list[str]:
    """Returns columns by the names that the centre has for them; none where one is not there."""
    known = {column_name(name): name for name in columns.names}
    found = [known[name] for one in wanted if (name := column_name(one)) in known]
    return found if len(found) == len(wanted) else []


def _amount(cell: str | None) -> Decimal:
    try:
        found = Decimal((cell or "0").strip() or "0")
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)
