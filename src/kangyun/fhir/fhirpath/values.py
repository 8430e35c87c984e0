"""What flows through an expression, and how FHIR's values become those that FHIRPath calculates with.

A value of a type known at compile time is the plain JSON value: no wrapper, no copy. An `Element` stands where that
is not enough: the type is known only when the expression runs, or a primitive has an id or extensions (in JSON:
the member `_name` beside `name`). System values are bool, int, Decimal, str, Temporal and Quantity.

Source: http://hl7.org/fhir/R4/fhirpath.html#types, http://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from kangyun.fhir.fhirpath import temporal
from kangyun.fhir.fhirpath.quantity import CALENDAR_UNIT_OF_UCUM, Quantity
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.types import Family, Static, exists, fhir

UCUM = "http://unitsofmeasure.org"

Json = Any
"""A JSON value of a resource: dict, list, str, int, Decimal, bool."""


class Element:
    """A value of a resource with its type.

    value:   the JSON value; None for a primitive that has only an id or extensions.
    type:    the name of its FHIR type.
    sibling: a primitive's id and extensions: the member `_name`.
    """

    __slots__ = ("sibling", "type", "value")

    def __init__(self, value: Json, type: str, sibling: Mapping[str, Json] | None = None) -> None:
        self.value = value
        self.type = type
        self.sibling = sibling


class TypeInfo:
    """What `type()` answers."""

    __slots__ = ("name", "namespace")

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name


def type_of(item: object) -> tuple[str, str]:
    """Returns namespace and name of the type of an item that knows it: an Element or a System value."""
    match item:
        case Element():
            return "FHIR", item.type
        case bool():
            return "System", "Boolean"
        case int():
            return "System", "Integer"
        case Decimal():
            return "System", "Decimal"
        case str():
            return "System", "String"
        case Temporal():
            return "System", item.kind
        case Quantity():
            return "System", "Quantity"
        case _:
            return "System", "SimpleTypeInfo"


def boxer(static: Static) -> Callable[[Json], Any] | None:
    """Returns a function that gives items of a static type their type; None where they have it already."""
    if static.namespace != "FHIR":
        return None
    if static.family == "resource":
        return box_resource
    name = static.name
    return lambda item: item if item.__class__ is Element else Element(item, name)


def box_resource(resource: Json) -> Element:
    """Returns a resource with the type that it names; one that names none is a Resource and no more."""
    name = resource.get("resourceType")
    return Element(resource, name if name.__class__ is str and exists(name) else "Resource")


def _date(value: Json) -> Any:
    # A text that is no date stays a text: it equals no date, and comparing it to one is an error.
    return (temporal.read(value) or value) if value.__class__ is str else value


def _date_time(value: Json) -> Any:
    found = temporal.read(value) if value.__class__ is str else None
    return value if found is None else temporal.to_date_time(found)


def _time(value: Json) -> Any:
    return (temporal.read_time(value) or value) if value.__class__ is str else value


def _same(value: Json) -> Any:
    return value


_CONVERSIONS: dict[Family, Callable[[Json], Any]] = {"Date": _date, "DateTime": _date_time, "Time": _time}


def unboxer(static: Static) -> Callable[[Any], Any]:
    """Returns a function from an item to what operators compare: a System value, an Element of a complex type, or None
    for a primitive without value."""
    if static.namespace == "System":
        return _same
    if static.namespace != "FHIR":
        return unbox
    if static.family == "resource":
        return box_resource
    if static.is_primitive:
        convert = _CONVERSIONS.get(static.family, _same)
        return lambda item: convert(item.value if item.__class__ is Element else item)
    name = static.name
    return lambda item: Element(item, name)


def unbox(item: Any) -> Any:
    """Does what `unboxer` does for an item that knows its type."""
    if item.__class__ is not Element:
        return item
    family = _family(item.type)
    return item if family in ("complex", "Quantity", "resource") else _CONVERSIONS.get(family, _same)(item.value)


@cache
def _family(name: str) -> Family:
    return fhir(name).family


def as_quantity(item: Any) -> Quantity | None:
    """Returns the quantity that a comparable stands for: a Quantity, a number, or a FHIR Quantity with a value."""
    match item:
        case Quantity():
            return item
        case bool():
            return None
        case int() | Decimal():
            return Quantity(Decimal(item), "1")
        case Element(value={"value": int() | Decimal() as number, **members}, type=name) if _family(name) == "Quantity":
            return None if "comparator" in members else Quantity(Decimal(number), _unit(members))
        case _:
            return None


def _unit(members: Mapping[Any, Json]) -> str:
    code = members.get("code")
    if members.get("system") == UCUM and code.__class__ is str:
        return CALENDAR_UNIT_OF_UCUM.get(code, code)
    unit = code or members.get("unit")
    # Nothing but the same text is comparable to it: a space makes sure that it is never read as UCUM.
    return f"{members.get('system', '')} {unit}" if unit else "1"


def plain(item: Any) -> Any:
    """Returns the JSON value of an Element, any other item as it is."""
    return item.value if item.__class__ is Element else item
