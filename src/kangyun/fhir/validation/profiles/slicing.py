"""Which slice an item belongs to.

A discriminator's path is a small part of FHIRPath: names, extension(url), ofType(type), resolve() and $this. What
cannot be told from the resource alone, such as the target of a reference outside of it, is said to be unknown.

Source: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from kangyun.fhir.validation.bindings import CodesOf
from kangyun.fhir.validation.profiles.demands import value_faults
from kangyun.fhir.validation.profiles.instance import Item, children
from kangyun.fhir.validation.profiles.tree import Discriminator, Node, Profile, Slicing
from kangyun.fhir.validation.references import contained_target, target_types
from kangyun.fhir.validation.report import Scope

EXTENSION_SLICING = Slicing((Discriminator("value", "url"),))
"""Extensions are sliced by their url without its being said."""

ProfileOf = Callable[[str], Profile | None]
Conforms = Callable[[Item, Node], bool]

_step = re.compile(r"\$this|extension\('([^']*)'\)|ofType\(([A-Za-z]+)\)|resolve\(\)|[A-Za-z][A-Za-z0-9]*(?:\[x\])?")


class Slicer:
    """Tells slices apart; `conforms` says whether an item meets all that a node says of it."""

    def __init__(self, profile_of: ProfileOf, conforms: Conforms, codes_of: CodesOf) -> None:
        self._profile_of = profile_of
        self._conforms = conforms
        self._codes_of = codes_of

    def belongs(self, item: Item, node: Node, slicing: Slicing) -> bool | None:
        """Returns whether the item is of the slice, None where that cannot be told."""
        answers = [self._by(d, item, node) for d in slicing.discriminators]
        if not answers:
            # Without a discriminator whatever meets the slice is of it.
            return self._conforms(item, node)
        if False in answers:
            return False
        return None if None in answers else True

    def _by(self, discriminator: Discriminator, item: Item, node: Node) -> bool | None:
        steps = _steps(discriminator.path)
        if steps is None or discriminator.type not in ("value", "pattern", "exists", "type", "profile"):
            return None
        values = _values(item, steps)
        nodes = self._nodes(node, steps)
        if values is None:
            return self._by_reference(discriminator, item, nodes)
        if discriminator.type == "exists":
            required = any(n.min > 0 for n in nodes)
            forbidden = any(n.max == 0 for n in nodes)
            return not values if forbidden else bool(values) if required else True
        if discriminator.type == "type":
            wanted = {t.name for n in nodes for t in n.types}
            return any(_is_type(v, wanted) for v in values) if wanted else None
        telling = [n for n in nodes if n.says_value or n.children or n.slices or n.types]
        if not telling:
            return None
        return all(any(self._meets(v, n) for v in values) for n in telling)

    def _meets(self, item: Item, node: Node) -> bool:
        if node.says_value:
            # What pins the value down decides; a fault elsewhere in it must not put the item into another slice.
            return item.value is not None and not any(value_faults(node, item, self._codes_of))
        return self._conforms(item, node)

    def _by_reference(self, discriminator: Discriminator, item: Item, nodes: list[Node]) -> bool | None:
        """Tells by the type that a reference claims for its target, where the target itself is not at hand."""
        if discriminator.type != "type" or type(item.value) is not dict:
            return None
        claimed = target_types(item.value, item.scope)
        wanted = {t.name for n in nodes for t in n.types}
        return bool(claimed & wanted) if claimed and wanted else None

    def _nodes(self, node: Node, steps: list[str]) -> list[Node]:
        """Returns what the slice says at the end of a path; profiles of its types may say it in its place."""
        found = [node]
        for step in steps:
            found = [child for n in found for child in self._step_down(n, step)]
        return found

    def _step_down(self, node: Node, step: str) -> Iterator[Node]:
        name = step.removesuffix("[x]")
        if step == "$this" or step.startswith("ofType("):
            yield node
        elif step == "resolve()":
            for target in (url for t in node.types for url in t.targets):
                profile = self._profile_of(target)
                if profile is not None:
                    yield profile.root
        elif step.startswith("extension("):
            extensions = node.children.get("extension")
            yield from (s for s in (extensions.slices.values() if extensions else ()) if _url_of(s) == step[11:-2])
        elif name in node.children:
            # What tells the slice may itself stand in a slice: code.coding:systolic.code.
            yield node.children[name]
            yield from node.children[name].slices.values()
        elif name == "url" and _url_of(node):
            yield _pinned(_url_of(node))
        else:
            for profile in (self._profile_of(url) for t in node.types for url in t.profiles):
                if profile is not None and name in profile.root.children:
                    yield profile.root.children[name]


def _url_of(node: Node) -> str | None:
    """Returns the url of the extension that a slice of extensions is for."""
    url = node.children.get("url")
    if url is not None and url.exact is not None:
        return str(url.exact[0])
    return next((p.partition("|")[0] for t in node.types if t.name == "Extension" for p in t.profiles), None)


@lru_cache(1024)
def _pinned(url: str | None) -> Node:
    # The same node for the same url: what was found of an item under a node is remembered by node.
    return Node("url", exact=(url,))


@lru_cache(1024)
def _steps(path: str) -> list[str] | None:
    steps: list[str] = []
    position = 0
    while position < len(path):
        found = _step.match(path, position)
        if found is None:
            return None
        steps.append(found[0])
        position = found.end()
        if position < len(path):
            if path[position] != ".":
                return None
            position += 1
    return steps or None


def _values(item: Item, steps: list[str]) -> list[Item] | None:
    """Returns what stands at the end of a path, None where a reference leads out of the resource."""
    found = [item]
    for step in steps:
        following: list[Item] = []
        for current in found:
            reached = _follow(current, step)
            if reached is None:
                return None
            following += reached
        found = following
    return found


def _follow(item: Item, step: str) -> list[Item] | None:
    if step == "$this":
        return [item]
    if step.startswith("ofType("):
        return [item] if item.type_name == step[7:-1] else []
    if step.startswith("extension("):
        wanted = step[11:-2]
        return [e for e in children(item, "extension") if type(e.value) is dict and e.value.get("url") == wanted]
    if step == "resolve()":
        return _resolved(item)
    return list(children(item, step.removesuffix("[x]")))


def _resolved(item: Item) -> list[Item] | None:
    text: Any = item.value.get("reference") if type(item.value) is dict else item.value
    if type(text) is not str or not text.startswith("#"):
        return None
    target = contained_target(text, item.scope)
    if target is None:
        return None
    return [Item(target, None, target["resourceType"], item.at, Scope(target, item.scope))]


def _is_type(item: Item, wanted: set[str]) -> bool:
    return item.type_name in wanted or bool(wanted & {"Resource", "DomainResource", "Element"})
