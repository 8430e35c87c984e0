"""Which relations follow from a resource: an encounter, a family doctor's contract, a referral, a statutory duty. Pure.

* Encounter: the institution that wrote it, while it is open; one without a stay so many hours after its last event.
* CareTeam of the category family-doctor: its members, for its term.
* ServiceRequest for a referral: whom it asks, while it is active.
* Task for a statutory duty: its owner, while it is open.

Source: https://hl7.org/fhir/R4/encounter.html, .../careteam.html, .../servicerequest.html, .../task.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from kangyun.access.policy import Policy
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import bounds

TYPES = ("Encounter", "CareTeam", "ServiceRequest", "Task")
FAMILY_DOCTOR = ("urn:kangyun:care-team", "family-doctor")
REFERRAL = {("http://snomed.info/sct", "3457005"), ("urn:kangyun:service-request", "referral")}
DUTY = ("urn:kangyun:task", "statutory-duty")
_STAYS = frozenset({"IMP", "ACUTE", "NONAC", "OBSENC", "SS"})
_OPEN = {
    "Encounter": frozenset({"arrived", "triaged", "in-progress", "onleave"}),
    "CareTeam": frozenset({"active"}),
    "ServiceRequest": frozenset({"active", "on-hold"}),
    "Task": frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold"}),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A reason: its ground, who has it (a reference), since and until when."""

    ground: str
    name: str
    low: datetime
    high: datetime


def relations_of(
    resource: Resource, institution: str, written: datetime, policy: Policy, zone: tzinfo
) -> list[Relation]:
    """Returns what follows from a resource that an institution wrote at an instant; nothing from one that is closed."""
    type_ = resource["resourceType"]
    if resource.get("status") not in _OPEN.get(type_, ()):
        return []
    found = []
    for ground, name in _whom(resource, institution):
        kind = policy.grounds.get(ground)
        if kind is None:
            continue
        low, high = _period(resource, zone)
        low = max(low, written) if low else written
        end = (low if ground in _BY_TERM else written) + timedelta(hours=kind.hours)
        found.append(Relation(ground, name, low, min(high, end) if high else end))
    return [one for one in found if one.low < one.high]


_BY_TERM = frozenset({"contract", "referral", "duty"})


def _whom(resource: Mapping[str, Any], institution: str) -> Iterator[tuple[str, str]]:
    match resource["resourceType"]:
        case "Encounter":
            yield ("stay" if resource.get("class", {}).get("code") in _STAYS else "encounter"), institution
        case "CareTeam" if _has(resource.get("category", ()), {FAMILY_DOCTOR}):
            for one in resource.get("participant", ()):
                yield from (("contract", name) for name in _named(one.get("member")))
        case "ServiceRequest" if _has(resource.get("category", ()), REFERRAL):
            for one in resource.get("performer", ()):
                yield from (("referral", name) for name in _named(one))
        case "Task" if _has([resource.get("code", {})], {DUTY}):
            yield from (("duty", name) for name in _named(resource.get("owner")))


def _has(concepts: Any, wanted: set[tuple[str, str]]) -> bool:
    return any(
        (coding.get("system"), coding.get("code")) in wanted for one in concepts for coding in one.get("coding", ())
    )


def _named(reference: Mapping[str, Any] | None) -> Iterator[str]:
    text = str((reference or {}).get("reference", ""))
    if text.partition("/")[0] in ("Practitioner", "Organization") and text.count("/") == 1:
        yield text


def _period(resource: Mapping[str, Any], zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Returns the term that a resource names; an encounter's is over with its status."""
    name = {"CareTeam": "period", "Task": "executionPeriod"}.get(resource["resourceType"], "")
    period = resource.get(name, {})
    start, end = period.get("start"), period.get("end")
    return (bounds(start, zone)[0] if start else None), (bounds(end, zone)[1] if end else None)
