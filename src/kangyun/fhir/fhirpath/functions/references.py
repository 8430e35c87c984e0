"""Where a reference points: the text of it, the type of its target, and a target that is at hand.

Nothing is fetched here: what is not contained in the resource comes from `Environment.resolve`, if there is one.

Source: http://hl7.org/fhir/R4/references.html
"""

import re
from typing import Any

from kangyun.fhir.fhirpath import types
from kangyun.fhir.fhirpath.code import Environment
from kangyun.fhir.fhirpath.values import Element, box_resource

_LITERAL = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?(?:#.*)?", re.ASCII
)


def text_of(item: Any) -> str | None:
    """Returns the text of a Reference, or of a uri or canonical, as plain value or Element; None where it has none."""
    if item.__class__ is Element:
        item = item.value
    if item.__class__ is dict:
        item = item.get("reference")
    return item if item.__class__ is str else None


def type_in(text: str) -> str | None:
    """Returns the type that "Patient/1" or "http://host/fhir/Patient/1" names, None for other texts."""
    head, _, rest = text.partition("/")
    if "/" not in rest and types.is_resource(head):
        # The plain form of our own references.
        return head
    found = _LITERAL.fullmatch(text)
    return found[1] if found and types.is_resource(found[1]) else None


def key_in(text: str, type_name: str | None) -> str | None:
    """Returns the id in a literal reference to a resource, of one type if that is given; None for other texts."""
    found = _LITERAL.fullmatch(text)
    return found[2] if found and type_name in (None, found[1]) else None


def target_type(item: Any, env: Environment) -> str | None:
    """Returns the type that a reference points to, from the reference alone where that tells it."""
    text = text_of(item)
    if text is None or text.startswith(("#", "urn:")):
        declared = (item.value if item.__class__ is Element else item).get("type") if text is None else None
        if declared.__class__ is str and types.is_resource(declared):
            return declared
    else:
        named = type_in(text)
        if named is not None:
            return named
    target = None if text is None else resolve(text, env)
    return None if target is None else box_resource(target).type


def resolve(text: str, env: Environment) -> Any:
    """Returns the resource that a reference text points to, None where it is not at hand."""
    if text.startswith("#"):
        if text == "#":
            return env.root
        contained = env.root.get("contained", ()) if env.root is not None else ()
        return next((each for each in contained if each.get("id") == text[1:]), None)
    return env.resolve(text) if env.resolve is not None else None
