"""Walks a resource along its type's rules and names every fault with its place. The whole truth, and the slow way.

`acceptor` is the fast way for what is plainly valid; a test holds that both agree. Nothing here assumes anything of
the value: every JSON value gives issues and no exception.

Source: https://hl7.org/fhir/R4/json.html; https://hl7.org/fhir/R4/datatypes.html; https://hl7.org/fhir/R4/references.html
"""

import re
from typing import Any

from kangyun.base.errors import PlatformError
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import MAX_DEPTH
from kangyun.fhir.validation.invariants import Invariant
from kangyun.fhir.validation.primitives import fault_of
from kangyun.fhir.validation.references import dangles, target_types
from kangyun.fhir.validation.report import Report, Scope
from kangyun.fhir.validation.rules import Member, Rules, rules_of

_name_of_an_element = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}").fullmatch
_missing: Any = object()


class Structure:
    """One walk. Every method returns whether the value has a shape that invariants can be asked about."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def resource(self, value: Any, at: str, container: Scope | None = None, depth: int = 1) -> bool:
        """Walks a resource; `container` is the scope of the one that contains it, None where it stands on its own."""
        if type(value) is not dict:
            self._report.add("structure", "json-type", at, type="Resource", expected="object")
            return False
        name = value.get("resourceType")
        if type(name) is not str or name not in definitions().resource_types:
            self._report.add("structure", "resource-type", f"{at}.resourceType" if at else "resourceType")
            return False
        return self.object(value, rules_of(name), at or name, Scope(value, container), depth)

    def object(self, node: Any, rules: Rules, at: str, scope: Scope, depth: int) -> bool:
        """Walks an object of a type other than a primitive, invariants included."""
        if not self._is_object(node, rules, at, depth) or self._report.is_full:
            return False
        sound = self._members(node, rules, at, scope, depth)
        for path, names in rules.choices:
            if sum(name in node or f"_{name}" in node for name in names) > 1:
                self._report.add("structure", "choice", f"{at}.{path}", element=path)
        for path, names in rules.required:
            if not any(name in node or f"_{name}" in node for name in names):
                self._report.add("required", "required", f"{at}.{path}", element=path)
        if not rules.is_resource and node.keys() == {"id"}:
            self._report.add("invariant", "no-content", at)
        if sound:
            self._invariants(node, rules.invariants, at, scope)
        return sound

    def _is_object(self, node: Any, rules: Rules, at: str, depth: int) -> bool:
        if type(node) is not dict:
            text = "not-an-array" if type(node) is list else "json-type"
            self._report.add("structure", text, at, type=rules.type.name, expected="object")
        elif not node:
            self._report.add("structure", "empty-object", at)
        elif depth > MAX_DEPTH:
            self._report.add("too-costly", "depth", at, limit=MAX_DEPTH)
        else:
            return True
        return False

    def _members(self, node: dict[str, Any], rules: Rules, at: str, scope: Scope, depth: int) -> bool:
        sound = True
        for name in node:
            stem = name[1:] if type(name) is str and name[:1] == "_" else name
            member = rules.members.get(stem)
            if member is None or (stem != name and member.accepts is None):
                sound = self._is_known(name, rules, at) and sound
            elif stem == name or stem not in node:
                sound = self._member(node, stem, member, f"{at}.{member.element.path}", scope, depth) and sound
        return sound

    def _is_known(self, name: Any, rules: Rules, at: str) -> bool:
        if name == "resourceType" and rules.is_resource:
            return True
        # A name that no element can have may be anything, a patient's data too: it is not repeated.
        known_form = type(name) is str and _name_of_an_element(name)
        place = f"{at}.{name}" if known_form else at
        self._report.add("structure", "unknown", place, element=name if known_form else "?", type=rules.type.name)
        return False

    def _member(self, node: dict[str, Any], name: str, member: Member, at: str, scope: Scope, depth: int) -> bool:
        value, sibling = node.get(name, _missing), node.get(f"_{name}", _missing)
        if member.accepts is None:
            sibling = _missing
        if not member.element.is_array:
            return self._single(value, sibling, member, at, scope, depth)
        for given in (value, sibling):
            if given is not _missing and not self._is_array(given, at):
                return False
        values = [] if value is _missing else value
        siblings = [] if sibling is _missing else sibling
        if values and len(siblings) > len(values):
            self._report.add("structure", "sibling-length", at)
            return False
        if member.element.max is not None and max(len(values), len(siblings)) > member.element.max:
            self._report.add("structure", "too-many", at, limit=member.element.max)
        sound = True
        for i in range(max(len(values), len(siblings))):
            item = values[i] if i < len(values) else None
            beside = siblings[i] if i < len(siblings) else None
            sound = self._item(item, beside, member, f"{at}[{i}]", scope, depth + 1) and sound
        return sound

    def _is_array(self, value: Any, at: str) -> bool:
        if type(value) is list and value:
            return True
        self._report.add("structure", "empty-array" if value == [] else "array", at)
        return False

    def _single(self, value: Any, sibling: Any, member: Member, at: str, scope: Scope, depth: int) -> bool:
        for given in (value, sibling):
            if given is None:
                self._report.add("structure", "null", at)
                return False
        value, sibling = (None if given is _missing else given for given in (value, sibling))
        return self._item(value, sibling, member, at, scope, depth)

    def _item(self, value: Any, sibling: Any, member: Member, at: str, scope: Scope, depth: int) -> bool:
        """Walks one value, or one item of an array, with what stands beside it if it is a primitive."""
        if value is None and sibling is None:
            self._report.add("structure", "null", at)
            return False
        if member.accepts is not None:
            return self._primitive(value, sibling, member, at, scope, depth)
        if member.element.type == "Resource":
            container = scope if member.element.name == "contained" else None
            return self.resource(value, at, container, depth + 1)
        sound = self.object(value, rules_of(member.element.type), at, scope, depth + 1)
        if type(value) is dict:
            self._object_value(value, member, at, scope)
        if sound:
            self._invariants(value, member.invariants, at, scope)
        return sound

    def _object_value(self, value: dict[str, Any], member: Member, at: str, scope: Scope) -> None:
        binding = member.binding
        # A concept that is absent for a stated reason has an extension in the place of its codes.
        absent = "extension" in value and "coding" not in value
        if binding is not None and not absent and not binding.accepts(value):
            self._report.add("code-invalid", "binding", at, binding.severity, value_set=binding.value_set)
        if member.element.type == "Reference" and dangles(value, scope):
            self._report.add("invariant", "dangling", at)
        if member.targets is not None:
            for wrong in sorted(target_types(value, scope) - member.targets):
                allowed = ", ".join(sorted(member.targets))
                self._report.add("value", "target", at, type=wrong, allowed=allowed)

    def _primitive(self, value: Any, sibling: Any, member: Member, at: str, scope: Scope, depth: int) -> bool:
        assert member.accepts is not None
        sound = True
        if value is not None:
            sound = self._primitive_value(value, member, at)
        if sibling is not None:
            rules = rules_of(member.element.type)
            if not self._is_object(sibling, rules, at, depth):
                return False
            sound = self._members(sibling, rules, at, scope, depth + 1) and sound
            if value is None and "extension" not in sibling:
                self._report.add("invariant", "no-content", at)
        if sound and value is not None:
            self._invariants(value, member.invariants, at, scope)
        return sound

    def _primitive_value(self, value: Any, member: Member, at: str) -> bool:
        assert member.accepts is not None
        if type(value) is list:
            self._report.add("structure", "not-an-array", at)
            return False
        if not member.accepts(value):
            code, text, parameters = fault_of(member.element.type, value)
            self._report.add(code, text, at, "error", **parameters)
            return code == "value"
        binding = member.binding
        if binding is not None and not binding.accepts(value):
            self._report.add("code-invalid", "binding", at, binding.severity, value_set=binding.value_set)
        return True

    def _invariants(self, value: Any, invariants: tuple[Invariant, ...], at: str, scope: Scope) -> None:
        for invariant in invariants:
            try:
                holds = invariant.holds(value, scope)
            except PlatformError:
                # An expression that wants one value and finds several, and the like: it is not true of this value.
                holds = False
            if not holds:
                self._report.add(
                    "invariant", "invariant", at, invariant.severity, key=invariant.key, human=invariant.human
                )
