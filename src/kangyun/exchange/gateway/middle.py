"""Middle tables, which the vendor fills and we mark: 上传标志 0 to be sent, 3 on its way, 1 taken, 2 aside with why.

A row is on its way from the transaction that queued it; should we stop before the mark is written, its digest tells.
What the vendor changes meanwhile (flag back to 0) is a new version: the answer to the old one is then not written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kangyun.exchange.gateway.collecting import MOST_CHARACTERS, MOST_ROWS, Line, batch, has_its_columns, row_digest
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.gateway.sources.opening import Columns, Session

SERIAL, FLAG, CODE, TEXT = "KYXH", "SCBZ", "CWDM", "CWMS"
"""自增序号, 上传标志, 错误代码, 错误描述: the columns that are ours."""
OURS = (SERIAL, FLAG, CODE, TEXT)
WAITS, TAKEN, ASIDE, ON_ITS_WAY = "0", "1", "2", "3"
TRIED = "TRIED"
"""错误代码 of what was judged and not stored, while a feed is in 联调."""
LONGEST_TEXT = 500
_AT_ONCE = 500


@dataclass(slots=True)
class Marking:
    """Reads one middle table into the queue, and writes back into it. One thread's, with a session that writes."""

    queue: Queue
    table: Table
    pace: Pace
    thorough: bool = True
    """Whether rows that are marked as on their way are looked at, too: after a start."""

    def round(self, session: Session) -> int:
        """Writes back what was answered, then reads what waits. Returns how many rows were queued."""
        columns = session.columns(self.table.table)
        if not has_its_columns(self.queue, self.table, columns):
            return 0
        place = self.queue.place(self.table.place)
        if not place.value and place.taken:
            name = session.dialect.name
            session.run(
                f"UPDATE {name(self.table.table)} SET {name(FLAG)} = '{WAITS}' WHERE {name(CODE)} = '{TRIED}'"
                f" OR {name(FLAG)} = '{ON_ITS_WAY}'"
            )
        self.write_back(session)
        taken = self._read(session, columns)
        self.thorough = False
        self.queue.passed(self.table.place, "read", "")
        return taken

    def _read(self, session: Session, columns: Columns) -> int:
        taken, serial = 0, -1
        name = session.dialect.name
        flags = f"IN ('{WAITS}', '{ON_ITS_WAY}')" if self.thorough else f"= '{WAITS}'"
        sent = [place for place, column in enumerate(columns.names) if column not in OURS]
        at, flag = columns.names.index(SERIAL), columns.names.index(self.table.column)
        while True:
            self.pace.check()
            condition = f"{name(self.table.column)} {flags} AND {name(SERIAL)} > ?"
            lines: list[Line] = []
            flagged: list[str | None] = []
            size = 0
            for _, cells in session.rows(self.table.table, columns, condition, [serial], SERIAL, MOST_ROWS):
                kept = [cells[place] for place in sent]
                lines.append(Line(kept, cells[at] or "", row_digest(kept, int(cells[at] or 0))))
                flagged.append((cells[flag] or "").strip())
                size += sum(len(cell) for cell in kept if cell)
                if size >= MOST_CHARACTERS:
                    break
            if not lines:
                return taken
            serial = int(lines[-1].mark)
            taken += self._put(session, [columns.names[place] for place in sent], lines, flagged)

    def _put(self, session: Session, names: list[str], lines: list[Line], flags: Sequence[str | None]) -> int:
        seen = self.queue.was_seen(self.table.place, [line.digest for line in lines])
        fresh = [line for line in lines if line.digest not in seen]
        if fresh:
            made = batch(self.table, names, fresh, "read")
            made.about = {"rows": [line.mark for line in fresh], "digests": [line.digest.hex() for line in fresh]}
            self.queue.put(made)
        unmarked = [[int(line.mark)] for line, flag in zip(lines, flags, strict=True) if flag == WAITS]
        name = session.dialect.name
        mark = (
            f"UPDATE {name(self.table.table)} SET {name(self.table.column)} = '{ON_ITS_WAY}'"
            f" WHERE {name(SERIAL)} = ? AND {name(self.table.column)} = '{WAITS}'"
        )
        for start in range(0, len(unmarked), _AT_ONCE):
            session.run(mark, unmarked[start : start + _AT_ONCE])
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
