"""Whether a resource meets a profile: every fault, each with its place.

Only what the profile adds is looked at; the resource has already the right structure. mustSupport is about systems
and not about resources, and is not looked at.

Source: https://hl7.org/fhir/R4/profiling.html; https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from kangyun.base.errors import Issue, PlatformError
from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation.bindings import CodesOf
from kangyun.fhir.validation.invariants import BY_STRUCTURE, NOT_RUN, Invariant, invariants_of
from kangyun.fhir.validation.profiles.demands import fault, value_faults
from kangyun.fhir.validation.profiles.instance import Item, children
from kangyun.fhir.validation.profiles.slicing import EXTENSION_SLICING, Slicer
from kangyun.fhir.validation.profiles.tree import AllowedType, Node, Profile, Slicing
from kangyun.fhir.validation.references import target_types

ProfileOf = Callable[[str], Profile | None]

CORE = "http://hl7.org/fhir/StructureDefinition/"


class Conformance:
    """The check of one resource. `profile_of` gives a profile by its url, None where it is unknown.

    What was found of an item under a node is kept: telling slices apart asks again, and profiles may lead in circles.
    """

    def __init__(self, profile_of: ProfileOf, codes_of: CodesOf) -> None:
        self._profile_of = profile_of
        self._codes_of = codes_of
        self._slicer = Slicer(profile_of, self._conforms, codes_of)
        # By identity of the node, which is kept with it so that the identity stays its own.
        self._found: dict[tuple[int, str], tuple[Node, list[Issue]]] = {}

    def against(self, url: str, item: Item) -> list[Issue]:
        """Returns each fault of an item against the profile with this url; a warning where it is unknown."""
        profile = self._profile_of(url)
        if profile is not None:
            return self.faults(profile, item)
        if not is_core(url):
            return [Issue("warning", "not-found", "fhir.validation.profile-unknown", item.at, {"profile": url})]
        base = url.removeprefix(CORE).partition("|")[0]
        if is_a(item.type_name, base):
            return []
        return [fault("structure", "profile-type", item.at, type=base, profile=url)]

    def faults(self, profile: Profile, item: Item) -> list[Issue]:
        """Returns each fault of an item against a profile of its type."""
        if not is_a(item.type_name, profile.type):
            return [fault("structure", "profile-type", item.at, type=profile.type, profile=profile.url)]
        return self._item(profile.root, item)

    def _conforms(self, item: Item, node: Node) -> bool:
        return not any(issue.severity == "error" for issue in self._item(node, item))

    def _item(self, node: Node, item: Item) -> list[Issue]:
        key = (id(node), item.at)
        if key not in self._found:
            self._found[key] = (node, [])  # what leads back here adds nothing
            self._found[key] = (node, list(self._look_at(node, item)))
        return self._found[key][1]

    def _look_at(self, node: Node, item: Item) -> Iterator[Issue]:
        if node.types:
            allowed = [t for t in node.types if _is_of(item.type_name, t.name)]
            if not allowed:
                names = ", ".join(dict.fromkeys(t.name for t in node.types))
                yield fault("structure", "type", item.at, type=item.type_name, allowed=names)
                return  # what is said of another type need not be said again
            yield from self._type(allowed, item)
        yield from value_faults(node, item, self._codes_of)
        if node.constraints and item.value is not None:
            for invariant in _invariants(node, item.type_name):
                yield from _invariant_fault(invariant, item)
        for child in node.children.values():
            yield from self._items(child, list(children(item, child.name)), f"{item.at}.{child.name}")

    # All items of an element or of a slice

    def _items(self, node: Node, items: list[Item], at: str, unclear: bool = False) -> Iterator[Issue]:
        # Where items could not be told apart, too few of one slice may be a fault and may be none.
        if len(items) < node.min and not unclear:
            if node.slice_name:
                yield fault("required", "slice-required", at, element=node.name, slice=node.slice_name)
            else:
                yield fault("required", "required", at, element=node.name)
        if node.max is not None and len(items) > node.max:
            if node.slice_name:
                yield fault("structure", "slice-too-many", items[node.max].at, limit=node.max, slice=node.slice_name)
            else:
                yield fault("structure", "too-many", items[node.max].at, limit=node.max)
        for item in items:
            yield from self._item(node, item)
        slicing = node.slicing or (EXTENSION_SLICING if node.name in ("extension", "modifierExtension") else None)
        if node.slices and slicing is not None:
            yield from self._slices(node, slicing, items, at)

    def _slices(self, node: Node, slicing: Slicing, items: list[Item], at: str) -> Iterator[Issue]:
        placed = [self._slice_of(node, slicing, item) for item in items]
        unclear = {name for _, unknown in placed for name in unknown}
        yield from _order_faults(node, slicing, [(item, name) for item, (name, _) in zip(items, placed, strict=True)])
        for item, (name, unknown) in zip(items, placed, strict=True):
            if name is None and not unknown and slicing.rules == "closed":
                yield fault("structure", "slice-closed", item.at, element=node.name)
        for slice_name, slice_ in node.slices.items():
            members = [item for item, (name, _) in zip(items, placed, strict=True) if name == slice_name]
            yield from self._items(slice_, members, at, slice_name in unclear)

    def _slice_of(self, node: Node, slicing: Slicing, item: Item) -> tuple[str | None, list[str]]:
        """Returns the slice of an item, None where it has none, and the slices of which it cannot be told."""
        unknown = []
        for name, slice_ in node.slices.items():
            belongs = self._slicer.belongs(item, slice_, slicing)
            if belongs:
                return name, []
            if belongs is None:
                unknown.append(name)
        return None, unknown

    # The type of one item

    def _type(self, allowed: list[AllowedType], item: Item) -> Iterator[Issue]:
        if all(t.profiles for t in allowed):
            yield from self._profiles([url for t in allowed for url in t.profiles], item)
        if item.type_name == "Reference" and all(t.targets for t in allowed):
            yield from self._targets([url for t in allowed for url in t.targets], item)

    def _profiles(self, urls: list[str], item: Item) -> Iterator[Issue]:
        """Yields why an item meets none of the profiles: by its faults where there is one profile to meet."""
        profiles = [self._profile_of(url) for url in urls]
        for url, profile in zip(urls, profiles, strict=True):
            if profile is None and not is_core(url):
                text = "fhir.validation.profile-unknown"
                yield Issue("warning", "not-found", text, item.at, {"profile": url})
        known = [profile for profile in profiles if profile is not None]
        if len(known) < len(profiles) or any(self._meets(profile, item) for profile in known):
            return
        if len(known) == 1:
            yield from self.faults(known[0], item)
        else:
            yield fault("structure", "no-profile-met", item.at, profiles=", ".join(urls))

    def _meets(self, profile: Profile, item: Item) -> bool:
        return not any(issue.severity == "error" for issue in self.faults(profile, item))

    def _targets(self, urls: Iterable[str], item: Item) -> Iterator[Issue]:
        allowed = set()
        for url in urls:
            profile = self._profile_of(url)
            if profile is None and not is_core(url):
                return
            allowed.add(profile.type if profile else url.partition("|")[0].rpartition("/")[2])
        if "Resource" not in allowed and type(item.value) is dict:
            for wrong in sorted(target_types(item.value, item.scope) - allowed):
                yield fault("value", "target", item.at, type=wrong, allowed=", ".join(sorted(allowed)))


def _order_faults(node: Node, slicing: Slicing, placed: list[tuple[Item, str | None]]) -> Iterator[Issue]:
    """Yields the items that stand before what they must stand after."""
    position = {name: i for i, name in enumerate(node.slices)}
    unsliced = len(position)
    latest = 0
    for item, name in placed:
        if name is None and slicing.rules != "openAtEnd":
            continue
        here = unsliced if name is None else position[name] if slicing.ordered else 0
        if here < latest and name is not None:
            yield fault("structure", "slice-order", item.at, slice=name)
        latest = max(latest, here)


def _invariants(node: Node, type_name: str) -> tuple[Invariant, ...]:
    if type_name not in node.asked:
        own = (c for key, c in node.constraints.items() if key not in _core_keys(type_name))
        node.asked[type_name] = invariants_of(type_name, tuple(own))
    return node.asked[type_name]


def _invariant_fault(invariant: Invariant, item: Item) -> Iterator[Issue]:
    try:
        holds = invariant.holds(item.value, item.scope)
    except PlatformError:
        holds = False
    if not holds:
        parameters: dict[str, str | int] = {"key": invariant.key, "human": invariant.human}
        yield Issue(invariant.severity, "invariant", "fhir.validation.invariant", item.at, parameters)


@cache
def _core_keys(type_name: str) -> frozenset[str]:
    """Returns the invariants that the base type already has: a snapshot repeats them at each element."""
    type_ = definitions().types.get(type_name)
    own = (c.key for c in type_.constraints) if type_ else ()
    return frozenset((*own, *BY_STRUCTURE, *NOT_RUN))


@cache
def is_a(type_name: str, ancestor: str) -> bool:
    """Tells whether a type is another one or specialises it."""
    current: str | None = type_name
    while current is not None:
        if current == ancestor:
            return True
        type_ = definitions().types.get(current)
        current = type_.base if type_ else None
    return False


def _is_of(type_name: str, allowed: str) -> bool:
    """Tells whether an allowed type covers a type: the same one, or an abstract one that it specialises."""
    type_ = definitions().types.get(allowed)
    return type_name == allowed or (type_ is not None and type_.abstract and is_a(type_name, allowed))


def is_core(url: str) -> bool:
    """Tells whether a url is that of a base type of R4."""
    return url.startswith(CORE) and url.removeprefix(CORE).partition("|")[0] in definitions().types
