"""The types that an expression can have when it is compiled: FHIR types, System types, any, and nothing.

What is known here need not be looked at when the expression runs; `Element` carries the type of a value where it is
not known here. Names are those of `kangyun.fhir.definitions`.

Source: FHIRPath Normative Release (2.0.0), section 9 (types); http://hl7.org/fhir/R4/fhirpath.html#types
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from kangyun.fhir.definitions import definitions
from kangyun.fhir.definitions.model import Element as Definition

Namespace = Literal["FHIR", "System", "any", "nothing"]

Family = Literal[
    "Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity", "TypeInfo", "complex",
    "resource", "any",
]  # fmt: skip
"""How values of a type look in Python and to the operators, whether they are FHIR's or System's."""

_PRIMITIVE_FAMILIES: dict[str, Family] = {
    "boolean": "Boolean", "integer": "Integer", "positiveInt": "Integer", "unsignedInt": "Integer",
    "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Static:
    """A type as the compiler knows it.

    possible: for "any", the FHIR types that a value can have, None where that is open.
    """

    namespace: Namespace
    name: str
    family: Family
    possible: frozenset[str] | None = None

    @property
    def is_primitive(self) -> bool:
        return self.namespace == "FHIR" and self.family not in ("complex", "resource", "Quantity")


ANY = Static("any", "any", "any")
NOTHING = Static("nothing", "nothing", "any")
BOOLEAN = Static("System", "Boolean", "Boolean")
INTEGER = Static("System", "Integer", "Integer")
DECIMAL = Static("System", "Decimal", "Decimal")
STRING = Static("System", "String", "String")
DATE = Static("System", "Date", "Date")
DATE_TIME = Static("System", "DateTime", "DateTime")
TIME = Static("System", "Time", "Time")
QUANTITY = Static("System", "Quantity", "Quantity")
SYSTEM_TYPES = {each.name: each for each in (BOOLEAN, INTEGER, DECIMAL, STRING, DATE, DATE_TIME, TIME, QUANTITY)}
TYPE_INFO = Static("System", "SimpleTypeInfo", "TypeInfo")


@cache
def fhir(name: str) -> Static:
    """Returns the FHIR type of this name. Raises KeyError where R4 has none."""
    type_ = definitions().types[name]
    family: Family
    if type_.kind == "primitive-type":
        family = _PRIMITIVE_FAMILIES.get(name, "String")
    elif type_.kind == "resource" and type_.abstract:
        family = "resource"
    else:
        family = "Quantity" if is_subtype(name, "Quantity") else "complex"
    return Static("FHIR", name, family)


def one_of(names: frozenset[str]) -> Static:
    """Returns the type of values that are each of one of these FHIR types."""
    return fhir(next(iter(names))) if len(names) == 1 else Static("any", "any", "any", names)


def exists(name: str) -> bool:
    """True for the name of an R4 type."""
    return name in definitions().types


@cache
def members(name: str) -> Mapping[str, tuple[Definition, ...]]:
    """Returns the elements of a FHIR type by their name in FHIRPath; a choice has one entry for each of its types."""
    found: dict[str, list[Definition]] = {}
    for element in definitions().types[name].elements.values():
        found.setdefault(element.path, []).append(element)
    return {path: tuple(elements) for path, elements in found.items()}


@cache
def is_subtype(name: str, of: str) -> bool:
    """True where the type is `of` or a specialisation of it."""
    types = definitions().types
    current: str | None = name
    while current is not None:
        if current == of:
            return True
        current = types[current].base if current in types else None
    return False


def is_resource(name: str) -> bool:
    """True for the name of a resource type, abstract ones included."""
    type_ = definitions().types.get(name)
    return type_ is not None and type_.kind == "resource"


@dataclass(frozen=True, slots=True)
class Named:
    """A type that an expression names in `is`, `as` or `ofType`: unqualified names may mean FHIR or System."""

    name: str
    fhir: bool
    system: bool

    def covers(self, namespace: str, name: str, *, exact_primitives: bool) -> bool:
        """True where a value of the given type is of this type.

        exact_primitives: a code is no string, as `as` and `ofType` see it (and the official tests with them).
        """
        if namespace == "System":
            return self.system and name == self.name
        if not self.fhir:
            return False
        if exact_primitives and exists(name) and definitions().types[name].kind == "primitive-type":
            return name == self.name
        return is_subtype(name, self.name)


def named(text: str) -> Named | None:
    """Returns what a type specifier names, None for a name that neither FHIR nor System has."""
    namespace, dot, name = text.rpartition(".")
    if dot:
        if namespace == "System":
            # The specification knows this namespace to the end: what is not in it is a type that nothing is of.
            return Named(name, fhir=False, system=name in SYSTEM_TYPES)
        return Named(name, fhir=True, system=False) if namespace == "FHIR" and exists(name) else None
    in_fhir, in_system = exists(text), text in SYSTEM_TYPES
    return Named(text, fhir=in_fhir, system=in_system) if in_fhir or in_system else None
