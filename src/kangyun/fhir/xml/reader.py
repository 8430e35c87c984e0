"""FHIR XML as a resource: expat calls back, frames grow the JSON object.

The definitions say what each child is: a property, an item of an array, a primitive with its `_name`, a contained
resource. Nothing is dropped but comments, processing instructions and xsi:schemaLocation: what is not known is
refused, with its FHIRPath, line and column. The order of elements is not checked, and elements of one name may stand
apart.
"""

import re
from xml.parsers import expat

from kangyun.base.errors import Invalid, Issue, Malformed, PlatformError
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import MAX_DEPTH, MAX_DIGITS
from kangyun.fhir.json.guards import decimal
from kangyun.fhir.xml.frames import Frame
from kangyun.fhir.xml.narrative import MAX_NARRATIVE_DEPTH, end_of_start_tag, names_itself, rebuild
from kangyun.fhir.xml.plans import FHIR, Member, Plan, plan, speakable

_SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNDEFINED_ENTITY = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
_integer = re.compile(rf"0|[+-]?[1-9][0-9]{{0,{MAX_DIGITS - 1}}}")
_decimal = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


def decode(data: bytes | bytearray | memoryview) -> Resource:
    """Reads one resource from XML in UTF-8; a leading byte order mark is skipped.

    Raises Malformed for what is not well-formed, has a document type, another encoding or another namespace;
    Invalid, with location, line and column, for elements and attributes that a type does not have, for values that
    JSON could not carry, and for depth.
    """
    raw = bytes(data)
    return _Reader(raw[3:] if raw.startswith(_BYTE_ORDER_MARK) else raw).read()


