"""Literal references as the record keeps them.

Own references are kept relative (`Patient/x`); what leads elsewhere stays as it was sent. Canonicals, identifiers and
fragments of contained resources are not looked at.

Source: https://hl7.org/fhir/R4/references.html#literal, https://hl7.org/fhir/R4/http.html#trules
"""

import re
from typing import Any

from kangyun.fhir import Resource
from kangyun.store.types import TYPE_NUMBERS

# No scheme and no fragment before the question mark: what is elsewhere is not asked.
_SEARCH = re.compile(r"[^:#?]*\?")
_PATIENT = re.compile(r"(?:[^:?#]*[/\s])?patient/", re.IGNORECASE)
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def local_target(reference: str) -> tuple[str, str] | None:
    """Returns (type, id) of a relative literal reference, None for any other."""
    match = _LOCAL.fullmatch(reference)
    return (match[1], match[2]) if match and match[1] in TYPE_NUMBERS else None


def relative(reference: str, bases: tuple[str, ...]) -> str:
    """Returns an own reference without its base; any other as it is. `bases` end with a slash."""
    for base in bases:
        if reference.startswith(base):
            return reference[len(base) :]
    if ":" in reference[:6]:  # Scheme and host are the same in capitals (RFC 3986, 6.2.2.1).
        for base in bases:
            if reference[: len(base)].lower() == base.lower():
                return reference[len(base) :]
    return reference


def is_unreadable(reference: str) -> bool:
    """Whether a text that is no `local_target` is meant to lead to a Patient here all the same: `./Patient/x`.

    Taken, what it stands in would be about nobody: no word of the patient's would bind it.
    """
    return _PATIENT.match(reference) is not None


def is_conditional(reference: str) -> bool:
    """Whether a relative reference is a search, one that can be read or not: `Practitioner?identifier=…`."""
    return _SEARCH.match(reference) is not None


def rewrite_urns(resource: Resource, mapping: dict[str, str]) -> None:
    """Rewrites every uri of a transaction's `urn:` full URLs, wherever it stands, also in the narrative's links."""
    pending: list[Any] = [resource]
    while pending:
        node = pending.pop()
        items = node.items() if type(node) is dict else enumerate(node)
        for key, value in list(items):
            if type(value) is str:
                if value in mapping:
                    node[key] = mapping[value]
                elif key == "div" and "urn:" in value:
                    node[key] = _LINK.sub(lambda match: match[1] + mapping.get(match[2], match[2]) + match[3], value)
            elif type(value) is dict or type(value) is list:
                pending.append(value)


_LINK = re.compile(r"""((?:href|src)\s*=\s*["'])(urn:[^"']+)(["'])""")
