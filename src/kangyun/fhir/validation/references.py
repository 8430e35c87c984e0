"""What a Reference says of the type of its target, without looking the target up.

Source: https://hl7.org/fhir/R4/references.html
"""

import re
from typing import Any

from kangyun.fhir.definitions import definitions

# A relative or absolute literal reference to a resource on a FHIR server, or a conditional one in a transaction.
_literal = re.compile(
    r"(?:https?://[A-Za-z0-9\-\\.:%$_~/]*/)?([A-Z][A-Za-z]+)"
    r"(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?|\?.*)",
    re.DOTALL,
).fullmatch

_types = definitions().resource_types


def target_types(reference: dict[str, Any], root: dict[str, Any]) -> set[str]:
    """Returns the resource types that a Reference claims for its target: none where it does not say, two if it lies.

    root: the resource in whose `contained` a reference such as "#a" looks.
    """
    claimed = set()
    given = reference.get("type")
    if type(given) is str and given in _types:
        claimed.add(given)
    text = reference.get("reference")
    if type(text) is not str:
        return claimed
    if text.startswith("#"):
        target = contained_resource(text[1:], root)
        return claimed | {target["resourceType"]} if target else claimed
    literal = _literal(text)
    if literal is not None and literal[1] in _types:
        claimed.add(literal[1])
    return claimed


def dangles(reference: dict[str, Any], root: dict[str, Any]) -> bool:
    """Tells whether a Reference names a contained resource that is not there, which ref-1 forbids."""
    text = reference.get("reference")
    return type(text) is str and text[:1] == "#" and contained_resource(text[1:], root) is None


def contained_resource(identity: str, root: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the resource that "#identity" stands for, the root itself for "#"; None where there is none."""
    contained = root.get("contained")
    candidates = [root] if identity == "" else contained if type(contained) is list else []
    for candidate in candidates:
        if type(candidate) is dict and (identity == "" or candidate.get("id") == identity):
            name = candidate.get("resourceType")
            if type(name) is str and name in _types:
                return candidate
    return None
