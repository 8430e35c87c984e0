"""The invariants of the specification: FHIRPath expressions, with shortcuts in Python for the ones that are met most.

A shortcut says yes or no where it is certain and None where the expression itself must be asked; a test holds that
shortcut and expression agree. An expression that gives nothing, as a comparison of dates of unlike precision does,
holds.

Source: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from kangyun.fhir.definitions import Constraint, definitions
from kangyun.fhir.fhirpath import Program
from kangyun.fhir.fhirpath import compile as compile_expression
from kangyun.fhir.validation.report import Scope

Json = dict[str, Any]

BY_STRUCTURE = {
    "ele-1": "an element with an id alone, or with nothing, is found by `structure`",
    "ref-1": "that a contained target exists is looked at where references are",
    "txt-1": "the narrative's elements and attributes are looked at by `narrative`",
    "txt-2": "and so is whether it says anything",
}
"""Invariants that hold of all that has the right structure."""

NOT_RUN: Mapping[str, str] = {
    "ctm-1": "asks for the type of a reference's target, and no target is read here",
}
"""Invariants that are not asked, and why."""

CORRECTED: Mapping[str, tuple[str, str]] = {
    "que-7": (
        "operator = 'exists' implies (answer is boolean)",
        "published with `is Boolean`, the type of FHIRPath itself, which no element of a resource has",
    ),
}
"""Invariants whose published expression does not say what its text says: what is asked in its place, and why."""


class Invariant(NamedTuple):
    """One invariant of a type or an element; `holds` may raise PlatformError where it cannot be evaluated."""

    key: str
    severity: Literal["error", "warning"]
    human: str
    expression: str
    holds: Callable[[Any, Scope], bool]


def invariants_of(type_name: str, constraints: tuple[Constraint, ...]) -> tuple[Invariant, ...]:
    """Returns the invariants to be asked of a value of this type."""
    return tuple(
        Invariant(c.key, c.severity, c.human, expression_of(c), _holds(c, type_name))
        for c in constraints
        if c.key not in BY_STRUCTURE and c.key not in NOT_RUN
    )


def expression_of(constraint: Constraint) -> str:
    """Returns the expression that is asked for a constraint."""
    return CORRECTED[constraint.key][0] if constraint.key in CORRECTED else constraint.expression


def _holds(constraint: Constraint, type_name: str) -> Callable[[Any, Scope], bool]:
    ask = by_expression(expression_of(constraint), type_name)
    shortcut = SHORTCUTS.get(constraint.key)
    if shortcut is None:
        return ask

    def holds(node: Any, scope: Scope) -> bool:
        answer = shortcut(node, scope)
        return ask(node, scope) if answer is None else answer

    return holds


def by_expression(expression: str, type_name: str) -> Callable[[Any, Scope], bool]:
    """Returns the invariant as its FHIRPath expression says it; compiled when it is first asked."""
    program: Program | None = None

    def ask(node: Any, scope: Scope) -> bool:
        nonlocal program
        if program is None:
            program = compile_expression(expression).program(type_name)
        return program.test(node, scope.environment)

    return ask


# Shortcuts. They are given values of the right structure only.


def _extension_or_value(node: Json, _: Scope) -> bool:
    return ("extension" in node) != any(name[:5] == "value" or name[:6] == "_value" for name in node)


def _start_before_end(node: Json, _: Scope) -> bool | None:
    start, end = node.get("start"), node.get("end")
    if start is None or end is None:
        return True
    # Two texts of the same form and zone are in the order of their characters.
    if len(start) == len(end) and (len(start) <= 10 or start[19:] == end[19:]) and start <= end:
        return True
    return None


def _nothing_contained_in_contained(node: Json, _: Scope) -> bool:
    return not any("contained" in r for r in node.get("contained", ()))


def _contained_is_referenced(node: Json, _: Scope) -> bool:
    """Answers in full: the expression looks through the whole resource again for each contained one."""
    wanted = {f"#{r['id']}" for r in node.get("contained", ()) if "id" in r}
    if not wanted - _references_to(wanted, node):
        return True
    pointed_at = set(_pointers(node, {"canonical", "uri", "url"}))
    return all(
        "id" not in r or f"#{r['id']}" in pointed_at or "#" in _pointers(r, {"canonical"})
        for r in node.get("contained", ())
    )


def _references_to(wanted: set[str], node: Json) -> set[str]:
    """Returns those of the wanted texts that some `reference` is; breadth first, since they stand near the top."""
    found: set[str] = set()
    waiting: list[Any] = [node]
    for value in waiting:
        if type(value) is dict:
            text = value.get("reference")
            if type(text) is str and text in wanted:
                found.add(text)
                if len(found) == len(wanted):
                    break
            value = value.values()
        waiting += [inner for inner in value if type(inner) is dict or type(inner) is list]
    return found


def _pointers(resource: Json, pointing: set[str]) -> Iterator[str]:
    """Yields every `reference`, and every text of one of the types, in a resource."""
    types = definitions().types
    waiting: list[tuple[Json, str]] = [(resource, resource["resourceType"])]
    for node, type_name in waiting:
        elements = types[type_name].elements
        for name, value in node.items():
            element = elements.get(name)
            if element is None:
                continue
            for item in value if type(value) is list else (value,):
                if type(item) is dict:
                    waiting.append((item, item["resourceType"] if element.type == "Resource" else element.type))
                elif type(item) is str and (name == "reference" or element.type in pointing):
                    yield item


def _contained_has_no_version(node: Json, _: Scope) -> bool:
    metas = [r["meta"] for r in node.get("contained", ()) if "meta" in r]
    return not any("versionId" in m or "_versionId" in m or "lastUpdated" in m or "_lastUpdated" in m for m in metas)


def _contained_has_no_label(node: Json, _: Scope) -> bool:
    return not any("security" in r["meta"] for r in node.get("contained", ()) if "meta" in r)


SHORTCUTS: Mapping[str, Callable[[Any, Scope], bool | None]] = {
    "ext-1": _extension_or_value,
    "per-1": _start_before_end,
    "dom-2": _nothing_contained_in_contained,
    "dom-3": _contained_is_referenced,
    "dom-4": _contained_has_no_version,
    "dom-5": _contained_has_no_label,
}
"""By the invariant's key: what answers without FHIRPath, where it can."""
