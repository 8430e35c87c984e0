"""Answers: XML with FHIRPath in braces, filled from what the record answered. Pure.

    <Resident t:each="entry.resource.ofType(Patient)"><Name>{name.text}</Name></Resident>

`t:each` repeats an element, `t:if` leaves it out; what only consists of expressions that say nothing is left out, too.

Source: http://hl7.org/fhirpath/N1/
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lxml import etree

from kangyun.base.errors import PlatformError
from kangyun.exchange.soap.envelope import sayable
from kangyun.exchange.soap.mapping.model import BadMapping
from kangyun.exchange.soap.markup import parsed
from kangyun.fhir import Resource
from kangyun.fhir.fhirpath import Environment, Expression, compile

TEMPLATE = "urn:kangyun:template"
EACH, IF = f"{{{TEMPLATE}}}each", f"{{{TEMPLATE}}}if"
_PLACE = re.compile(r"\{([^{}]+)\}")
Text = list[str | Expression]


class Focus(NamedTuple):
    """A value and the name of its type."""

    type: str
    value: Any


class Part(NamedTuple):
    """An element of a template. only: whether nothing but expressions say what it holds."""

    tag: str
    spaces: dict[str | None, str]
    each: Expression | None
    when: Expression | None
    attributes: list[tuple[str, Text]]
    text: Text
    parts: list["Part"]
    only: bool


def template(text: str, at: str) -> Part:
    """Reads a template. at: its place, for what is wrong with it. Raises BadMapping."""
    try:
        root = parsed(text.strip())
    except PlatformError:
        raise BadMapping("mapping-answer", at) from None
    return _part(root, at)


def answered(part: Part, resource: Resource) -> etree._Element:
    """Returns the template filled from a resource. Raises Invalid where an expression makes an error of it."""
    environment = Environment(resource, None)
    environment.resolve = _resolver(resource)
    found = next(_written(part, Focus(resource["resourceType"], resource), environment), None)
    return found if found is not None else etree.Element(part.tag, nsmap=part.spaces)


def _part(element: etree._Element, at: str) -> Part:
    place = f"{at}/{etree.QName(element).localname}"
    attributes = [(name, _text(value, f"{place}/@{name}")) for name, value in element.items() if name not in (EACH, IF)]
    text = _text(element.text or "", place)
    if any((child.tail or "").strip() for child in element):
        raise BadMapping("mapping-answer", place)
    parts = [_part(child, place) for child in element]
    only = not parts and any(not isinstance(one, str) for one in text)
    spaces = {prefix: uri for prefix, uri in element.nsmap.items() if uri != TEMPLATE}
    each, when = (_expression(value, place) if (value := element.get(name)) else None for name in (EACH, IF))
    return Part(element.tag, spaces, each, when, attributes, text, parts, only)


def _text(written: str, at: str) -> Text:
    pieces = _PLACE.split(written)
    if len(pieces) == 1 and not written.strip():
        return []
    return [_expression(piece, at) if place % 2 else piece for place, piece in enumerate(pieces) if piece]


def _expression(text: str, at: str) -> Expression:
    try:
        return compile(text)
    except PlatformError:
        raise BadMapping("mapping-expression", f"{at}: {text}") from None


def _written(part: Part, focus: Focus, environment: Environment) -> Iterator[etree._Element]:
    for one in [focus] if part.each is None else _items(part.each, focus, environment):
        if part.when is not None and _values(part.when, one, environment) != [True]:
            continue
        element = etree.Element(part.tag, nsmap=part.spaces)
        for name, text in part.attributes:
            if value := _filled(text, one, environment):
                element.set(name, value)
        filled = _filled(part.text, one, environment)
        if part.only and not filled.strip():
            continue
        element.text = filled or None
        for below in part.parts:
            element.extend(_written(below, one, environment))
        yield element


def _items(expression: Expression, focus: Focus, environment: Environment) -> list[Focus]:
    return [Focus(*one) for one in expression.program(focus.type).typed(focus.value, environment)]


def _values(expression: Expression, focus: Focus, environment: Environment) -> list[Any]:
    if focus.type.startswith("System."):
        return [focus.value]
    return expression.program(focus.type).evaluate(focus.value, environment)


def _filled(text: Text, focus: Focus, environment: Environment) -> str:
    pieces = []
    for piece in text:
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            values = _values(piece, focus, environment)
            pieces.append(" ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in values))
    return sayable("".join(pieces))


def _resolver(resource: Resource) -> Callable[[str], Any]:
    """Returns what finds what a reference of a Bundle means within it."""
    there = {
        f"{one['resourceType']}/{one['id']}": one
        for entry in resource.get("entry", ())
        if isinstance(one := entry.get("resource"), dict) and "id" in one
    }
    return there.get
