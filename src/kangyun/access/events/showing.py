"""An AuditEvent made of an audit row. Pure.

Source: https://hl7.org/fhir/R4/auditevent.html, https://hl7.org/fhir/R4/auditevent-mappings.html; agents and entities
as in IHE BALP 1.1.
"""

import base64
from collections.abc import Mapping
from typing import Any

from kangyun.access.events.people import Called
from kangyun.access.events.registered import Registered
from kangyun.access.events.rows import Seen
from kangyun.access.events.words import ACTIONS, DICOM, KINDS, REST, SIGN_IN, SIGN_OUT, TYPES, kind_of, outcome_of
from kangyun.base import clock
from kangyun.fhir import Resource

PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ROLES = "urn:kangyun:role"
WAYS = "urn:kangyun:way:"
INTERNAL = "urn:kangyun:internal-number"
_ENTITY_TYPES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPES = "http://terminology.hl7.org/CodeSystem/security-source-type"
_IP_ADDRESS = "2"
WHY = "why"
_OF_INSTANCE = {"search-type": "search-system", "history-type": "history-instance"}


def event(
    row: Seen, names: Mapping[int, str], own: frozenset[int] | None = None, *, whole: bool = True,
    known: Registered | None = None, people: Called | None = None,
) -> Resource:  # fmt: skip
    """Returns the AuditEvent of a row.

    names: references by internal number. own: the Patients that may be named to who asks, None for all; to a resident
    neither others are named nor the machine that somebody sat at. whole: it may say over what a search went. known: of
    whom a register was changed, and why. people: how staff, institutions and applications are called.
    """
    kind = kind_of(row.action)
    signed = row.action in (SIGN_IN, SIGN_OUT)
    subtype = _subtype(row, kind.subtype)
    shown: Resource = {
        "resourceType": "AuditEvent",
        "id": str(row.id),
        "type": _coding(DICOM, "110114", "User Authentication")
        if signed
        else _coding(TYPES, "rest", "RESTful Operation"),
        "subtype": [
            _coding(DICOM if signed else REST, subtype),
            *([_coding(ACTIONS, row.action)] if own is None and row.action not in KINDS else []),
        ],
        "action": kind.letter,
        "recorded": clock.instant(row.instant),
        "outcome": outcome_of(row.outcome),
        "outcomeDesc": f"HTTP {row.outcome}",
    }
    if row.purpose:
        shown["purposeOfEvent"] = [{"coding": [_coding(PURPOSES, row.purpose)]}]
    shown["agent"] = _agents(row, people, hidden=own is not None)
    shown["source"] = {
        "observer": {"display": "康云 Kangyun"},
        "type": [_coding(_SOURCE_TYPES, "4", "Application Server")],
    }
    shown["entity"] = _entities(row, names, own, whole or row.names_something)
    if known is not None:
        shown["entity"].insert(0, _of_register(known))
    return shown


def _subtype(row: Seen, usual: str) -> str:
    """A search or a history says by its address what it went over."""
    path = row.shape.partition(" ")[2].partition("?")[0].strip("/").split("/")
    wider = (usual == "search-type" and path[0] in ("", "_search")) or (usual == "history-type" and "[id]" in path)
    return _OF_INSTANCE[usual] if wider else usual or "operation"


def _agents(row: Seen, people: Called | None, *, hidden: bool) -> list[dict[str, Any]]:
    who: dict[str, Any] = {"who": _who(row.actor, people), "requestor": True}
    if row.role:
        who["role"] = [{"coding": [_coding(ROLES, row.role)]}]
    if row.way:
        who["policy"] = [f"{WAYS}{row.way}"]
    if row.source and not hidden:
        who["network"] = {"address": row.source, "type": _IP_ADDRESS}
    if row.purpose:
        who["purposeOfUse"] = [{"coding": [_coding(PURPOSES, row.purpose)]}]
    agents = [who]
    if row.client:
        kind = {"coding": [_coding(DICOM, "110150", "Application")]}
        agents.append({"type": kind, "who": _who(row.client, people), "requestor": False})
    if row.institution:
        agents.append({"who": _who(row.institution, people), "requestor": False})
    return agents


def _who(text: str, people: Called | None) -> dict[str, Any]:
    """A reference with the name that is known of it, or what an account without a resource is called."""
    if "/" not in text:
        return {"identifier": {"value": text}}
    name = people.names.get(text) if people is not None else None
    return {"reference": text, "display": name} if name else {"reference": text}


def _entities(row: Seen, names: Mapping[int, str], own: frozenset[int] | None, shape: bool) -> list[dict[str, Any]]:
    of_patients = [
        {
            "what": _what(res, names), "type": _coding(_ENTITY_TYPES, "1", "Person"),
            "role": _coding(_ENTITY_ROLES, "1", "Patient"),
        }
        for res in row.patients
        if (own is None or res in own) and res in row.resources
    ]  # fmt: skip
    others = [
        {
            "what": _what(res, names), "type": _coding(_ENTITY_TYPES, "2", "System Object"),
            "role": _coding(_ENTITY_ROLES, "4", "Domain Resource"),
        }
        for res in row.resources
        if res not in row.patients and (own is None or (res in names and own >= set(row.patients)))
    ]  # fmt: skip
    asked = {
        "type": _coding(_ENTITY_TYPES, "2", "System Object"),
        "role": _coding(_ENTITY_ROLES, "24", "Query"),
        "description": row.shape,
        "query": base64.b64encode(row.shape.encode()).decode(),
    }
    request = {
        "what": {"identifier": {"value": row.request}},
        "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"},
    }
    return [*of_patients, *others, *([asked] if row.shape and shape else []), *([request] if row.request else [])]


def _of_register(known: Registered) -> dict[str, Any]:
    person = not known.reference.startswith(("Device/", "Organization/"))
    said: dict[str, Any] = {
        "what": {"reference": known.reference},
        "type": _coding(_ENTITY_TYPES, *(("1", "Person") if person else ("2", "System Object"))),
        "role": _coding(_ENTITY_ROLES, "11", "Security User Entity"),
    }
    return said | ({"detail": [{"type": WHY, "valueString": known.why}]} if known.why else {})


def _what(res: int, names: Mapping[int, str]) -> dict[str, Any]:
    name = names.get(res)
    return {"reference": name} if name else {"identifier": {"system": INTERNAL, "value": str(res)}}


def _coding(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"system": system, "code": code} | ({"display": display} if display else {})
