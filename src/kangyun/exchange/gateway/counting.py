"""What the hospital itself has of a day, by the business time: told to the centre daily, and looked up when it asks.

Counted from the source, not from what was sent: that is the point of it. By business key, as the centre counts: what
stands there twice counts once, and the amounts are those of the last.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from kangyun.exchange.gateway.collecting import MOST_ROWS, Line, batch, row_digest
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.marks import Marks
from kangyun.exchange.gateway.middle import OURS
from kangyun.exchange.gateway.pace import Pace, beijing
from kangyun.exchange.gateway.queue import Batch, Queue
from kangyun.exchange.gateway.sending import DONE
from kangyun.exchange.gateway.sources.opening import Columns, Session
from kangyun.exchange.protocol import Asked, Declared, Serials

DAYS = 7
"""Days that are counted again each day: what came late changes them."""
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
        columns = session.columns(self.table.table)
        today = beijing().date()
        for back in range(1, days + 1):
            self.pace.check()
            declared = self.of_day(session, columns, today - timedelta(days=back))
            self.queue.count(self.table.place, declared.day.isoformat(), msgspec.json.encode(declared).decode())

    def of_day(self, session: Session, columns: Columns, day: date) -> Declared:
        """Returns what the source has of a day."""
        wanted = list(dict.fromkeys([*self.table.key, *self.table.sums]))
        some = [(name, text) for name, text in zip(*columns, strict=True) if name in wanted or not self.table.key]
        listed = Columns([name for name, _ in some], [text for _, text in some])
        places = [listed.names.index(name) for name in self.table.key] or range(len(listed.names))
        sums = [listed.names.index(name) for name in self.table.sums]
        found: dict[bytes, list[Decimal]] = {}
        for number, cells in enumerate(self._of_day(session, listed, columns, day)):
            key = row_digest([cells[place] for place in places], 0 if self.table.key else number)
            found[key] = [_amount(cells[place]) for place in sums]
        totals = [sum(column, Decimal(0)) for column in zip(*found.values(), strict=True)] if found else []
        totals = totals or [Decimal(0)] * len(sums)
        return Declared(
            self.table.title, day, len(found),
            {name: format(total, "f") for name, total in zip(self.table.sums, totals, strict=True)},
        )  # fmt: skip

    def answer(self, session: Session) -> None:
        """Does what the centre asks of this table. Raises SourceFailed, Full, Stopping, Closed."""
        for id_, written, _ in self.queue.asked(self.table.feed, done=False):
            asked = msgspec.json.decode(written, type=Asked)
            if asked.table.upper() not in (self.table.title.upper(), self.table.table.upper()):
                continue
            if not self.table.business or (asked.what == "serials" and not self.table.key):
                _log.error("cannot say", extra={"fields": {"place": self.table.place, "asked": id_}})
                continue
            columns = session.columns(self.table.table)
            if asked.what == "serials":
                listed = [_column(columns, name) for name in self.table.key]
                some = Columns([name for name, _ in listed], [text for _, text in listed])
                rows = [[cell or "" for cell in cells] for cells in self._of_day(session, some, columns, asked.day)]
                self.queue.done(self.table.feed, id_, msgspec.json.encode(Serials(id_, rows)))
            else:
                self._resend(session, columns, asked)

    def _resend(self, session: Session, columns: Columns, asked: Asked) -> None:
        wanted = {tuple(key) for key in asked.keys}
        keys = [columns.names.index(name) for name in self.table.key]
        sent = [place for place, name in enumerate(columns.names) if self.table.by != "flag" or name not in OURS]
        names = [columns.names[place] for place in sent]
        batches: list[Batch] = []
        lines: list[Line] = []
        for cells in self._of_day(session, columns, columns, asked.day):
            if not wanted or tuple(cells[place] or "" for place in keys) in wanted:
                kept = [cells[place] for place in sent]
                lines.append(Line(kept, "", row_digest(kept)))
            if len(lines) >= MOST_ROWS:
                batches.append(self._again(names, lines))
                lines = []
        if lines:
            batches.append(self._again(names, lines))
        if batches:
            self.queue.put(*batches, asked=(self.table.feed, asked.id, DONE))
        else:
            self.queue.done(self.table.feed, asked.id, DONE)

    def _again(self, names: list[str], lines: list[Line]) -> Batch:
        made = batch(self.table, names, lines, "")
        made.seen = []
        return made

    def _of_day(self, session: Session, listed: Columns, columns: Columns, day: date) -> Iterator[list[str | None]]:
        name = session.dialect.name(self.table.business)
        values = self._ends(session, day)
        rows = session.rows(self.table.table, listed, f"{name} >= ? AND {name} < ?", values)
        return (cells for _, cells in rows)

    def _ends(self, session: Session, day: date) -> list[Any]:
        first = datetime.combine(day, time())
        last = first + timedelta(days=1)
        marks = Marks("text", self.table.form) if self._is_text(session) else Marks("time", "")
        return [marks.bound(marks.at(first)), marks.bound(marks.at(last))]

    def _is_text(self, session: Session) -> bool:
        """Whether the business time is kept as a text: one value of it tells."""
        if session.source.kind == "sqlite":
            return True
        condition = f"{session.dialect.name(self.table.business)} IS NOT NULL"
        one = Columns([self.table.business], [False])
        value = next((raw[0] for raw, _ in session.rows(self.table.table, one, condition, most=1)), None)
        return isinstance(value, str | bytes)


def _column(columns: Columns, name: str) -> tuple[str, bool]:
    """Returns a column by its name, and whether it is a text."""
    place = columns.names.index(name)
    return columns.names[place], columns.texts[place]


def _amount(cell: str | None) -> Decimal:
    try:
        found = Decimal((cell or "0").strip() or "0")
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)
