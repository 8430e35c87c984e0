"""The elements of a resource as a profile sees them: values with their type and place, found by FHIRPath name.

Source: https://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from kangyun.fhir.definitions import Element, definitions
from kangyun.fhir.validation.report import Scope


class Item(NamedTuple):
    """One element of a resource.

    beside: the object with id and extensions that stands beside a primitive in JSON, None where there is none.
    value:  None for a primitive that has extensions only.
    """

    value: Any
    beside: dict[str, Any] | None
    type_name: str
    at: str
    scope: Scope


@lru_cache(8192)
def _properties(type_name: str, path: str) -> tuple[Element, ...]:
    type_ = definitions().types.get(type_name)
    return tuple(e for e in type_.elements.values() if e.path == path) if type_ else ()


def children(item: Item, name: str) -> Iterator[Item]:
    """Yields the child elements with a FHIRPath name, in their order."""
    holder = item.value if type(item.value) is dict else item.beside
    if holder is None:
        return
    for element in _properties(item.type_name, name):
        value, beside = holder.get(element.name), holder.get(f"_{element.name}")
        if value is None and beside is None:
            continue
        at = f"{item.at}.{name}"
        if element.is_array:
            values, besides = _list(value), _list(beside)
            for i in range(max(len(values), len(besides))):
                one = values[i] if i < len(values) else None
                extra = besides[i] if i < len(besides) else None
                if one is not None or extra is not None:
                    yield _item(one, extra, element, f"{at}[{i}]", item.scope)
        else:
            yield _item(value, beside, element, at, item.scope)


def _item(value: Any, beside: Any, element: Element, at: str, scope: Scope) -> Item:
    type_name = element.type
    if type_name == "Resource" and type(value) is dict:
        name = value.get("resourceType")
        type_name = name if type(name) is str and name in definitions().resource_types else "Resource"
        scope = Scope(value, scope if element.name == "contained" else None)
    return Item(value, beside if type(beside) is dict else None, type_name, at, scope)


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


class Placed(NamedTuple):
    """An element with the one that holds it, and its path from the type that declares it ("Patient.name")."""

    item: Item
    holder: Item
    path: str


def descendants(item: Item) -> Iterator[Placed]:
    """Yields every element below an item, in document order."""
    type_ = definitions().types.get(item.type_name)
    holder = item.value if type(item.value) is dict else item.beside
    if type_ is None or holder is None:
        return
    names = (name.removeprefix("_") for name in holder)
    for path in dict.fromkeys(type_.elements[name].path for name in names if name in type_.elements):
        for child in children(item, path):
            yield Placed(child, item, f"{item.type_name}.{path}")
            yield from descendants(child)
