"""A table of findings as .docx, to be printed and signed: A4 across, the head of the table on each page."""

import io
import re
from collections import Counter
from collections.abc import Sequence

from docx import Document
from docx.document import Document as Docx
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import _Cell

from kangyun.cli.doctor.security.judging import Row
from kangyun.cli.doctor.security.report import COLUMNS, Report
from kangyun.cli.doctor.security.verdicts import WORDS

FONT = "宋体"
WIDTHS = (46, 58, 68, 72, 22)  # mm
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def document(report: Report, rows: Sequence[Row]) -> bytes:
    """Returns the file."""
    made = Document()
    _page(made)
    made.add_heading(report.title, level=1)
    for name, text in report.head[1:]:
        made.add_paragraph(f"{name}：{_clean(text)}")
    counted = Counter(row.verdict for row in rows)
    made.add_paragraph("结论：" + "，".join(f"{word} {counted[verdict]}" for verdict, word in WORDS.items()))
    table = made.add_table(rows=1, cols=len(COLUMNS), style="Table Grid")
    table.autofit = False
    _fill(table.rows[0].cells, COLUMNS, bold=True)
    _repeat(table.rows[0]._tr)
    group = ""
    for row in rows:
        if row.control.group != group:
            group = row.control.group
            cells = table.add_row().cells
            _write(cells[0].merge(cells[-1]), group, bold=True)
        _fill(table.add_row().cells, row.cells)
    for name, text in report.notes:
        made.add_paragraph(f"{name}：{text}")
    made.add_paragraph("检查人：＿＿＿＿＿＿　　复核人：＿＿＿＿＿＿　　日期：＿＿＿＿＿＿")
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()


def _page(made: Docx) -> None:
    section = made.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(15)
    for name in ("Normal", "Heading 1"):
        style = made.styles[name]
        style.font.name = FONT
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT)
    made.styles["Normal"].font.size = Pt(9)


def _fill(cells: Sequence[_Cell], texts: Sequence[str], *, bold: bool = False) -> None:
    for cell, text, width in zip(cells, texts, WIDTHS, strict=True):
        cell.width = Mm(width)
        _write(cell, text, bold=bold)


def _write(cell: _Cell, text: str, *, bold: bool = False) -> None:
    cell.paragraphs[0].add_run(_clean(text)).bold = bold


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("", text)


def _repeat(row: object) -> None:
    """Lets a row stand at the head of each page."""
    row.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # type: ignore[attr-defined]
