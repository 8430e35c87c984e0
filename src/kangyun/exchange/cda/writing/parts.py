"""Small parts that entries of several kinds have. Pure."""

from collections.abc import Mapping
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.writing import building as b
from kangyun.fhir import Resource

STAFF, AUTHOR = "2.16.156.10011.1.4", "2.16.156.10011.1.7"
Parts = list[tuple[Node | None, str]]
"""Entries (acts of CDA, or None for a line only) with their lines."""


def element_of(role: str) -> str:
    """Returns the data element of a role."""
    return catalogue.role_elements()[role].element


def shown(concept: Mapping[str, Any] | None) -> str:
    """Returns what a CodeableConcept is called."""
    codings = (concept or {}).get("coding", ())
    return (concept or {}).get("text") or next((c.get("display") or c.get("code", "") for c in codings), "")


def listed(element: str, coding: Resource) -> Node | None:
    """Returns a value of one code, None where the data element wants another list: insurance's are others."""
    wanted = catalogue.table("rules")["value_systems"].get(element)
    if wanted is not None and b.code_attributes(coding)["codeSystem"] not in wanted:
        return None
    return b.coded("value", {"coding": [coding]}, type_="CD")


def organizer(kind: str, *parts: Node | None) -> Node:
    """Returns an organizer of some acts; those that are None are not there."""
    components = [b.make("component", one) for one in parts if one is not None]
    return b.make("organizer", b.make("statusCode"), *components, classCode=kind, moodCode="EVN")


def counts(quantity: Mapping[str, Any] | None) -> bool:
    """Whether a Quantity says something."""
    return quantity is not None and "value" in quantity
