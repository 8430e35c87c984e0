"""What a type demands of its JSON object, prepared once from its definition.

The same rules serve two readers: `acceptor` turns them into closures that only say yes, `structure` walks them and
names every fault. Whatever both must agree on stands here.
"""

from functools import cache
from typing import NamedTuple

from kangyun.fhir.definitions import Element, Type, definitions
from kangyun.fhir.validation.bindings import Check, binding_check, package_codes
from kangyun.fhir.validation.invariants import Invariant, invariants_of
from kangyun.fhir.validation.primitives import ACCEPTS, Accepts


class Member(NamedTuple):
    """One JSON property of a type.

    accepts: for a primitive, what accepts its JSON values; None for an object.
    binding: what the binding demands of its codes; None where it forbids nothing.
    targets: the resource types that a Reference may point to; None where any will do.
    """

    element: Element
    accepts: Accepts | None
    binding: Check | None
    targets: frozenset[str] | None
    invariants: tuple[Invariant, ...]


class Rules(NamedTuple):
    """A type's properties and what holds of them together.

    required: for each element that must be there, its name in FHIRPath and the properties that it may have.
    choices:  the same for the elements that are choices of a type.
    """

    type: Type
    members: dict[str, Member]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]
    invariants: tuple[Invariant, ...]

    @property
    def is_resource(self) -> bool:
        return self.type.kind == "resource"


@cache
def rules_of(type_name: str) -> Rules:
    """Returns the rules of a type. Raises KeyError for a name that `Definitions.types` does not have."""
    type_ = definitions().types[type_name]
    properties: dict[str, tuple[str, ...]] = {}
    for element in type_.elements.values():
        properties[element.path] = (*properties.get(element.path, ()), element.name)
    return Rules(
        type=type_,
        members={name: _member(element) for name, element in type_.elements.items()},
        required=tuple((path, names) for path, names in properties.items() if type_.elements[names[0]].min > 0),
        choices=tuple((path, names) for path, names in properties.items() if len(names) > 1),
        invariants=invariants_of(type_name, type_.constraints),
    )


def _member(element: Element) -> Member:
    restricted = element.type == "Reference" and element.target_profiles and "Resource" not in element.target_profiles
    return Member(
        element=element,
        accepts=ACCEPTS.get(element.type),
        binding=binding_check(element.binding, element.type, package_codes),
        targets=frozenset(element.target_profiles) if restricted else None,
        invariants=invariants_of(element.type, element.constraints),
    )
