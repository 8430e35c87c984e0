"""The DiagnosticReport that a document of a laboratory or an examination is. Pure."""

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.reading import header, values
from kangyun.exchange.cda.reading.clinical import Found
from kangyun.exchange.cda.reading.making import Making, extension, hl7, kept, only
from kangyun.fhir import Resource

LABORATORY, EXAMINATION = "2.16.156.10011.1.33", "2.16.156.10011.1.32"
_KINDS = {LABORATORY: ("laboratory-report", "LAB"), EXAMINATION: ("examination-report", "OTH")}


def report(making: Making, found: Found) -> None:
    """Adds the report where the header has its number."""
    role = values.first(making.parsed.root, "recordTarget", "patientRole")
    numbers = [(root, number) for root, number in values.numbers(role) if root in _KINDS and number]
    if not numbers:
        return
    root, number = numbers[0]
    kind, section = _KINDS[root]
    said = {catalogue.roles()[element].role: text for element, _, text in found.texts if element in catalogue.roles()}
    author = values.first(making.parsed.root, "author", "time")
    issued = values.instant(values.time(making, author)) or making.at
    resource: Resource = {
        "resourceType": "DiagnosticReport", "identifier": [values.identifier(making, root, number)],
        "status": "final", "category": [hl7("v2-0074", section)],
        "code": {"text": said.get("laboratory-kind") or header.type_of(making)["text"]},
    } | making.about() | {"issued": issued, "performer": [{"reference": making.feed.institution}]}  # fmt: skip
    if code := said.get("laboratory-item"):
        system = f"{values.LOCAL}{making.feed.owner}:report-item"
        resource["code"] = {
            "coding": [{"system": system, "code": code, "display": resource["code"]["text"]}]
        } | resource["code"]
    results = [one for one in found.references if one.startswith("Observation/")]
    resources = [making.resource(one) for one in results]
    times = sorted(one["effectiveDateTime"] for one in resources if "effectiveDateTime" in one)
    signer = values.staff(making, values.first(making.parsed.root, "legalAuthenticator", "assignedEntity"))
    findings = said.get("findings")
    kept(resource, {
        "effectiveDateTime": times[0] if times else issued, "result": [{"reference": one} for one in results],
        "conclusion": said.get("impression") or said.get("laboratory-conclusion"),
        "extension": only([extension("findings", "String", findings) if findings else None]),
        "resultsInterpreter": [signer] if signer else [],
    })  # fmt: skip
    resource["performer"] += header.authors(making)
    found.references.append(making.store(making.id(f"document-{kind}", number), resource, role))
