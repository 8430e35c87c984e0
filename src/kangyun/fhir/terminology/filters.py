"""ValueSet.compose.include.filter: which concepts of a system a condition selects.

Source: https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir.terminology.forms import Form
from kangyun.fhir.terminology.model import Concept, Filter
from kangyun.fhir.terminology.patterns import full_match
from kangyun.fhir.terminology.systems import System

_CONCEPT = frozenset({"concept", "code"})

Values = Callable[[Concept], Iterable[str]]


def select(system: System, condition: Filter) -> frozenset[str]:
    """Returns the codes that meet the condition.

    Raises Invalid for a code that the condition names and a complete system does not have, or for a value that the
    operator cannot take; NotSupported for an operator that R4 does not know.
    """
    by_hierarchy = _HIERARCHY.get(condition.op)
    if by_hierarchy is not None:
        if condition.property not in _CONCEPT:
            raise NotSupported("fhir.terminology.filter", property=condition.property, op=condition.op)
        if system.get(condition.value) is None and system.is_complete:
            raise Invalid("fhir.terminology.filter-code", system=system.url)
        return frozenset(by_hierarchy(system, condition.value))
    accepts = _accepts(condition)
    values = _values(system, condition.property)
    return frozenset(code for code, concept in system.concepts.items() if accepts(tuple(values(concept))))


def test(form: Form, condition: Filter) -> Callable[[str], bool]:
    """Returns whether a code of a system without a list meets the condition.

    Raises NotSupported where only a list could tell.
    """
    if condition.property in _CONCEPT and condition.op in ("=", "in", "not-in", "regex"):
        accepts = _accepts(condition)
        return lambda code: accepts((code,))
    if form.has is not None and condition.op == "=":
        has = form.has
        return lambda code: has(code, condition.property, condition.value)
    raise NotSupported("fhir.terminology.filter", property=condition.property, op=condition.op)


def _is_a(system: System, code: str) -> set[str]:
    return system.descendants(code) | {code} if code in system.concepts else set()


_HIERARCHY: dict[str, Callable[[System, str], set[str]]] = {
    "is-a": _is_a,
    "descendent-of": lambda system, code: system.descendants(code),
    "is-not-a": lambda system, code: system.concepts.keys() - _is_a(system, code),
    "generalizes": lambda system, code: system.ancestors(code) | {code} if code in system.concepts else set(),
}


def _accepts(condition: Filter) -> Callable[[tuple[str, ...]], bool]:
    """Returns a test over all the values that a concept has for the property."""
    value = condition.value
    match condition.op:
        case "=":
            return lambda values: value in values
        case "in":
            allowed = _listed(value)
            return lambda values: any(item in allowed for item in values)
        case "not-in":
            refused = _listed(value)
            return lambda values: not any(item in refused for item in values)
        case "regex":
            matches = full_match(value)
            return lambda values: any(matches(item) for item in values)
        case "exists" if value in ("true", "false"):
            wanted = value == "true"
            return lambda values: bool(values) == wanted
        case "exists":
            raise Invalid("fhir.terminology.filter-value", op="exists")
    raise NotSupported("fhir.terminology.filter", property=condition.property, op=condition.op)


def _listed(value: str) -> frozenset[str]:
    return frozenset(item.strip() for item in value.split(","))


def _values(system: System, name: str) -> Values:
    match name:
        case "concept" | "code":
            return lambda concept: (concept.code,)
        case "display":
            return lambda concept: (concept.display,) if concept.display else ()
        case "definition":
            return lambda concept: (concept.definition,) if concept.definition else ()
        case "parent":
            return lambda concept: system.parents(concept.code)
        case "child":
            return lambda concept: system.children(concept.code)
    return lambda concept: (_text(value) for code, _, value in system.properties(concept) if code == name)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal | str):
        return str(value)
    code = value.get("code") if isinstance(value, dict) else None
    return code if isinstance(code, str) else ""
