"""A table of findings as .xlsx: one sheet with the rows, one that counts them and says what was looked at.

Cells are text: what begins with `=` is shown and not reckoned.
"""

import io
from collections import Counter
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.worksheet import Worksheet

from kangyun.cli.doctor.security.judging import Row
from kangyun.cli.doctor.security.report import COLUMNS, Report
from kangyun.cli.doctor.security.verdicts import WORDS, Verdict

COLOURS: dict[Verdict, str] = {
    "met": "C6EFCE", "partly": "FFEB9C", "unmet": "FFC7CE", "environment": "DDEBF7", "unknown": "EDEDED",
}  # fmt: skip
WIDTHS = (30, 46, 46, 50, 13)
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_SIDE = Side(style="thin", color="BFBFBF")
_BORDER = Border(left=_SIDE, right=_SIDE, top=_SIDE, bottom=_SIDE)
_HEAD = PatternFill("solid", fgColor="D9E1F2")


def workbook(report: Report, rows: Sequence[Row]) -> bytes:
    """Returns the file."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "自查表"
    for number, (name, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True), 1):
        head = _set(sheet, 1, number, name)
        head.font, head.fill = Font(bold=True), _HEAD
        sheet.column_dimensions[head.column_letter].width = width
    place, group = 2, ""
    for row in rows:
        if row.control.group != group:
            group = row.control.group
            _set(sheet, place, 1, group).font = Font(bold=True)
            sheet.merge_cells(start_row=place, start_column=1, end_row=place, end_column=len(COLUMNS))
            place += 1
        for number, text in enumerate(row.cells, 1):
            cell = _set(sheet, place, number, text)
        cell.fill = PatternFill("solid", fgColor=COLOURS[row.verdict])
        place += 1
    sheet.freeze_panes = "A2"
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    _count(book.create_sheet("汇总"), report, rows)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _count(sheet: Worksheet, report: Report, rows: Sequence[Row]) -> None:
    counted = Counter(row.verdict for row in rows)
    lines = [*report.head, *((word, str(counted[verdict])) for verdict, word in WORDS.items()), *report.notes]
    for place, (name, text) in enumerate(lines, 1):
        _set(sheet, place, 1, name).font = Font(bold=True)
        _set(sheet, place, 2, text)
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 16, 100


def _set(sheet: Worksheet, row: int, column: int, text: str) -> Cell:
    cell = sheet.cell(row, column)
    assert isinstance(cell, Cell)
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    cell.alignment, cell.border = _WRAPPED, _BORDER
    return cell
