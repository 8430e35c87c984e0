"""One report or document of the page, opened: its text in paragraphs, its results, and the files that belong to it.

Text is taken as text: markup of narratives, of CDA and of HTML is read and thrown away. A file is given out by its
number in the resource; what it holds besides text is the browser's to show.

Source: https://hl7.org/fhir/R4/ , DiagnosticReport, DocumentReference, Composition; CDA R2, section/title and text.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from html.parser import HTMLParser
from typing import Any

from kangyun.access.look.lines import OPENED, Line, concept, line_of, references_of
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Gone, NotFound
from kangyun.fhir import Resource
from kangyun.store.references import local_target

SHOWN = frozenset({"application/pdf", "image/png", "image/jpeg"})
"""What a browser may show of a file in a page of its own; any other is kept."""
TEXTS = frozenset({"text/plain", "text/html", "text/xml", "application/xml", "application/hl7-cda+xml"})
LONGEST = 60_000  # characters of a text that a page shows
MOST_RESULTS = 100
MOST_DEEP = 8  # sections within sections
_BLOCKS = frozenset(
    {"p", "div", "br", "tr", "li", "paragraph", "item", "caption", "title", "text", "table", "h1", "h2", "h3"}
)
_CELLS = frozenset({"td", "th"})
_LEFT_OUT = frozenset({"script", "style", "head"})
_TEXT_AS_IS = "text/plain"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text: its title, which may be empty, and its paragraphs."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a resource, by its number there: its name, its media type, its content."""

    number: int
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A report or document. missing: there is a file that could not be had."""

    line: Line
    parts: tuple[Part, ...]
    results: tuple[Line, ...]
    files: tuple[File, ...]
    missing: bool


async def opened(record: Record, type_: str, id_: str) -> Opened:
    """Reads one. Raises NotFound, Gone, Forbidden."""
    if type_ not in OPENED:
        raise NotFound
    zone = record.store.zone
    resource = (await record.read(type_, id_)).resource
    line = line_of(resource, zone)
    if line is None:
        raise NotFound
    parts = [Part("", (text,)) for text in (_first(resource, "conclusion"), _first(resource, "description")) if text]
    parts += _sections(resource.get("section", ()), 0)
    files, missing = await _files(record, resource)
    parts += [Part("", tuple(paragraphs)) for one in files if (paragraphs := text_of(one))]
    return Opened(line, tuple(parts), tuple(await _results(record, resource, zone)), tuple(files), missing)


def text_of(file: File) -> list[str]:
    """Returns the paragraphs of a file that is a text, none of any other."""
    if file.media_type not in TEXTS:
        return []
    text = _decoded(file.content)[:LONGEST]
    return text.splitlines() if file.media_type == _TEXT_AS_IS else paragraphs_of(text)


def paragraphs_of(markup: str) -> list[str]:
    """Returns the text of markup, a paragraph for each block of it."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return [line for one in "".join(reader.text).split("\n") if (line := " ".join(one.split()))]


class _Reader(HTMLParser):
    """Keeps text, and where a block ends. Of CDA only what is in a title or a text is for people."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._out = 0
        self._clinical = False
        self._within = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._clinical = self._clinical or tag == "clinicaldocument"
        self._out += tag in _LEFT_OUT
        self._within += tag in ("title", "text")
        self.text += ["\n"] if tag in _BLOCKS else ["\t"] if tag in _CELLS else []

    def handle_endtag(self, tag: str) -> None:
        self._out -= tag in _LEFT_OUT and self._out > 0
        self._within -= tag in ("title", "text") and self._within > 0
        self.text += ["\n"] if tag in _BLOCKS else []

    def handle_data(self, data: str) -> None:
        if not self._out and (self._within or not self._clinical):
            self.text.append(data)


def _sections(sections: Any, depth: int) -> Iterator[Part]:
    if depth > MOST_DEEP or not isinstance(sections, Sequence):
        return
    for one in sections:
        told = paragraphs_of(str(one.get("text", {}).get("div", "")))[:LONGEST]
        yield Part(str(one.get("title") or concept(one.get("code"))), tuple(told))
        yield from _sections(one.get("section", ()), depth + 1)


async def _results(record: Record, resource: Resource, zone: tzinfo) -> list[Line]:
    """Returns the results of a report that are seen, in its order."""
    ids = [target[1] for one in references_of(resource, "result") if (target := local_target(one))][:MOST_RESULTS]
    if not ids:
        return []
    pairs = [("_id", ",".join(ids)), ("_count", str(MOST_RESULTS))]
    page = await record.search(await record.read_query("Observation", pairs, strict=True))
    there = {one.id: one.resource for one in page.matches}
    return [line for id_ in ids if id_ in there and (line := line_of(there[id_], zone)) is not None]


async def _files(record: Record, resource: Resource) -> tuple[list[File], bool]:
    """Returns the files of a resource, and whether one could not be had."""
    given = [one.get("attachment") for one in resource.get("content", ())] + list(resource.get("presentedForm", ()))
    found, missing = [], False
    for number, one in enumerate(given):
        content, media_type = await _content(record, one) if isinstance(one, Mapping) else (None, "")
        missing = missing or content is None
        if content is not None and isinstance(one, Mapping):
            found.append(
                File(number, str(one.get("title") or ""), media_type.partition(";")[0].strip().lower(), content)
            )
    return found, missing


async def _content(record: Record, attachment: Mapping[str, Any]) -> tuple[bytes | None, str]:
    """Returns what an attachment holds, None where it is elsewhere, hidden or spoilt; and its media type."""
    data, media_type = attachment.get("data"), str(attachment.get("contentType", ""))
    target = local_target(str(attachment.get("url", "")))
    if data is None and target is not None and target[0] == "Binary":
        try:
            binary = (await record.read("Binary", target[1])).resource
        except (NotFound, Gone, Forbidden):
            return None, ""
        data, media_type = binary.get("data", ""), media_type or str(binary.get("contentType", ""))
    try:
        return (None if data is None else base64.b64decode(str(data), validate=True)), media_type
    except binascii.Error:
        return None, ""


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", "replace")


def _first(resource: Mapping[str, Any], name: str) -> str:
    return str(resource.get(name, ""))
