"""The monthly circular as .xlsx and .docx. Pure but for making the file.

First all institutions by their score, then each table with its dimensions; what an appeal took out is marked.
"""

import io
from collections.abc import Mapping, Sequence

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from kangyun.access.staff import workbook_of
from kangyun.base.texts import Language, say
from kangyun.oversight.feed_quality.rules import DIMENSIONS, Rules, Score, grade, overall

FONT = "宋体"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
Sheet = tuple[str, list[str], list[list[str]]]


def sheets(scores: Sequence[Score], names: Mapping[str, str], rules: Rules, language: Language) -> list[Sheet]:
    """Returns the two tables of a circular: institutions, the best first, and their tables. names: by reference."""
    by_institution: dict[str, list[Score]] = {}
    for one in scores:
        by_institution.setdefault(one.figures.institution, []).append(one)
    ranked = sorted(by_institution.items(), key=lambda one: (-(overall(one[1]) or 0), one[0]))
    summary = [
        [str(place), names.get(institution, institution), str(sum(one.rows for one in own)), _number(overall(own)),
         grade(overall(own), rules)]
        for place, (institution, own) in enumerate(ranked, 1)
    ]  # fmt: skip
    detail = [
        [names.get(institution, institution), one.figures.feed, one.figures.table, one.figures.title, str(one.rows),
         *(_percent(one, name, language) for name in DIMENSIONS), _number(one.score), one.grade]
        for institution, own in ranked
        for one in sorted(own, key=lambda one: (one.figures.feed, one.figures.table))
    ]  # fmt: skip
    heads = ("institution", "feed", "table", "name", "rows", *DIMENSIONS, "score", "grade")
    return [
        (_say("summary", language), [_say(f"head-{one}", language) for one in SUMMARY], summary),
        (_say("detail", language), [_say(f"head-{one}", language) for one in heads], detail),
    ]


SUMMARY = ("place", "institution", "rows", "score", "grade")


def as_xlsx(made: Sequence[Sheet]) -> bytes:
    """Returns the workbook."""
    return workbook_of(made)


def as_docx(made: Sequence[Sheet], month: str, rules: Rules, language: Language) -> bytes:
    """Returns the document."""
    document = Document()
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    for name in ("Normal", "Heading 1", "Heading 2"):
        style = document.styles[name]
        style.font.name = FONT
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT)
    document.styles["Normal"].font.size = Pt(9)
    document.add_heading(_say("circular", language, month=month), 1)
    document.add_paragraph(_say("how", language, edition=rules.edition))
    if rules.unverified:
        document.add_paragraph(_say("unverified", language))
    for title, heads, rows in made:
        document.add_heading(title, 2)
        table = document.add_table(rows=len(rows) + 1, cols=len(heads), style="Table Grid")
        parts = iter(table._cells)
        for row in (heads, *rows):
            for text in row:
                next(parts).paragraphs[0].add_run(text).bold = row is heads
    document.add_paragraph(_say("appeal-how", language))
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def _say(text: str, language: Language, **parameters: str) -> str:
    return say(f"oversight.feed_quality.{text}", language, parameters)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _percent(score: Score, name: str, language: Language) -> str:
    if name in score.appealed:
        return _say("appealed", language)
    share = score.shares[name]
    return "-" if share is None else f"{share * 100:.2f}%"
