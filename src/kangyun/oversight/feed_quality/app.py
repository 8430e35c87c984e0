"""The quality of feeds: scores of a month, the circular, and appeals against single figures.

Figures are MeasureReports that the platform writes for each institution (`exchange.feeds.figures`); an appeal is a
VerificationResult of the institution. `rules.py` scores, `circular.py` makes the files; this file asks and answers.
"""

import base64
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Annotated

from kangyun.access.apps import App, Code, Query, Record, Reference
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, RuleBroken
from kangyun.exchange.feeds.figures.report import MEASURE, monthly_of
from kangyun.fhir import Resource
from kangyun.oversight.feed_quality import circular, rules
from kangyun.oversight.feed_quality.rules import DIMENSIONS, Figures, Rules, Score

FILE = "feed_quality.toml"
APPEAL, DECISION = "urn:kangyun:extension:appeal", "urn:kangyun:extension:decision"
SEAL = "urn:kangyun:extension:decision-seal"
"""What makes a decision one: a resource may be written by whom it is about, the platform's signature may not."""
RAISED, UPHELD, REJECTED = "req-revalid", "reval-fail", "validated"
"""An appeal that is open; one that is right: the figure does not count; one that is not: the figure stands."""
MOST = 1_000  # of one page
LONGEST = 500  # characters of a reason
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Line:
    """One table of one institution. score, shares: with two decimals, empty where nothing is known."""

    report: Reference
    institution: Reference
    feed: str
    table: str
    title: str
    rows: int
    score: str
    grade: str
    completeness: str
    validity: str
    timeliness: str
    consistency: str
    linkage: str
    appealed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """The scores of a month, and of all that the caller sees together."""

    month: str
    edition: str
    overall: str
    line: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """What part of 100 a dimension is of."""

    dimension: Code
    parts: str


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, and from which score on it is given."""

    name: str
    least: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The fields of a table that are looked at; of alternatives, divided by |, the first that the table has."""

    table: str
    field: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The rules by which scores are reckoned."""

    edition: str
    weight: tuple[Weight, ...]
    grade: tuple[Grade, ...]
    table: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal. status: of FHIR's verification status."""

    appeal: Reference
    report: Reference
    dimension: Code
    status: Code
    reason: str
    decision: str


@dataclass(frozen=True, slots=True)
class Appeals:
    """The appeals that the caller sees."""

    appeal: tuple[Appeal, ...]


async def scores(record: Record, *, month: str) -> Lines:
    """Returns the scores of a month, of the institutions that the caller sees. Raises Invalid."""
    given = _rules(record)
    found = await _scores(record, month, given)
    lines = tuple(_line(reference, one) for reference, one in found)
    return Lines(month, given.edition, _number(rules.overall([one for _, one in found])), lines)


async def rules_told(record: Record) -> Told:
    """Returns the rules by which scores are reckoned: the region's, else those of the platform. Raises Invalid."""
    given = _rules(record)
    return Told(
        given.edition,
        tuple(Weight(name, f"{parts:g}") for name, parts in given.weights.items()),
        tuple(Grade(name, f"{least:g}") for name, least in given.grades.items()),
        tuple(Looked(table, tuple(fields)) for table, fields in given.fields.items() if fields),
    )


async def monthly(record: Record, *, month: str, form: Code = "xlsx") -> Annotated[Resource, "Binary"]:
    """Returns the circular of a month, of the institutions that the caller sees, as xlsx or docx. Raises Invalid."""
    if form not in ("xlsx", "docx"):
        raise Invalid("oversight.feed_quality.no-such-form", at="form")
    given = _rules(record)
    found = [one for _, one in await _scores(record, month, given)]
    names = {}
    for institution in sorted({one.figures.institution for one in found}):
        # An institution need not stand in the register for its feed to be one.
        for organization in await record.search("Organization", ("_id", institution.partition("/")[2])):
            names[institution] = organization.get("name", institution)
    made = circular.sheets(found, names, given, record.language)
    if form == "xlsx":
        return _binary(circular.XLSX, circular.as_xlsx(made))
    return _binary(circular.DOCX, circular.as_docx(made, month, given, record.language))


async def appeal(record: Record, *, report: str, dimension: Code, reason: str) -> Appeal:
    """Appeals against one figure of a report of one's own. Raises NotFound, Invalid, RuleBroken where one is open."""
    if dimension not in DIMENSIONS:
        raise Invalid("oversight.feed_quality.no-such-dimension", at="dimension", known=", ".join(DIMENSIONS))
    text = reason.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("oversight.feed_quality.reason", at="reason", most=LONGEST)
    about = await record.read("MeasureReport", report)
    if about["reporter"]["reference"] != record.actor.institution:
        raise RuleBroken("oversight.feed_quality.not-yours")
    for one in await record.search("VerificationResult", ("target", f"MeasureReport/{report}"), most=MOST):
        if _dimension(one) == dimension and await _status(record, one) == RAISED:
            raise RuleBroken("oversight.feed_quality.open")
    (made,) = await record.commit(
        {
            "resourceType": "VerificationResult",
            "target": [{"reference": f"MeasureReport/{report}"}],
            "targetLocation": [dimension],
            "status": RAISED,
            "statusDate": _now(),
            "extension": [{"url": APPEAL, "valueString": text}],
        }
    )
    return await _told(record, made)


