"""An entry of a summary as people read it: its day, its name, what was found. Pure.

It says what the record says and adds no judgement: no reference range is applied, and nothing is called high or low but
where the laboratory has said so (`interpretation`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kangyun.base.texts import Language, say
from kangyun.fhir import Resource

_DATES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "occurrenceDateTime", "performedDateTime",
    "performedPeriod", "authoredOn", "onsetDateTime", "onsetPeriod", "recordedDate", "timingDateTime", "timingPeriod",
    "dateAsserted", "recordedOn", "issued", "period", "created",
)  # fmt: skip
_NAMES = ("code", "medicationCodeableConcept", "vaccineCode", "medicationReference", "device")
MOST_COMPONENTS = 12
_STATES = ("clinicalStatus", "verificationStatus")
_SAID = ("resolved", "inactive", "unconfirmed")


@dataclass(frozen=True, slots=True)
class Line:
    """day: as people write it, empty where none is known. value: empty for nothing more to say."""

    day: str
    name: str
    value: str


def when(one: Resource) -> str:
    """Returns the instant of an entry as the record has it, empty for none."""
    for name in _DATES:
        value = one.get(name)
        if isinstance(value, Mapping):
            value = value.get("start") or value.get("end")
        if value:
            return str(value)
    return ""


def line(one: Resource, language: Language, references: Mapping[str, Resource]) -> Line:
    """Returns an entry as a line. references: what it may refer to, by `Type/id`."""
    return Line(when(one)[:10], _name(one, references, language), _value(one, language))


def concept(value: Any) -> str:
    """Returns how a CodeableConcept reads: its text, else a display, else its code."""
    if not isinstance(value, Mapping):
        return ""
    codings = [*value.get("coding", ())]
    displays = [str(one["display"]) for one in codings if one.get("display")]
    codes = [str(one["code"]) for one in codings if one.get("code")]
    return str(value.get("text") or next(iter(displays), "") or next(iter(codes), ""))


def _name(one: Resource, references: Mapping[str, Resource], language: Language) -> str:
    for name in _NAMES:
        value = one.get(name)
        if not isinstance(value, Mapping):
            continue
        said = _referred(value, references) if "reference" in value or "display" in value else concept(value)
        if said:
            return said
    return str(one.get("title") or one.get("description") or say("exchange.summary.unnamed", language))


def _referred(value: Mapping[str, Any], references: Mapping[str, Resource]) -> str:
    known = references.get(str(value.get("reference", "")), {})
    names = [str(each.get("name", "")) for each in known.get("deviceName", ())]
    return str(value.get("display") or concept(known.get("code")) or concept(known.get("type")) or "".join(names[:1]))


def _value(one: Resource, language: Language) -> str:
    match one["resourceType"]:
        case "Observation":
            return _observed(one, language)
        case "DiagnosticReport":
            return str(one.get("conclusion") or "")
        case "AllergyIntolerance":
            said = [concept(each) for reaction in one.get("reaction", ()) for each in reaction.get("manifestation", ())]
            if one.get("criticality") == "high":
                said.append(say("exchange.summary.high-risk", language))
            said.append(_state(one, language))
            return _listed(dict.fromkeys(text for text in said if text), language)
        case "MedicationStatement" | "MedicationRequest":
            doses = [*one.get("dosage", ()), *one.get("dosageInstruction", ())]
            return ("；" if language == "zh" else "; ").join(text for text in map(_dose, doses) if text)
        case "Immunization":
            numbers = [each.get("doseNumberPositiveInt") for each in one.get("protocolApplied", ())]
            return _listed(
                (say("exchange.summary.dose", language, {"number": each}) for each in numbers if each), language
            )
        case _:
            return ""


def _state(one: Resource, language: Language) -> str:
    """Returns that an allergy is over, or doubted; of one that stands nothing."""
    codes = {str(coding.get("code")) for name in _STATES for coding in one.get(name, {}).get("coding", ())}
    return _listed((say(f"exchange.summary.{code}", language) for code in _SAID if code in codes), language)


def _listed(said: Iterable[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(said)


def _observed(one: Resource, language: Language) -> str:
    said = _measured(one)
    parts = [f"{concept(part.get('code'))} {_measured(part)}".strip() for part in one.get("component", ())]
    found = ("，" if language == "zh" else ", ").join(text for text in [said, *parts[:MOST_COMPONENTS]] if text)
    marks = _listed((text for each in one.get("interpretation", ()) if (text := concept(each))), language)
    if not marks:
        return found
    return f"{found}（{marks}）" if language == "zh" else f"{found} ({marks})"


def _measured(one: Mapping[str, Any]) -> str:
    quantity = one.get("valueQuantity")
    if isinstance(quantity, Mapping) and quantity.get("value") is not None:
        unit = quantity.get("unit") or quantity.get("code") or ""
        return f"{quantity.get('comparator', '')}{quantity['value']} {unit}".strip()
    for name in ("valueString", "valueInteger", "valueDateTime", "valueTime"):
        if one.get(name) is not None:
            return str(one[name])
    return concept(one.get("valueCodeableConcept"))


def _dose(one: Mapping[str, Any]) -> str:
    if one.get("text"):
        return str(one["text"])
    amounts = [each.get("doseQuantity", {}) for each in one.get("doseAndRate", ())]
    said = [f"{each.get('value', '')}{each.get('unit', '')}" for each in amounts if each.get("value") is not None]
    return " ".join([*said, concept(one.get("route"))]).strip()
