"""Workbooks and CSV files as rows of text, and back. Nothing of a file is trusted: it came by mail.

A cell is what it shows: a staff number stays text. Excel keeps 15 digits of a number and no more, so a longer one that
stands there as a number is not what somebody typed, and is refused; so is what Excel shows or saves of one (1.1E+17, or
18 digits that end in zeros in a CSV). Formulas are not worked out. CSV may be UTF-8 or what Excel writes in China
(GB 18030, of which GBK is a part).

Source: ECMA-376 (workbooks), by way of openpyxl; RFC 4180 (CSV).
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kangyun.base.errors import Invalid, TooLong

if TYPE_CHECKING:  # It takes a third of a second to load, and no process needs it before the first list comes.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

MOST_ROWS = 20_000
MOST_COLUMNS = 50
LARGEST = 20_000_000  # bytes of a file
LARGEST_UNPACKED = 200_000_000  # bytes
MOST_PARTS = 1000
LONGEST_CELL = 200  # characters
EXACT = 10**15
"""From here on a number of Excel is not what was typed."""
_NOT_IN_NAMES = frozenset("[]:*?/\\'")
"""Signs that the name of a sheet must not have."""
Value = str | int | float | None
"""What a cell of a list holds."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
REASON = "原因"
_SCIENTIFIC = re.compile(r"\d(?:\.\d+[Ee]\+?|[Ee]\+)\d{1,3}")
_CUT = re.compile(r"[1-9]\d{14}0{3,}")
"""What Excel saves of a number of 18 digits and more: the first 15."""
_ZIP = b"PK\x03\x04"
_HEADER_WITHIN = 10  # rows: above the header stands a title, sometimes two


class Columns(msgspec.Struct, frozen=True):
    """How a list looks, as its TOML file says: the title of each column by its name, in their order."""

    required: list[str]
    column: dict[str, str]
    note: dict[str, str]
    title: str = ""

    @property
    def needed(self) -> list[str]:
        """The columns that must be there, as the list names them."""
        return [self.column[name] for name in self.required]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number as Excel shows it, its cells by column, and the columns whose cell is not what was typed."""

    number: int
    cells: Mapping[str, str]
    inexact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows below the header; empty ones are left out. name: of the sheet, of a CSV none."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    name: str = ""


def read_sheet(file: bytes, required: Sequence[str]) -> Sheet:
    """Reads a workbook's first sheet, or a CSV. `required`: columns that must be there.

    Raises Invalid for what is neither, without those columns or with too many rows, and TooLong.
    """
    if len(file) > LARGEST:
        raise TooLong("access.staff.too-large", most=LARGEST)
    name, table = _workbook(file) if file.startswith(_ZIP) else ("", _csv(file))
    for place, cells in enumerate(table[:_HEADER_WITHIN]):
        header = tuple(text.strip() for text, _ in cells)
        if set(required) <= set(header):
            return Sheet(header, tuple(_rows(header, table[place + 1 :], place + 2)), name)
    raise Invalid("access.staff.no-header", columns="、".join(required))


Cells = list[tuple[str, bool]]
"""What the cells of a row show, and whether that is exact."""


def _rows(header: Sequence[str], table: Sequence[Cells], first: int) -> list[Row]:
    rows = []
    for number, cells in enumerate(table, first):
        pairs = [(name, text.strip(), exact) for name, (text, exact) in zip(header, cells, strict=False) if name]
        if any(text for _, text, _ in pairs):
            inexact = tuple(name for name, _, exact in pairs if not exact)
            rows.append(Row(number, {name: text for name, text, _ in pairs}, inexact))
    return rows


def _workbook(file: bytes) -> tuple[str, list[Cells]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _check_parts(file)
    try:
        book = load_workbook(io.BytesIO(file), read_only=True, data_only=False, keep_links=False)
        try:
            table = []
            for row in book.worksheets[0].iter_rows(max_col=MOST_COLUMNS, values_only=True):
                table.append([_shown(value) for value in row])
                if len(table) > MOST_ROWS:
                    raise Invalid("access.staff.too-many", most=MOST_ROWS)
            return str(book.worksheets[0].title), table
        finally:
            book.close()
    except Invalid:
        raise
    # What the library raises of a broken workbook is not one family.
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError,
            SyntaxError, OSError, EOFError, NotImplementedError, zlib.error) as error:  # fmt: skip
        raise Invalid("access.staff.unreadable") from error


def _check_parts(file: bytes) -> None:
    """Raises Invalid for a workbook that unpacks to too much, or whose XML declares a document type."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as packed:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise Invalid("access.staff.too-large", most=LARGEST_UNPACKED)
            for part in parts:
                with packed.open(part) as opened:
                    head = opened.read(4096)
                # Entities are declared before the first element; UTF-16 has a zero in each of these signs.
                if b"<!DOCTYPE" in head.replace(b"\0", b"").upper():
                    raise Invalid("access.staff.unreadable")
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise Invalid("access.staff.unreadable") from error


