"""The elements below an element: children and descendants, each with its type.

Source: FHIRPath Normative Release (2.0.0), section 5.8; http://hl7.org/fhir/R4/json.html
"""

from functools import cache
from typing import Any, NamedTuple

from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath.code import Code, Environment
from kangyun.fhir.fhirpath.invocation import Invocation, function
from kangyun.fhir.fhirpath.paths import boxed, with_siblings
from kangyun.fhir.fhirpath.types import ANY, fhir
from kangyun.fhir.fhirpath.values import Element, box_resource


class _Member(NamedTuple):
    """One JSON member of a type; `_name` has a row of its own, for where it stands without `name`."""

    name: str
    sibling: str
    type: str
    is_array: bool
    is_primitive: bool
    is_resource: bool


@cache
def _members(type_name: str) -> dict[str, _Member]:
    rows: dict[str, _Member] = {}
    type_ = definitions().types.get(type_name)
    for element in type_.elements.values() if type_ is not None else ():
        static = fhir(element.type)
        row = _Member(
            element.name,
            f"_{element.name}",
            element.type,
            element.is_array,
            static.is_primitive,
            static.family == "resource",
        )
        rows[element.name] = row
        if row.is_primitive:
            rows[row.sibling] = row
    return rows


def children_of(element: Element) -> list[Element]:
    """Returns the elements directly below one."""
    value = element.value if element.value.__class__ is dict else element.sibling or {}
    rows = _members(element.type)
    found: list[Element] = []
    for key, member in value.items():
        row = rows.get(key)
        if row is None or (key is not row.name and key != row.name and row.name in value):
            continue
        if row.is_resource:
            found += map(box_resource, member if row.is_array else (member,))
        elif not row.is_primitive:
            name = row.type
            found += [Element(each, name) for each in member] if row.is_array else (Element(member, name),)
        elif row.is_array:
            each_one = with_siblings(value.get(row.name), value.get(row.sibling, ()), row.type)
            found += [each if each.__class__ is Element else Element(each, row.type) for each in each_one]
        else:
            found.append(Element(value.get(row.name), row.type, value.get(row.sibling)))
    return found


def descendants_of(element: Element) -> list[Element]:
    """Returns all elements below one, at any depth, parents before children."""
    found = children_of(element)
    for each in found:
        # The list grows while it is gone through: what is below comes after everything of the level above.
        if each.value.__class__ is dict or each.sibling:
            found += children_of(each)
    return found


@function("children")
def children(call: Invocation) -> Code:
    run = boxed(call.focus)

    def found(this: Any, env: Environment) -> list[Element]:
        items = [child for item in run(this, env) if item.__class__ is Element for child in children_of(item)]
        env.spend(len(items))
        return items

    return Code(ANY, False, found, ordered=False)


@function("descendants")
def descendants(call: Invocation) -> Code:
    run = boxed(call.focus)

    def found(this: Any, env: Environment) -> list[Element]:
        items: list[Element] = []
        for item in run(this, env):
            if item.__class__ is Element:
                items += _remembered(item, env)
        env.spend(len(items) >> 2)
        return items

    return Code(ANY, False, found, ordered=False)


def _remembered(item: Element, env: Environment) -> list[Element]:
    """The descendants of an object, found once: dom-3 asks for the same ones four times for each contained resource."""
    value = item.value
    if value.__class__ is not dict:
        return descendants_of(item)
    known = env.descendants.get(id(value))
    if known is None:
        # The object is kept with its descendants, so that no other one can come by its id.
        known = env.descendants[id(value)] = (value, descendants_of(item))
    return known[1]
