"""Says yes to what is plainly valid, at the speed that every write needs. Everything else is for `structure`.

Each type becomes one closure over a table from JSON property to (closure, bit). The bits of the properties met say
which elements are there. What follows from that alone, required elements and most invariants, is worked out once for
each set of elements and remembered; only the invariants that are still open are asked. No path is built.

The answer "no" means "look closer": a primitive that has only extensions, or a null in an array, may still be valid.
The answer "yes" must be right; a test compares it with `structure` on real and on mutated resources.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from kangyun.base.errors import PlatformError
from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation.invariants import Invariant
from kangyun.fhir.validation.presence import open_invariants
from kangyun.fhir.validation.primitives import is_string
from kangyun.fhir.validation.references import dangles, target_types
from kangyun.fhir.validation.report import Scope
from kangyun.fhir.validation.rules import Member, Rules, rules_of

Accept = Callable[[Any, Scope], bool]

MAX_REMEMBERED = 4096
"""Sets of elements remembered for each type."""

_resource_types = definitions().resource_types


def accepts(resource: Any) -> bool:
    """Returns True only if the resource has no fault of severity error."""
    try:
        return _resource(resource, None)
    except (PlatformError, RecursionError):
        # Too deep, or an invariant that cannot be evaluated: `structure` says where.
        return False


def _resource(value: Any, _: Scope | None) -> bool:
    if type(value) is not dict:
        return False
    name = value.get("resourceType")
    return type(name) is str and name in _resource_types and acceptor(name)(value, Scope(value))


def _contained(value: Any, scope: Scope) -> bool:
    if type(value) is not dict:
        return False
    name = value.get("resourceType")
    return type(name) is str and name in _resource_types and acceptor(name)(value, Scope(value, scope))


@cache
def acceptor(type_name: str) -> Accept:
    """Returns the closure of a type that is no primitive."""
    rules = rules_of(type_name)
    table: dict[Any, tuple[Accept, int]] = {}
    presence = _Presence(rules)
    settled = presence.settled

    def accept(node: Any, scope: Scope) -> bool:
        if type(node) is not dict:
            return False
        if not table:
            # Not before the first use: types contain one another.
            table.update(_table(rules, presence))
        seen = 0
        try:
            for name, value in node.items():
                check, bit = table[name]
                if seen & bit or not check(value, scope):
                    return False
                seen |= bit
        except KeyError:
            return False  # a property that the type does not have
        if seen in settled:
            return True
        still_open = presence.still_open(seen)
        if still_open is None:
            return False
        # A loop and not `all(...)`, here and below: a generator costs more than most of the checks.
        for invariant in still_open:  # noqa: SIM110
            if not invariant.holds(node, scope):
                return False
        return True

    return accept


class _Presence:
    """What follows for a type from which elements are there.

    Each element has a bit, the same for all types of a choice; `_name` has the bit of `name` shifted by `width`.
    `settled` holds the sets of elements, seen before, for which there is nothing more to ask.
    """

    def __init__(self, rules: Rules) -> None:
        paths = dict.fromkeys(member.element.path for member in rules.members.values())
        self.bits = {path: 1 << i for i, path in enumerate(paths, start=1)}
        self.width = len(paths) + 1
        self.settled: set[int] = set()
        self._known: dict[int, tuple[Invariant, ...] | None] = {}
        self._rules = rules
        self._errors = tuple(i for i in rules.invariants if i.severity == "error")

    def still_open(self, seen: int) -> tuple[Invariant, ...] | None:
        """Returns the invariants still open for these elements, None where something is missing or broken."""
        if seen not in self._known:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
                self.settled.clear()
            self._known[seen] = found = self._work_out(seen)
            if found == ():
                self.settled.add(seen)
        return self._known[seen]

    def _work_out(self, seen: int) -> tuple[Invariant, ...] | None:
        if seen >> self.width & ~seen:
            return None  # a `_name` without its `name`
        present = frozenset(path for path, bit in self.bits.items() if seen & bit)
        if any(path not in present for path, _ in self._rules.required):
            return None
        if not self._rules.is_resource and not present - {"id"}:
            return None
        return open_invariants(self._errors, self._rules.type.name, present)


def _table(rules: Rules, presence: _Presence) -> dict[Any, tuple[Accept, int]]:
    table: dict[Any, tuple[Accept, int]] = {}
    for name, member in rules.members.items():
        bit = presence.bits[member.element.path]
        table[name] = (_member(member), bit)
        if member.accepts is not None and not member.element.choice and not member.element.is_array:
            table[f"_{name}"] = (acceptor(member.element.type), bit << presence.width)
    if rules.is_resource:
        table["resourceType"] = (lambda value, scope: True, 1)
    return table


def _member(member: Member) -> Accept:
    accept = _item(member)
    errors = tuple(i for i in member.invariants if i.severity == "error")
    if errors:
        accept = _with_invariants(accept, errors)
    return _array(accept, member.element.max) if member.element.is_array else accept


def _item(member: Member) -> Accept:
    if member.accepts is not None:
        return _primitive(member)
    if member.element.type == "Resource":
        return _contained if member.element.name == "contained" else _resource
    accept = acceptor(member.element.type)
    if member.binding is not None and member.binding.severity == "error":
        return _with_binding(accept, member.binding.accepts)
    if member.element.type == "Reference":
        return _reference(accept, member.targets)
    return accept


def _primitive(member: Member) -> Accept:
    accepts_value, binding = member.accepts, member.binding
    assert accepts_value is not None
    if binding is None:
        return accepts_value
    accepts_code, codes = binding.accepts, binding.bound.plain
    if codes is not None and member.element.type == "code":
        # A code that is on the list has the right format.
        return lambda value, scope: type(value) is str and value in codes
    return lambda value, scope: accepts_value(value) and accepts_code(value)


def _array(accept: Accept, limit: int | None) -> Accept:
    def accept_array(values: Any, scope: Scope) -> bool:
        if type(values) is not list or not values or (limit is not None and len(values) > limit):
            return False
        for value in values:  # noqa: SIM110
            if not accept(value, scope):
                return False
        return True

    return accept_array


def _with_binding(accept: Accept, bound: Callable[[Any], bool]) -> Accept:
    return lambda value, scope: accept(value, scope) and bound(value)


def _reference(accept: Accept, targets: frozenset[str] | None) -> Accept:
    anything = frozenset(_resource_types) if targets is None else targets

    def accept_reference(value: Any, scope: Scope) -> bool:
        if type(value) is dict and len(value) == 1:
            # Nearly all references are this: a text alone.
            text = value.get("reference", "")
            if is_string(text) and (text[:4] == "urn:" or text.partition("/")[0] in anything):
                return True
        if not accept(value, scope):
            return False
        text = value.get("reference")
        if "type" not in value and (text is None or text[:4] == "urn:" or text.partition("/")[0] in anything):
            return True
        return not dangles(value, scope) and (targets is None or target_types(value, scope) <= targets)

    return accept_reference


def _with_invariants(accept: Accept, invariants: tuple[Invariant, ...]) -> Accept:
    def accept_invariants(value: Any, scope: Scope) -> bool:
        return accept(value, scope) and all(invariant.holds(value, scope) for invariant in invariants)

    return accept_invariants
