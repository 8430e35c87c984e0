"""Parts of a resource: `_summary` and `_elements`. What was cut is marked SUBSETTED.

Source: https://hl7.org/fhir/R4/search.html#summary
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS = {"resourceType", "id", "meta"}


class Part(NamedTuple):
    """What is shown of a resource: `_summary`, and `_elements`, which go before it."""

    summary: str = "false"
    elements: Sequence[str] = ()

    @property
    def some(self) -> bool:
        """Whether anything is left out."""
        return bool(self.elements) or self.summary not in ("false", "count")


WHOLE = Part()


def subset(resource: Resource, part: Part) -> Resource:
    """Returns a new resource with only what is asked for; mandatory elements stay."""
    type_, summary, elements = resource["resourceType"], part.summary, part.elements
    if elements:
        wanted = {
            name.rpartition(".")[2] if "." not in name else name.partition(".")[2].partition(".")[0]
            for name in elements
            if "." not in name or name.startswith(f"{type_}.")
        }
        kept = {name: value for name, value in resource.items() if _stem(type_, name) in wanted or _kept(type_, name)}
    elif summary == "true":
        kept = _summary(resource, type_)
    elif summary == "text":
        kept = {name: value for name, value in resource.items() if name == "text" or _kept(type_, name)}
    elif summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        return resource
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    return {"resourceType": type_, **({"id": kept["id"]} if "id" in kept else {}), "meta": meta} | {
        name: value for name, value in kept.items() if name not in _ALWAYS
    }


def _stem(type_: str, name: str) -> str:
    element = definitions().types[type_].elements.get(name.lstrip("_"))
    return element.path if element else name


def _kept(type_: str, name: str) -> bool:
    if name in _ALWAYS:
        return True
    element = definitions().types[type_].elements.get(name.lstrip("_"))
    return element is not None and element.min > 0


def _summary(node: Any, type_: str) -> Any:
    """Keeps the elements that the specification marks for summaries, at every depth."""
    known = definitions().types.get(type_)
    if known is None or not isinstance(node, dict):
        return node
    kept = {}
    for name, value in node.items():
        element = known.elements.get(name.lstrip("_"))
        if name == "resourceType" or element is None:
            kept[name] = value
        elif element.is_summary or element.min > 0 or known.kind == "complex-type":
            inner = element.type
            if inner in definitions().types and definitions().types[inner].kind == "backbone":
                value = [_summary(one, inner) for one in value] if isinstance(value, list) else _summary(value, inner)
            kept[name] = value
    return kept
