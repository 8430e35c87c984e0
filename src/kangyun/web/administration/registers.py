"""Institutions, departments and local codes by the list, as `kangyun institutions` and its neighbours do it."""

from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.registers import KINDS, Kind, export, import_list, the_list
from kangyun.access.registers.importing import check
from kangyun.access.staff.sheets import XLSX, read_sheet, template
from kangyun.base.errors import Invalid, Issue, NotFound
from kangyun.fhir.json import encode
from kangyun.web.exchange import Answer, HttpRequest
from kangyun.web.outcome import outcome
from kangyun.web.staff import NO_STORE, sent_file

_BOOLEANS = {None: False, "true": True, "false": False}


async def give(platform: Platform, request: HttpRequest, record: Record) -> Answer:
    """Returns what is registered as a workbook, or the empty one."""
    kind = _kind(request)
    check(record.actor)
    listed = the_list(kind)
    if request.option("template") == "true":
        book = template(listed.column, listed.note, listed.title)
    else:
        book, _ = await export(kind, record)
    headers = {"content-disposition": f'attachment; filename="{kind}.xlsx"', **NO_STORE}
    return Answer(200, book, headers, resource=False, media_type=XLSX)


async def take(platform: Platform, request: HttpRequest, record: Record) -> Answer:
    """Carries a list out, or says what would become of it: an issue a fault, and one that counts."""
    kind = _kind(request)
    if request.option("dryRun") not in _BOOLEANS:
        raise Invalid("web.not-a-boolean", at="dryRun")
    dry_run = _BOOLEANS[request.option("dryRun")]
    sheet = read_sheet(sent_file(await request.body(), request), the_list(kind).needed)
    done = await import_list(kind, sheet, record, dry_run=dry_run, demonstration=platform.settings.demo)
    text = "tried" if dry_run else "done" if done.written else "refused"
    counts: dict[str, str | int] = {str(act): count for act, count in done.counts.items()}
    counts["refused"] = len(done.refused)
    summary = Issue("information", "informational", f"access.registers.{text}", None, counts)
    issues = [issue for _, found in done.refused for issue in found]
    told = encode(outcome([*issues, *done.remarks, summary], request.language))
    return Answer(200, told, dict(NO_STORE))


def _kind(request: HttpRequest) -> Kind:
    kind = request.segments[2]
    if kind not in KINDS:
        raise NotFound("web.no-such-route")
    return kind
