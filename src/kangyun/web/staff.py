"""Staff by the list, over HTTP.

    GET  /fhir/$staff-template                   the empty workbook
    POST /fhir/$staff-import[?dryRun=true]       a workbook or CSV as the body, as multipart/form-data, or as a Binary

Answered is an OperationOutcome: an issue a fault, with row and column, and one that counts. Who asks for a workbook
(Accept) gets the rows that were refused, each with its reasons, and on a second sheet how those who are new sign in.
"""

import base64
import binascii
from email import message_from_bytes, policy
from typing import Any

from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.register import Register
from kangyun.access.staff import Importer, Outcome, read_sheet, template
from kangyun.access.staff.rules import the_list
from kangyun.access.staff.sheets import XLSX, report
from kangyun.base.errors import Invalid, Issue, NotSupported
from kangyun.base.texts import Language, say
from kangyun.fhir.json import encode
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, decoded, is_fhir
from kangyun.web.outcome import outcome

IMPORT, TEMPLATE = "$staff-import", "$staff-template"
NAMES = (IMPORT, TEMPLATE)
_BOOLEANS = {None: False, "true": True, "false": False}
NO_STORE = {"cache-control": "no-store"}


class StaffDesk:
    """Answers what is asked of lists of staff. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return len(request.segments) == 1 and request.segments[0] in NAMES

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request."""
        record.in_person()
        if request.segments[0] == TEMPLATE:
            if request.method not in ("GET", "HEAD"):
                raise NotAllowed(request.method, "GET")
            Importer.check(record.actor)
            return _file(template(the_list().column, the_list().note), "template")
        if request.method != "POST":
            raise NotAllowed(request.method, "POST")
        Importer.check(record.actor)
        if request.option("dryRun") not in _BOOLEANS:
            raise Invalid("web.not-a-boolean", at="dryRun")
        sheet = read_sheet(sent_file(await request.body(), request), the_list().needed)
        importer = Importer(self._register(), record, self._platform.gate.store.zone)
        done = await importer.run(sheet, dry_run=_BOOLEANS[request.option("dryRun")])
        if XLSX in request.header("accept"):
            return _file(report(sheet.header, said(done, request.language), done.sign_ins), "rejects")
        issues = [issue for _, issue in done.faults]
        return Answer(200, encode(outcome([*issues, summary(done)], request.language)), dict(NO_STORE))

    def _register(self) -> Register:
        register = self._platform.people.register
        if register is None:
            raise NotSupported("access.staff.no-register")
        return register


def said(done: Outcome, language: Language) -> list[Any]:
    """Returns the rows that were refused, each with its reasons in words."""
    return [
        (row, " ".join(say(issue.text, language, issue.parameters) for issue in issues))
        for row, issues in done.refused()
    ]


def summary(done: Outcome) -> Issue:
    """Returns the counts, to be said."""
    counts: dict[str, str | int] = {str(act): count for act, count in done.counts.items()}
    counts["refused"] = len(done.refused())
    text = "access.staff.tried" if done.dry_run else "access.staff.done"
    return Issue("information", "informational", text, None, counts)


def sent_file(body: bytes, request: HttpRequest) -> bytes:
    """Returns the file of a request. Raises Invalid."""
    kind = request.header("content-type")
    media = kind.partition(";")[0].strip().lower()
    if media == "multipart/form-data":
        return _part(body, kind)
    if not is_fhir(media) or not media:
        return body
    resource = decoded(body, request.content_type)
    try:
        return base64.b64decode(resource["data"], validate=False)
    except (KeyError, TypeError, binascii.Error, ValueError):
        raise Invalid("web.no-file", at="Binary.data") from None


def _part(body: bytes, kind: str) -> bytes:
    """Returns the first file of a form. Source: RFC 7578."""
    if not kind.isascii() or "\n" in kind or "\r" in kind:
        raise Invalid("web.no-file")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=policy.HTTP)
    for part in message.iter_parts() if message.is_multipart() else ():
        content = part.get_payload(decode=True)
        if part.get_filename() and isinstance(content, bytes):
            return content
    raise Invalid("web.no-file")


def _file(body: bytes, name: str) -> Answer:
    headers = {"content-disposition": f'attachment; filename="staff-{name}.xlsx"', **NO_STORE}
    return Answer(200, body, headers, resource=False, media_type=XLSX)
