"""Answers of the interactions: single resources, searchsets, histories, as bytes put together without a JSON parser.

Source: https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from kangyun.access.record import Page, Stored, Versions
from kangyun.base import clock
from kangyun.base.errors import Issue
from kangyun.base.texts import Language
from kangyun.fhir.json import encode
from kangyun.fhir.search.query import Query
from kangyun.web.exchange import Answer
from kangyun.web.outcome import outcome
from kangyun.web.subsets import WHOLE, Part, subset

_text = msgspec.json.Encoder().encode
_STATUS = {"created": "201 Created", "updated": "200 OK", "unchanged": "200 OK", "matched": "200 OK"}


def version_headers(stored: Stored) -> dict[str, str]:
    """Returns ETag and Last-Modified."""
    return {
        "etag": f'W/"{stored.version}"',
        "last-modified": _http_date(stored.instant.replace(microsecond=0)),
    }


@lru_cache(maxsize=1024)
def _http_date(second: datetime) -> str:
    return format_datetime(second, usegmt=True)


def of_resource(stored: Stored, status: int = 200) -> Answer:
    """Returns the answer that shows a resource."""
    return Answer(status, stored.json, version_headers(stored))


def of_write(stored: Stored, status: int, base: str, wish: str | None, language: Language, request: str) -> Answer:
    """Returns the answer of a write; `wish` is the client's `Prefer: return=`."""
    headers = version_headers(stored) | {"location": f"{base}/{stored.type}/{stored.id}/_history/{stored.version}"}
    if wish == "minimal":
        return Answer(status, b"", headers)
    if wish == "operationoutcome":
        issue = Issue("information", "informational", "web.done")
        return Answer(status, encode(outcome([issue], language, request)), headers)
    return Answer(status, stored.json, headers | {"content-location": headers["location"]})


def done(headers: dict[str, str], language: Language) -> Answer:
    """Returns the answer of a write that shows nothing but that it was done."""
    return Answer(200, encode(outcome([Issue("information", "informational", "web.done")], language)), headers)


def not_after(stored: Stored, http_date: str) -> bool:
    """Whether the resource was not changed since an HTTP date; an unreadable date says nothing."""
    try:
        return stored.instant.replace(microsecond=0) <= parsedate_to_datetime(http_date)
    except (ValueError, TypeError):
        return False


def cut(stored: Stored, part: Part) -> bytes:
    """Returns the JSON of a part of a resource."""
    return encode(subset(stored.resource, part))


def searchset(page: Page, query: Query, base: str, path: str, language: Language) -> Answer:
    """Returns a page of a search as a Bundle."""
    links = [("self", _url(base, path, query.shown))]
    if page.next:
        links.append(("next", _url(base, path, [*query.shown, ("_cursor", page.next)])))
    entries = [_entry(match, base, b"match", query) for match in page.matches]
    entries += [_entry(one, base, b"include", query) for one in page.included]
    if query.ignored:
        said = encode(outcome(query.ignored, language))
        entries.append(b'{"resource":' + said + b',"search":{"mode":"outcome"}}')
    return Answer(200, bundle("searchset", entries, links, page.total))


def history(
    page: Versions, base: str, path: str, shown: Sequence[tuple[str, str]], cursor: str | None, part: Part = WHOLE
) -> Answer:
    """Returns a page of a history as a Bundle."""
    links = [("self", _url(base, path, shown))]
    if cursor:
        links.append(("next", _url(base, path, [*shown, ("_cursor", cursor)])))
    return Answer(200, bundle("history", [_version(stored, base, part) for stored in page.entries], links, page.total))


