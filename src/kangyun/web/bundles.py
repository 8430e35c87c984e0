"""Batch and transaction: a Bundle in, what became of each entry out.

A transaction is one commit; its reads come after its writes. A batch's entries stand for themselves, one after the
other.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from kangyun.access.intake import check
from kangyun.access.record import Method, Operation, Record
from kangyun.base.errors import Invalid, Issue, NotConformant, PlatformError
from kangyun.fhir import Resource
from kangyun.fhir import xml as fhir_xml
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode_bundle, encode
from kangyun.web import answers
from kangyun.web.exchange import Answer, HttpRequest
from kangyun.web.outcome import outcome, status_of, unexpected
from kangyun.web.rest import if_match, patch_resource

SLICE = 50
_REQUEST = frozenset({"method", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"})
_WRITES: dict[str, Method] = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# Answers one GET of a bundle: (url below the base, headers) -> answer.
Get = Callable[[str, dict[str, str]], Awaitable[Answer]]


@dataclass(slots=True)
class _Entry:
    """One entry as it was asked. `operation` is None for a GET."""

    number: int
    method: str
    url: str
    head: Resource
    operation: Operation | None = None
    error: PlatformError | None = None


class Bundles:
    """Carries out Bundles that are sent to the base."""

    def __init__(self, base: str, get: Get) -> None:
        self._base = base
        self._get = get

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers POST of a batch or transaction."""
        body = await request.body()
        kind, entries = await self._read(body, request, record)
        if kind == "transaction":
            parts = await self._transaction(entries, request, record)
        else:
            parts = [await self._alone(entry, request, record) for entry in entries]
        return Answer(200, answers.bundle(f"{kind}-response", parts))

    # --- reading the Bundle

    async def _read(self, body: bytes, request: HttpRequest, record: Record) -> tuple[str, list[_Entry]]:
        if "xml" in request.content_type:
            body = encode(fhir_xml.decode(body))
        bundle = decode_bundle(body)
        kind = bundle.head.get("type")
        if bundle.head.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
            raise Invalid("web.not-a-bundle", at="Bundle.type")
        found, faults = [], []
        for count, raw in enumerate(bundle.entries):
            if count % SLICE == SLICE - 1:
                await asyncio.sleep(0)  # Others want the processor, too.
            try:
                entry = self._entry(raw.number, raw.head, raw.resource(), record)
                if entry.operation is not None:
                    entry.operation.text = raw.text
                found.append(entry)
            except PlatformError as error:
                if kind == "transaction":
                    faults += [_located(issue, raw.number) for issue in error.issues]
                else:
                    found.append(_Entry(raw.number, "", "", raw.head, error=error))
            if len(faults) > MOST_FAULTS:
                break
        if faults:
            raise NotConformant(issues=tuple(faults))
        return kind, found

    def _entry(self, number: int, head: Resource, resource: Resource | None, record: Record) -> _Entry:
        asked = head.get("request")
        if not isinstance(asked, dict) or not isinstance(asked.get("url"), str):
            raise Invalid("web.entry-request", at=f"Bundle.entry[{number}].request")
        if not isinstance(head.get("fullUrl", ""), str):
            raise Invalid("web.entry-request", at=f"Bundle.entry[{number}].fullUrl")
        for name, value in asked.items():
            if not isinstance(value, str) and name in _REQUEST:
                raise Invalid("web.entry-request", at=f"Bundle.entry[{number}].request.{name}")
        method, url = asked.get("method"), asked["url"].removeprefix(f"{self._base}/").lstrip("/")
        if method in ("GET", "HEAD"):
            return _Entry(number, method, url, head)
        if method not in _WRITES:
            raise Invalid("web.entry-request", at=f"Bundle.entry[{number}].request.method")
        path, _, query = url.partition("?")
        type_, _, id_ = unquote(path).partition("/")
        if type_ not in definitions().resource_types or "/" in id_ or (method == "POST" and id_):
            raise Invalid("web.entry-request", at=f"Bundle.entry[{number}].request.url")
        if method != "POST" and not id_ and not query:
            raise Invalid("web.condition-needed", at=f"Bundle.entry[{number}].request.url")
        return _Entry(number, method, url, head, self._operation(number, head, resource, record, type_, id_, query))

    def _operation(
        self, number: int, head: Resource, resource: Resource | None, record: Record, type_: str, id_: str, query: str
    ) -> Operation:
        asked = head["request"]
        method, at = asked["method"], f"Bundle.entry[{number}]"
        if method != "DELETE" and resource is None:
            raise Invalid("web.entry-resource", at=f"{at}.resource")
        operation = record.operation(
            _WRITES[method],
            type_,
            id=id_ or None,
            condition=asked.get("ifNoneExist") if method == "POST" else query if not id_ else None,
            if_match=if_match(asked.get("ifMatch", "")),
            only_new=asked.get("ifNoneMatch") == "*",
            full_url=head.get("fullUrl"),
            at=at,
        )
        if method == "PATCH":
            assert resource is not None
            operation.patch = patch_resource(resource)
        elif resource is not None and method != "DELETE":
            if resource.get("resourceType") != type_:
                raise Invalid("web.not-this-type", at=f"{at}.resource", expected=type_)
            if method == "PUT" and id_ and resource.get("id", id_) != id_:
                raise Invalid("web.not-this-id", at=f"{at}.resource.id")
            if method == "PUT" and not id_:
                operation.id = resource.get("id")
            check(resource)
            operation.resource = resource
        return operation

    # --- carrying it out

    async def _transaction(self, entries: list[_Entry], request: HttpRequest, record: Record) -> list[bytes]:
        urls = [entry.head.get("fullUrl") for entry in entries if entry.operation and entry.head.get("fullUrl")]
        if len(set(urls)) < len(urls):
            raise Invalid("web.full-url-twice")
        writes = [entry for entry in entries if entry.operation is not None]
        done = (
            await record.commit([entry.operation for entry in writes if entry.operation], "transaction")
            if writes
            else []
        )
        show = request.prefer.get("return") == "representation"
        parts = {
            entry.number: answers.written_entry(one.status, one.stored, self._base, show)
            for entry, one in zip(writes, done, strict=True)
        }
        for entry in entries:
            if entry.operation is None:
                answer = await self._get(entry.url, _headers(entry.head["request"]))
                parts[entry.number] = _read_entry(answer)
        return [parts[entry.number] for entry in entries]

    async def _alone(self, entry: _Entry, request: HttpRequest, record: Record) -> bytes:
        """Carries out one entry of a batch; what is wrong with it is said in its place."""
        try:
            if entry.error is not None:
                raise entry.error
            if entry.operation is None:
                return _read_entry(await self._get(entry.url, _headers(entry.head["request"])))
            (done,) = await record.commit([entry.operation], "batch")
            show = request.prefer.get("return") == "representation"
            return answers.written_entry(done.status, done.stored, self._base, show)
        except PlatformError as error:
            issues, status = error.issues, status_of(error)
        except Exception as error:
            issues, status = (unexpected(error),), 500
        said = encode(outcome(issues, request.language))
        return b'{"response":{"status":"%d","outcome":%s}}' % (status, said)


MOST_FAULTS = 100


def _headers(asked: Resource) -> dict[str, str]:
    names = {"ifNoneMatch": "if-none-match", "ifModifiedSince": "if-modified-since"}
    return {header: str(asked[name]) for name, header in names.items() if name in asked}


def _read_entry(answer: Answer) -> bytes:
    etag = answer.headers.get("etag", "").replace('"', '\\"')
    told = f'"response":{{"status":"{answer.status}"' + (f',"etag":"{etag}"' if etag else "") + "}"
    shown = b'"resource":' + answer.body + b"," if answer.body else b""
    return b"{" + shown + told.encode() + b"}"


def _located(issue: Issue, number: int) -> Issue:
    """Says of an issue which entry it is in."""
    place = f"Bundle.entry[{number}]"
    at = issue.at or place
    if not at.startswith("Bundle"):
        at = f"{place}.resource.{at.partition('.')[2]}" if "." in at else f"{place}.resource"
    return Issue(issue.severity, issue.code, issue.text, at, issue.parameters)
