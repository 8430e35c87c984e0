"""The mapping desk over HTTP.

    GET  /fhir/$codes?kind=diagnosis[&target=…][&institution=…][&state=…][&_count=…][&offset=…]
    POST /fhir/$codes-import[?dryRun=true]     a workbook as the body, as multipart/form-data, or as a Binary
    POST /fhir/$codes-suggest?kind=…[&target=…][&institution=…][&least=97]
    POST /fhir/$codes-propose                  a Parameters with strings: `system`, `code`, `list`, `target` (none
                                               where none is needed), `relation` (as in the workbook), `remark`
    POST /fhir/$codes-decide                   a Parameters with `row` (integers), `decision`, `remark`

Who asks for a workbook (Accept) gets the codes as one, and of an import the rows that came back. All else is Parameters
and OperationOutcomes. What is proposed and decided is done in person: applications are refused.
"""

from typing import cast

from kangyun.access.codes.table import Decided, decide, withdraw
from kangyun.access.record import Record
from kangyun.access.staff import read_sheet
from kangyun.access.staff.sheets import XLSX, Row, Sheet, report
from kangyun.base.errors import Invalid, Issue, NotFound
from kangyun.base.texts import say
from kangyun.exchange.codes import desk, sheets
from kangyun.exchange.codes.desk import MOST, Asked, Entry, State
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, decoded
from kangyun.web.outcome import outcome
from kangyun.web.staff import NO_STORE, sent_file

LIST, IMPORT, SUGGEST, DECIDE = "$codes", "$codes-import", "$codes-suggest", "$codes-decide"
PROPOSE = "$codes-propose"
METHODS = {LIST: ("GET", "HEAD"), IMPORT: ("POST",), SUGGEST: ("POST",), PROPOSE: ("POST",), DECIDE: ("POST",)}
PAGE, LEAST = 100, 97
LONGEST, LARGEST = 500, 2**63
_BOOLEANS = {None: False, "true": True, "false": False}
_PROPOSED = ("system", "code", "list", "target", "relation", "remark")
_VERBS = ("approve", "refuse", "withdraw")


