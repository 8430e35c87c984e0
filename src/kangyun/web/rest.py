"""The FHIR REST API: from an HTTP request to an interaction with the record.

Each interaction is a few lines; what they mean is the store's business, who may is the gate's.

Source: https://hl7.org/fhir/R4/http.html
"""

import base64
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from kangyun.access.intake import check
from kangyun.access.record import ANY_VERSION, Done, Record, Stored, Versions
from kangyun.base.errors import Gone, Invalid, NotFound, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode_value
from kangyun.fhir.patch import apply_fhirpath_patch, apply_json_patch
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.search.query import LARGEST_COUNT, read_elements
from kangyun.web import answers, audit_events, binaries
from kangyun.web.exchange import FORM, JSON_PATCH, Answer, HttpRequest, NotAllowed, decoded, named, read_pairs
from kangyun.web.metadata import Metadata
from kangyun.web.operations import answer_operation
from kangyun.web.several import read_queries
from kangyun.web.shape import shape_with
from kangyun.web.subsets import Part

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# An ETag as we give it, with or without its quotes, or as somebody else might.
_VERSION = re.compile(r'(?:W/)?(?:"?(?P<version>\d{1,9})"?|"[^"]{0,200}")')
NO_VERSION = 0
CURSOR = "_cursor"
HISTORY_COUNT = 20
_SUMMARIES = ("true", "false", "text", "data")
_SHOWN_OF_HISTORY = ("_count", "_since", "_at", "_summary", "_elements")
_OF_HISTORY = {*_SHOWN_OF_HISTORY, "_format", "_pretty", CURSOR}
_OF_READ = {"_summary", "_elements", "_format", "_pretty"}


