"""The summary on paper: a PDF in A4, its font within it, every page with its number and the check code.

The font is cut from Noto Sans SC (see `data/SOURCE.md`) and embedded in part, as each PDF needs it, so that it reads
alike on every machine, offline. A character that it has not stands as 〓, and the paper says how many do.
"""

import io
from datetime import tzinfo
from functools import cache
from importlib.resources import as_file, files
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from kangyun.base.texts import Language, say
from kangyun.exchange.summary.document import Summary
from kangyun.exchange.summary.making import Filled
from kangyun.fhir.human_name import name_of

FONT = "NotoSansSC"
ABSENT = "〓"
_ONE_BY_ONE = Lock()
"""The library keeps what a paper has used of a font in the font."""
_MARGIN = 16 * mm
_DAY, _NAME = 24 * mm, 78 * mm
_INK, _LINE, _SOFT = colors.HexColor("#1f2937"), colors.HexColor("#9ca3af"), colors.HexColor("#eef2f7")


def paper(summary: Summary, check: str, zone: tzinfo, *, demonstration: bool) -> bytes:
    """Returns the PDF. check: the code that stands on each page. It takes its time: not for an event loop."""
    with _ONE_BY_ONE:
        return _paper(_Writer(summary, check, zone, demonstration), summary)


def _paper(writer: "_Writer", summary: Summary) -> bytes:
    file = io.BytesIO()
    language = summary.language
    template = SimpleDocTemplate(
        file, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=22 * mm,
        title=say("exchange.summary.paper-title", language), author=say("exchange.summary.author", language),
        lang="zh-CN" if language == "zh" else "en",
    )  # fmt: skip
    template.build(writer.story(), canvasmaker=writer.canvas)
    return file.getvalue()


def made_at(summary: Summary, zone: tzinfo) -> str:
    """Returns the minute at which a summary was made, as it stands on the paper."""
    return f"{summary.made.astimezone(zone):%Y-%m-%d %H:%M}"


@cache
def _font() -> TTFont:
    with as_file(files("kangyun.exchange.summary").joinpath("data", "NotoSansSC-GBK.ttf")) as path:
        font = TTFont(FONT, str(path))
    pdfmetrics.registerFont(font)
    return font


class _Writer:
    """Writes one paper, and counts the characters that the font has not."""

    def __init__(self, summary: Summary, check: str, zone: tzinfo, demonstration: bool) -> None:
        self._summary, self._check, self._demonstration = summary, check, demonstration
        self._made = made_at(summary, zone)
        self._known: Any = _font().face.charToGlyph
        self._absent: set[str] = set()
        plain = {"fontName": FONT, "textColor": _INK, "wordWrap": "CJK"}
        self._body = ParagraphStyle("body", fontSize=10, leading=15, **plain)
        self._small = ParagraphStyle("small", fontSize=9, leading=13, **plain)
        self._head = ParagraphStyle("head", fontSize=12, leading=18, spaceBefore=8, spaceAfter=3, **plain)
        self._title = ParagraphStyle("title", fontSize=18, leading=26, spaceAfter=6, **plain)

    def story(self) -> list[Flowable]:
        """Returns what flows onto the pages."""
        summary = self._summary
        parts: list[Flowable] = [self._paragraph(self._say("paper-title"), self._title), self._person()]
        for note in summary.notes:
            parts.append(self._paragraph(note, self._small))
        for filled in summary.sections:
            parts += self._section(filled)
        parts.append(Spacer(1, 4 * mm))
        parts.append(self._paragraph(self._say("check-note"), self._small))
        if self._absent:
            parts.append(self._paragraph(self._say("missing-characters", count=len(self._absent)), self._small))
        return parts

    def canvas(self, *given: Any, **named: Any) -> Canvas:
        """Returns a canvas that draws the foot of each page when their number is known."""
        return _Paged(self, *given, **named)

    def foot(self, canvas: Canvas, page: int, pages: int) -> None:
        """Draws the foot of a page."""
        canvas.setFont(FONT, 8)
        canvas.setFillColor(_INK)
        left = f"{self._say('check')} {self._check}    {self._say('made')} {self._made}"
        canvas.drawString(_MARGIN, 12 * mm, left)
        canvas.drawRightString(A4[0] - _MARGIN, 12 * mm, self._say("page", page=page, pages=pages))
        if self._demonstration:
            canvas.drawCentredString(A4[0] / 2, A4[1] - 10 * mm, self._say("demonstration"))

    def _person(self) -> Flowable:
        patient, gender = self._summary.patient, str(self._summary.patient.get("gender", ""))
        gender = gender if gender in ("male", "female", "other") else "unknown"
        cells = [
            (self._say("name"), name_of(patient) or "—"), (self._say("gender"), self._say(gender)),
            (self._say("birth"), str(patient.get("birthDate", "—"))), (self._say("made"), self._made),
        ]  # fmt: skip
        row = [self._paragraph(f"{label}：{value}", self._body) for label, value in cells]
        width = (A4[0] - 2 * _MARGIN) / 4
        table = Table([row], colWidths=[width * 0.8, width * 0.6, width * 1.2, width * 1.4])
        table.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), _SOFT), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
        return table

    def _section(self, filled: Filled) -> list[Flowable]:
        language = self._summary.language
        parts: list[Flowable] = [self._paragraph(filled.section.title(language), self._head)]
        if not filled.entries:
            return [*parts, self._paragraph(self._say("unavailable"), self._body)]
        rows = [
            [self._paragraph(text, self._body) for text in (one.day or "—", one.name, one.value)]
            for one in self._summary.lines(filled)
        ]  # fmt: skip
        # A row that is longer than a page goes on behind it: a conclusion may have thousands of characters.
        table = Table(rows, colWidths=[_DAY, _NAME, A4[0] - 2 * _MARGIN - _DAY - _NAME], splitInRow=1)
        table.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.25, _LINE), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
        parts.append(table)
        if filled.more:
            parts.append(self._paragraph(self._say("more", count=filled.more), self._small))
        return parts

    def _paragraph(self, text: str, style: ParagraphStyle) -> Paragraph:
        return Paragraph(escape(self._drawn(text)), style)

    def _drawn(self, text: str) -> str:
        absent = {sign for sign in text if ord(sign) not in self._known and not sign.isspace()}
        self._absent |= absent
        return "".join(ABSENT if sign in absent else sign for sign in text)

    def _say(self, text: str, **parameters: str | int) -> str:
        language: Language = self._summary.language
        return say(f"exchange.summary.{text}", language, parameters)


class _Paged(Canvas):  # type: ignore[misc]
    """A canvas that keeps its pages until their number is known."""

    def __init__(self, writer: _Writer, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._writer = writer
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Keeps a page."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draws what was kept, each with its foot."""
        pages = len(self._kept)
        for page, state in enumerate(self._kept, 1):
            self.__dict__.update(state)
            self._writer.foot(self, page, pages)
            super().showPage()
        super().save()
