"""A report in words: rows of a table, the same on a terminal, in a workbook and on the screen."""

from collections.abc import Sequence

from kangyun.access.staff import workbook
from kangyun.base.texts import Language, say
from kangyun.exchange.exam.model import Line, Report

TEXTS = "exchange.exam."
HEADER = ("list", "id", "standard", "name", "covered", "outcome", "evidence", "remark", "points")
DIGITS = 16
"""Of the digest that are shown; the report has it whole."""


def header(language: Language) -> tuple[str, ...]:
    """Returns the names of the columns."""
    return tuple(say(f"{TEXTS}column-{name}", language) for name in HEADER)


def row(line: Line, language: Language) -> tuple[str, ...]:
    """Returns a line's cells."""
    evidence = ""
    if line.ran:
        evidence = say(f"{TEXTS}{line.ran}", language, {"count": line.count, "digest": line.digest[:DIGITS]})
    remark = say(f"{TEXTS}{line.remark}", language, line.parameters) if line.remark else ""
    return (
        say(f"{TEXTS}list-{line.list}", language), line.id, line.standard, line.name,
        say(f"{TEXTS}covered-{line.covered}", language), say(f"{TEXTS}outcome-{line.outcome}", language), evidence,
        remark, "" if line.points is None else f"{line.points:g}",
    )  # fmt: skip


def sums(report: Report, language: Language) -> Sequence[str]:
    """Returns a sentence for each list, and one about points."""
    told = []
    for one in report.sums:
        counts: dict[str, str | int] = {"list": say(f"{TEXTS}list-{one.list}", language)}
        counts |= {"lines": one.lines, "covered": one.covered, "passed": one.passed, "failed": one.failed}
        told.append(say(f"{TEXTS}sum", language, counts))
    valued = [one for one in report.sums if one.points is not None]
    if not valued:
        return [*told, say(f"{TEXTS}no-scores", language)]
    added = {name: f"{sum(getattr(one, name) for one in valued):g}" for name in ("points", "most", "part")}
    part = say(f"{TEXTS}scores-part", language, added) if added["part"] != "0" else ""
    return [*told, say(f"{TEXTS}scores", language, {**added, "file": report.scores}) + part]


def as_workbook(report: Report, language: Language) -> bytes:
    """Returns the report as a workbook."""
    title = say(f"{TEXTS}title", language)
    return workbook(title, header(language), [row(line, language) for line in report.lines])