class Rest:
    """Carries out the interactions of one installation."""

    def __init__(self, base: str, zone: ZoneInfo, cursors: Any, metadata: Metadata) -> None:
        self.base = base
        self._metadata = metadata
        self.zone = zone
        self._cursors = cursors

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers any request below the base but for Bundles."""
        segments = request.segments
        if not segments:
            return await self._search_all(request, record, request.pairs, {}, "")
        if segments[-1].startswith("$"):
            return await answer_operation(request, record, self.base)
        if segments == ["metadata"]:
            return await self._metadata.answer(request)
        if segments == ["_history"]:
            return await self._history(request, record, None, None)
        if segments == ["_search"]:
            return await self._search_all(request, record, await self._asked(request, record), {}, "")
        type_ = segments[0]
        if type_ not in definitions().resource_types:
            raise NotFound("web.no-such-type", type=type_[:64])
        if type_ == audit_events.TYPE:
            pairs = await self._asked(request, record) if segments[-1] == "_search" else request.pairs
            return await audit_events.answer(request, record, self.base, pairs)
        rest = segments[1:]
        if not rest:
            return await self._of_type(request, record, type_)
        if rest == ["_search"]:
            return await self._search(request, record, type_, await self._asked(request, record))
        if rest == ["_history"]:
            return await self._history(request, record, type_, None)
        if not ID.fullmatch(rest[0]):
            raise NotFound("web.not-an-id")
        if len(rest) == 1:
            return await self._of_instance(request, record, type_, rest[0])
        if rest[1] == "_history" and len(rest) == 2:
            return await self._history(request, record, type_, rest[0])
        if rest[1] == "_history" and len(rest) == 3:
            return await self._vread(request, record, type_, rest[0], rest[2])
        if type_ in definitions().compartments and (len(rest) == 2 or (len(rest) == 3 and rest[2] == "_search")):
            return await self._compartment(request, record, type_, rest[0], rest[1])
        raise NotFound("web.no-such-route")

    # --- by address

    async def _of_type(self, request: HttpRequest, record: Record, type_: str) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                return await self._search(request, record, type_, request.pairs)
            case "POST":
                return await self._create(request, record, type_)
            case "PUT":
                return await self._update(request, record, type_, None)
            case "PATCH":
                return await self._patch(request, record, type_, None)
            case "DELETE":
                return await self._delete(request, record, type_, None)
        raise NotAllowed(request.method, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

    async def _of_instance(self, request: HttpRequest, record: Record, type_: str, id_: str) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                return await self._read(request, record, type_, id_)
            case "PUT":
                return await self._update(request, record, type_, id_)
            case "PATCH":
                return await self._patch(request, record, type_, id_)
            case "DELETE":
                return await self._delete(request, record, type_, id_)
        raise NotAllowed(request.method, "GET", "HEAD", "PUT", "PATCH", "DELETE")

    # --- reading

    async def _read(self, request: HttpRequest, record: Record, type_: str, id_: str) -> Answer:
        _refuse_unknown(request)
        part, known = _part(request), request.header("if-none-match")
        versions = [] if known.strip() in ("", "*") else _versions(known, "If-None-Match")
        since = "" if known else request.header("if-modified-since")

        def is_known(stored: Stored) -> bool:
            if known.strip() == "*" or stored.version in versions:
                return True
            return bool(since) and answers.not_after(stored, since)

        stored = await record.read(type_, id_, is_known)
        if is_known(stored):
            return Answer(304, headers=answers.version_headers(stored))
        return self._shown(request, stored, part)

    async def _vread(self, request: HttpRequest, record: Record, type_: str, id_: str, version: str) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", "HEAD")
        if not version.isascii() or not version.isdecimal() or len(version) > 9:
            raise NotFound
        _refuse_unknown(request)
        part = _part(request)
        return self._shown(request, await record.vread(type_, id_, int(version)), part)

    @staticmethod
    def _shown(request: HttpRequest, stored: Stored, part: Part) -> Answer:
        """Shows a resource, the part of it that is asked for, or a Binary's content."""
        if stored.type == "Binary":
            content = binaries.content(stored, request)
            if content is not None:
                return content
            request.format  # noqa: B018 - not asked before, because it might have been the content's
        answer = answers.of_resource(stored)
        if part.some:
            answer.body = answers.cut(stored, part)
        return answer

    async def _search(
        self, request: HttpRequest, record: Record, type_: str, pairs: list[tuple[str, str]]
    ) -> Answer:  # fmt: skip
        query = await record.read_query(type_, pairs, strict=request.strict)
        return answers.searchset(await record.search(query), query, self.base, type_, request.language)

    async def _asked(self, request: HttpRequest, record: Record) -> list[tuple[str, str]]:
        """Returns the parameters of a `_search`: the query's, and by POST the form's."""
        if request.method in ("GET", "HEAD"):
            return request.pairs
        if request.method != "POST":
            raise NotAllowed(request.method, "GET", "HEAD", "POST")
        body = await request.body()
        if body and request.content_type != FORM:
            raise NotSupported("web.media-type")
        form = read_pairs(body)
        wanted = next((value for name, value in form if name == "_format"), None)
        if wanted is not None and request.option("_format") is None:  # As in a query, the first of several counts.
            request.format = named(wanted)
        asked = [*request.pairs, *form]
        record.asks(shape_with(request, asked))
        return asked

    async def _compartment(self, request: HttpRequest, record: Record, type_: str, id_: str, wanted: str) -> Answer:
        pairs = await self._asked(request, record) if request.segments[-1] == "_search" else request.pairs
        owner, path = (type_, id_), f"{type_}/{id_}/{wanted}"
        if request.method not in ("GET", "HEAD") and request.segments[-1] != "_search":
            raise NotAllowed(request.method, "GET", "HEAD")
        if wanted == "*":
            types = sorted(definitions().compartments[type_])
            return await self._search_all(request, record, pairs, {"types": types, "compartment": owner}, path)
        if wanted not in definitions().resource_types:
            raise NotFound("web.no-such-type", type=wanted[:64])
        if wanted == audit_events.TYPE:
            return await audit_events.search_of(request, record, self.base, owner, pairs)
        query = await record.read_query(wanted, pairs, strict=request.strict)
        query.compartment = owner
        return answers.searchset(await record.search(query), query, self.base, path, request.language)

    async def _search_all(
        self, request: HttpRequest, record: Record, pairs: list[tuple[str, str]], within: dict[str, Any], path: str
    ) -> Answer:
        """Answers a search over several types, or all."""
        if request.method not in ("GET", "HEAD") and request.segments[-1:] != ["_search"]:
            raise NotAllowed(request.method, "GET", "HEAD", "POST")
        queries = await read_queries(record, pairs, within.get("types"), strict=request.strict)
        for query in queries:
            query.compartment = within.get("compartment")
        page = await (record.search_several(queries) if len(queries) > 1 else record.search(queries[0]))
        return answers.searchset(page, queries[0], self.base, path, request.language)

    async def _history(self, request: HttpRequest, record: Record, type_: str | None, id_: str | None) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", "HEAD")
        shown = [(name, value) for name, value in request.pairs if name in _SHOWN_OF_HISTORY]
        part = _part(request)
        unknown = [name for name, _ in request.pairs if name not in _OF_HISTORY]
        if unknown:  # Lenient or not: a history has no place for an outcome that would name it.
            raise NotSupported("fhir.search.unknown", parameter=unknown[0][:64])
        options = dict(shown)
        count = options.get("_count", str(HISTORY_COUNT))
        if not count.isascii() or not count.isdecimal() or len(count) > 9:
            raise Invalid("fhir.search.value", parameter="_count")
        path = "/".join(part for part in (type_, id_, "_history") if part)
        bound = [("path", path), *shown]
        cursor = request.option(CURSOR)
        place = self._cursors.read(cursor, record.actor.reference, bound) if cursor else None
        since = bounds(options["_since"].replace(" ", "+"), self.zone)[0] if "_since" in options else None
        during = bounds(options["_at"].replace(" ", "+"), self.zone) if "_at" in options else None
        page = await record.history(
            type_, id_, count=max(min(int(count), LARGEST_COUNT), 1), since=since, during=during, place=place
        )
        if not int(count):
            page = Versions([], page.total, None)
        following = self._cursors.write(page.next, record.actor.reference, bound) if page.next else None
        return answers.history(page, self.base, path, shown, following, part)

    # --- writing

    async def _create(self, request: HttpRequest, record: Record, type_: str) -> Answer:
        resource, text = await self._resource(request, type_, None)
        condition = request.header("if-none-exist") or None
        operation = record.operation("create", type_, resource=resource, text=text, condition=condition_of(condition))
        (done,) = await record.commit([operation], "create")
        return self._written(done, request, record, 201 if done.status == "created" else 200)

    async def _update(self, request: HttpRequest, record: Record, type_: str, id_: str | None) -> Answer:
        resource, text = await self._resource(request, type_, id_)
        operation = record.operation(
            "update",
            type_,
            id=id_ or resource.get("id"),
            resource=resource,
            text=text,
            condition=None if id_ else condition_of(request.query),
            if_match=if_match(request.header("if-match")),
            only_new=request.header("if-none-match") == "*",
        )
        (done,) = await record.commit([operation], "update")
        return self._written(done, request, record, 201 if done.status == "created" else 200)

    async def _patch(self, request: HttpRequest, record: Record, type_: str, id_: str | None) -> Answer:
        operation = record.operation(
            "patch",
            type_,
            id=id_,
            condition=None if id_ else condition_of(request.query),
            if_match=if_match(request.header("if-match")),
            patch=patch_of(await request.body(), request.content_type),
        )
        (done,) = await record.commit([operation], "patch")
        return self._written(done, request, record, 200)

    async def _delete(self, request: HttpRequest, record: Record, type_: str, id_: str | None) -> Answer:
        operation = record.operation(
            "delete",
            type_,
            id=id_,
            condition=None if id_ else condition_of(request.query),
            if_match=if_match(request.header("if-match")),
        )
        (done,) = await record.commit([operation], "delete")
        headers = {"etag": f'W/"{done.stored.version}"'} if done.stored else {}
        if request.prefer.get("return") == "operationoutcome":
            return answers.done(headers, request.language)
        return Answer(204, headers=headers)

    async def _resource(self, request: HttpRequest, type_: str, id_: str | None) -> tuple[Resource, bytes | None]:
        """Returns the resource of the body, valid, and the body itself where it is JSON."""
        body = await request.body()
        if binaries.is_content(request, type_):
            resource, body = binaries.of_content(body, request, id_), b""
        else:
            resource = decoded(body, request.content_type)
        if resource.get("resourceType") != type_:
            raise Invalid("web.not-this-type", expected=type_)
        if id_ is not None and "id" not in resource:
            raise Invalid("web.id-needed", at=f"{type_}.id")
        if id_ is not None and resource["id"] != id_:
            raise Invalid("web.not-this-id", at=f"{type_}.id")
        check(resource)
        return resource, body if body and "json" in request.content_type else None

    def _written(self, done: Done, request: HttpRequest, record: Record, status: int) -> Answer:
        if done.stored is None:
            raise Gone
        wish = request.prefer.get("return") if record.reads(done.stored.type) else "minimal"
        return answers.of_write(done.stored, status, self.base, wish, request.language, "")


