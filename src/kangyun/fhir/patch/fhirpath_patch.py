"""FHIRPath Patch: operations written as a Parameters resource.

Source: http://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from kangyun.base.errors import Invalid, PlatformError, RuleBroken
from kangyun.fhir.definitions import definitions
from kangyun.fhir.definitions.model import Element as Definition
from kangyun.fhir.fhirpath.syntax import Member, Node
from kangyun.fhir.fhirpath.types import Static, fhir, is_resource, is_subtype, members
from kangyun.fhir.patch import elements
from kangyun.fhir.patch.copying import MAX_DEPTH, MAX_OPERATIONS, Copier, check_result
from kangyun.fhir.patch.elements import Content
from kangyun.fhir.patch.places import Place, places, read_path, sibling_of

Json = Any

_PARTS = {
    "add": ("path", "name", "value"),
    "insert": ("path", "value", "index"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}


def apply_fhirpath_patch(resource: dict[str, Json], parameters: dict[str, Json]) -> dict[str, Json]:
    """Returns the resource with the operations of a Parameters resource applied in order, all or none.

    Raises Invalid for a malformed patch, RuleBroken for one that does not fit the resource.
    """
    operations = parameters.get("parameter", []) if parameters.__class__ is dict else None
    if operations.__class__ is not list or len(operations) > MAX_OPERATIONS:
        raise Invalid("fhir.patch.parameters", limit=MAX_OPERATIONS)
    copier = Copier()
    document: dict[str, Json] = copier.copy(resource)
    for index, operation in enumerate(operations):
        copier.operation = index
        _Operation(index, operation, copier).apply(document)
    return check_result(resource, document, copier.operation)


class _Operation:
    """One operation: its parts read into fields, and its index for every error."""

    def __init__(self, index: int, parameter: Json, copier: Copier) -> None:
        self.index = index
        self.copier = copier
        parts = parameter.get("part", []) if parameter.__class__ is dict else None
        if parts.__class__ is not list or parameter.get("name") != "operation":
            raise self.invalid("operation")
        self.parts: dict[str, dict[str, Json]] = {}
        for part in parts:
            name = part.get("name") if part.__class__ is dict else None
            if name.__class__ is not str or name in self.parts:
                raise self.invalid("operation")
            self.parts[name] = part
        kind = self.text("type")
        if kind not in _PARTS:
            raise self.invalid("unknown-operation")
        self.kind = kind
        if self.parts.keys() != {"type", *_PARTS[kind]}:
            raise self.invalid("parts")

    def invalid(self, text: str) -> Invalid:
        return Invalid(f"fhir.patch.{text}", operation=self.index)

    def misfit(self, text: str) -> RuleBroken:
        return RuleBroken(f"fhir.patch.{text}", operation=self.index)

    def text(self, name: str) -> str:
        """Returns a part that is a code or string."""
        part = self.parts.get(name, {})
        found = part.get("valueCode") if part.get("valueString") is None else part["valueString"]
        if found.__class__ is not str or not found:
            raise self.invalid("parts")
        return found

    def number(self, name: str) -> int:
        """Returns a part that is an index."""
        part = self.parts[name]
        found = next(
            (part[key] for key in ("valueInteger", "valueUnsignedInt", "valuePositiveInt") if key in part), None
        )
        if found.__class__ is not int:
            raise self.invalid("parts")
        return found

    def apply(self, document: dict[str, Json]) -> None:
        try:
            path = read_path(self.text("path"))
            _OPERATIONS[self.kind](self, document, path)
        except PlatformError as error:
            raise self.named(error) from error
        except (AttributeError, TypeError, KeyError, IndexError, RecursionError) as error:
            # The resource, or a value in the patch, has not the shape that its type gives it.
            raise self.invalid("shape") from error

    def named(self, error: PlatformError) -> PlatformError:
        """Returns the error with this operation's index, if it has none: those of FHIRPath do not know of patches."""
        issue = error.issues[0]
        if "operation" in issue.parameters:
            return error
        if issue.text.startswith("fhir.patch."):
            return type(error)(issue.text, operation=self.index, **issue.parameters)  # type: ignore[arg-type]
        return type(error)("fhir.patch.path", operation=self.index)

    def only(self, document: dict[str, Json], path: Node) -> Place:
        """Returns the one place that the path leads to. Raises RuleBroken for none or several."""
        found = places(document, path)
        if len(found) != 1:
            raise self.misfit("several-places" if found else "no-such-place")
        return found[0]

    def list_at(self, document: dict[str, Json], path: Node) -> tuple[dict[str, Json], Definition]:
        """Returns the object and the list property that the path leads to."""
        if not isinstance(path, Member):
            raise self.invalid("path-form")
        owner = Place(document["resourceType"], document)
        if path.focus is not None:
            owner = self.only(document, path.focus)
        element = next((each for each in members(owner.type).get(path.name, ()) if each.is_array), None)
        if element is None or owner.value.__class__ is not dict:
            raise self.invalid("not-a-list")
        return owner.value, element

    def content(self, part: dict[str, Json], candidates: tuple[Definition, ...], depth: int = 0) -> Content:
        """Reads a value, by the type that it is given with, as one of the properties that an element can have."""
        if depth > MAX_DEPTH:
            raise self.invalid("depth")
        if "part" in part:
            element = self.chosen(candidates, lambda static: not static.is_primitive and static.family != "resource")
            return Content(element, self.built(part["part"], element.type, depth + 1), None)
        if "resource" in part:
            element = self.chosen(candidates, lambda static: static.family == "resource")
            name = part["resource"].get("resourceType")
            if name.__class__ is not str or not is_resource(str(name)):
                raise self.invalid("value-type")
            return Content(element, self.copier.copy(part["resource"]), None)
        key, type_name = self.value_key(part)
        element = self.chosen(candidates, lambda static: _fits(type_name, static))
        element = next((each for each in candidates if each.type == type_name), element)
        value, sibling = part.get(key), part.get(f"_{key}")
        if not fhir(type_name).is_primitive and value.__class__ is not dict:
            raise self.invalid("value-type")
        return Content(element, self.copier.copy(value), self.copier.copy(sibling))

    def value_key(self, part: dict[str, Json]) -> tuple[str, str]:
        keys = {name.removeprefix("_") for name in part if name.removeprefix("_") in _value_types()}
        if len(keys) != 1:
            raise self.invalid("value-missing")
        (key,) = keys
        return key, _value_types()[key]

    def chosen(self, candidates: tuple[Definition, ...], fits: Callable[[Static], bool]) -> Definition:
        """Returns the first property whose type fits."""
        found = next((element for element in candidates if fits(fhir(element.type))), None)
        if found is None:
            raise self.invalid("value-type")
        return found

    def built(self, parts: Json, type_name: str, depth: int) -> dict[str, Json]:
        """Returns an object of a type that Parameters has no value for, from its elements as parts."""
        if parts.__class__ is not list or not parts:
            raise self.invalid("value-missing")
        built: dict[str, Json] = {}
        for part in parts:
            candidates = members(type_name).get(part.get("name"))
            if candidates is None:
                raise self.invalid("unknown-element")
            self.add_to(built, self.content(part, candidates, depth), candidates)
        return built

    def add_to(self, parent: dict[str, Json], content: Content, candidates: tuple[Definition, ...]) -> None:
        """Adds an element to an object: at the end of a list, or where there is none yet."""
        if content.element.is_array:
            elements.insert(parent, content, elements.size(parent, content.element))
        elif any(elements.is_present(parent, element) for element in candidates):
            raise self.misfit("exists")
        else:
            elements.put(parent, content)


