"""A resource as FHIR XML: elements in the order of the definitions, written as text piece by piece.

What has no place in XML is refused, never left out: a member that the type does not have, a value of the wrong
kind, a character that XML cannot carry, a narrative that is not well-formed.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from kangyun.base.errors import Invalid, Issue
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.xml.narrative import stands_alone
from kangyun.fhir.xml.plans import FHIR, Form, Kind, Member, Plan, plan, speakable

_special = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
# Tab and line ends would be read as spaces if they were written as they are.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}

# What stands in JSON for each form. Exact types: to Python, true is an integer too.
_TYPES: dict[Form, frozenset[type]] = {
    "text": frozenset({str}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "decimal": frozenset({Decimal, int}),
}


class _Misfit(Exception):
    """Something that XML cannot say; gathers its location, innermost first, as the stack unwinds."""

    def __init__(self, text: str, **parameters: str) -> None:
        super().__init__(text)
        self.text = text
        self.parameters: dict[str, str | int] = {**parameters}
        self.path: list[str] = []

    def issue(self) -> Issue:
        at = "".join(part if part.startswith("[") else f".{part}" for part in reversed(self.path))[1:]
        return Issue("error", Invalid.code, self.text, at or None, self.parameters)


def encode(resource: Resource) -> bytes:
    """Writes a resource as XML in UTF-8. Raises Invalid, with its location, for what XML cannot say."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    try:
        _resource(resource, f' xmlns="{FHIR}"', out)
    except _Misfit as misfit:
        raise Invalid(issues=(misfit.issue(),)) from None
    except RecursionError:
        raise Invalid("fhir.xml.depth") from None
    return "".join(out).encode()


def _resource(resource: Any, namespace: str, out: list[str]) -> None:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(name, str) or name not in definitions().resource_types:
        raise _Misfit("fhir.xml.resource-type", name=speakable(name))
    out.append(f"<{name}{namespace}>")
    try:
        _children(resource, plan(name), out)
    except _Misfit as misfit:
        if namespace:
            misfit.path.append(name)
        raise
    out.append(f"</{name}>")


def _children(node: Resource, of: Plan, out: list[str]) -> None:
    members = of.members
    found: dict[int, Member] = {}
    for name in node:
        member = members.get(name)
        if member is not None:
            found[member.rank] = member
        elif name not in of.others:
            raise _Misfit("fhir.xml.unknown-element", name=speakable(name))
    for rank in sorted(found):
        member = found[rank]
        try:
            if member.is_array:
                _array(member, node, out)
            else:
                _WRITERS[member.kind](member, node.get(member.name), node.get(member.sibling), out)
        except _Misfit as misfit:
            misfit.path.append(member.name)
            raise


def _array(member: Member, node: Resource, out: list[str]) -> None:
    values, siblings = node.get(member.name), node.get(member.sibling)
    if values is None:
        values = []
    if siblings is None:
        siblings = []
    if not isinstance(values, list) or not isinstance(siblings, list):
        raise _Misfit("fhir.xml.array")
    write = _WRITERS[member.kind]
    for index, (value, sibling) in enumerate(zip_longest(values, siblings)):
        try:
            write(member, value, sibling, out)
        except _Misfit as misfit:
            misfit.path.append(f"[{index}]")
            raise


def _primitive(member: Member, value: Any, sibling: Any, out: list[str]) -> None:
    written = ""
    if value is not None:
        if type(value) not in _TYPES[member.form]:
            raise _Misfit("fhir.xml.type", type=member.type)
        written = f' value="{_text(value)}"'
    if sibling is None:
        if not written:
            raise _Misfit("fhir.xml.empty")
        out.append(f"<{member.name}{written}/>")
    elif isinstance(sibling, dict):
        of = plan(member.type)
        out.append(f"<{member.name}{_attributes(sibling, of)}{written}>")
        _children(sibling, of, out)
        out.append(f"</{member.name}>")
    else:
        raise _Misfit("fhir.xml.type", type="Element")


def _complex(member: Member, value: Any, _: Any, out: list[str]) -> None:
    if not isinstance(value, dict):
        raise _Misfit("fhir.xml.type", type=member.type)
    of = plan(member.type)
    out.append(f"<{member.name}{_attributes(value, of)}>")
    _children(value, of, out)
    out.append(f"</{member.name}>")


def _contained(member: Member, value: Any, _: Any, out: list[str]) -> None:
    out.append(f"<{member.name}>")
    _resource(value, "", out)
    out.append(f"</{member.name}>")


def _narrative(_: Member, value: Any, __: Any, out: list[str]) -> None:
    if not isinstance(value, str) or not stands_alone(value):
        raise _Misfit("fhir.xml.narrative")
    out.append(value)


_WRITERS: dict[Kind, Callable[[Member, Any, Any, list[str]], None]] = {
    "primitive": _primitive,
    "complex": _complex,
    "resource": _contained,
    "xhtml": _narrative,
}


def _attributes(node: Resource, of: Plan) -> str:
    written = ""
    for name in of.attributes:
        value = node.get(name)
        if type(value) is str:
            written += f' {name}="{_text(value)}"'
        elif name in node:
            misfit = _Misfit("fhir.xml.type", type="string")
            misfit.path.append(name)
            raise misfit
    return written


def _text(value: str | bool | int | Decimal) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    text = str(value)
    return _special.sub(_escape, text) if _special.search(text) else text


def _escape(found: re.Match[str]) -> str:
    try:
        return _ESCAPES[found.group()]
    except KeyError:
        raise _Misfit("fhir.xml.character") from None
