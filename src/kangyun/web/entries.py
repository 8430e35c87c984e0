"""Entries of a batch or transaction as they were asked: read from the Bundle, checked, and made into operations.

Source: https://hl7.org/fhir/R4/bundle.html#bundle-unique, https://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from kangyun.access.intake import check
from kangyun.access.record import Method, Operation, Record
from kangyun.base.errors import Invalid, Issue, NotConformant, PlatformError, located
from kangyun.fhir import Resource
from kangyun.fhir import xml as fhir_xml
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode_bundle, encode
from kangyun.web.exchange import FHIR_JSON, HttpRequest
from kangyun.web.rest import ID, condition_of, if_match, patch_resource

SLICE = 50
MOST_FAULTS = 100
_REQUEST = frozenset({"method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"})
_WRITES: dict[str, Method] = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# What a URL may hold besides letters and digits without being escaped, and the escapes themselves.
_URL_SIGNS = "%/?:@!$&'()*+,;=-._~|"


@dataclass(slots=True)
class Entry:
    """One entry. Without an operation it is asked of the address itself: a GET, or a FHIR operation by POST."""

    number: int
    method: str
    url: str
    asked: Resource
    body: bytes = b""
    operation: Operation | None = None
    error: PlatformError | None = None

    @property
    def stands_alone(self) -> bool:
        """Whether it can be written together with others and nothing else comes of it."""
        return self.operation is not None and self.operation.condition is None and self.operation.method != "patch"

    def inner(self, outer: HttpRequest, base_path: str) -> HttpRequest:
        """Returns the request that the entry is, on behalf of the one that brought it."""
        path, _, query = self.url.partition("?")
        path = f"{base_path}/{quote(path, safe=_URL_SIGNS)}"
        headers = [
            (header, str(self.asked[name]).encode("latin-1", "replace"))
            for name, header in (("ifNoneMatch", b"if-none-match"), ("ifModifiedSince", b"if-modified-since"))
            if name in self.asked
        ]
        headers.append((b"accept-language", outer.header("accept-language").encode("latin-1")))
        headers.append((b"prefer", outer.header("prefer").encode("latin-1")))
        headers.append((b"content-type", FHIR_JSON.encode()))
        scope = {
            "method": self.method, "path": path, "raw_path": path.encode(), "headers": headers,
            "query_string": quote(query, safe=_URL_SIGNS).encode(),
        }  # fmt: skip

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": self.body}

        return HttpRequest(scope, receive, len(self.body))


async def read_entries(request: HttpRequest, record: Record, base: str) -> tuple[str, list[Entry]]:
    """Returns the kind of a Bundle and its entries.

    Raises Invalid for what is no batch or transaction, NotConformant with the faults of all of a transaction's entries.
    """
    body = await request.body()
    if "xml" in request.content_type:
        body = encode(fhir_xml.decode(body))
    bundle = decode_bundle(body)
    kind = bundle.head.get("type")
    if bundle.head.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
        raise Invalid("web.not-a-bundle", at="Bundle.type")
    found, faults = [], list[Issue]()
    for count, raw in enumerate(bundle.entries):
        if count % SLICE == SLICE - 1:
            await asyncio.sleep(0)  # Others want the processor, too.
        try:
            entry = _entry(raw.number, raw.head, raw.resource(), record, base)
            entry.body = raw.text or b""
            if entry.operation is not None:
                entry.operation.text = raw.text
                if kind == "transaction":
                    entry.operation.full_url = raw.head.get("fullUrl", "")
            found.append(entry)
        except PlatformError as error:
            faults += [_located(issue, raw.number) for issue in error.issues]
            found.append(Entry(raw.number, "", "", {}, error=error))
        if kind == "transaction" and len(faults) > MOST_FAULTS:
            break
    if kind == "transaction":
        _refuse_faults(faults, found)
    return kind, found


def _refuse_faults(faults: list[Issue], entries: list[Entry]) -> None:
    """Raises NotConformant for a transaction with any fault."""
    seen: set[str] = set()
    for entry in entries:
        url = entry.operation.full_url if entry.operation else None
        if url and url in seen:
            faults.append(Issue("error", "invalid", "web.full-url-twice", f"Bundle.entry[{entry.number}].fullUrl"))
        seen.add(url or "")
    if faults:
        raise NotConformant(issues=tuple(faults))


def _entry(number: int, head: Resource, resource: Resource | None, record: Record, base: str) -> Entry:
    at = f"Bundle.entry[{number}]"
    asked = head.get("request")
    if not isinstance(asked, dict) or "url" not in asked:
        raise Invalid("web.entry-request", at=f"{at}.request")
    if not isinstance(head.get("fullUrl", ""), str):
        raise Invalid("web.entry-request", at=f"{at}.fullUrl")
    for name, value in asked.items():
        if not isinstance(value, str) and name in _REQUEST:
            raise Invalid("web.entry-request", at=f"{at}.request.{name}")
    method, url = asked.get("method"), asked["url"].removeprefix(base).lstrip("/")
    path, _, query = url.partition("?")
    type_, _, id_ = unquote(path).partition("/")
    if method in ("GET", "HEAD") or (method == "POST" and path.rpartition("/")[2].startswith("$")):
        return Entry(number, method, url, asked)
    if method not in _WRITES:
        raise Invalid("web.entry-request", at=f"{at}.request.method")
    if type_ not in definitions().resource_types or (id_ and (method == "POST" or not ID.fullmatch(id_))):
        raise Invalid("web.entry-request", at=f"{at}.request.url")
    operation = record.operation(
        _WRITES[method],
        type_,
        id=id_ or None,
        condition=_condition(method, id_, query, asked, at),
        if_match=if_match(asked.get("ifMatch", "")),
        only_new=asked.get("ifNoneMatch") == "*",
        at=at,
    )
    _give(operation, method, resource, at)
    return Entry(number, method, url, asked, operation=operation)


def _condition(method: str, id_: str, query: str, asked: Resource, at: str) -> str | None:
    if method == "POST":
        return condition_of(asked.get("ifNoneExist"))
    if not id_ and not query:
        raise Invalid("web.condition-needed", at=f"{at}.request.url")
    return None if id_ else query


def _give(operation: Operation, method: str, resource: Resource | None, at: str) -> None:
    """Gives an operation its resource or patch. Raises Invalid where it has none, or not the right one."""
    if method == "DELETE":
        return
    if resource is None:
        raise Invalid("web.entry-resource", at=f"{at}.resource")
    if method == "PATCH":
        operation.patch = patch_resource(resource)
        return
    if resource.get("resourceType") != operation.type:
        raise Invalid("web.not-this-type", at=f"{at}.resource", expected=operation.type)
    if method == "PUT" and operation.id is None:
        operation.id = resource.get("id")
    elif method == "PUT" and resource.get("id", operation.id) != operation.id:
        raise Invalid("web.not-this-id", at=f"{at}.resource.id")
    check(resource)
    operation.resource = resource


def _located(issue: Issue, number: int) -> Issue:
    """Says of an issue which entry it is in."""
    place = f"Bundle.entry[{number}]"
    if issue.at is None:
        return located(issue, place)
    return issue if issue.at.startswith("Bundle") else located(issue, f"{place}.resource")