@cache
def _value_types() -> dict[str, str]:
    """The type of each property that a value can stand in: those of Parameters, and of the other data types, too."""
    kinds = ("primitive-type", "complex-type")
    names = [name for name, type_ in definitions().types.items() if type_.kind in kinds and not type_.abstract]
    return {f"value{name[0].upper()}{name[1:]}": name for name in names}


_JSON_CLASSES = {"Boolean": "boolean", "Integer": "number", "Decimal": "number"}


def _fits(given: str, wanted: Static) -> bool:
    static = fhir(given)
    if static.is_primitive and wanted.is_primitive:
        # A string may be given for a code, a date or a narrative: whether it is one, validation will tell.
        return _JSON_CLASSES.get(static.family, "string") == _JSON_CLASSES.get(wanted.family, "string")
    return static.is_primitive == wanted.is_primitive and (
        is_subtype(given, wanted.name) or (static.family == wanted.family == "Quantity")
    )


def _add(operation: _Operation, document: dict[str, Json], path: Node) -> None:
    place = operation.only(document, path)
    name = operation.text("name")
    candidates = members(place.type).get(name)
    if candidates is None:
        raise operation.invalid("unknown-element")
    content = operation.content(operation.parts["value"], candidates)
    if not fhir(place.type).is_primitive:
        operation.add_to(place.value, content, candidates)
        return
    holder = sibling_of(place)
    target = holder.value if holder.value.__class__ is dict else {}
    operation.add_to(target, content, candidates)
    if holder.value is None:
        _give_sibling(place, target)


def _give_sibling(place: Place, sibling: dict[str, Json]) -> None:
    assert place.parent is not None
    key = f"_{place.key}"
    if place.index is None:
        place.parent[key] = sibling
        return
    siblings = place.parent.setdefault(key, [])
    siblings += [None] * (len(place.parent.get(place.key) or ()) - len(siblings))
    siblings[place.index] = sibling


def _insert(operation: _Operation, document: dict[str, Json], path: Node) -> None:
    parent, element = operation.list_at(document, path)
    index = operation.number("index")
    if not 0 <= index <= elements.size(parent, element):
        raise operation.misfit("no-such-index")
    elements.insert(parent, operation.content(operation.parts["value"], (element,)), index)


def _delete(operation: _Operation, document: dict[str, Json], path: Node) -> None:
    found = places(document, path)
    if len(found) > 1:
        raise operation.misfit("several-places")
    if found and found[0].parent is None:
        raise operation.misfit("whole-resource")
    for place in found:
        elements.remove(place)


def _replace(operation: _Operation, document: dict[str, Json], path: Node) -> None:
    place = operation.only(document, path)
    if place.parent is None or place.owner is None:
        raise operation.misfit("whole-resource")
    name = next(each.path for each in _properties(place) if each.name == place.key)
    candidates = members(place.owner.type)[name]
    elements.replace(place, operation.content(operation.parts["value"], candidates))


def _properties(place: Place) -> list[Definition]:
    assert place.owner is not None
    return [element for group in members(place.owner.type).values() for element in group]


def _move(operation: _Operation, document: dict[str, Json], path: Node) -> None:
    parent, element = operation.list_at(document, path)
    source, destination = operation.number("source"), operation.number("destination")
    size = elements.size(parent, element)
    if not (0 <= source < size and 0 <= destination < size):
        raise operation.misfit("no-such-index")
    elements.move(parent, element, source, destination)


_OPERATIONS: dict[str, Callable[[_Operation, dict[str, Json], Node], None]] = {
    "add": _add, "insert": _insert, "delete": _delete, "replace": _replace, "move": _move,
}  # fmt: skip