class CodeDesk:
    """Answers what is asked of the mapping of codes. One for a process."""

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return len(request.segments) == 1 and request.segments[0] in METHODS

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request. Raises Forbidden, Invalid."""
        record.in_person()
        name = request.segments[0]
        if request.method not in METHODS[name]:
            raise NotAllowed(request.method, *METHODS[name])
        match name:
            case "$codes":
                return await self._list(request, record)
            case "$codes-import":
                return await self._import(request, record)
            case "$codes-suggest":
                least = _number(request, "least", LEAST, 100)
                count = await desk.propose_best(record, _asked(request, "unmapped", MOST), least)
                told = Issue("information", "informational", "exchange.codes.proposed", None, {"count": count})
                return _told([told], request)
            case "$codes-propose":
                return await self._propose(request, record)
            case "$codes-decide":
                return await self._decide(request, record)
        raise NotFound("web.no-such-route")

    async def _list(self, request: HttpRequest, record: Record) -> Answer:
        as_workbook = XLSX in request.header("accept")
        asked = _asked(request, request.option("state"), MOST if as_workbook else PAGE)
        found = await desk.entries(record, asked)
        if await desk.listed(record, asked.target_system):
            found = await desk.with_suggestions(found, await desk.index_of(record, asked))
        if as_workbook:
            return _file(sheets.workbook(found, asked), "codes")
        totals = await desk.totals(record, asked)
        told: list[Resource] = [
            {"name": "total", "part": [
                {"name": "state", "valueCode": state}, {"name": "codes", "valueInteger": codes},
                {"name": "uses", "valueDecimal": uses},
            ]}
            for state, (codes, uses) in sorted(totals.items())
        ]  # fmt: skip
        told += [{"name": "code", "part": _parts(one)} for one in found]
        return Answer(200, encode({"resourceType": "Parameters", "parameter": told}), dict(NO_STORE))

    async def _import(self, request: HttpRequest, record: Record) -> Answer:
        if request.option("dryRun") not in _BOOLEANS:
            raise Invalid("web.not-a-boolean", at="dryRun")
        dry_run = _BOOLEANS[request.option("dryRun")]
        sheet = read_sheet(sent_file(await request.body(), request), sheets.NEEDED)
        done = await sheets.take_in(record, sheet, dry_run=dry_run)
        if XLSX in request.header("accept"):
            said = [
                (row, " ".join(say(issue.text, request.language, issue.parameters) for issue in issues))
                for row, issues in done.refused
            ]
            return _file(report(sheet.header, said, []), "returned")
        text = "exchange.codes.tried" if dry_run else "exchange.codes.done"
        counts: dict[str, str | int] = {**done.counts, "refused": len(done.refused)}
        issues = [issue for _, found in done.refused for issue in found]
        return _told([*issues, Issue("information", "informational", text, None, counts)], request)

    async def _propose(self, request: HttpRequest, record: Record) -> Answer:
        """Proposes for one code, by the rules of a row of the workbook. Raises Invalid with what is wrong."""
        sent = decoded(await request.body(), request.content_type)
        given = sent.get("parameter", []) if sent.get("resourceType") == "Parameters" else []
        said = {one.get("name"): one.get("valueString") for one in given}
        if not all(isinstance(said.get(name), str) for name in ("system", "code", "list")):
            raise Invalid("exchange.codes.proposal-needed", at="Parameters.parameter")
        told = {name: " ".join(value.split()) for name, value in said.items() if isinstance(value, str)}
        told["target"] = told.get("target") or sheets.UNNEEDED
        cells = {sheets.COLUMNS[name]: told[name][:LONGEST] for name in _PROPOSED if name in told}
        done = await sheets.take_in(record, Sheet(tuple(cells), (Row(1, cells),)), dry_run=False)
        if done.refused:
            raise Invalid(issues=tuple(done.refused[0][1]))
        return _told(
            [Issue("information", "informational", "exchange.codes.done", None, {**done.counts, "refused": 0})], request
        )

    async def _decide(self, request: HttpRequest, record: Record) -> Answer:
        sent = decoded(await request.body(), request.content_type)
        given = sent.get("parameter", []) if sent.get("resourceType") == "Parameters" else []
        rows = [one.get("valueInteger") for one in given if one.get("name") == "row"]
        verb = next((one.get("valueCode") for one in given if one.get("name") == "decision"), None)
        said = next((one.get("valueString") for one in given if one.get("name") == "remark"), None)
        remark = " ".join(said.split())[:LONGEST] if isinstance(said, str) else ""
        if not rows or not all(type(row) is int and 0 < row < LARGEST for row in rows) or verb not in _VERBS:
            raise Invalid("exchange.codes.decision-needed", at="Parameters.parameter")
        if verb == "withdraw":
            done = await withdraw(record, rows, remark)
        else:
            done = await decide(record, rows, approve=verb == "approve", remark=remark)
        return _told(_issues(done), request)


def _asked(request: HttpRequest, state: str | None, most: int) -> Asked:
    """Returns what a request asks for. Raises Invalid."""
    return Asked(
        request.option("kind") or "diagnosis",
        request.option("target") or "",
        (request.option("institution") or "").rpartition("/")[2],
        cast(State | None, state),
        _number(request, "_count", most, MOST),
        _number(request, "offset", 0, 10**9),
    )


def _number(request: HttpRequest, name: str, default: int, most: int) -> int:
    text = request.option(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= most):
        raise Invalid("exchange.codes.number", at=name, most=most)
    return int(text)


def _parts(one: Entry) -> list[Resource]:
    """Returns a code as a part of Parameters."""
    texts = {
        "system": one.system, "code": one.code, "name": one.name, "unit": one.unit, "specimen": one.specimen,
        "target": one.target, "targetName": one.target_name, "relation": one.relation, "proposer": one.proposer,
        "remark": one.remark, "ending": one.ending, "first": str(one.first or ""), "last": str(one.last or ""),
    }  # fmt: skip
    parts: list[Resource] = [{"name": "state", "valueCode": one.state}, {"name": "count", "valueDecimal": one.count}]
    parts += [{"name": name, "valueString": text} for name, text in texts.items() if text]
    if one.row is not None:
        parts.append({"name": "row", "valueInteger": one.row})
    parts += [
        {"name": "suggestion", "part": [
            {"name": "target", "valueString": best.target.code},
            {"name": "name", "valueString": best.target.name or "-"},
            {"name": "score", "valueDecimal": best.score}, {"name": "reason", "valueCode": best.reason},
        ]}
        for best in one.suggestions
    ]  # fmt: skip
    return parts


def _issues(done: Decided) -> list[Issue]:
    figures: dict[str, str | int] = {
        "done": done.done,
        "own": len(done.own),
        "gone": len(done.gone),
        "asked": done.asked,
    }
    any_done = done.done or done.asked
    severity = "information" if any_done else "error"
    code = "informational" if any_done else "conflict"
    return [Issue(severity, code, "exchange.codes.decided-rows", None, figures)]  # type: ignore[arg-type]


def _told(issues: list[Issue], request: HttpRequest) -> Answer:
    return Answer(200, encode(outcome(issues, request.language)), dict(NO_STORE))


def _file(body: bytes, name: str) -> Answer:
    headers = {"content-disposition": f'attachment; filename="{name}.xlsx"', **NO_STORE}
    return Answer(200, body, headers, resource=False, media_type=XLSX)