def bundle(
    kind: str, entries: Iterable[bytes], links: Sequence[tuple[str, str]] = (), total: int | None = None
) -> bytes:
    """Returns a Bundle of entries that are JSON already."""
    parts = [
        b'{"resourceType":"Bundle","id":"%s","meta":{"lastUpdated":"%s"},"type":"%s"'
        % (str(uuid4()).encode(), clock.instant(clock.now()).encode(), kind.encode())
    ]
    if total is not None:
        parts.append(b',"total":%d' % total)
    if links:
        linked = (b'{"relation":"%s","url":%s}' % (name.encode(), _text(url)) for name, url in links)
        parts.append(b',"link":[' + b",".join(linked) + b"]")
    body = b",".join(entries)
    if body:
        parts.append(b',"entry":[' + body + b"]")
    parts.append(b"}")
    return b"".join(parts)


def _entry(stored: Stored, base: str, mode: bytes, query: Query) -> bytes:
    part = Part(query.summary, query.elements)
    return found(stored, base, mode, cut(stored, part) if part.some else None)


def found(stored: Stored, base: str, mode: bytes, json: bytes | None = None) -> bytes:
    """Returns an entry of a searchset; `json` where only a part of the resource is shown."""
    return b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}' % (
        *(base.encode(), stored.type.encode(), stored.id.encode(), json or stored.json, mode),
    )


def _version(stored: Stored, base: str, part: Part) -> bytes:
    url = f"{stored.type}/{stored.id}"
    method, status = {b"c": ("POST", "201"), b"u": ("PUT", "200"), b"d": ("DELETE", "204")}[stored.action]
    head = b'{"fullUrl":"%s/%s"' % (base.encode(), url.encode())
    if not stored.deleted:
        head += b',"resource":' + (cut(stored, part) if part.some else stored.json)
    target = stored.type if method == "POST" else url
    return (
        head
        + b',"request":{"method":"%s","url":"%s"},"response":{"status":"%s","etag":"W/\\"%d\\"","lastModified":"%s"}}'
        % (
            *(method.encode(), target.encode(), status.encode(), stored.version),
            clock.instant(stored.instant).encode(),
        )
    )


def written_entry(status: str, stored: Stored | None, base: str, wish: str, language: Language) -> bytes:
    """Returns the entry of a batch-response or transaction-response for a write; `wish` is `Prefer: return=`."""
    said = b""
    if wish == "operationoutcome":
        said = b',"outcome":' + encode(outcome([Issue("information", "informational", "web.done")], language))
    if stored is None or stored.deleted:
        etag = b',"etag":"W/\\"%d\\""' % stored.version if stored else b""
        return b'{"response":{"status":"204 No Content"%s%s}}' % (etag, said)
    url = f"{base}/{stored.type}/{stored.id}".encode()
    body = b',"resource":' + stored.json if wish == "representation" else b""
    return (
        b'{"fullUrl":"%s"%s,"response":{"status":"%s","location":"%s/_history/%d","etag":"W/\\"%d\\"","lastModified":"%s"%s}}'
        % (
            *(url, body, _STATUS[status].encode(), url, stored.version, stored.version),
            *(clock.instant(stored.instant).encode(), said),
        )
    )


def answered_entry(answer: Answer) -> bytes:
    """Returns the entry of a batch-response or transaction-response for what was answered as a request of its own."""
    etag = b',"etag":%s' % _text(answer.headers["etag"]) if "etag" in answer.headers else b""
    shown = b'"resource":%s,' % answer.body if answer.body else b""
    return b'{%s"response":{"status":"%s"%s}}' % (shown, _phrased(answer.status), etag)


def refused_entry(status: int, said: bytes) -> bytes:
    """Returns the entry of a batch-response for what was refused; `said` is an OperationOutcome."""
    return b'{"response":{"status":"%s","outcome":%s}}' % (_phrased(status), said)


def _phrased(status: int) -> bytes:
    return f"{status} {HTTPStatus(status).phrase}".encode()


def _url(base: str, path: str, pairs: Sequence[tuple[str, str]]) -> str:
    url = f"{base}/{path}" if path else base
    return f"{url}?{urlencode(pairs, safe=':|,$/')}" if pairs else url
