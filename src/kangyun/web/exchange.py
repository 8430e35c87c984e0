"""One HTTP request as the FHIR endpoint reads it, and one answer as it is sent.

Formats, compression, limits and headers are settled here; what the request means is decided elsewhere.

Source: https://hl7.org/fhir/R4/http.html#general
"""

import re
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from kangyun.base.errors import Invalid, Malformed, NotSupported, PlatformError, TooLong
from kangyun.base.lazy import lazy
from kangyun.base.texts import Language, language_of
from kangyun.fhir import Resource
from kangyun.fhir import json as fhir_json
from kangyun.fhir import xml as fhir_xml
from kangyun.web.limits import Room, Share

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Format = Literal["json", "xml"]

FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"
_FORMATS: dict[str, Format] = {
    "json": "json", "application/json": "json", FHIR_JSON: "json", "application/json+fhir": "json", "text/json": "json",
    "xml": "xml", "application/xml": "xml", FHIR_XML: "xml", "application/xml+fhir": "xml", "text/xml": "xml",
    "*/*": "json", "application/*": "json", "": "json", "text/html": "json",
    # What $export gives out is NDJSON; its errors are not.
    "application/fhir+ndjson": "json", "application/ndjson": "json", "ndjson": "json",
}  # fmt: skip
_ONLY_ACCEPTED = {"*/*", "application/*", "text/html", "application/fhir+ndjson", "application/ndjson", "ndjson"}
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
PIECE = 65_536  # bytes that are unpacked at once
MOST_MEMBERS = 10_000  # of a gzip file: parallel packers make one a block of 128 KB or so
SMALLEST_COMPRESSED = 1400  # bytes: what one packet carries anyhow


class NotAllowed(PlatformError):
    """The address does not take this method: 405. `allow` are those that it takes."""

    code = "not-supported"

    def __init__(self, method: str, *allow: str) -> None:
        super().__init__("web.no-such-method", method=method[:16])
        self.allow = allow


@dataclass(slots=True)
class Answer:
    """What is sent. `body` is JSON where `resource` is true: it may still be turned into XML.

    stream: pieces of a body that is sent as it comes, in place of `body`; its length and packing stand in `headers`.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    resource: bool = True
    media_type: str = ""
    stream: AsyncGenerator[bytes, None] | None = None


class HttpRequest:
    """One request. Reading it raises PlatformErrors only."""

    def __init__(self, scope: Scope, receive: Receive, limit: int, share: Share | None = None) -> None:
        self._scope = scope
        self._receive = receive
        self._limit = limit
        self._share = share or Room(limit).open()
        self.method: str = scope["method"]
        # What may be said of it (`web.shape`), once it was asked for.
        self.shape = ""
        self._is_read = False
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) < len(scope["headers"]):
            self.headers = _joined(scope["headers"])

    def header(self, name: str) -> str:
        """Returns a header's value, empty where there is none."""
        return self.headers.get(name.encode(), b"").decode("latin-1")

    @lazy
    def segments(self) -> list[str]:
        """The path below the FHIR base, in parts."""
        return [unquote(part, errors="replace") for part in path_of(self._scope).split("/")[2:] if part]

    @property
    def query(self) -> str:
        """The query string as it was sent."""
        text: bytes = self._scope["query_string"]
        return text.decode("latin-1")

    @lazy
    def pairs(self) -> list[tuple[str, str]]:
        """The query's parameters, in order."""
        return read_pairs(self._scope["query_string"])

    def option(self, name: str) -> str | None:
        """Returns the first value of a query parameter."""
        return next((value for key, value in self.pairs if key == name), None)

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be packed."""
        return bool(_GZIP.search(self.header("accept-encoding")))

    @property
    def source(self) -> str:
        client = self._scope.get("client")
        return client[0] if client else ""

    @property
    def is_unread(self) -> bool:
        """Whether its body, or the rest of it, is not wanted any more."""
        return not self._is_read and (b"transfer-encoding" in self.headers or self.header("content-length") > "0")

    @lazy
    def language(self) -> Language:
        return language_of(self.header("accept-language"))

    @lazy
    def prefer(self) -> dict[str, str]:
        """`Prefer: return=minimal; handling=strict` as a mapping."""
        wishes = {}
        for part in self.header("prefer").replace(";", ",").split(","):
            name, _, value = part.strip().partition("=")
            if name:
                wishes[name.lower()] = value.strip('"').lower()
        return wishes

    @property
    def strict(self) -> bool:
        return self.prefer.get("handling") == "strict"

    @lazy
    def format(self) -> Format:
        """The format of the answer. Raises NotSupported (406 is said by the endpoint) for an unknown one."""
        asked = self.option("_format") if b"_format" in self._scope["query_string"] else None
        if asked is not None:
            return named(asked)
        accept = self.header("accept")
        return accepted(accept) if accept else "json"

    @property
    def content_type(self) -> str:
        text = self.header("content-type")
        media = _media(text)
        if _other_version(text) or (is_fhir(media) and _other_charset(text)):
            raise NotSupported("web.media-type")
        return media

    async def body(self) -> bytes:
        """Returns the body, uncompressed. Raises TooLong beyond the limit, Malformed for wrong gzip."""
        declared = self.header("content-length")
        if declared.isascii() and declared.isdecimal() and int(declared[:18]) > self._limit:
            raise TooLong("web.body-too-long", limit=self._limit)
        parts, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Malformed("web.body-needed")
            part = message.get("body", b"")
            size += len(part)
            if size > self._limit:
                raise TooLong("web.body-too-long", limit=self._limit)
            self._share.take(len(part))
            parts.append(part)
            if not message.get("more_body"):
                self._is_read = True
                break
        whole = b"".join(parts)
        coding = self.header("content-encoding").strip().lower()
        if coding in ("", "identity"):
            return whole
        if coding not in ("gzip", "x-gzip"):
            raise NotSupported("web.media-type")
        return self._unpacked(whole)

    def _unpacked(self, packed: bytes) -> bytes:
        """Returns what gzip packed, in one member or several."""
        parts: list[bytes] = []
        room, members = self._limit + 1, 1
        machine = zlib.decompressobj(wbits=31)
        # In pieces: what is left behind a member is copied, and a body may be all members.
        for begin in range(0, len(packed), PIECE):
            piece = packed[begin : begin + PIECE]
            while piece:
                if machine.eof:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    machine, members = zlib.decompressobj(wbits=31), members + 1
                part = self._inflated(machine, piece, room)
                room -= len(part)
                self._share.take(len(part))
                parts.append(part)
                piece = machine.unused_data if machine.eof else b""
            if members > MOST_MEMBERS:
                raise Malformed("web.not-gzip")
        if packed and not machine.eof:
            raise Malformed("web.not-gzip")
        return b"".join(parts)

    def _inflated(self, machine: Any, piece: bytes, room: int) -> bytes:
        try:
            part: bytes = machine.decompress(piece, room)
        except zlib.error:
            raise Malformed("web.not-gzip") from None
        if len(part) >= room:
            raise TooLong("web.body-too-long", limit=self._limit)
        return part

    async def resource(self) -> Resource:
        """Returns the body as a resource, from JSON or XML."""
        return decoded(await self.body(), self.content_type)


def path_of(scope: Scope) -> str:
    """Returns the path as it was sent, with a stroke at its end: an escaped stroke divides nothing."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?", 1)[0].decode("latin-1") + "/"


