"""Entries of WS/T 500 and WS/T 483 made resources, by data element: `data/roles.csv` says which is what. Pure.

What is coded, measured or a flag and has no role becomes an Observation under its data element; a text stays a text of
the Composition. So an element that nobody here knows is not lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.reading import values
from kangyun.exchange.cda.reading.making import Making, extension, hl7, kept
from kangyun.exchange.cda.reading.nodes import Observed, gathered, observed
from kangyun.fhir import Resource

DIAGNOSIS_TYPE = "urn:kangyun:code-system:document-diagnosis"
ORDINAL = "urn:kangyun:code-system:laboratory-ordinal"
PANEL = {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel"}]}
UCUM = "http://unitsofmeasure.org"
_BESIDE = {"condition-on-admission": "condition-on-admission", "outcome": "outcome"}


class Found:
    """What a section came to. references: resources of it; texts: element, name and text of what stays text."""

    def __init__(self) -> None:
        self.references: list[str] = []
        self.texts: list[tuple[str, str, str]] = []


def diagnosis(making: Making, group: Observed, section: str, found: Found) -> None:
    """A Condition of a code, a name, or both; with the condition on admission and the outcome where they are said."""
    said, named = group.one("diagnosis"), group.one("diagnosis-name")
    concept = dict(said.value.get("valueCodeableConcept", {})) if said is not None else {}
    if said is not None and not concept and said.text:
        concept = {"text": said.text}
    if named is not None and named.text:
        concept["text"] = named.text
    if not concept or values.nothing(concept.get("text", "x")):
        return
    table = making.conventions["diagnoses"]
    where = table.get(f"{making.kind} {section}") or table.get(section, {"type": "", "zh": "", "letter": "W"})
    categories = [hl7("condition-category", "encounter-diagnosis")]
    if where["type"]:
        coding = {"system": DIAGNOSIS_TYPE, "code": where["type"], "display": where["zh"]}
        categories.append({"coding": [coding]})
    resource: Resource = {
        "resourceType": "Condition", "clinicalStatus": hl7("condition-clinical", "active"),
        "category": categories, "code": concept,
    } | making.about()  # fmt: skip
    if where["type"] == "admission":
        resource["verificationStatus"] = hl7("condition-ver-status", "provisional")
    nodes = [one.node for one in (said, named) if one is not None]
    times = [values.first(node, "effectiveTime") for node in nodes]
    beside = [
        extension(_BESIDE[one.role], "Coding", one.value["valueCodeableConcept"]["coding"][0])
        for one in group.walk()
        if one.role in _BESIDE and one.value.get("valueCodeableConcept", {}).get("coding")
    ]
    kept(resource, {
        "recordedDate": next(filter(None, (values.time(making, one) for one in times)), ""), "extension": beside,
        "recorder": values.staff(making, values.first(nodes[0], "performer", "assignedEntity")),
    })  # fmt: skip
    code = next((one["code"] for one in concept.get("coding", ())), "") or concept["text"]
    id_ = making.id("diagnosis", making.stay or making.who, where["letter"], code)
    found.references.append(making.store(id_, resource, nodes[0]))


def laboratory(making: Making, group: Observed, section: str, found: Found) -> None:
    """An Observation of an item: its code or name, and its value as a number, words or a sign."""
    item, name = group.one("laboratory-item"), group.one("laboratory-name")
    words = group.one("laboratory-words")
    title = name.text if name is not None else ""
    code = item.value.get("valueCodeableConcept") if item is not None else None
    if code is None and item is not None and item.text:
        system = f"{values.LOCAL}{making.feed.owner}:result-item"
        code = {"coding": [{"system": system, "code": item.text} | ({"display": title} if title else {})]}
    code = dict(code or {})
    if title or not code.get("text"):
        code["text"] = title or (item.name if item is not None and not code else "") or _display(code)
    if not code["text"]:
        return
    node = (item or name or group).node
    if group.one("laboratory-value", "laboratory-words", "laboratory-sign") is None and item is not None:
        # Which examination it was, of a report that has its results as texts.
        found.texts.append((item.element, item.name, item.text))
        return
    resource: Resource = {
        "resourceType": "Observation", "status": "final", "code": code,
        "category": [hl7("observation-category", "laboratory")],
    } | making.about()  # fmt: skip
    kept(resource, {"effectiveDateTime": values.time(making, values.first(node, "effectiveTime"))})
    resource |= _measured(making, group)
    if "valueQuantity" not in resource and words is not None and words.value:
        resource |= _worded(words)
    sign = group.one("laboratory-sign")
    _judged(making, group, sign, resource)
    if resource.keys().isdisjoint(("valueQuantity", "valueString", "valueCodeableConcept", "valueInteger")):
        resource["dataAbsentReason"] = hl7("data-absent-reason", "unknown")
    specimen = group.one("specimen")
    if specimen is not None and specimen.text:
        resource["specimen"] = {"display": specimen.text}
    found.references.append(
        making.store(making.id("document-result", making.number, making.nth("result")), resource, node)
    )


def _display(code: Mapping[str, Any]) -> str:
    return next((one.get("display") or one["code"] for one in code.get("coding", ())), "")


def _measured(making: Making, group: Observed) -> Resource:
    one, unit = group.one("laboratory-value"), group.one("laboratory-unit")
    if one is None or "valueQuantity" not in one.value:
        return {"valueString": one.text} if one is not None and one.text else {}
    quantity = dict(one.value["valueQuantity"])
    # A PQ has its unit by UCUM; how the laboratory writes it stands beside.
    ucum = quantity.get("unit")
    if unit is not None and unit.text:
        quantity |= values.unit(making, unit.text)
    if ucum:
        quantity |= {"system": UCUM, "code": ucum}
    return {"valueQuantity": quantity}


def _worded(words: Observed) -> Resource:
    return words.value if "valueCodeableConcept" in words.value else {"valueString": words.text}


def _judged(making: Making, group: Observed, sign: Observed | None, into: Resource) -> None:
    """Adds interpretation and range: as CDA says them on an observation, or by 检查/检验结果代码."""
    flags = [
        one for inner in group.walk() for node in values.every(inner.node, "interpretationCode")
        if (one := values.coding(making, node, "interpretation"))
    ]  # fmt: skip
    if not flags and sign is not None:
        code = next((one["code"] for one in sign.value.get("valueCodeableConcept", {}).get("coding", ())), "")
        if meant := making.conventions["signs"].get(code):
            flags = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": meant}]
    if flags:
        into["interpretation"] = [{"coding": flags}]
    ranges = []
    for inner in group.walk():
        for node in values.every(inner.node, "referenceRange"):
            if found := _range(making, values.first(node, "observationRange")):
                ranges.append(found)
    if ranges:
        into["referenceRange"] = ranges


def _range(making: Making, node: Node | None) -> Resource | None:
    if node is None:
        return None
    span = values.first(node, "value")
    ends = {} if span is None else {
        name: one for name in ("low", "high") if (one := values.quantity(making, values.first(span, name)))
    }  # fmt: skip
    return kept(ends, {"text": values.text_of(values.first(node, "text"))}) or None


def vital(making: Making, group: Observed, section: str, found: Found) -> None:
    """Observations of vital signs; a systolic and a diastolic of one group are one panel."""
    upper, lower = group.one("systolic"), group.one("diastolic")
    pressures = [one for one in (upper, lower) if one is not None and "valueQuantity" in one.value]
    if pressures:
        resource = _vital(making, pressures[0], PANEL | {"text": "血压"})
        resource["component"] = [
            {"code": _code(one)} | {"valueQuantity": _ucum(one)} for one in pressures
        ]  # fmt: skip
        _keep(making, resource, pressures[0], found)
    for one in group.walk():
        if one.role == "vital" and "valueQuantity" in one.value:
            resource = _vital(making, one, _code(one)) | {"valueQuantity": _ucum(one)}
            _keep(making, resource, one, found)


def _vital(making: Making, one: Observed, code: Resource) -> Resource:
    resource: Resource = {
        "resourceType": "Observation", "status": "final", "code": code,
        "category": [hl7("observation-category", "vital-signs")],
    } | making.about()  # fmt: skip
    at = values.time(making, values.first(one.node, "effectiveTime")) or making.at
    return resource | {"effectiveDateTime": at}


def _code(one: Observed) -> Resource:
    role = catalogue.roles()[one.element]
    codings = [{"system": "http://loinc.org", "code": role.code}] if role.code else []
    named = {"system": f"urn:oid:{catalogue.ELEMENTS}", "code": one.element, "display": role.name}
    return {"coding": [*codings, named], "text": role.name}


def _ucum(one: Observed) -> Resource:
    unit = catalogue.roles()[one.element].unit
    quantity = one.value["valueQuantity"]
    if "code" not in quantity and "unit" not in quantity:
        quantity = quantity | {"unit": unit}
    return {**quantity} if quantity.get("code") else {**quantity, "system": UCUM, "code": unit}


def _keep(making: Making, resource: Resource, one: Observed, found: Found) -> None:
    id_ = making.id("document-observation", making.number, one.element, making.nth(one.element))
    found.references.append(making.store(id_, resource, one.node))


def blood_group(making: Making, group: Observed, section: str, found: Found) -> None:
    """An Observation of the blood group."""
    for one in group.walk():
        if one.role == "blood-group" and "valueCodeableConcept" in one.value:
            resource: Resource = {
                "resourceType": "Observation", "status": "final", "code": _code(one),
                "category": [hl7("observation-category", "laboratory")],
            } | making.about() | one.value  # fmt: skip
            _keep(making, resource, one, found)


def allergy(making: Making, group: Observed, section: str, found: Found) -> None:
    """An AllergyIntolerance of what is written; that there is none is an answer, and kept as one."""
    for one in group.walk():
        if one.role != "allergy" or not one.text:
            continue
        node = next((part for entity in one.node.iter("playingEntity") for part in values.every(entity, "code")), None)
        coded = None if node is None else values.concept(making, node, "allergen")
        record_allergy(making, one.text, coded, one.node, found)


def record_allergy(making: Making, text: str, coded: Resource | None, node: Node, found: Found) -> None:
    """Adds an AllergyIntolerance."""
    code: Resource = (coded or {}) | {"text": text}
    if text.strip("。. ") in making.conventions["none"]["allergies"]:
        code = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}
        code["text"] = text
    resource: Resource = {
        "resourceType": "AllergyIntolerance", "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7("allergyintolerance-verification", "confirmed"), "code": code,
        "patient": {"reference": making.who},
    }  # fmt: skip
    found.references.append(making.store(making.id("allergy", making.who, text), resource, node))


def vaccine(making: Making, group: Observed, section: str, found: Found) -> None:
    """An Immunization."""
    one, day = group.one("vaccine"), group.one("vaccine-day")
    if one is None or day is None or not one.text or "valueDateTime" not in day.value:
        return
    code = one.value.get("valueCodeableConcept") or {"text": one.text}
    at = day.value["valueDateTime"]
    resource: Resource = {
        "resourceType": "Immunization", "status": "completed", "vaccineCode": code,
        "patient": {"reference": making.who}, "occurrenceDateTime": at, "primarySource": True,
    }  # fmt: skip
    lot, maker, site, dose = (group.one(f"vaccine-{name}") for name in ("lot", "maker", "site", "dose"))
    number = dose.value.get("valueInteger") if dose is not None else None
    kept(resource, {
        "lotNumber": lot.text if lot else "", "manufacturer": {"display": maker.text} if maker and maker.text else None,
        "site": {"text": site.text} if site and site.text else None,
        "protocolApplied": [{"doseNumberPositiveInt": number}] if number else None,
    })  # fmt: skip
    id_ = making.id("document-vaccination", making.who, at[:10], one.text, str(number or ""))
    found.references.append(making.store(id_, resource, one.node))


def stay_part(making: Making, group: Observed, section: str, found: Found) -> None:
    """What of the stay stands among the entries: how one came and left, how often before."""
    if not making.stay:
        return
    encounter = making.resource(making.stay)
    for one in group.walk():
        ways = {"discharge-disposition": "dischargeDisposition", "admission-route": "admitSource"}
        if one.role in ways and "valueCodeableConcept" in one.value:
            encounter.setdefault("hospitalization", {})[ways[one.role]] = one.value["valueCodeableConcept"]
        elif one.role == "stays-so-far" and one.text:
            encounter.setdefault("extension", []).append(extension("stays-so-far", "String", one.text))


def other(making: Making, group: Observed, found: Found) -> None:
    """What has no role: a text stays text, all else is an Observation under its data element."""
    for one in group.walk():
        if not one.value or one.role in ("derived", *_BESIDE):
            continue
        if "valueString" in one.value or not one.element:
            found.texts.append((one.element, one.name, one.text))
            continue
        known = catalogue.elements().get(one.element)
        name = one.name or (known.zh if known else "")
        coding = {"system": f"urn:oid:{catalogue.ELEMENTS}", "code": one.element} | ({"display": name} if name else {})
        resource: Resource = {
            "resourceType": "Observation", "status": "final", "code": {"coding": [coding], "text": name or one.element},
        } | making.about() | one.value  # fmt: skip
        kept(resource, {"effectiveDateTime": values.time(making, values.first(one.node, "effectiveTime"))})
        _keep(making, resource, one, found)


_GROUPS: tuple[tuple[frozenset[str], Callable[[Making, Observed, str, Found], None]], ...] = (
    (frozenset(("diagnosis", "diagnosis-name")), diagnosis),
    (frozenset(("laboratory-item", "laboratory-name")), laboratory),
    (frozenset(("systolic", "diastolic", "vital")), vital),
    (frozenset(("blood-group",)), blood_group),
    (frozenset(("allergy",)), allergy),
    (frozenset(("vaccine",)), vaccine),
    (frozenset(("discharge-disposition", "admission-route", "stays-so-far")), stay_part),
)


def group_of(making: Making, node: Node) -> Observed:
    """Returns what stands in an observation, organizer or act of an entry."""
    if node.tag == "observation":
        return observed(making, node)
    if node.tag == "organizer":
        return gathered(making, node)
    group = Observed(node, "", "", {})
    for one in node.iter("observation"):
        if not any(above.tag == "observation" for above in one.iterancestors("observation")):
            group.inside.append(observed(making, one))
    return group


def read_group(making: Making, group: Observed, section: str, found: Found) -> None:
    """Makes resources and texts of what stands together."""
    node = group.node
    roles = {one.role for one in group.walk()}
    taken = False
    for wanted, make in _GROUPS:
        if roles & wanted:
            make(making, group, section, found)
            taken = True
    # What stands beside it and is nothing by itself is kept all the same.
    rest = [replace(one, inside=[]) for one in group.walk() if one is not group and not one.role]
    other(making, Observed(node, "", "", {}, rest) if taken else group, found)