def patch_of(body: bytes, content_type: str) -> Callable[[Resource], Resource]:
    """Returns the function that a patch body is: JSON Patch, or FHIRPath Patch as Parameters."""
    if content_type == JSON_PATCH:
        operations = decode_value(body)
        return lambda resource: apply_json_patch(resource, operations)
    return patch_resource(decoded(body, content_type))


def patch_resource(patch: Resource) -> Callable[[Resource], Resource]:
    """Returns the function that a patch resource is: Parameters, or a Binary that holds a JSON Patch."""
    if patch.get("resourceType") == "Binary":
        try:
            content = base64.b64decode(patch.get("data", ""), validate=True)
        except ValueError:
            raise Invalid("web.entry-resource") from None
        return patch_of(content, str(patch.get("contentType", "")))
    if patch.get("resourceType") != "Parameters":
        raise Invalid("web.not-this-type", expected="Parameters")
    return lambda resource: apply_fhirpath_patch(resource, patch)


def condition_of(query: str | None) -> str | None:
    """Returns a condition's query; None where there is no header. Raises Invalid for an empty one."""
    if query is None:
        return None
    condition = query.rpartition("?")[2]
    if not condition:
        raise Invalid("web.condition-needed")
    return condition


def if_match(text: str) -> int | None:
    """Returns the version that an If-Match names, None for an empty one. Raises Invalid for what names none."""
    if not text:
        return None
    if text.strip() == "*":
        return ANY_VERSION
    versions = _versions(text, "If-Match")
    if len(versions) != 1:
        raise Invalid("web.header", header="If-Match")
    return versions[0]


def _versions(text: str, header: str) -> list[int]:
    """Returns the versions of a list of ETags; of one that we never gave, a version that there is not."""
    found = []
    for part in text.split(","):
        match = _VERSION.fullmatch(part.strip())
        if match is None:
            raise Invalid("web.header", header=header)
        found.append(int(match["version"]) if match["version"] else NO_VERSION)
    return found


def _refuse_unknown(request: HttpRequest) -> None:
    """Raises NotSupported for a parameter that a read does not have, where the client wants that.

    Otherwise it is passed over: the answer is the resource itself and has no place for an outcome.
    """
    unknown = [name for name, _ in request.pairs if name not in _OF_READ] if request.strict else []
    if unknown:
        raise NotSupported("fhir.search.unknown", parameter=unknown[0][:64])


def _part(request: HttpRequest) -> Part:
    """Returns what is shown of each resource of a read or a history."""
    summary = request.option("_summary") or "false"
    if summary not in _SUMMARIES:
        raise Invalid("fhir.search.value", parameter="_summary")
    return Part(summary, read_elements(request.option("_elements") or ""))