def is_fhir(media_type: str) -> bool:
    """Whether a media type is one of FHIR's, or stands for any."""
    return media_type in _FORMATS


def decoded(body: bytes, content_type: str) -> Resource:
    """Reads a resource in the format that its content type names. Raises Malformed, Invalid, NotSupported."""
    if not body:
        raise Malformed("web.body-needed")
    kind = _FORMATS.get(content_type)
    if kind is None or content_type in _ONLY_ACCEPTED:
        raise NotSupported("web.media-type")
    return fhir_xml.decode(body) if kind == "xml" else fhir_json.decode(body)


def read_pairs(query: bytes) -> list[tuple[str, str]]:
    """Reads a query string or a form. Raises Malformed for what is no UTF-8."""
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode("ascii", "strict"), keep_blank_values=True, errors="strict", max_num_fields=10_000
        )
    except (ValueError, UnicodeDecodeError):
        raise Malformed from None


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; one that was sent several times is a list."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _media(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def named(asked: str) -> Format:
    """Returns the format that a value of `_format` names. Raises NotSupported."""
    return accepted(asked.replace(" ", "+"))  # `application/fhir+xml`, where the plus was not escaped.


@lru_cache(maxsize=256)
def accepted(accept: str) -> Format:
    """Returns the best format of an Accept header. Raises NotSupported where none is to be had."""
    for part in sorted(accept.split(","), key=_quality, reverse=True):
        found = _FORMATS.get(_media(part))
        if found is not None and _quality(part) > 0 and not _other_version(part):
            return found
    raise NotSupported("web.format")


def _quality(part: str) -> float:
    match = _QUALITY.search(part)
    return float(match[1]) if match else 1.0


_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(r";\s*fhirVersion\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def _other_version(media_type: str) -> bool:
    """Whether a media type names a FHIR version that is not ours."""
    match = _VERSION.search(media_type) if "=" in media_type else None
    return match is not None and match[1] not in ("4.0", "4.0.1")


def _other_charset(media_type: str) -> bool:
    """Whether a media type names another character set than UTF-8, which FHIR is always in."""
    match = _CHARSET.search(media_type) if "=" in media_type else None
    return match is not None and match[1].lower() not in ("utf-8", "utf8", "us-ascii")


_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^"';\s]+)""", re.IGNORECASE)
# gzip, but for gzip;q=0
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$))")


async def send_answer(answer: Answer, request: HttpRequest, send: Send, request_id: str) -> None:
    """Sends an answer in the format and compression that the request asks for."""
    body = answer.body
    headers = {"x-request-id": request_id, **answer.headers}
    if body and answer.resource:
        body, headers["content-type"] = _formatted(body, request)
    elif answer.media_type:
        headers["content-type"] = answer.media_type
    if len(body) >= SMALLEST_COMPRESSED and request.takes_gzip:
        machine = zlib.compressobj(1, zlib.DEFLATED, 31)
        body = machine.compress(body) + machine.flush()
        headers["content-encoding"] = "gzip"
        headers["vary"] = "Accept, Accept-Encoding"
    if answer.stream is None:
        headers["content-length"] = str(len(body))
    if request.is_unread:
        headers["connection"] = "close"
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    if answer.stream is not None and request.method != "HEAD":
        async with aclosing(answer.stream):
            async for piece in answer.stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


def _formatted(body: bytes, request: HttpRequest) -> tuple[bytes, str]:
    try:
        format_ = request.format
        pretty = request.option("_pretty") == "true"
    except (NotSupported, Invalid, Malformed):
        format_, pretty = "json", False
    if format_ == "xml":
        write = fhir_xml.pretty if pretty else fhir_xml.encode
        return write(fhir_json.decode(body)), f"{FHIR_XML};charset=utf-8"
    if pretty:
        body = fhir_json.pretty(fhir_json.decode(body))
    return body, f"{FHIR_JSON};charset=utf-8"