async def decide(record: Record, *, appeal: str, upheld: bool, reason: str) -> Appeal:
    """Decides an appeal. upheld: the figure does not count. Raises NotFound, Forbidden, RuleBroken where it was."""
    text = reason.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("oversight.feed_quality.reason", at="reason", most=LONGEST)
    one = await record.read("VerificationResult", appeal)
    if await _status(record, one) != RAISED:
        raise RuleBroken("oversight.feed_quality.decided")
    about = await record.read("MeasureReport", _report(one).partition("/")[2])
    if about["reporter"]["reference"] == record.actor.institution:
        raise Forbidden("oversight.feed_quality.own-appeal")
    status = UPHELD if upheld else REJECTED
    seal = base64.b64encode(await record.sign(_decision(one, status, text))).decode()
    words = [extension for extension in one["extension"] if extension["url"] == APPEAL]
    said = [{"url": DECISION, "valueString": text}, {"url": SEAL, "valueString": seal}]
    (made,) = await record.commit(one | {"status": status, "statusDate": _now(), "extension": [*words, *said]})
    return await _told(record, made)


async def appeals(record: Record) -> Appeals:
    """Returns the appeals that the caller sees, the newest first."""
    return Appeals(tuple([await _told(record, one) for one in await record.search("VerificationResult", most=MOST)]))


async def _scores(record: Record, month: str, given: Rules) -> list[tuple[str, Score]]:
    if not _MONTH.fullmatch(month):
        raise Invalid("oversight.feed_quality.month", at="month")
    reports = await record.search("MeasureReport", ("measure", MEASURE), ("period", f"eq{month}"), most=MOST)
    taken_out = defaultdict(list)
    for one in await record.search("VerificationResult", most=MOST):
        if await _status(record, one) == UPHELD:
            taken_out[_report(one)].append(_dimension(one))
    found = []
    for report in reports:
        reference = f"MeasureReport/{report['id']}"
        found.append((reference, rules.scored(_figures(report), given, taken_out.get(reference, ()))))
    return found


def _figures(report: Resource) -> Figures:
    one = monthly_of(report)
    return Figures(one.institution, one.feed, one.table, one.title, one.month, one.figures, one.fields)


def _line(reference: str, score: Score) -> Line:
    figures = score.figures
    shares = {name: _number(None if share is None else share * 100) for name, share in score.shares.items()}
    return Line(
        reference, figures.institution, figures.feed, figures.table, figures.title, score.rows, _number(score.score),
        score.grade, **shares, appealed=score.appealed,
    )  # fmt: skip


async def _told(record: Record, one: Resource) -> Appeal:
    status, words = await _status(record, one), _words(one)
    decision = "" if status == RAISED else words.get(DECISION, "")
    reference = f"VerificationResult/{one['id']}"
    return Appeal(reference, _report(one), _dimension(one), status, words.get(APPEAL, ""), decision)


async def _status(record: Record, one: Resource) -> str:
    """Returns how an appeal stands. What only says so, and was not decided here, is open."""
    words, status = _words(one), str(one["status"])
    try:
        seal = base64.b64decode(words.get(SEAL, ""), validate=True)
    except ValueError:
        return RAISED
    signed = seal and await record.is_signed(_decision(one, status, words.get(DECISION, "")), seal)
    return status if signed and status in (UPHELD, REJECTED) else RAISED


def _decision(one: Resource, status: str, text: str) -> bytes:
    return "\x1f".join((one["id"], _report(one), _dimension(one), status, text)).encode()


def _words(one: Resource) -> dict[str, str]:
    return {extension["url"]: extension.get("valueString", "") for extension in one.get("extension", ())}


def _report(one: Resource) -> str:
    """Returns the reference to what is appealed against; empty of what is no appeal."""
    targets = one.get("target", [{}])
    return str(targets[0].get("reference", ""))


def _dimension(one: Resource) -> str:
    return str(next(iter(one.get("targetLocation", ())), ""))


def _binary(type_: str, content: bytes) -> Resource:
    return {"resourceType": "Binary", "contentType": type_, "data": base64.b64encode(content).decode()}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")


def _rules(record: Record) -> Rules:
    try:
        return rules.read_rules(record.rules(FILE))
    except ValueError as error:
        raise Invalid("oversight.feed_quality.rules", reason=str(error)) from None


APP = App(
    purpose="HOPERAT",
    reads=frozenset({"MeasureReport", "VerificationResult", "Organization"}),
    writes=frozenset({"VerificationResult"}),
    operations={
        "MeasureReport/$feed-quality": Query(scores),
        "MeasureReport/$feed-quality-circular": Query(monthly),
        "MeasureReport/$feed-quality-rules": Query(rules_told),
        "MeasureReport/[report]/$appeal": appeal,
        "VerificationResult/[appeal]/$decide": decide,
        "VerificationResult/$appeals": Query(appeals),
    },
)
