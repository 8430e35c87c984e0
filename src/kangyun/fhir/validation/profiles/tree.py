"""A profile as a tree of what it adds to its base: one node for each element or slice that it says something of.

A snapshot already holds all that its bases say and is taken as it is. A profile with a differential only is laid over
the tree of its base, so that no snapshot needs to be generated: elements that it does not name are constrained by
the base type, which `structure` has checked.

Source: https://hl7.org/fhir/R4/profiling.html; https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import Binding, Constraint, definitions
from kangyun.fhir.json import MAX_DEPTH
from kangyun.fhir.validation.invariants import Invariant

Json = dict[str, Any]
StructureOf = Callable[[str], Json | None]

MAX_BASES = 32


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How a slice is told: `type` is value, pattern, exists, type or profile; `path` is relative to the element."""

    type: str
    path: str


@dataclass(slots=True)
class Slicing:
    """How the items of an element fall into slices: `rules` is open, closed or openAtEnd."""

    discriminators: tuple[Discriminator, ...]
    rules: str = "open"
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class AllowedType:
    """A type that an element may have: its name, profiles of it, and for a Reference profiles of its target."""

    name: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(slots=True)
class Node:
    """What a profile says of an element, or of the items of one that belong to a slice. None: it says nothing.

    name:  the element in FHIRPath ("value" for value[x]); a resource type at the root.
    exact: the fixed value, as a tuple of one, since it may be any JSON value; likewise `pattern`, `least`, `greatest`.
    asked: the constraints as invariants of a type, prepared when first asked.
    """

    name: str
    slice_name: str | None = None
    min: int = 0
    max: int | None = None
    types: tuple[AllowedType, ...] = ()
    exact: tuple[Any] | None = None
    pattern: tuple[Any] | None = None
    least: tuple[Any] | None = None
    greatest: tuple[Any] | None = None
    max_length: int | None = None
    binding: Binding | None = None
    constraints: dict[str, Constraint] = field(default_factory=dict)
    slicing: Slicing | None = None
    slices: dict[str, "Node"] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)
    asked: dict[str, tuple[Invariant, ...]] = field(default_factory=dict)

    @property
    def says_value(self) -> bool:
        """Whether the node itself pins the value down."""
        return self.exact is not None or self.pattern is not None or self.binding is not None


@dataclass(slots=True)
class Profile:
    """A compiled StructureDefinition."""

    url: str
    type: str
    root: Node


def compile_profile(structure: Json, structure_of: StructureOf) -> Profile:
    """Compiles a StructureDefinition. Raises Invalid for one that is none, or whose base is not to be found."""
    url, type_name = structure.get("url"), structure.get("type")
    if type(url) is not str or type(type_name) is not str or type_name not in definitions().types:
        raise Invalid("fhir.validation.not-a-profile", at="StructureDefinition")
    root = Node(type_name)
    for elements in _layers(structure, structure_of):
        _Layer(root).add(elements)
    _alias_content(root, {}, type_name)
    return Profile(url, type_name, root)


def _layers(structure: Json, structure_of: StructureOf) -> list[list[Json]]:
    """Returns the lists of element definitions to lay over one another, the base's first."""
    layers: list[list[Json]] = []
    current: Json | None = structure
    for _ in range(MAX_BASES):
        assert current is not None
        if current.get("derivation") != "constraint" and current is not structure:
            return layers[::-1]
        snapshot, differential = _elements(current, "snapshot"), _elements(current, "differential")
        if snapshot:
            return [snapshot, *layers[::-1]]
        layers.append(differential)
        base = current.get("baseDefinition")
        if type(base) is not str:
            return layers[::-1]
        current = structure_of(base)
        if current is None:
            raise Invalid("fhir.validation.base-unknown", at="StructureDefinition.baseDefinition")
    raise Invalid("fhir.validation.base-unknown", at="StructureDefinition.baseDefinition")


def _elements(structure: Json, view: str) -> list[Json]:
    found = structure.get(view)
    elements = found.get("element") if type(found) is dict else None
    if type(elements) is not list:
        return []
    return [e for e in elements if type(e) is dict and type(e.get("path")) is str]


