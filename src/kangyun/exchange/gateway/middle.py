"""Middle tables, which the vendor fills and we mark: 上传标志 0 to be sent, 3 on its way, 1 taken, 2 aside with why.

A row is marked first and read then: what the vendor writes before the mark is what is read, and what he writes behind
it (flag back to 0) is a new version, so that the answer to the old one is not written. Should we stop in between, rows
that are marked and were never queued are found by their digests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kangyun.exchange.gateway.beside import columns_of
from kangyun.exchange.gateway.collecting import MOST_CHARACTERS, MOST_ROWS, Line, batch, has_its_columns, row_digest
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Queue, SetBack
from kangyun.exchange.gateway.sources.opening import Columns, Session

SERIAL, FLAG, CODE, TEXT = "KYXH", "SCBZ", "CWDM", "CWMS"
"""自增序号, 上传标志, 错误代码, 错误描述: the columns that are ours."""
OURS = (SERIAL, FLAG, CODE, TEXT)
WAITS, TAKEN, ASIDE, ON_ITS_WAY = "0", "1", "2", "3"
TRIED = "TRIED"
"""错误代码 of what was judged and not stored, while a feed is in 联调."""
READ = "read"
"""The position of a middle table: none."""
LONGEST_TEXT = 500
_AT_ONCE = 500


@dataclass(slots=True)
class Marking:
    """Reads one middle table into the queue, and writes back into it. One thread's, with a session that writes."""

    queue: Queue
    table: Table
    pace: Pace
    thorough: bool = True
    """Whether rows that are marked as on their way are looked at, too: after a start or a round that broke off."""

    def round(self, session: Session) -> int:
        """Reads what waits, then writes back what was answered. Returns how many rows were queued."""
        while True:
            try:
                return self._round(session)
            except SetBack:
                continue

    def _round(self, session: Session) -> int:
        columns = columns_of(session, self.table)
        if not has_its_columns(self.queue, self.table, columns):
            return 0
        place = self.queue.place(self.table.place)
        if not place.value and place.taken:
            name = session.dialect.name
            session.run(
                f"UPDATE {name(self.table.table)} SET {name(FLAG)} = '{WAITS}' WHERE {name(CODE)} = '{TRIED}'"
                f" OR {name(FLAG)} = '{ON_ITS_WAY}'"
            )
        taken = self._read(session, columns, place.value)
        self.write_back(session)
        return taken

    def _read(self, session: Session, columns: Columns, held: str) -> int:
        name = session.dialect.name
        flags = f"IN ('{WAITS}', '{ON_ITS_WAY}')" if self.thorough else f"= '{WAITS}'"
        condition = f"{name(self.table.column)} {flags} AND {name(SERIAL)} > ?"
        self.thorough = True
        taken, serial = 0, -1
        while True:
            self.pace.check()
            self.queue.check_room()
            found = self._marked(session, condition, serial)
            if not found:
                self.queue.passed(self.table.place, READ, "", held)
                self.thorough = False
                return taken
            serial = found[-1]
            for lines in self._lines(session, columns, found):
                fresh = self._queued(columns, lines, held)
                taken, held = taken + fresh, READ if fresh else held

    def _marked(self, session: Session, condition: str, serial: int) -> list[int]:
        """Marks the next rows as on their way. Returns their serials."""
        name = session.dialect.name
        two = Columns([SERIAL, self.table.column], [False, False])
        rows = session.rows(self.table.table, two, condition, [serial], SERIAL, MOST_ROWS)
        found = [(int(cells[0] or 0), (cells[1] or "").strip()) for _, cells in rows]
        unmarked = [[number] for number, flag in found if flag == WAITS]
        mark = (
            f"UPDATE {name(self.table.table)} SET {name(self.table.column)} = '{ON_ITS_WAY}'"
            f" WHERE {name(SERIAL)} = ? AND {name(self.table.column)} = '{WAITS}'"
        )
        for start in range(0, len(unmarked), _AT_ONCE):
            session.run(mark, unmarked[start : start + _AT_ONCE])
        return [number for number, _ in found]

    def _lines(self, session: Session, columns: Columns, serials: Sequence[int]) -> Iterator[list[Line]]:
        """Yields rows that are marked, as many as a delivery has."""
        name = session.dialect.name
        sent = [place for place, column in enumerate(columns.names) if column not in OURS]
        at = columns.names.index(SERIAL)
        lines: list[Line] = []
        size = 0
        for start in range(0, len(serials), _AT_ONCE):
            some = serials[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            condition = f"{name(self.table.column)} = '{ON_ITS_WAY}' AND {name(SERIAL)} IN ({marks})"
            for _, cells in session.rows(self.table.table, columns, condition, some, SERIAL):
                kept = [cells[place] for place in sent]
                lines.append(Line(kept, cells[at] or "", row_digest(kept, int(cells[at] or 0))))
                size += sum(len(cell) for cell in kept if cell)
                if size >= MOST_CHARACTERS:
                    yield lines
                    lines, size = [], 0
        if lines:
            yield lines

    def _queued(self, columns: Columns, lines: list[Line], held: str) -> int:
        seen = self.queue.was_seen(self.table.place, [line.digest for line in lines])
        fresh = [line for line in lines if line.digest not in seen]
        if fresh:
            made = batch(self.table, [name for name in columns.names if name not in OURS], fresh, READ, held=held)
            made.about = {"rows": [line.mark for line in fresh], "digests": [line.digest.hex() for line in fresh]}
            self.queue.put(made)
        self.pace.took(len(fresh))
        return len(fresh)

    def write_back(self, session: Session) -> None:
        """Writes what was answered into the table. Raises SourceFailed: then it is written later."""
        name = session.dialect.name
        statement = (
            f"UPDATE {name(self.table.table)} SET {name(self.table.column)} = ?, {name(CODE)} = ?, {name(TEXT)} = ?"
            f" WHERE {name(SERIAL)} = ? AND {name(self.table.column)} = '{ON_ITS_WAY}'"
        )
        while found := self.queue.verdicts(self.table.place, _AT_ONCE):
            newest = self.queue.newest(self.table.place, [row for row, *_ in found])
            values: list[list[Any]] = [
                [flag, code, text[:LONGEST_TEXT], int(row)]
                for row, digest, flag, code, text in found if newest.get(row, digest) == digest
            ]  # fmt: skip
            if values:
                session.run(statement, values)
            self.queue.written_back(self.table.place, [(row, digest) for row, digest, *_ in found])
            self.pace.check()
