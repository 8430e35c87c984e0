"""Entries of C-CDA made resources: by the templates of acts, else by the section's LOINC code. Pure.

What a sender says did not happen (`negationInd`) makes nothing: the original has it.

Source: HL7 CDA R2 Implementation Guide: Consolidated CDA Templates, R2.1; data/international.toml.
"""

from collections.abc import Callable, Mapping

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.reading import acts, values
from kangyun.exchange.cda.reading.clinical import Found, record_allergy
from kangyun.exchange.cda.reading.making import Making, hl7, kept
from kangyun.fhir import Resource

_TAGS = ("observation", "procedure", "substanceAdministration", "encounter", "act")


def entry(making: Making, node: Node, section: str, found: Found) -> None:
    """Reads one entry."""
    table = catalogue.table("international")
    usual = table["sections"].get(section, "")
    for one in node.iter(*_TAGS):
        templates = [values.attribute(part, "root") for part in values.every(one, "templateId")]
        what = next((table["templates"][root] for root in templates if root in table["templates"]), "")
        if not what and usual and one.tag == _USUAL.get(usual):
            what = usual
        if what:
            _MAKES[what](making, one, found)


def _problem(making: Making, node: Node, found: Found) -> None:
    code = values.value(making, values.first(node, "value"), "problem").get("valueCodeableConcept")
    if code is None or node.get("negationInd") == "true":
        return
    when = values.period(making, values.first(node, "effectiveTime"))
    over = "end" in when
    resource: Resource = {
        "resourceType": "Condition", "clinicalStatus": hl7("condition-clinical", "resolved" if over else "active"),
        "category": [hl7("condition-category", "problem-list-item")], "code": code,
        "subject": {"reference": making.who},
    }  # fmt: skip
    kept(resource, {"onsetDateTime": when.get("start"), "abatementDateTime": when.get("end")})
    told = code.get("coding", [{"code": code.get("text", "")}])[0]["code"]
    id_ = making.id("document-problem", making.who, told, when.get("start", ""))
    found.references.append(making.store(id_, resource, node))


def _allergy(making: Making, node: Node, found: Found) -> None:
    part = next((one for entity in node.iter("playingEntity") for one in values.every(entity, "code")), None)
    coded = values.concept(making, part, "allergen")
    if coded is None or node.get("negationInd") == "true":
        return
    text = coded.get("text") or coded["coding"][0]["code"]
    record_allergy(making, text, coded, node, found)


def _observation(category: str) -> Callable[[Making, Node, Found], None]:
    def make(making: Making, node: Node, found: Found) -> None:
        code = values.concept(making, values.first(node, "code"), category)
        said = values.value(making, values.first(node, "value"), category)
        if code is None or not said or node.get("negationInd") == "true":
            return
        resource: Resource = {
            "resourceType": "Observation", "status": "final", "code": code,
            "category": [hl7("observation-category", category)], "subject": {"reference": making.who},
        } | said  # fmt: skip
        when = values.period(making, values.first(node, "effectiveTime"))
        flags = [values.coding(making, one) for one in values.every(node, "interpretationCode")]
        kept(resource, {
            "effectiveDateTime": when.get("start"),
            "interpretation": [{"coding": [one]} for one in flags if one is not None],
            "referenceRange": [{"text": text} for text in _ranges(node)],
        })  # fmt: skip
        if category == "vital-signs":
            resource.setdefault("effectiveDateTime", making.at)
        id_ = making.id("document-result", making.number, making.nth("result"))
        found.references.append(making.store(id_, resource, node))

    return make


def _ranges(node: Node) -> list[str]:
    found = [
        values.text_of(values.first(one, "observationRange", "text")) for one in values.every(node, "referenceRange")
    ]
    return [text for text in found if text]


def _encounter(making: Making, node: Node, found: Found) -> None:
    when = values.period(making, values.first(node, "effectiveTime"))
    numbers = values.numbers(node)
    if not when or not numbers:
        return
    kind = values.concept(making, values.first(node, "code"), "encounter")
    resource: Resource = {
        "resourceType": "Encounter", "identifier": [values.identifier(making, *one) for one in numbers],
        "status": "finished", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"},
        "subject": {"reference": making.who}, "period": when,
    }  # fmt: skip
    kept(resource, {"type": [kind] if kind else []})
    root, number = numbers[0]
    found.references.append(making.store(making.id("document-encounter", root, number), resource, node))


def _told(make: Callable[[Making, Node], str]) -> Callable[[Making, Node, Found], None]:
    def read(making: Making, node: Node, found: Found) -> None:
        if reference := make(making, node):
            found.references.append(reference)

    return read


_MAKES: Mapping[str, Callable[[Making, Node, Found], None]] = {
    "problem": _problem, "allergy": _allergy, "medication": _told(acts.medication_statement),
    "immunization": _told(acts.immunization), "procedure": _told(acts.international_procedure),
    "result": _observation("laboratory"), "vital": _observation("vital-signs"),
    "social": _observation("social-history"), "encounter": _encounter,
}  # fmt: skip
_USUAL = {
    "problem": "observation", "allergy": "observation", "medication": "substanceAdministration",
    "immunization": "substanceAdministration", "procedure": "procedure", "result": "observation",
    "vital": "observation", "social": "observation", "encounter": "encounter",
}  # fmt: skip
