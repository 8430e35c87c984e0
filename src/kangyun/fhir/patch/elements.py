"""Elements put into a JSON object and taken out of it, with all that FHIR's JSON asks for.

The ids and extensions of primitives stand in `_name`, position by position for lists; nothing may be left empty.

Source: http://hl7.org/fhir/R4/json.html
"""

from typing import Any, NamedTuple

from kangyun.fhir.definitions.model import Element as Definition
from kangyun.fhir.patch.places import Place

Json = Any


class Content(NamedTuple):
    """A new element: the property that it goes to, its value, and for a primitive its ids and extensions."""

    element: Definition
    value: Json
    sibling: dict[str, Json] | None


def is_present(parent: dict[str, Json], element: Definition) -> bool:
    """True where the object has this property, with a value or with extensions only."""
    return element.name in parent or f"_{element.name}" in parent


def size(parent: dict[str, Json], element: Definition) -> int:
    """Returns how many items a list property has."""
    return max(len(parent.get(element.name) or ()), len(parent.get(f"_{element.name}") or ()))


def insert(parent: dict[str, Json], content: Content, index: int) -> None:
    """Puts an element into a list property, before the one at `index`."""
    for key, item in ((content.element.name, content.value), (f"_{content.element.name}", content.sibling)):
        if item is not None or key in parent:
            items = parent.setdefault(key, [])
            items += [None] * (index - len(items))
            items.insert(index, item)
    _tidy(parent, content.element.name)


def put(parent: dict[str, Json], content: Content) -> None:
    """Puts an element into a property that is no list."""
    name = content.element.name
    for key, item in ((name, content.value), (f"_{name}", content.sibling)):
        if item is None:
            parent.pop(key, None)
        else:
            parent[key] = item


def replace(place: Place, content: Content) -> None:
    """Puts an element in the place of another, which may have been of another type of the same choice."""
    parent = place.parent
    assert parent is not None
    if place.index is None:
        parent.pop(place.key, None)
        parent.pop(f"_{place.key}", None)
        put(parent, content)
    else:
        _cut(parent, place.key, place.index)
        insert(parent, content, place.index)


def remove(place: Place) -> None:
    """Takes an element out, and what would be left empty around it."""
    parent = place.parent
    if parent is None:
        return
    if place.key.startswith("_"):
        _remove_sibling(place, parent)
    elif place.index is None:
        parent.pop(place.key, None)
        parent.pop(f"_{place.key}", None)
    else:
        _cut(parent, place.key, place.index)
        _tidy(parent, place.key)
    if not parent and place.owner is not None:
        remove(place.owner)


def _remove_sibling(place: Place, parent: dict[str, Json]) -> None:
    if place.index is None:
        parent.pop(place.key, None)
    else:
        parent[place.key][place.index] = None
        _tidy(parent, place.key[1:])


def move(parent: dict[str, Json], element: Definition, source: int, destination: int) -> None:
    """Moves an item of a list property; `destination` is its index afterwards."""
    count = size(parent, element)
    for key in (element.name, f"_{element.name}"):
        if key in parent:
            items = parent[key]
            items += [None] * (count - len(items))
            items.insert(destination, items.pop(source))
    _tidy(parent, element.name)


def _cut(parent: dict[str, Json], name: str, index: int) -> None:
    for key in (name, f"_{name}"):
        if key in parent and index < len(parent[key]):
            del parent[key][index]


def _tidy(parent: dict[str, Json], name: str) -> None:
    """Makes the two lists of a primitive equally long, and leaves out the one that says nothing."""
    keys = [key for key in (name, f"_{name}") if key in parent]
    longest = max((len(parent[key]) for key in keys), default=0)
    for key in keys:
        items = parent[key]
        if all(item is None for item in items):
            del parent[key]
        else:
            items += [None] * (longest - len(items))
