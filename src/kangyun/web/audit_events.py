"""AuditEvents over HTTP: read, search, create. They are the audit trail and no resources of the record."""

from kangyun.access.events import receiving, searching
from kangyun.access.intake import check_form
from kangyun.access.record import Record
from kangyun.base.errors import Invalid, NotFound
from kangyun.web import answers
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.subsets import Part

TYPE = searching.TYPE
_READING = ("GET", "HEAD")
_OF_OWNER = {"Patient": "patient"}
"""By which parameter an AuditEvent is in a compartment; `agent` elsewhere."""


async def answer(request: HttpRequest, record: Record, base: str, pairs: list[tuple[str, str]]) -> Answer:
    """Answers any request below `[base]/AuditEvent`; `pairs` is what a search asks for."""
    rest = request.segments[1:]
    if not rest and request.method == "POST":
        return await _receive(request, record, base)
    if not rest or rest == ["_search"]:
        if request.method not in _READING and rest != ["_search"]:
            raise NotAllowed(request.method, *_READING, "POST")
        return await search(request, record, base, TYPE, pairs)
    if len(rest) > 1:
        raise NotFound("web.no-such-route")
    if request.method not in _READING:
        raise NotAllowed(request.method, *_READING)
    stored = await searching.read(record, rest[0])
    shown = answers.of_resource(stored)
    part = Part(request.option("_summary") or "false")
    if part.some:
        shown.body = answers.cut(stored, part)
    return shown


async def search(request: HttpRequest, record: Record, base: str, path: str, pairs: list[tuple[str, str]]) -> Answer:
    """Answers a search."""
    query = await record.read_query(TYPE, pairs, strict=request.strict)
    page = await searching.search(record, query)
    return answers.searchset(page, query, base, path, request.language)


async def search_of(
    request: HttpRequest, record: Record, base: str, owner: tuple[str, str], pairs: list[tuple[str, str]]
) -> Answer:
    """Answers a search in a compartment."""
    type_, id_ = owner
    of_owner = (_OF_OWNER.get(type_, "agent"), f"{type_}/{id_}")
    query = await record.read_query(TYPE, [*pairs, of_owner], strict=request.strict)
    page = await searching.search(record, query)
    query.shown.pop()  # The address says it.
    return answers.searchset(page, query, base, f"{type_}/{id_}/{TYPE}", request.language)


async def _receive(request: HttpRequest, record: Record, base: str) -> Answer:
    resource = await request.resource()
    if resource.get("resourceType") != TYPE:
        raise Invalid("web.not-this-type", expected=TYPE)
    check_form(resource)
    stored = await receiving.receive(record, resource)
    location = f"{base}/{TYPE}/{stored.id}"
    body = b"" if request.prefer.get("return") == "minimal" or not record.reads(TYPE) else stored.json
    return Answer(201, body, answers.version_headers(stored) | {"location": location})
