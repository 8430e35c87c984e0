"""The shape of the compiled R4 definitions: what a type, an element and a search parameter are here.

Plain frozen data, shared by the compiler (`scripts/compile_definitions.py`) and by every reader. All structs are
stored as arrays, so a change of the fields of one needs a new compilation.

Source: the StructureDefinition, SearchParameter and CompartmentDefinition resources of hl7.fhir.r4.core 4.0.1.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["primitive-type", "complex-type", "resource", "backbone"]


class Constraint(msgspec.Struct, frozen=True, array_like=True):
    """An invariant: a FHIRPath expression that must be true of each instance."""

    key: str
    severity: Literal["error", "warning"]
    human: str
    expression: str


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """The value set that the codes of an element come from; urls carry no version.

    `maximum` is the value set of the extension elementdefinition-maxValueSet: codes outside it are wrong even where
    the strength allows others.
    """

    strength: Literal["required", "extensible", "preferred", "example"]
    value_set: str | None
    maximum: str | None = None


class Element(msgspec.Struct, frozen=True, array_like=True):
    """One JSON property of a type; a choice element is one of these for each of its types.

    name:            the JSON property: "valueQuantity".
    path:            the element in FHIRPath: "value" for "valueQuantity", else the name.
    type:            name of one type of `Definitions.types`.
    min, max:        as in the specification; for a choice they hold for all its properties together; None is "*".
    order:           position in the specification; all properties of a choice have the same one.
    target_profiles: resource types that a Reference or canonical may point to; "Resource" is any.
    profiles:        profiles of a complex type that the value must meet: only SimpleQuantity in the base types.
    """

    name: str
    path: str
    choice: bool
    type: str
    min: int
    max: int | None
    is_array: bool
    order: int
    is_summary: bool = False
    is_modifier: bool = False
    target_profiles: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()


class Type(msgspec.Struct, frozen=True, array_like=True):
    """A primitive, a complex type, a resource, or an inner ("backbone") type named by its path.

    base:        the type it specialises; None for Element and Resource.
    elements:    by JSON property, in the specification's order, inherited ones and choices included. A primitive has
                 `id` and `extension`, which stand in its `_name` sibling in JSON.
    constraints: of the type itself, inherited ones included.
    regex:       of a primitive's text, None where the specification gives none.
    """

    name: str
    kind: Kind
    base: str | None
    abstract: bool
    elements: dict[str, Element]
    constraints: tuple[Constraint, ...] = ()
    regex: str | None = None

    def named(self, name: str) -> list[Element]:
        """Returns the elements that a name means: one, or those of a choice."""
        if name in self.elements:
            return [self.elements[name]]
        return [element for element in self.elements.values() if element.choice and element.path == name]


class Component(msgspec.Struct, frozen=True, array_like=True):
    """One part of a composite search parameter: the parameter's code, and where it reads in the composite's element."""

    code: str
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, array_like=True):
    """A search parameter, narrowed to one resource type (or to Resource or DomainResource).

    expression:  the branches of the specification's union that start at this type; None where it gives none.
    comparators: prefixes, and modifiers, that the definition names; in R4 hardly any does.
    """

    url: str
    code: str
    type: Literal["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"]
    expression: str | None
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()


class Core(msgspec.Struct, frozen=True, array_like=True):
    """The section that every process reads at its start."""

    version: str
    types: dict[str, Type]
    search_parameters: dict[str, dict[str, SearchParameter]]
    compartments: dict[str, dict[str, tuple[str, ...]]]


Codes = Mapping[str, frozenset[str]]
"""The codes of an enumerable value set, by code system."""
