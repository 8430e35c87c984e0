"""Operations over HTTP: from an address with a dollar sign to what carries it out, and its answer.

By GET the parameters are the query's; by POST they are a Parameters resource, or the resource that the operation is
about as it is, with the rest in the query.

Source: https://hl7.org/fhir/R4/operations.html
"""

import re
from typing import Any
from urllib.parse import urlencode

from kangyun.access.operations import OWN_WORK, Call, Excerpt, Level, Operation
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Invalid, Malformed, NotFound
from kangyun.catalog import catalog
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import encode
from kangyun.web import answers
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, decoded
from kangyun.web.outcome import outcome

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# Said to the server about the answer, not to the operation.
_ABOUT_ANSWER = {"_format", "_pretty", "_cursor"}


async def answer_operation(request: HttpRequest, record: Record, base: str) -> Answer:
    """Answers a request whose address ends in `$name`. Raises NotFound, NotAllowed, and what the operation raises."""
    *place, last = request.segments
    type_, id_, version = _place(place)
    level: Level = "instance" if id_ else "type" if type_ else "system"
    operation = catalog().find(last[1:], type_, level)
    if operation is None or (version is not None and not operation.on_versions):
        raise NotFound("web.no-such-operation", operation=last[1:65])
    methods = ("POST",) if operation.affects_state else ("GET", "HEAD", "POST")
    if request.method not in methods:
        raise NotAllowed(request.method, *methods)
    if operation.affects_state and not record.actor.acts and operation.name not in OWN_WORK:
        raise Forbidden("access.family.sees-only")
    shown = [(name, value) for name, value in request.pairs if name not in _ABOUT_ANSWER]
    parameters = await _parameters(request, operation, shown)
    if request.method == "POST":
        shown = _as_pairs(parameters)
    path = "/".join(request.segments)
    call = Call(
        type_, id_, parameters, request.language, version, request.option("_cursor"), (("path", path), *shown)
    )  # fmt: skip
    result = await operation.carry_out(record, call)
    if isinstance(result, tuple):
        return Answer(200, encode(outcome(result, request.language)))
    if isinstance(result, Excerpt):
        return _page(result, f"{base}/{path}", shown, base)
    return Answer(200, encode(result))


def _place(segments: list[str]) -> tuple[str | None, str | None, int | None]:
    """Reads what stands before the operation: type, id and version."""
    if not segments:
        return None, None, None
    type_, *rest = segments
    if type_ not in definitions().resource_types:
        raise NotFound("web.no-such-type", type=type_[:64])
    if not rest:
        return type_, None, None
    if not _ID.fullmatch(rest[0]):
        raise NotFound("web.not-an-id")
    if len(rest) == 1:
        return type_, rest[0], None
    if len(rest) == 3 and rest[1] == "_history" and rest[2].isascii() and rest[2].isdecimal() and len(rest[2]) < 10:
        return type_, rest[0], int(rest[2])
    raise NotFound("web.no-such-route")


async def _parameters(request: HttpRequest, operation: Operation, pairs: list[tuple[str, str]]) -> Resource:
    """Returns what the operation is called with. Raises Malformed for a sign that no text of FHIR has."""
    if any("\0" in value for _, value in pairs):
        raise Malformed
    given: list[Resource] = [{"name": name, "valueString": value} for name, value in pairs]
    body = await request.body() if request.method == "POST" else b""
    if body:
        resource = decoded(body, request.content_type)
        given += _sent(resource, operation, request.segments[0])
    return {"resourceType": "Parameters", "parameter": given}


def _sent(resource: Resource, operation: Operation, type_: str) -> list[Resource]:
    """Returns the parameters of a body: those of a Parameters resource, or the resource that the operation is about."""
    sent: list[Resource] | None = resource.get("parameter", [])
    if resource.get("resourceType") != "Parameters":
        sent = None
    elif not isinstance(sent, list):
        raise Invalid("fhir.terminology.parameters-expected")
    elif type_ == "Parameters" and not any(_is_named(one, operation.body) for one in sent):
        sent = None  # Parameters/$validate: they may be what is to be validated
    if sent is not None:
        return sent
    if operation.body is None:
        raise Invalid("fhir.terminology.parameters-expected")
    return [{"name": operation.body, "resource": resource}]


def _is_named(parameter: Any, name: str | None) -> bool:
    return isinstance(parameter, dict) and parameter.get("name") == name


def _as_pairs(parameters: Resource) -> list[tuple[str, str]]:
    """The primitive parameters, as a link can carry them."""
    return [
        (one["name"], str(value).lower() if isinstance(value, bool) else str(value))
        for one in parameters["parameter"]
        if isinstance(one, dict) and isinstance(one.get("name"), str)
        for name, value in one.items()
        if name.startswith("value") and isinstance(value, str | int)
    ]


def _page(excerpt: Excerpt, url: str, shown: list[tuple[str, str]], base: str) -> Answer:
    links = [("self", f"{url}?{urlencode(shown)}" if shown else url)]
    if excerpt.next is not None:
        links.append(("next", f"{url}?{urlencode([*shown, ('_cursor', excerpt.next)])}"))
    entries = [answers.found(stored, base, b"match") for stored in excerpt.matches]
    entries += [answers.found(stored, base, b"include") for stored in excerpt.included]
    return Answer(200, answers.bundle("searchset", entries, links, excerpt.total))