class _Layer:
    """Lays element definitions over a tree; they stand in the order of a walk, slices after the element they slice."""

    def __init__(self, root: Node) -> None:
        # The node last spoken of at each path above and at the present one.
        self._open: dict[str, Node] = {}
        self._root = root
        self._narrowed: set[int] = set()

    def add(self, elements: list[Json]) -> None:
        for element in elements:
            node = self._node_for(element)
            _say(node, element, is_root=node is self._root)

    def _node_for(self, element: Json) -> Node:
        """Returns the node that an element definition speaks of, made where it is not there yet."""
        path, slice_name = element["path"], element.get("sliceName")
        if "." not in path:
            return self._root
        if path.count(".") > MAX_DEPTH:
            raise Invalid("fhir.validation.not-a-profile", at="StructureDefinition")
        self._open = {above: node for above, node in self._open.items() if path.startswith(above + ".")}
        parent_path, _, name = path.rpartition(".")
        parent = self._at(parent_path)
        stem = name.removesuffix("[x]")
        choice = None if stem != name else _choice_of(self._type_at(parent_path), stem)
        if choice is not None:
            stem, slice_name = choice[0], slice_name or stem
        node = parent.children.setdefault(stem, Node(stem))
        if type(slice_name) is str:
            if choice is not None:
                self._narrow(node, choice[1])
            node = _slice(node, slice_name, stem)
            if choice is not None and not node.types:
                node.types = (AllowedType(choice[1]),)
        self._open[path] = node
        return node

    def _narrow(self, node: Node, type_name: str) -> None:
        """Reads "valueQuantity" in the place of "value[x]": a slice of that type, and no types but those named so."""
        if id(node) not in self._narrowed:
            if node.slicing is not None:
                return  # the profile says itself how the types are sliced
            self._narrowed.add(id(node))
            node.types = ()
            node.slicing = Slicing((Discriminator("type", "$this"),), rules="closed")
        node.types = (*node.types, AllowedType(type_name))

    def _at(self, path: str) -> Node:
        """Returns the node last spoken of at a path, made where a differential skips a level."""
        if path in self._open:
            return self._open[path]
        parent_path, _, name = path.rpartition(".")
        if not parent_path:
            return self._root
        stem = name.removesuffix("[x]")
        node = self._open[path] = self._at(parent_path).children.setdefault(stem, Node(stem))
        return node

    def _type_at(self, path: str) -> str:
        """Returns the type of the element at a path, as the base type has it; the path itself for inner types."""
        type_name = self._root.name
        for name in path.split(".")[1:]:
            elements = definitions().types[type_name].elements if type_name in definitions().types else {}
            stem = name.removesuffix("[x]")
            found = elements.get(name) or next((e for e in elements.values() if e.path == stem), None)
            if found is None:
                return ""
            type_name = found.type
        return type_name


def _choice_of(type_name: str, name: str) -> tuple[str, str] | None:
    """Returns the choice element and the type that a property such as valueQuantity stands for."""
    type_ = definitions().types.get(type_name)
    element = type_.elements.get(name) if type_ else None
    return (element.path, element.type) if element and element.choice else None


def _slice(node: Node, slice_name: str, stem: str) -> Node:
    """Returns a slice; "a/b" is the slice b of the slice a."""
    name = ""
    for part in slice_name.split("/"):
        name = f"{name}/{part}" if name else part
        node = node.slices.setdefault(name, Node(stem, name))
    return node


# What one element definition says


def _say(node: Node, element: Json, *, is_root: bool) -> None:
    if type(element.get("min")) is int and not is_root:
        node.min = element["min"]
    limit = element.get("max")
    if type(limit) is str and limit.isdecimal() and len(limit) < 10 and not is_root:
        node.max = int(limit)
    types = tuple(_types(element))
    if types:
        node.types = types
    for name, value in element.items():
        if name.startswith("fixed"):
            node.exact = (value,)
        elif name.startswith("pattern"):
            node.pattern = (value,)
        elif name.startswith("minValue"):
            node.least = (value,)
        elif name.startswith("maxValue"):
            node.greatest = (value,)
    if type(element.get("maxLength")) is int:
        node.max_length = element["maxLength"]
    binding = _binding(element.get("binding"))
    if binding is not None:
        node.binding = binding
    node.constraints |= {c.key: c for c in _constraints(element)}
    slicing = _slicing(element.get("slicing"))
    if slicing is not None:
        node.slicing = slicing


def _types(element: Json) -> Iterator[AllowedType]:
    for type_ in _objects(element.get("type")):
        code = type_.get("code")
        if type(code) is str and "/" not in code:
            yield AllowedType(code, tuple(_texts(type_.get("profile"))), tuple(_texts(type_.get("targetProfile"))))


def _binding(binding: Any) -> Binding | None:
    if type(binding) is not dict or binding.get("strength") != "required" or type(binding.get("valueSet")) is not str:
        return None
    return Binding("required", binding["valueSet"].partition("|")[0])


def _constraints(element: Json) -> Iterator[Constraint]:
    for constraint in _objects(element.get("constraint")):
        key, expression = constraint.get("key"), constraint.get("expression")
        severity: Literal["warning", "error"] = "warning" if constraint.get("severity") == "warning" else "error"
        if type(key) is str and type(expression) is str:
            yield Constraint(key, severity, str(constraint.get("human", "")), expression)


def _slicing(slicing: Any) -> Slicing | None:
    if type(slicing) is not dict:
        return None
    discriminators = tuple(
        Discriminator(d["type"], d["path"])
        for d in _objects(slicing.get("discriminator"))
        if type(d.get("type")) is str and type(d.get("path")) is str
    )
    return Slicing(discriminators, str(slicing.get("rules", "open")), slicing.get("ordered") is True)


def _objects(value: Any) -> Iterator[Json]:
    return (item for item in value if type(item) is dict) if type(value) is list else iter(())


def _texts(value: Any) -> Iterator[str]:
    return (item for item in value if type(item) is str) if type(value) is list else iter(())


def _alias_content(node: Node, by_type: dict[str, Node], type_name: str) -> None:
    """Lets an element that repeats another one (Questionnaire.item.item) have what the profile says of the other."""
    type_ = definitions().types.get(type_name)
    if type_ is None:
        return
    by_type = {**by_type, type_name: node}
    for element in type_.elements.values():
        child = node.children.get(element.path)
        repeated = by_type.get(element.type)
        if repeated is not None and definitions().types[element.type].kind == "backbone":
            child = node.children.setdefault(element.path, Node(element.path))
            if not child.children:
                child.children = repeated.children
        elif child is not None and child.children and not element.choice:
            for one in (child, *child.slices.values()):
                _alias_content(one, by_type, element.type)
