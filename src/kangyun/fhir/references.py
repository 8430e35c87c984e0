"""The Reference elements of a resource, found without looking at everything else.

For each type one generated function goes only where R4 allows a Reference. References in extensions and assigners of
identifiers can stand nearly anywhere: when the text says that there may be one, every element is looked at.

Source: the element types of https://hl7.org/fhir/R4/ (fhir.definitions)
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from kangyun.fhir import Resource
from kangyun.fhir.definitions import Element, definitions

# Members whose presence means that a Reference may stand where the generated function does not go.
_ANYWHERE = (b'"valueReference"', b'"assigner"')
# Reached through nearly every type, and told by the members above.
_LEFT_OUT = {"Extension", "Identifier"}


def references(resource: Resource, text: bytes | None = None) -> list[Resource]:
    """Returns every Reference that has a literal reference, as the elements themselves: they may be changed in place.

    text: the resource as JSON, where it is at hand: it tells whether a short way will do.
    """
    found: list[Resource] = []
    if text is None or any(member in text for member in _ANYWHERE):
        _everywhere(resource, found)
    else:
        _finder(resource["resourceType"])(resource, found)
    return found


def _everywhere(resource: Resource, found: list[Resource]) -> None:
    pending: list[Any] = [resource]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            # DetectedIssue has an element of this name that is no Reference.
            if type(node.get("reference")) is str and "resourceType" not in node:
                found.append(node)
            pending += [value for value in node.values() if type(value) is dict or type(value) is list]
        else:
            pending += [value for value in node if type(value) is dict or type(value) is list]


@cache
def _finder(type_name: str) -> Callable[[Resource, list[Resource]], None]:
    lines = ["def find(r, found):", "    take = found.append", "    pass"]
    _write(type_name, "r", 1, lines, ())
    scope: dict[str, Any] = {"everywhere": _everywhere}
    exec(compile("\n".join(lines), f"<references of {type_name}>", "exec"), scope)
    find: Callable[[Resource, list[Resource]], None] = scope["find"]
    return find


def _write(type_name: str, variable: str, depth: int, lines: list[str], above: tuple[str, ...]) -> None:
    for element in definitions().types[type_name].elements.values():
        if _leads_to_reference(element.type):
            _write_member(element, variable, depth, lines, above)


def _write_member(element: Element, variable: str, depth: int, lines: list[str], above: tuple[str, ...]) -> None:
    indent = "    " * depth
    value = f"v{len(lines)}"
    lines.append(f"{indent}{value} = {variable}.get({element.name!r})")
    lines.append(f"{indent}if {value} is not None:")
    if element.is_array:
        each = f"e{len(lines)}"
        lines.append(f"{indent}    for {each} in {value}:")
        value, indent, depth = each, indent + "    ", depth + 1
    if element.type == "Reference":
        lines.append(f"{indent}    if 'reference' in {value}: take({value})")
    elif element.type == "Resource" or element.type in above:
        # Any resource, or a type that holds itself (an item of an item): walked as a whole from here on.
        lines.append(f"{indent}    everywhere({value}, found)")
    else:
        _write(element.type, value, depth + 1, lines, (*above, element.type))


@cache
def _leads_to_reference(type_name: str, above: tuple[str, ...] = ()) -> bool:
    if type_name in _LEFT_OUT or type_name in above:
        return False
    if type_name in ("Reference", "Resource"):
        return True
    known = definitions().types.get(type_name)
    if known is None or known.kind == "primitive-type":
        return False
    return any(_leads_to_reference(element.type, (*above, type_name)) for element in known.elements.values())
