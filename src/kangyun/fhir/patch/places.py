"""Places in a resource: where the elements are that a path finds.

A patch must know where an element is, not only what it is; so the steps of a path are followed here, over the JSON
object, while criteria in where() are left to the engine. Paths use members, indexes, where, first, last, single,
extension, ofType and as: what leads to elements of the resource itself.

Source: http://hl7.org/fhir/R4/fhirpatch.html#concept
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions.model import Element as Definition
from kangyun.fhir.fhirpath import Environment, parse
from kangyun.fhir.fhirpath.expression import Program
from kangyun.fhir.fhirpath.syntax import Call, Item, Literal, Member, Node, TypeTest, qualified_name
from kangyun.fhir.fhirpath.types import exists, fhir, is_resource, is_subtype, members, named

MAX_PATH = 1000

Json = Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element is.

    parent: the JSON object that holds it; None for the resource itself.
    key:    the member of the parent; index: its position where the member is a list.
    owner:  the place of the parent.
    A primitive's ids and extensions have a place of their own, with `_name` as key.
    """

    type: str
    value: Json
    parent: dict[str, Json] | None = None
    key: str = ""
    index: int | None = None
    owner: "Place | None" = None


def places(resource: dict[str, Json], path: Node) -> list[Place]:
    """Returns where the elements are that a path finds, in order.

    Raises Invalid for a path that does more than lead to elements.
    """
    return list(_Finder(resource).find(path))


def read_path(text: str) -> Node:
    """Returns the syntax tree of a path. Raises Invalid for one that is no FHIRPath or too long."""
    if len(text) > MAX_PATH:
        raise Invalid("fhir.patch.path-length", limit=MAX_PATH)
    return parse(text)


class _Finder:
    def __init__(self, resource: dict[str, Json]) -> None:
        self.environment = Environment(resource)
        name = resource.get("resourceType")
        if name.__class__ is not str or not exists(name) or not is_resource(name):
            raise Invalid("fhir.patch.resource-type")
        self.root = Place(name, resource)

    def find(self, node: Node) -> Iterator[Place]:
        match node:
            case Member(focus=None, name=name):
                # A path starts with the type of the resource, or with one of its elements.
                if name[0].isupper() and exists(name):
                    yield from (self.root,) if is_subtype(self.root.type, name) else ()
                else:
                    yield from self.members_of(self.root, name)
            case Member(focus=focus, name=name) if focus is not None:
                for place in self.find(focus):
                    yield from self.members_of(place, name)
            case Item(focus=focus, index=Literal(value=int() as index)):
                yield from list(self.find(focus))[index : index + 1]
            case TypeTest(operator="as", operand=operand, type=type_name):
                yield from self.of_type(operand, type_name)
            case Call():
                yield from self.called(node)
            case _:
                raise Invalid("fhir.patch.path-form")

    def called(self, node: Call) -> Iterator[Place]:
        if node.focus is None:
            raise Invalid("fhir.patch.path-form")
        match node.name, node.arguments:
            case "where", (criterion,):
                yield from (each for each in self.find(node.focus) if self.meets(each, criterion))
            case "extension", (Literal(value=str() as url),):
                for place in self.find(node.focus):
                    yield from (each for each in self.members_of(place, "extension") if each.value.get("url") == url)
            case "ofType" | "as", (argument,):
                yield from self.of_type(node.focus, qualified_name(argument) or "")
            case "first", ():
                yield from list(self.find(node.focus))[:1]
            case "last", ():
                yield from list(self.find(node.focus))[-1:]
            case "single", ():
                found = list(self.find(node.focus))
                if len(found) > 1:
                    raise Invalid("fhir.fhirpath.singleton")
                yield from found
            case _:
                raise Invalid("fhir.patch.path-form")

    def of_type(self, operand: Node, type_name: str) -> Iterator[Place]:
        wanted = named(type_name)
        if wanted is None:
            raise Invalid("fhir.patch.path-form")
        for place in self.find(operand):
            if wanted.covers("FHIR", place.type, exact_primitives=True):
                yield place

    def meets(self, place: Place, criterion: Node) -> bool:
        return Program(criterion, place.type, strict=False).evaluate(place.value, self.environment) == [True]

    def members_of(self, place: Place, name: str) -> Iterator[Place]:
        if fhir(place.type).is_primitive:
            yield from self.members_of_primitive(place, name)
            return
        if place.value.__class__ is not dict:
            raise Invalid("fhir.fhirpath.shape")
        elements = members(place.type).get(name)
        if elements is None:
            raise Invalid("fhir.patch.unknown-element")
        for element in elements:
            yield from places_of(place, element)

    def members_of_primitive(self, place: Place, name: str) -> Iterator[Place]:
        """The id and extensions of a primitive, which stand in its sibling."""
        (element,) = members(place.type).get(name, (None,))
        if element is None:
            raise Invalid("fhir.patch.unknown-element")
        sibling = sibling_of(place)
        if sibling.value.__class__ is dict:
            yield from places_of(sibling, element)


def sibling_of(place: Place) -> Place:
    """Returns the place of the ids and extensions of a primitive; its value is None where there are none."""
    assert place.parent is not None
    key = f"_{place.key}"
    sibling = place.parent.get(key)
    if place.index is not None:
        sibling = sibling[place.index] if sibling.__class__ is list and place.index < len(sibling) else None
    return Place(place.type, sibling, place.parent, key, place.index, place.owner)


def places_of(owner: Place, element: Definition) -> Iterator[Place]:
    """Yields the places of one JSON property of an object."""
    parent = owner.value
    value, sibling = parent.get(element.name), parent.get(f"_{element.name}")
    if value is None and sibling is None:
        return
    if not element.is_array:
        yield Place(_type_of(element.type, value), value, parent, element.name, None, owner)
        return
    if not isinstance(value or [], list) or not isinstance(sibling or [], list):
        raise Invalid("fhir.fhirpath.shape")
    for index, (each, _) in enumerate(zip_longest(value or (), sibling or ())):
        yield Place(_type_of(element.type, each), each, parent, element.name, index, owner)


def _type_of(declared: str, value: Json) -> str:
    if fhir(declared).family != "resource":
        return declared
    name = value.get("resourceType") if value.__class__ is dict else None
    if name.__class__ is not str or not is_resource(name):
        raise Invalid("fhir.patch.resource-type")
    return name
