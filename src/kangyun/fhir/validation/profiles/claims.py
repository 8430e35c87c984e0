"""What a resource claims of itself: the profiles in its `meta.profile`, and its extensions by their definitions.

Source: https://hl7.org/fhir/R4/resource.html#Meta; https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from collections.abc import Iterator
from typing import Any

from kangyun.base.errors import Issue
from kangyun.fhir.validation.profiles import Known
from kangyun.fhir.validation.profiles.conformance import Conformance, is_a
from kangyun.fhir.validation.profiles.instance import Item, Placed, descendants


def claim_faults(item: Item, conformance: Conformance, known: Known) -> Iterator[Issue]:
    """Yields the faults of a resource, and of all resources in it, against what they claim."""
    yield from _profile_faults(item, conformance)
    path_of = {item.at: item.type_name}
    for placed in descendants(item):
        path_of[placed.item.at] = placed.path
        value = placed.item.value
        if type(value) is not dict:
            continue
        if "resourceType" in value:
            yield from _profile_faults(placed.item, conformance)
        url = value.get("url") if placed.item.type_name == "Extension" else None
        if type(url) is str and known.profile(url) is not None:
            yield from conformance.against(url, placed.item)
            structure = known.structure(url)
            if structure is not None and not _may_stand_here(structure, placed, path_of[placed.holder.at]):
                # Only a warning: the specification's own resources use its extensions outside of their contexts.
                text = "fhir.validation.extension-context"
                yield Issue("warning", "extension", text, placed.item.at, {"profile": url})


def _profile_faults(item: Item, conformance: Conformance) -> Iterator[Issue]:
    meta = item.value.get("meta")
    claimed = meta.get("profile") if type(meta) is dict else None
    for url in claimed if type(claimed) is list else ():
        if type(url) is str:
            yield from conformance.against(url, item)


def _may_stand_here(structure: dict[str, Any], placed: Placed, path: str) -> bool:
    """Tells whether one of the contexts of an extension's definition allows its place; a FHIRPath one is not asked."""
    contexts = structure.get("context")
    if type(contexts) is not list or not contexts:
        return True
    return any(_allows(context, placed, path) for context in contexts if type(context) is dict)


def _allows(context: dict[str, Any], placed: Placed, path: str) -> bool:
    kind, expression = context.get("type"), context.get("expression")
    if kind == "fhirpath" or type(expression) is not str:
        return True
    if kind == "extension":
        holder = placed.holder.value
        return type(holder) is dict and holder.get("url") == expression.partition("#")[0]
    return expression == path or is_a(placed.holder.type_name, expression)
