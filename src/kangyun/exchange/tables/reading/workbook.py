"""Workbooks (.xlsx), a row at a time. A cell is what was typed: Excel keeps 15 digits of a number and no more.

A longer number that stands there as a number, a formula and an error of Excel refuse their row. Above the header may
stand titles of one cell. Nothing of a file is trusted: what unpacks to too much, or declares a document type, is none.

Source: ECMA-376, by way of openpyxl.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO
from xml.etree import ElementTree

from kangyun.exchange.entries import Place, Refusal
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

EXACT = 10**15
"""From here on a number of Excel is not what was typed."""
LARGEST_UNPACKED = 2_000_000_000  # bytes, of which a row at a time is in memory
LARGEST_TEXTS = 100_000_000  # bytes of the shared texts, which are in memory as a whole
LARGEST_PART = 16_000_000  # bytes of any other part that is no sheet
MOST_PARTS = 1_000
_LONGEST_NAME = 31  # letters of a sheet's
_HEADER_WITHIN = 10  # rows: above the header stands a title, sometimes two
_ELEMENT = re.compile(rb"<[A-Za-z_]")
_TYPES = "[Content_Types].xml"
_SHEET, _SHARED = "worksheet+xml", "sharedStrings+xml"
# What the library raises of a broken workbook is not one family.
_BROKEN = (
    zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError, SyntaxError, OSError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, zipfile.LargeZipFile, zlib.error,
)  # fmt: skip
Cells = Sequence[Any]
"""Cells of openpyxl, which has no types."""


def read(stream: BinaryIO, source: str, sheet: str | None) -> Table:
    """Returns the table of a workbook's sheet of that name, else of the first that has a header."""
    if not _is_harmless(stream):
        return unreadable(source, "workbook-broken")
    from openpyxl import load_workbook  # it takes a third of a second to load

    stream.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"):
            book = load_workbook(stream, read_only=True, data_only=False, keep_links=False)
            names = [sheet] if sheet else book.sheetnames
            for name in names:
                rows = _read(book[name].iter_rows())
                found = _header(rows)
                if found is not None:
                    number, cells = found
                    header, refusals = header_of(source, [_shown(cell)[0] for cell in cells], number)
                    for other in () if sheet else names[names.index(name) + 1 :]:
                        if _header(_read(book[other].iter_rows())) is not None:
                            told: dict[str, str | int] = {"sheet": other[:_LONGEST_NAME]}
                            refusals.append(Refusal(Place(source, 1), TEXTS + "other-sheet", None, told, whole=False))
                    return Table(source, "xlsx", "", header, _rows(source, header, rows, number, refusals))
    except _BROKEN:
        return unreadable(source, "workbook-broken")
    return unreadable(source, "no-header")


def _is_harmless(stream: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(stream) as packed:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                return False
            for part in parts:
                with packed.open(part) as opened:
                    head = opened.read(4096).replace(b"\0", b"")  # UTF-16 has a zero in each sign
                # Entities are declared before the first element: which must be in sight.
                is_xml = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
                if b"<!DOCTYPE" in head.upper() or (is_xml and not _ELEMENT.search(head)):
                    return False
            declared = _declared(packed)
            if any(part.file_size > _most(declared.get(part.filename, set())) for part in parts):
                return False
    except _BROKEN:
        return False
    return True


def _declared(packed: zipfile.ZipFile) -> dict[str, set[str]]:
    """Returns what the parts are declared to be: their names say nothing, and one may be declared twice."""
    part = packed.getinfo(_TYPES)
    if part.file_size > LARGEST_PART:
        raise ValueError(_TYPES)
    found: dict[str, set[str]] = {}
    for element in ElementTree.fromstring(packed.read(part)):
        name, kind = element.get("PartName", "").lstrip("/"), element.get("ContentType", "")
        found.setdefault(name, set()).add(kind.rpartition(".")[2])
    return found


def _most(kinds: set[str]) -> int:
    """Returns how many bytes a part may have: a sheet is read row by row, all else is in memory as a whole."""
    if kinds == {_SHEET}:
        return LARGEST_UNPACKED
    return LARGEST_TEXTS if kinds == {_SHARED} else LARGEST_PART


def _read(rows: Iterator[Cells]) -> Iterator[Cells | None]:
    """Yields the rows, and None where the workbook breaks off."""
    while True:
        try:
            with warnings.catch_warnings(action="ignore"):
                cells = next(rows, None)
        except _BROKEN:
            yield None
            return
        if cells is None:
            return
        yield cells


def _header(rows: Iterator[Cells | None]) -> tuple[int, Cells] | None:
    """Returns the first row of more than one cell, with its number."""
    for number, cells in enumerate(rows, 1):
        if cells is None or number > _HEADER_WITHIN:
            return None
        if sum(bool(_shown(cell)[0]) for cell in cells) > 1:
            return number, cells[:MOST_COLUMNS]
    return None


def _rows(
    source: str, header: tuple[str, ...], rows: Iterator[Cells | None], number: int, refusals: list[Refusal]
) -> Rows:
    yield from refusals
    for place, cells in enumerate(rows, number + 1):
        if cells is None:
            yield Refusal(Place(source, place), TEXTS + "cut-off")
            return
        shown = [_shown(cell) for cell in cells]
        if not any(text for text, _ in shown):
            continue
        faults = [(text, at) for at, (_, text) in enumerate(shown) if text]
        over = sum(1 for text, _ in shown[len(header) :] if text)
        if faults:
            text, at = faults[0]
            name = header[at] if at < len(header) else None
            yield Refusal(Place(source, place, name), TEXTS + text, None, {"limit": LONGEST_CELL})
        elif over:
            parameters = {"wanted": len(header), "found": len(header) + over}
            yield Refusal(Place(source, place), TEXTS + "too-many-cells", None, parameters)
        else:
            texts = [text for text, _ in shown[: len(header)]]
            yield Row(place, texts + [""] * (len(header) - len(texts)))


def _shown(cell: Any) -> tuple[str, str]:
    """Returns what a cell says, and the text of what is wrong with it, empty where nothing is."""
    value = cell.value
    if value is None:
        return "", ""
    if cell.data_type == "f":
        return "?", "formula"
    if cell.data_type == "e":
        return "?", "excel-error"
    if isinstance(value, bool):
        return str(value).upper(), ""
    if isinstance(value, datetime | date | time | timedelta):
        return str(value), ""
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        return (str(int(value)) if whole else repr(value)), ("" if abs(value) < EXACT else "number-too-long")
    text = str(value)
    return text.strip(), ("cell-too-long" if len(text) > LONGEST_CELL else "")
