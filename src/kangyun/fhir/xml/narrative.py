"""The text of a narrative: one XHTML div that stands on its own.

In JSON it is a string, in XML a part of the document. It is carried over as text, unchanged, so that nothing of it
is lost; for that it must be well-formed by itself and bring its own namespace. Not a check of which elements and
attributes a narrative may use: that is an invariant of Narrative.
"""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from kangyun.fhir.xml.plans import XHTML

MAX_NARRATIVE_DEPTH = 200

_XML = "http://www.w3.org/XML/1998/namespace"
_start_tag = re.compile(rb"""<[^\s/>"']+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_own_namespace = re.compile(
    rb"""<div\s(?:[^"'>]|"[^"]*"|'[^']*')*?xmlns\s*=\s*["']%s["']""" % re.escape(XHTML).encode()
)


class _Refused(Exception):
    """The text is no div that stands on its own."""


def stands_alone(text: str) -> bool:
    """Whether the text is one well-formed XHTML div with its own namespace, no document type, and not too deep."""
    root = ""
    depth = 0

    def start(tag: str, _: object) -> None:
        nonlocal root, depth
        root = root or tag
        depth += 1
        if depth > MAX_NARRATIVE_DEPTH:
            raise _Refused

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise _Refused

    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = parser.XmlDeclHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, _Refused, UnicodeEncodeError):
        return False
    # What stands around the div, white space or a comment, would be lost.
    return root == f"{XHTML} div" and text.startswith("<div") and text.endswith(("</div>", "/>"))


def names_itself(raw: bytes, start: int) -> bool:
    """Whether the start tag at `start` is an unprefixed div that declares the XHTML namespace."""
    return _own_namespace.match(raw, start) is not None


def end_of_start_tag(raw: bytes, start: int) -> int:
    """Returns the index after the start tag at `start`."""
    found = _start_tag.match(raw, start)
    assert found is not None, "the parser has seen a start tag here"
    return found.end()


def rebuild(fragment: str, namespaces: dict[str, str]) -> str | None:
    """Writes a div anew that leans on namespaces declared outside it ("" is the default one).

    Returns None where it has elements or attributes of other namespaces, which no narrative may have.
    """
    out: list[str] = []
    level = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal level
        level += 1
        if level > 1:
            out.append(f"<{_local_name(tag, XHTML)}")
            if level == 2:
                out.append(f' xmlns="{XHTML}"')
            for key, value in attributes.items():
                name = f"xml:{_local_name(key, _XML)}" if " " in key else key
                out.append(f" {name}={quoteattr(value)}")
            out.append(">")

    def end(tag: str) -> None:
        nonlocal level
        if level > 1:
            out.append(f"</{_local_name(tag, XHTML)}>")
        level -= 1

    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: out.append(escape(data))
    declared = (f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}" for prefix, uri in namespaces.items())
    try:
        parser.Parse(f"<wrapper{''.join(declared)}>{fragment}</wrapper>".encode(), True)
    except _Refused:
        return None
    return "".join(out)


def _local_name(expanded: str, uri: str) -> str:
    found, _, name = expanded.rpartition(" ")
    if found != uri:
        raise _Refused
    return name
