"""The interface specification and the acceptance record as .docx, to be read, printed and signed."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from docx import Document
from docx.document import Document as Docx
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from kangyun.exchange.joining.describing import FLAG, DataSet
from kangyun.exchange.joining.sheets import cases, cells, header
from kangyun.exchange.joining.words import Words

if TYPE_CHECKING:
    from kangyun.exchange.joining.package import Counted, Joining

FONT = "宋体"
HOW = ("gateway", "middle", "files", "messages", "fhir")
RULES = ("time", "filler", "key", "later", "refused", "encoding")


def specification(joining: "Joining", sets: Sequence[DataSet], words: Words) -> bytes:
    """Returns the interface specification: how to join, what is agreed, and each column of each table."""
    made = _opened(joining, words, "specification")
    made.add_heading(words("how"), 2)
    for one in HOW:
        made.add_paragraph(words(f"how-{one}"), style="List Number")
    made.add_heading(words("rules"), 2)
    for one in RULES:
        made.add_paragraph(words(f"rule-{one}"), style="List Bullet")
    made.add_heading(words("tables"), 2)
    for set_ in sets:
        _data_set(made, set_, words)
    return _saved(made)


def acceptance(joining: "Joining", sets: Sequence[DataSet], words: Words) -> bytes:
    """Returns the acceptance record: what came of each table in the tests, the test cases, and who signs."""
    made = _opened(joining, words, "acceptance")
    made.add_paragraph(words("sandbox"))
    made.add_paragraph(account(joining, words))
    counted = {one.table: one for one in joining.counted}
    rows = []
    for set_ in sets:
        one = counted.pop(set_.table, None)
        rows.append([set_.table, set_.mapping.title, _told(one, words) if one else words("acceptance-none")])
    # Tables of the hospital's own, by a mapping of its own.
    rows += [[one.table, one.title, _told(one, words)] for one in counted.values()]
    _table(made, [words("acceptance-table"), words("column-zh"), words("acceptance-figures")], rows)
    made.add_heading(words("cases"), 2)
    _table(made, *cases(words))
    made.add_paragraph()
    made.add_paragraph(words("sign"))
    return _saved(made)


def account(joining: "Joining", words: Words) -> str:
    """Returns in words which account the test area is used by."""
    name = "account" if joining.client else "account-none"
    return words(name, client=joining.client, feed=joining.feed)


def _told(one: "Counted", words: Words) -> str:
    figures = {"deliveries": one.deliveries, "received": one.received, "stored": one.stored, "refused": one.refused}
    return words("acceptance-counted", **figures, last=one.last)


def _data_set(made: Docx, set_: DataSet, words: Words) -> None:
    mapping = set_.mapping
    made.add_heading(words("table-of", table=set_.table, title=mapping.title, edition=mapping.edition), 3)
    told = [words("table-keys", keys="、".join(field.column for field in set_.fields if field.key))]
    if mapping.day:
        told.append(words("table-day", day=mapping.day))
    flag = next((field.column for field in set_.fields if field.rule == FLAG), "")
    values = {"store": "、".join(set_.store), "revoke": "、".join(set_.revoke)}
    told.append(words("table-flag", column=flag, **values) if flag else words("table-no-flag"))
    made.add_paragraph("　".join(told))
    _table(made, header(words), [cells(set_, field, words) for field in set_.fields if field.rule])


def _opened(joining: "Joining", words: Words, title: str) -> Docx:
    made = Document()
    section = made.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(15)
    for name in ("Normal", "Heading 1", "Heading 2", "Heading 3"):
        style = made.styles[name]
        style.font.name = FONT
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT)
    made.styles["Normal"].font.size = Pt(9)
    made.add_heading(words(title), 1)
    about = {
        "name": joining.name, "institution": joining.institution, "feed": joining.feed, "dialect": joining.dialect,
        "day": joining.day.isoformat(),
    }  # fmt: skip
    made.add_paragraph(words("for-whom", **about))
    if joining.address:
        made.add_paragraph(words("address", address=joining.address, client=joining.client or "-"))
    return made


def _table(made: Docx, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Row by row python-docx looks at all rows before: with all of them at once it is linear.
    table = made.add_table(rows=len(rows) + 1, cols=len(heads), style="Table Grid")
    parts = iter(table._cells)
    for text in heads:
        next(parts).paragraphs[0].add_run(text).bold = True
    for row in rows:
        for text in row:
            next(parts).paragraphs[0].add_run(text)


def _saved(made: Docx) -> bytes:
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()
