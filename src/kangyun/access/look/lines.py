"""A resource as a line that a doctor reads: what, how much of it, when. Pure; nothing is escaped here.

Only what is on the front page: no rendering of FHIR in general. What was entered in error is left out.

Source: https://hl7.org/fhir/R4/ , the pages of the types below; EncounterClass is v3-ActCode.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from kangyun.fhir import Resource
from kangyun.fhir.ranges import flags_of

LONGEST = 400  # characters of a line's text
OPENED = frozenset({"DiagnosticReport", "DocumentReference", "Composition"})
"""What is opened on a page of its own."""
OUT_OF_RANGE = frozenset({"L", "LL", "LU", "<", "H", "HH", "HU", ">", "A", "AA", "POS"})
_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Line:
    """what: the name of it. detail: value, dose. states: codes of FHIR, which a page says in its language; of an
    encounter its class stands first. when: local date or date and time. limits: the reference range. reference: by
    which it is opened, of what can be. Each may be empty.
    """

    what: str
    detail: str
    states: tuple[str, ...]
    when: str
    limits: str = ""
    reference: str = ""


def line_of(resource: Resource, zone: tzinfo) -> Line | None:
    """Returns the line of a resource; None for one that was entered in error."""
    if is_error(resource):
        return None
    type_ = resource["resourceType"]
    what, detail, states, moment = _READERS[type_](resource)
    limits = _limits(resource) if type_ == "Observation" else ""
    reference = f"{type_}/{resource['id']}" if type_ in OPENED else ""
    shown = tuple(state for state in states if state)
    return Line(what[:LONGEST], detail[:LONGEST], shown, local(moment, zone), limits[:LONGEST], reference)


def is_error(resource: Resource) -> bool:
    """Whether a resource was entered in error."""
    return resource.get("status") == _ERROR or _ERROR in _codes(resource.get("verificationStatus"))


def state_of(line: Line) -> str:
    """Returns the first state that says a result is out of its range, "" where none does."""
    return next((state for state in line.states if state.upper() in OUT_OF_RANGE), "")


def codes_of(element: Any) -> list[str]:
    """Returns the codes of a CodeableConcept, each as system|code."""
    codings = element.get("coding", ()) if isinstance(element, Mapping) else ()
    return [f"{one.get('system', '')}|{one['code']}" for one in codings if isinstance(one, Mapping) and "code" in one]


def references_of(resource: Mapping[str, Any], *names: str) -> list[str]:
    """Returns the references of elements."""
    found = (one for name in names for one in resource.get(name, ()) if isinstance(one, Mapping))
    return [str(one["reference"]) for one in found if "reference" in one]


def concept(element: Any) -> str:
    """Returns a CodeableConcept, or a Coding, as text; empty where it has none."""
    if not isinstance(element, Mapping):
        return ""
    codings = element.get("coding") or [element]
    shown = (one.get("display") or one.get("code") for one in codings if isinstance(one, Mapping))
    return str(element.get("text") or next((one for one in shown if one), ""))


def local(moment: str, zone: tzinfo) -> str:
    """Returns a FHIR date, dateTime or instant as people of the region read it."""
    if "T" not in moment:
        return moment[:10]
    try:
        return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment[:10]


def _code(element: Any) -> str:
    return next(iter(sorted(_codes(element))), "")


def _codes(element: Any) -> set[str]:
    codings = element.get("coding", ()) if isinstance(element, Mapping) else ()
    return {str(one.get("code", "")) for one in codings if isinstance(one, Mapping)}


def _first(resource: Mapping[str, Any], *names: str) -> str:
    return str(next((resource[name] for name in names if resource.get(name)), ""))


def _joined(*parts: str) -> str:
    return "；".join(part for part in parts if part)


_Read = tuple[str, str, tuple[str, ...], str]


def _allergy(one: Resource) -> _Read:
    reactions = [concept(sign) for reaction in one.get("reaction", ()) for sign in reaction.get("manifestation", ())]
    states = one.get("criticality", ""), _code(one.get("clinicalStatus")), _code(one.get("verificationStatus"))
    detail = "、".join(filter(None, reactions))
    return concept(one.get("code")), detail, states, _first(one, "recordedDate", "onsetDateTime")


def _condition(one: Resource) -> _Read:
    states = _code(one.get("clinicalStatus")), _code(one.get("verificationStatus"))
    return concept(one.get("code")), "", states, _first(one, "recordedDate", "onsetDateTime")


def _medication(one: Resource) -> _Read:
    what = concept(one.get("medicationCodeableConcept")) or one.get("medicationReference", {}).get("display", "")
    doses = one.get("dosageInstruction") or one.get("dosage") or []
    dose = next((text for text in (dose.get("text", "") for dose in doses) if text), "")
    period = one.get("effectivePeriod", {}).get("start", "")
    return what, dose, (one.get("status", ""),), _first(one, "authoredOn", "effectiveDateTime") or period


def _observation(one: Resource) -> _Read:
    parts = [f"{concept(part.get('code'))} {_value(part)}".strip() for part in one.get("component", ())]
    marks = tuple(_code(mark) or concept(mark) for mark in one.get("interpretation", ())) or flags_of(one)
    detail = _joined(_value(one), *parts)
    moment = _first(one, "effectiveDateTime", "effectiveInstant") or one.get("effectivePeriod", {}).get("start", "")
    return concept(one.get("code")), detail, marks, moment or _first(one, "issued")


def _limits(one: Mapping[str, Any]) -> str:
    for given in one.get("referenceRange", ()):
        low, high = (given.get(name, {}).get("value") for name in ("low", "high"))
        if given.get("text"):
            return str(given["text"])
        if low is not None and high is not None:
            return f"{low}–{high}"
        if low is not None or high is not None:
            return f"≥ {low}" if high is None else f"≤ {high}"
    return ""


def _value(one: Mapping[str, Any]) -> str:
    quantity = one.get("valueQuantity")
    if isinstance(quantity, Mapping):
        number = f"{quantity.get('comparator', '')}{quantity.get('value', '')}"
        return f"{number} {quantity.get('unit') or quantity.get('code') or ''}".strip()
    for name in ("valueString", "valueInteger", "valueBoolean", "valueDateTime", "valueTime"):
        if name in one:
            return str(one[name])
    return concept(one.get("valueCodeableConcept"))


def _report(one: Resource) -> _Read:
    moment = _first(one, "effectiveDateTime") or one.get("effectivePeriod", {}).get("start", "")
    return concept(one.get("code")), _first(one, "conclusion"), (), moment or _first(one, "issued")


def _encounter(one: Resource) -> _Read:
    reasons = "、".join(filter(None, (concept(reason) for reason in one.get("reasonCode", ()))))
    types = "、".join(filter(None, (concept(type_) for type_ in (*one.get("type", ()), one.get("serviceType")))))
    states = one.get("class", {}).get("code", ""), one.get("status", "")
    return types, reasons, states, one.get("period", {}).get("start", "")


def _immunization(one: Resource) -> _Read:
    return (
        concept(one.get("vaccineCode")),
        "",
        ("vaccination", one.get("status", "")),
        _first(one, "occurrenceDateTime"),
    )


def _procedure(one: Resource) -> _Read:
    moment = _first(one, "performedDateTime") or one.get("performedPeriod", {}).get("start", "")
    return concept(one.get("code")), "", ("procedure", one.get("status", "")), moment


def _study(one: Resource) -> _Read:
    procedures = "、".join(filter(None, (concept(code) for code in one.get("procedureCode", ()))))
    modalities = "、".join(filter(None, (concept(code) for code in one.get("modality", ()))))
    return procedures or _first(one, "description") or modalities, modalities, (), _first(one, "started")


def _document(one: Resource) -> _Read:
    return concept(one.get("type")) or _first(one, "description"), _first(one, "description"), (), _first(one, "date")


def _composition(one: Resource) -> _Read:
    return _first(one, "title") or concept(one.get("type")), concept(one.get("type")), (), _first(one, "date")


_READERS: dict[str, Callable[[Resource], _Read]] = {
    "AllergyIntolerance": _allergy, "Condition": _condition, "MedicationRequest": _medication,
    "MedicationStatement": _medication, "Observation": _observation, "DiagnosticReport": _report,
    "Encounter": _encounter, "DocumentReference": _document, "Composition": _composition,
    "Immunization": _immunization, "Procedure": _procedure, "ImagingStudy": _study,
}  # fmt: skip
