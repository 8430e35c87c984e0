"""Whether what a message says is of the same patient as what stands under its number. Pure.

A visit's, an order's or a report's number is the institution's own, and says nothing of whom it is about. One that
stands for another patient is mostly a wrong number, by which two persons' records would run into each other; so the
message is not taken, unless both registrations are one resident's (`exchange.feeds.messages` asks the index), or what
stands has been taken back. A registration that is only named beside something else (the patient of a result) is held
by its identity number and its name: where both are others, the number in PID-3 is somebody else's.
"""

from collections.abc import Mapping
from typing import Any

from kangyun.base.errors import RuleBroken
from kangyun.base.numbers.resident_id import is_valid, plain, upgraded

_NUMBER = "urn:oid:2.16.156.10011.1.3"
_OWNERS = ("subject", "patient")
_TAKEN_BACK = "entered-in-error"


class OfAnother(RuleBroken):
    """What stands under this number is another patient's. standing, said: each as `Patient/…`."""

    default_text = "exchange.hl7v2.mapping.of-another"

    def __init__(self, part: str, standing: str = "", said: str = "", text: str | None = None) -> None:
        super().__init__(text, at=part)
        self.standing = standing
        self.said = said


def hold(standing: Mapping[str, Any], said: Mapping[str, Any], part: str, one_person: frozenset[str]) -> None:
    """Raises OfAnother where a resource that stands is another patient's than the one that is said.

    part: the segment that says it. one_person: the registrations that are known to be the patient's as well.
    """
    theirs, ours = owner(standing), owner(said)
    if theirs == ours or not (theirs and ours) or theirs in one_person or standing.get("status") == _TAKEN_BACK:
        return
    raise OfAnother(part, theirs, ours)


def hold_person(standing: Mapping[str, Any], said: Mapping[str, Any], part: str) -> None:
    """Raises OfAnother where a Patient that stands has another identity number and another name than the one said."""
    if said.get("resourceType") == "Patient" and somebody_else(standing, said):
        raise OfAnother(part, text="exchange.hl7v2.mapping.another-person")


def hold_enclosed(patient: Mapping[str, Any], enclosed: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises OfAnother where an enclosed document says it is of somebody else. enclosed: Patients, by segment."""
    for part, said in enclosed.items():
        if somebody_else(patient, said):
            raise OfAnother(part, text="exchange.hl7v2.mapping.enclosed-of-another")


def somebody_else(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two Patients have other identity numbers and other names, by which they cannot be one person."""
    return _differ(_numbers(one), _numbers(other)) and _differ(_names(one), _names(other))


def owner(resource: Mapping[str, Any]) -> str:
    """Returns the reference to the patient whom a resource is about; empty where it names none."""
    for element in _OWNERS:
        if found := resource.get(element):
            return str(found.get("reference", ""))
    for one in resource.get("participant", ()):
        found = str(one.get("actor", {}).get("reference", ""))
        if found.startswith("Patient/"):
            return found
    return ""


def _differ(some: set[str], others: set[str]) -> bool:
    return bool(some and others) and some.isdisjoint(others)


def _numbers(patient: Mapping[str, Any]) -> set[str]:
    values = (plain(one.get("value", "")) for one in patient.get("identifier", ()) if one.get("system") == _NUMBER)
    return {value if is_valid(value) else upgraded(value) for value in values} - {""}


def _names(patient: Mapping[str, Any]) -> set[str]:
    return {"".join(one.get("text", "").upper().split()) for one in patient.get("name", ())} - {""}
