"""What a Reference says of the type of its target, without looking the target up.

Source: https://hl7.org/fhir/R4/references.html
"""

import re
from typing import Any

from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation.report import Scope

# A relative or absolute literal reference to a resource on a FHIR server, or a conditional one in a transaction.
_literal = re.compile(
    r"(?:https?://[A-Za-z0-9\-\\.:%$_~/]*/)?([A-Z][A-Za-z]+)"
    r"(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?|\?.*)",
    re.DOTALL,
).fullmatch

_types = definitions().resource_types


def target_types(reference: dict[str, Any], scope: Scope) -> set[str]:
    """Returns the resource types that a Reference claims for its target: none where it does not say, two if it lies."""
    claimed = set()
    given = reference.get("type")
    if type(given) is str and given in _types:
        claimed.add(given)
    text = reference.get("reference")
    if type(text) is not str:
        return claimed
    if text.startswith("#"):
        target = contained_target(text, scope)
        return claimed | {target["resourceType"]} if target else claimed
    literal = _literal(text)
    if literal is not None and literal[1] in _types:
        claimed.add(literal[1])
    return claimed


def dangles(reference: dict[str, Any], scope: Scope) -> bool:
    """Tells whether a Reference names a contained resource that is not there, which ref-1 forbids."""
    text = reference.get("reference")
    return type(text) is str and text[:1] == "#" and text[1:] not in scope.contained


def contained_target(text: str, scope: Scope) -> dict[str, Any] | None:
    """Returns the resource that "#id" stands for, the root itself for "#"; None where it is none of a known type."""
    target = scope.contained.get(text[1:])
    name = target.get("resourceType") if target else None
    return target if type(name) is str and name in _types else None
