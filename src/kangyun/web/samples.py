"""The least resource of each type that R4 allows: examples for the API's description, and for who drives it.

Made from the definitions: the mandatory elements, each with the first value that fits. Where an invariant asks for
more than that there is no sample.
"""

from functools import cache
from typing import Any

from kangyun.fhir import Resource
from kangyun.fhir.definitions import Element, definitions
from kangyun.fhir.validation import validator

_PRIMITIVES: dict[str, Any] = {
    "base64Binary": "AAAA", "boolean": True, "canonical": "urn:example", "code": "example", "date": "2024-01-01",
    "dateTime": "2024-01-01", "decimal": 1, "id": "example", "instant": "2024-01-01T00:00:00Z", "integer": 1,
    "markdown": "example", "oid": "urn:oid:1.2.3", "positiveInt": 1, "string": "example", "time": "12:00:00",
    "unsignedInt": 1, "uri": "urn:example", "url": "urn:example",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
}  # fmt: skip
_COMPLEX: dict[str, Any] = {
    "Attachment": {"title": "example"}, "CodeableConcept": {"text": "example"}, "Coding": {"code": "example"},
    "Identifier": {"value": "example"}, "Period": {"start": "2024-01-01"}, "Quantity": {"value": 1},
    "Range": {"low": {"value": 1}}, "Reference": {"display": "example"}, "Timing": {"event": ["2024-01-01"]},
    "Money": {"value": 1}, "Signature": {},
}  # fmt: skip
# What invariants ask for beyond the mandatory elements.
_MORE: dict[str, Resource] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"status": "proposed", "participant": [{"actor": {"display": "example"}, "status": "accepted"}]},
    "AppointmentResponse": {"actor": {"display": "example"}},
    "Binary": {"contentType": "text/plain"},
    "Consent": {"policyRule": {"text": "example"}},
    "InsurancePlan": {"name": "example"},
    "Organization": {"name": "example"},
}
DEEPEST = 6


@cache
def sample(type_: str) -> Resource | None:
    """Returns the least valid resource of a type, None where more is needed than what is mandatory."""
    made: Resource = {"resourceType": type_, **_mandatory(type_, 0), **_MORE.get(type_, {})}
    return None if validator().validate(made) else made


def _mandatory(type_name: str, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    done: set[str] = set()
    for name, element in definitions().types[type_name].elements.items():
        if element.min > 0 and element.path not in done and depth < DEEPEST:
            done.add(element.path)
            value = _value(element, depth)
            made[name] = [value] if element.is_array else value
    return made


def _value(element: Element, depth: int) -> Any:
    codes = None
    if element.binding is not None and element.binding.strength == "required" and element.binding.value_set:
        codes = definitions().codes(element.binding.value_set)
    if codes:
        system = min(codes)
        code = min(codes[system])
        if element.type == "code":
            return code
        coding = {"system": system, "code": code}
        return coding if element.type == "Coding" else {"coding": [coding]}
    if element.type in _PRIMITIVES:
        return _PRIMITIVES[element.type]
    if element.type == "Resource":
        return {"resourceType": "Basic", "code": {"text": "example"}}
    return dict(_COMPLEX.get(element.type, {})) | _mandatory(element.type, depth + 1)
