"""CSV and its kin, as hospitals' programs write them: any delimiter, quotes or none, line ends within quotes.

A row is a record: one with line ends within quotes counts once. Quotes open a cell only where they stand at its start;
a cell that opens and never closes is refused with its row, and what follows is read on. A cell that is a formula is
refused, `="0012"` is how programs keep zeros from Excel and is read as 0012.

Source: RFC 4180, and what deviates from it.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.tables.reading.encodings import SAMPLE, Encoding, declared, detected, is_utf8_as_gbk
from kangyun.exchange.tables.reading.model import (
    LONGEST_CELL,
    MOST_COLUMNS,
    TEXTS,
    Row,
    Rows,
    Table,
    header_of,
    unreadable,
)

DELIMITERS = (",", "\t", "|", ";", "\x01", "^", "~")
_BLOCK = 262_144  # bytes
_LONGEST_LINE = 4_000_000  # characters
_MOST_LINES = 500
_WIDE = 5
"""Columns from which on a line of a text hardly ever has as many delimiters as a record."""
"""Lines that a quoted cell may have; beyond, its closing quote is missing."""
_KEPT = re.compile(r'="(.*)"', re.DOTALL)
_FORMULA = re.compile(r"=\s*(?:[A-Za-z(+@'{!-]|\$|\d+\s*[-+*/(])")
_END = "\udfff\udfff"
_LAST = "\x1a"  # By which DOS, and FoxPro to this day, says that a file ends.
_BROKEN = re.compile("[\ud800-\udfff]")
csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE * 2))


def read(stream: BinaryIO, source: str, encoding: str | None, delimiter: str | None) -> Table:
    """Returns the table of a separated text."""
    sample = stream.read(SAMPLE)
    stream.seek(0)
    used = declared(encoding) if encoding else detected(sample, whole=len(sample) < SAMPLE)
    if used is None:
        return unreadable(source, "encoding-unknown", encoding=encoding or "")
    lines = _Lines(stream, used, "\r" if b"\n" not in sample and used.codec != "utf-16" else "\n")
    blank = 0
    for first in lines:
        if first is None or first.strip("\ufeff\x00 \t,;|"):
            break
        blank += 1
    else:
        return unreadable(source, "no-header")
    if first is None or "\x00" in first or not first.strip("\ufeff"):
        return unreadable(source, "not-a-table")
    mark = delimiter or max(DELIMITERS, key=first.count)
    lines.back([first])
    found = next(_records(source, lines, mark, blank + 1), None)
    if not isinstance(found, _Record) or len(found.cells) > MOST_COLUMNS or mark not in first:
        return unreadable(source, "not-a-table")
    header, refusals = header_of(source, [lines.encoding.text(cell) for cell in found.cells], found.number)
    if not header:
        return unreadable(source, "no-header")
    return Table(source, "csv", used.name, header, _rows(source, lines, mark, header, found.number + 1, refusals))


class _Record(NamedTuple):
    """doubtful: whether one of the cells must be looked at."""

    number: int
    cells: list[str]
    doubtful: bool


def _rows(
    source: str, lines: "_Lines", mark: str, header: tuple[str, ...], first: int, refusals: list[Refusal]
) -> Rows:
    yield from refusals
    wanted = len(header)
    for found in _records(source, lines, mark, first, wanted):
        if isinstance(found, Refusal):
            yield found
            continue
        number, cells, doubtful = found
        if len(cells) > wanted and not any(cells[wanted:]):
            cells = cells[:wanted]
        if len(cells) != wanted:
            text = "too-many-cells" if len(cells) > wanted else "too-few-cells"
            yield Refusal(Place(source, number), TEXTS + text, None, {"wanted": wanted, "found": len(cells)})
            continue
        if lines.encoding.seven_bits:
            cells = [lines.encoding.text(cell) for cell in cells]
        fault = _fault(cells) if doubtful else None
        if fault is None and lines.encoding.codec == "gb18030" and not (text := "".join(cells)).isascii():
            fault = ("mixed-encodings", -1) if is_utf8_as_gbk(text) else None
        if fault is None:
            yield Row(number, cells)
        else:
            text, at = fault
            part = header[at] if at >= 0 else None
            yield Refusal(Place(source, number, part), TEXTS + text, None, {"limit": LONGEST_CELL})


def _fault(cells: list[str]) -> tuple[str, int] | None:
    """Returns what is wrong with a row and in which cell. A cell that only keeps its zeros is put right."""
    for place, cell in enumerate(cells):
        if cell.startswith("="):
            kept = _KEPT.fullmatch(cell)
            if kept:
                cells[place] = kept[1]
            elif _FORMULA.match(cell):
                return "formula", place
        elif len(cell) > LONGEST_CELL:
            return "cell-too-long", place
        elif _BROKEN.search(cell):
            return "wrong-bytes", place
    return None


def _records(source: str, lines: "_Lines", mark: str, first: int, wanted: int = 0) -> Iterator[_Record | Refusal]:
    """Yields the cells of each record with its number; blank lines count and are left out.

    wanted: how many cells a record has; 0 where nobody knows yet.
    """
    opens = re.compile(f'(?:^|{re.escape(mark)})\\s*"')
    quoted = f'{mark}"'
    for number, line in enumerate(lines, first):
        if line is None:
            yield Refusal(Place(source, number), TEXTS + "row-too-long", None, {"limit": _LONGEST_LINE})
        elif not line or line.isspace() or line == _LAST:
            continue
        elif '"' not in line or not (line[0] == '"' or quoted in line or opens.search(line)):
            doubtful = "=" in line or len(line) > LONGEST_CELL or (not line.isascii() and bool(_BROKEN.search(line)))
            yield _Record(number, line.split(mark), doubtful)
        else:
            cells = _quoted(line, lines, mark, wanted)
            yield _Record(number, cells, True) if cells else Refusal(Place(source, number), TEXTS + "quote-open")


def _quoted(first: str, lines: "_Lines", mark: str, wanted: int) -> list[str] | None:
    """Returns the cells of a record with quotes, None where they do not close: the lines after the first go back.

    Two records that lack a quote close each other's: a quote that closes before a sign, and in a wide table lines
    between them that are records by themselves, tell.
    """
    taken, size, quotes = [first], len(first), first.count('"')
    while quotes % 2:
        line = next(lines, _END)
        size += len(line or "")
        if line is _END or line is None or len(taken) >= _MOST_LINES or size > _LONGEST_LINE:
            lines.back([] if line is _END else [line])
            lines.back(taken[:0:-1])
            return None
        taken.append(line)
        quotes += line.count('"')
    if wanted >= _WIDE and any(line.count(mark) == wanted - 1 for line in taken[1:-1]):
        lines.back(taken[:0:-1])
        return None
    text = io.StringIO("\n".join(taken), newline="")
    try:
        return next(csv.reader(text, delimiter=mark, skipinitialspace=True, strict=len(taken) > 1))
    except (csv.Error, StopIteration):
        lines.back(taken[:0:-1])
        return None


class _Lines:
    """The lines of a file, None for one that is too long to be one; lines may be given back."""

    def __init__(self, stream: BinaryIO, encoding: Encoding, end: str) -> None:
        self.encoding = encoding
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding.codec)(errors="surrogateescape")
        self._end = end
        self._rest, self._over, self._finished = "", False, False
        self._ready: list[str | None] = []  # the last comes first

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str | None:
        while not self._ready:
            if self._finished:
                raise StopIteration
            self._fill()
        return self._ready.pop()

    def back(self, lines: Sequence[str | None]) -> None:
        """Gives lines back, the one to come first last."""
        self._ready.extend(lines)

    def _fill(self) -> None:
        block = self._stream.read(_BLOCK)
        self._finished = not block
        text = self._rest + self._decoded(block)
        lines: list[str | None] = [*text.split(self._end)]
        self._rest = lines.pop() or ""
        if self._over and lines:
            lines[0], self._over = None, False
        if len(self._rest) > _LONGEST_LINE:
            self._rest, self._over = "", True
        if self._finished and (self._rest or self._over):
            lines.append(None if self._over else self._rest)
        self._ready = [line.rstrip("\r") if line else line for line in reversed(lines)]

    def _decoded(self, block: bytes) -> str:
        if self.encoding.codec == "ascii" and not block.isascii():
            # The first bytes of the file were letters only: what comes now tells.
            self.encoding = detected(block, whole=False)
            self._decoder = codecs.getincrementaldecoder(self.encoding.codec)(errors="surrogateescape")
        try:
            return self._decoder.decode(block, final=self._finished)
        except UnicodeError:  # UTF-16 has no way to keep a broken half: the row is refused, and the file ends
            self._finished = True
            return "\ud800"
