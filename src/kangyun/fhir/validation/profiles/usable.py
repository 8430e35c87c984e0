"""Whether a profile can be held against resources: its type has its elements, and its constraints can be asked.

One that is not so would refuse every resource that claims it, or say nothing of what it means to say. Nothing is asked
of logical models, of new types, and of profiles of types that R4 does not have: nobody is held to them.

Source: https://hl7.org/fhir/R4/elementdefinition.html#path
"""

from collections.abc import Iterable, Iterator
from typing import Any

from kangyun.base.errors import Issue, PlatformError
from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath import compile as compile_expression
from kangyun.fhir.validation.profiles.demands import fault

Json = dict[str, Any]


def definition_faults(structure: Json) -> Iterator[Issue]:
    """Yields each element that is not there, each constraint that cannot be asked. `structure` has the right shape."""
    type_name = str(structure.get("type"))
    held = structure.get("derivation") == "constraint" and structure.get("kind") in ("resource", "complex-type")
    if not held or type_name not in definitions().types:
        return
    for view in ("snapshot", "differential"):
        for number, element in enumerate(structure.get(view, {}).get("element", ())):
            at = f"StructureDefinition.{view}.element[{number}]"
            types = _types_at(element.get("path", type_name))
            if not types:
                yield fault("invalid", "no-such-element", f"{at}.path", type=type_name)
            for place, constraint in enumerate(element.get("constraint", ())):
                if not _can_be_asked(constraint.get("expression", "true"), types or {type_name}):
                    yield fault("invalid", "constraint-unreadable", f"{at}.constraint[{place}].expression")


def _types_at(path: str) -> set[str]:
    """Returns the types that the element at a path may have, none where there is no such element."""
    known = definitions().types
    root, *names = path.split(".")
    types = {root} & known.keys()
    for name in names:
        if any(known[type_].abstract for type_ in types):
            return types  # Any type may stand there, and the profile says which.
        types = {element.type for type_ in types for element in known[type_].named(name.removesuffix("[x]"))}
    return types


def _can_be_asked(expression: str, types: Iterable[str]) -> bool:
    try:
        compiled = compile_expression(expression)
    except PlatformError:
        return False
    return any(_works_on(compiled, type_) for type_ in types)


def _works_on(compiled: Any, type_: str) -> bool:
    try:
        compiled.program(type_)
    except PlatformError:
        return False
    return True