def _shown(value: object) -> tuple[str, bool]:
    """Returns what a cell shows, and whether that is what somebody typed."""
    if value is None:
        return "", True
    if isinstance(value, bool):
        return str(value).upper(), True
    if isinstance(value, datetime):
        return value.date().isoformat(), True
    if isinstance(value, date):
        return value.isoformat(), True
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        return (str(int(value)) if whole else repr(value)), abs(value) < EXACT
    text = str(value)[: LONGEST_CELL + 1]
    return text, not _SCIENTIFIC.fullmatch(text.strip())


def _written(text: str) -> tuple[str, bool]:
    """Returns a cell of a CSV, which has no types, and whether that is what somebody typed: Excel may have saved it."""
    shown, exact = _shown(text)
    return shown, exact and not _CUT.fullmatch(shown.strip())


def _csv(file: bytes) -> list[Cells]:
    text = None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = file.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or "\0" in text:
        raise Invalid("access.staff.unreadable")
    try:
        table = []
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            table.append([_written(cell) for cell in row[:MOST_COLUMNS]])
            if len(table) > MOST_ROWS:
                raise Invalid("access.staff.too-many", most=MOST_ROWS)
        return table
    except csv.Error:
        raise Invalid("access.staff.unreadable") from None


# --- what is written


def template(
    columns: Mapping[str, str], notes: Mapping[str, str], title: str = "人员", rows: Sequence[Sequence[str]] = ()
) -> bytes:
    """Returns a list with its header and what is in it, and a second sheet that says what goes where."""
    book = _book()
    _fill(book, title, list(columns.values()), rows)
    _fill(book, "填写说明", ["列", "说明"], [[columns[name], notes.get(name, "")] for name in columns])
    return _saved(book)


def workbook(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Returns a workbook of one sheet, all of it text."""
    return workbook_of([(title, header, rows)])


def workbook_of(sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[str]]]]) -> bytes:
    """Returns a workbook of sheets (title, header, rows), all of it text."""
    book = _book()
    for title, header, rows in sheets:
        _fill(book, title, header, rows)
    return _saved(book)


def listing(title: str, mark: str, header: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Returns a workbook of one list below its watermark: texts are text and numbers are numbers.

    The header is the second row: who imports it again need not take the first away.
    """
    book = _book()
    sheet = book.create_sheet("".join(sign for sign in title if sign not in _NOT_IN_NAMES)[:31] or "Sheet")
    sheet.freeze_panes = "A3"
    _below(sheet, [_cell(sheet, f"{title}　{mark}")], header, rows)
    # The library writes `&` of a footer as a command; a name may have one.
    sheet.oddFooter.center.text = mark.replace("&", "&&")
    return _saved(book)


def report(header: Sequence[str], refused: Sequence[tuple[Row, str]], sign_ins: Sequence[Sequence[str]]) -> bytes:
    """Returns the rows that were refused, as they were, each with the reasons, to be mended and sent again.

    sign_ins: name, handle and first password of those who are new, on a second sheet.
    """
    names = [name for name in header if name and name != REASON]
    book = _book()
    _fill(
        book,
        "未通过",
        [*names, REASON],
        [[*(row.cells.get(name, "") for name in names), told] for row, told in refused],
    )
    if sign_ins:
        _fill(book, "首次登录", ["姓名", "登录名", "初始密码"], sign_ins)
    return _saved(book)


def _book() -> "Workbook":
    from openpyxl import Workbook

    return Workbook(write_only=True)


def _fill(book: "Workbook", title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    _below(book.create_sheet(title), [], header, rows)


def _below(
    sheet: Any, above: Sequence["WriteOnlyCell"], header: Sequence[str], rows: Iterable[Sequence[Value]]
) -> None:
    """Writes header and rows below a row that stands above."""
    from openpyxl.utils import get_column_letter

    for place in range(1, len(header) + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 24
    if above:
        sheet.append(above)
    sheet.append([_cell(sheet, text, bold=True) for text in header])
    for row in rows:
        sheet.append([_cell(sheet, value) if isinstance(value, str) else value for value in row])


def _cell(sheet: object, text: str, *, bold: bool = False) -> "WriteOnlyCell":
    """Returns a cell of text: what begins with an equals sign is no formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(sheet, value=_printable(text))
    cell.data_type = "s"
    cell.number_format = "@"
    if bold:
        cell.font = Font(bold=True)
    return cell


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign >= " " or sign in "\n\t")


def _saved(book: "Workbook") -> bytes:
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()