class _Reader:
    """Reads one document."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._frame = self._document = Frame(None, None, None, {}, 0)
        self._namespaces: dict[str, list[str]] = {}
        self._narrative_start = 0
        self._narrative_depth = 0
        self._narrative_leans = False
        self._parser = parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.namespace_prefixes = True
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace_starts
        parser.EndNamespaceDeclHandler = self._namespace_ends
        self._listen_to_elements()

    def read(self) -> Resource:
        if b"\0" in self._raw[:4] or self._raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise self._refused("fhir.xml.encoding", Malformed)  # UTF-16: expat would take it
        try:
            self._parser.Parse(self._raw, True)
        except expat.ExpatError as error:
            text = "fhir.xml.entity" if error.code == _UNDEFINED_ENTITY else "fhir.xml.syntax"
            raise Malformed(text, line=error.lineno, column=error.offset + 1) from None
        resource: Resource = self._document.node["resource"]
        return resource

    def _refused(self, text: str, kind: type[PlatformError] = Invalid, **parameters: str | int) -> PlatformError:
        place = {"line": self._parser.CurrentLineNumber, "column": self._parser.CurrentColumnNumber + 1}
        at = self._frame.location() or None
        return kind(issues=(Issue("error", kind.code, text, at, {**parameters, **place}),))

    # Before the first element, and namespaces

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            raise self._refused("fhir.xml.encoding", Malformed)

    def _doctype(self, *_: object) -> None:
        raise self._refused("fhir.xml.doctype", Malformed)

    def _namespace_starts(self, prefix: str | None, uri: str | None) -> None:
        self._namespaces.setdefault(prefix or "", []).append(uri or "")

    def _namespace_ends(self, prefix: str | None) -> None:
        self._namespaces[prefix or ""].pop()

    # Elements

    def _listen_to_elements(self) -> None:
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def _start(self, tag: str, attributes: list[str]) -> None:
        frame = self._frame
        if frame.plan is None:
            self._start_resource(frame, tag, attributes)
            return
        member = frame.plan.by_tag.get(tag)
        if member is None:
            uri, name = _split(tag)
            member = frame.plan.by_tag.get(f"{uri} {name}")
            if member is None:
                raise self._refused("fhir.xml.unknown-element", name=speakable(name))
        if member.kind == "primitive":
            self._start_primitive(frame, member, attributes)
        elif member.kind == "complex":
            node: Resource = {}
            self._place(frame, member, node)
            self._open(member, plan(member.type), node, frame.depth + 1 + member.is_array, attributes)
        elif member.kind == "xhtml":
            self._place(frame, member, None)
            self._start_narrative(tag, attributes)
        else:
            self._place(frame, member, None)
            self._open(member, None, {}, frame.depth + member.is_array, attributes)

    def _place(self, frame: Frame, member: Member, value: object) -> None:
        node, name = frame.node, member.name
        if member.is_array:
            if name in node:
                node[name].append(value)
            else:
                node[name] = [value]
        elif name in node or member.sibling in node:
            raise self._refused("fhir.xml.repeated", name=name)
        else:
            node[name] = value

    def _open(self, member: Member | None, of: Plan | None, node: Resource, depth: int, attributes: list[str]) -> Frame:
        self._frame = frame = Frame(self._frame, member, of, node, depth)
        if depth > MAX_DEPTH:
            raise self._refused("fhir.xml.depth", limit=MAX_DEPTH)
        if attributes:
            names = of.attributes if of is not None else ()
            for name, value in zip(attributes[::2], attributes[1::2], strict=True):
                if name in names:
                    node[name] = value
                elif not name.startswith(_SCHEMA_LOCATION):
                    raise self._refused("fhir.xml.unknown-attribute", name=speakable(_split(name)[1]))
        return frame

    def _start_resource(self, place: Frame, tag: str, attributes: list[str]) -> None:
        uri, name = _split(tag)
        if uri != FHIR:
            raise self._refused("fhir.xml.namespace", Malformed)
        if name not in definitions().resource_types:
            raise self._refused("fhir.xml.resource-type", name=speakable(name))
        if place.valued:
            raise self._refused("fhir.xml.repeated", name=name)
        place.valued = True
        node: Resource = {"resourceType": name}
        if place.parent is None or place.member is None:
            place.node["resource"] = node
        elif place.member.is_array:
            place.parent.node[place.member.name][-1] = node
        else:
            place.parent.node[place.member.name] = node
        self._open(None, plan(name), node, place.depth + 1, attributes)

    def _start_primitive(self, parent: Frame, member: Member, attributes: list[str]) -> None:
        value: str | None = None
        if len(attributes) == 2 and attributes[0] == "value":
            value, attributes = attributes[1], []
        elif "value" in attributes[::2]:
            at = attributes[::2].index("value") * 2
            value, attributes = attributes[at + 1], attributes[:at] + attributes[at + 2 :]
        # Placed first, so that a fault in it has its location.
        self._place(parent, member, value)
        frame = self._open(member, plan(member.type), {}, parent.depth + 1 + member.is_array, attributes)
        frame.valued = value is not None
        if value is None:
            if not member.is_array:
                del parent.node[member.name]
        elif member.form != "text":
            read = self._value(member, value)
            if member.is_array:
                parent.node[member.name][-1] = read
            else:
                parent.node[member.name] = read

    def _value(self, member: Member, text: str) -> object:
        """Returns what a boolean or a number is in JSON; the frame is the one of the element."""
        text = text.strip()
        if member.form == "boolean" and text in _BOOLEANS:
            return _BOOLEANS[text]
        if member.form == "integer" and _integer.fullmatch(text):
            return int(text)
        if member.form == "decimal" and _decimal.fullmatch(text):
            if text.lstrip("-").isdigit() and len(text) <= MAX_DIGITS:
                return int(text)
            try:
                return decimal(text)
            except Invalid:
                raise self._refused("fhir.xml.number") from None
        raise self._refused("fhir.xml.type", type=member.type)

    def _end(self, _: str) -> None:
        frame = self._frame
        parent, member = frame.parent, frame.member
        if frame.uneven is not None:
            frame.even_out()
        if member is not None and parent is not None:
            if member.kind == "primitive":
                if frame.node:
                    parent.note_sibling(member, frame.node)
                elif not frame.valued:
                    raise self._refused("fhir.xml.empty")
            elif member.kind == "resource" and not frame.valued:
                raise self._refused("fhir.xml.empty")
            self._frame = parent
        elif parent is not None:
            self._frame = parent

    def _text(self, data: str) -> None:
        if not data.isspace():
            raise self._refused("fhir.xml.text")

    # The narrative: only its borders are looked for

    def _start_narrative(self, tag: str, attributes: list[str]) -> None:
        self._narrative_start = self._parser.CurrentByteIndex
        self._narrative_depth = 0
        self._narrative_leans = not names_itself(self._raw, self._narrative_start)
        self._parser.StartElementHandler = self._start_in_narrative
        self._parser.EndElementHandler = self._end_in_narrative
        self._parser.CharacterDataHandler = None
        self._start_in_narrative(tag, attributes)

    def _start_in_narrative(self, tag: str, attributes: list[str]) -> None:
        self._narrative_depth += 1
        if self._narrative_depth > MAX_NARRATIVE_DEPTH:
            raise self._refused("fhir.xml.depth", limit=MAX_NARRATIVE_DEPTH)
        for name in (tag, *attributes[::2]):
            if name.count(" ") == 2 and not name.endswith(" xml"):
                self._narrative_leans = True

    def _end_in_narrative(self, _: str) -> None:
        self._narrative_depth -= 1
        if self._narrative_depth:
            return
        start = self._narrative_start
        end = end_of_start_tag(self._raw, start)
        if not self._raw.endswith(b"/>", start, end):
            end = self._raw.index(b">", self._parser.CurrentByteIndex) + 1
        div: str | None = self._raw[start:end].decode()
        if self._narrative_leans:
            div = rebuild(str(div), {prefix: uris[-1] for prefix, uris in self._namespaces.items() if uris})
        if div is None:
            raise self._refused("fhir.xml.narrative")
        self._frame.node["div"] = div
        self._listen_to_elements()


def _split(tag: str) -> tuple[str, str]:
    """Returns namespace and local name of an expanded name, which may end in the prefix that was used."""
    uri, _, rest = tag.partition(" ")
    return (uri, rest.partition(" ")[0]) if rest else ("", uri)
