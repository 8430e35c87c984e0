"""What the definitions say of a type, laid out for the reader and the writer of XML."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from kangyun.fhir.definitions import Element, definitions

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

Kind = Literal["primitive", "complex", "resource", "xhtml"]
Form = Literal["text", "boolean", "integer", "decimal"]

_FORMS: dict[str, Form] = {
    "boolean": "boolean",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "decimal": "decimal",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One element of a type.

    name:    both its JSON property and its XML tag; `sibling` is the `_name` beside a primitive.
    rank:    place among the elements of its type.
    form:    what a primitive is in JSON.
    """

    name: str
    sibling: str
    rank: int
    kind: Kind
    form: Form
    type: str
    is_array: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A type for XML.

    members:    its child elements by JSON property, `_name` too.
    by_tag:     the same by expanded XML name.
    attributes: the members that are attributes.
    others:     what else stands in the JSON object: the attributes, and the type of a resource.
    """

    members: dict[str, Member]
    by_tag: dict[str, Member]
    attributes: tuple[str, ...]
    others: frozenset[str]


@cache
def plan(type_name: str) -> Plan:
    """Returns the plan of a type of the definitions. Raises KeyError for any other name."""
    type_ = definitions().types[type_name]
    attributes: tuple[str, ...] = () if type_.kind == "resource" else ("id",)
    if type_name == "Extension":
        attributes = ("id", "url")
    children = [
        _member(rank, element) for rank, element in enumerate(type_.elements.values()) if element.name not in attributes
    ]
    return Plan(
        {name: member for member in children for name in _json_names(member)},
        {f"{XHTML if member.kind == 'xhtml' else FHIR} {member.name}": member for member in children},
        attributes,
        frozenset(attributes or ("resourceType",)),
    )


def _member(rank: int, element: Element) -> Member:
    type_ = definitions().types[element.type]
    kind: Kind = "complex"
    if element.type == "xhtml":
        kind = "xhtml"
    elif type_.kind == "primitive-type":
        kind = "primitive"
    elif type_.kind == "resource":
        kind = "resource"
    form = _FORMS.get(element.type, "text")
    return Member(element.name, f"_{element.name}", rank, kind, form, element.type, element.is_array)


def _json_names(member: Member) -> tuple[str, ...]:
    return (member.name, member.sibling) if member.kind == "primitive" else (member.name,)


_element_name = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")


def speakable(name: object) -> str:
    """Returns a name for a message: what cannot be the name of an element might be anybody's data, and becomes "?"."""
    return name if isinstance(name, str) and _element_name.fullmatch(name) else "?"
