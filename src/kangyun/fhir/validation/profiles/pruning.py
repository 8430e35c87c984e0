"""Takes out of a profile's tree what its base type says already.

A snapshot repeats the whole base type, and nine of ten of its elements add nothing; what is left is what has to be
looked at in each resource. Nothing that can find a fault is taken away: `structure` has looked for the rest.
"""

from kangyun.fhir.definitions import Element, definitions
from kangyun.fhir.validation.invariants import BY_STRUCTURE, NOT_RUN
from kangyun.fhir.validation.profiles.tree import AllowedType, Node

CORE = "http://hl7.org/fhir/StructureDefinition/"


def prune(node: Node, type_name: str) -> None:
    """Takes from a node of a type, and from all below it, what the type says; then the nodes that say nothing."""
    _prune(node, type_name, set())


def _prune(node: Node, type_name: str, done: set[int]) -> None:
    type_ = definitions().types.get(type_name)
    if type_ is None or id(node) in done:
        return
    done.add(id(node))  # an element may repeat one above it
    for constraint in type_.constraints:
        node.constraints.pop(constraint.key, None)
    for name, child in list(node.children.items()):
        elements = [e for e in type_.elements.values() if e.path == name]
        if not elements:
            continue
        _forget(child, elements)
        for one in (child, *child.slices.values()):
            for key in (*BY_STRUCTURE, *NOT_RUN):
                one.constraints.pop(key, None)
            kinds = {e.type for e in elements}
            kinds = kinds & {t.name for t in one.types} or kinds
            if len(kinds) == 1:
                _prune(one, kinds.pop(), done)
        if _says_nothing(child):
            node.children.pop(name, None)


def _forget(node: Node, elements: list[Element]) -> None:
    """Takes from a node what the elements of its name, one for each type of a choice, say already."""
    first = elements[0]
    if node.min <= first.min:
        node.min = 0
    if node.max is not None and first.max is not None and node.max >= first.max:
        node.max = None
    if set(node.types) >= {_type_of(e) for e in elements}:
        node.types = ()
    base = first.binding
    if base and base.strength == "required" and node.binding and node.binding.value_set == base.value_set:
        node.binding = None
    for key in [c.key for e in elements for c in e.constraints]:
        node.constraints.pop(key, None)


def _type_of(element: Element) -> AllowedType:
    type_ = definitions().types[element.type]
    name = type_.base if type_.kind == "backbone" and type_.base else type_.name
    profiles = tuple(CORE + name for name in element.profiles)
    return AllowedType(name, profiles, tuple(CORE + name for name in element.target_profiles))


def _says_nothing(node: Node) -> bool:
    return (
        node.min == 0
        and node.max is None
        and not (node.types or node.constraints or node.slices or node.children or node.says_value)
        and node.least is None
        and node.greatest is None
        and node.max_length is None
    )
