"""What one look finds to name nobody is what masking leaves as it is: on every official example, and on anything."""

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.access.masking import masked, may_name_persons
from kangyun.access.masking.resources import NAMING, PERSONS, TYPED
from kangyun.access.masking.standing import personal
from kangyun.fhir.json import decode
from kangyun.store.body import text_of

REFERENCES = (
    "Patient/1", "Person/1", "RelatedPerson/1/_history/2", "Practitioner/1", "Organization/1", "#a", "urn:uuid:1",
    "https://x/fhir/Patient/1", "Patient?identifier=1", "Patient", "patients/1", 'Group/"', "Patient\\/1", "Group/é",
    "x/1", "http://hl7.org/fhir/StructureDefinition/Patient",
)  # fmt: skip
KEYS = st.sampled_from(
    [
        *sorted(personal("")),
        *TYPED,
        "value",
        "telecom",
        "name",
        "display",
        "identifier",
        "reference",
        "type",
        "text",
        "div",
        "contained",
        "performer",
        "resourceType",
    ]
)
VALUES = st.sampled_from([*REFERENCES, *PERSONS, "Group", "张三", "x", "subject"])
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def left_alone(resource):
    """Whether the look says that nobody is named; then masking must leave it as it is."""
    alone = not may_name_persons(resource["resourceType"], text_of(resource, None))
    assert not alone or masked(resource) == resource
    return alone


@settings(max_examples=500)
@given(st.sampled_from(["Task", "Observation", "Consent", "Group", "Encounter", "MedicationDispense"]), TREES)
def test_whatever_it_says_names_nobody_is_not_masked(type_, tree):
    left_alone({"resourceType": type_} | {key: value for key, value in tree.items() if key != "resourceType"})


@pytest.mark.parametrize(
    "element",
    [
        {"subject": {"reference": "Patient/1"}},
        {"subject": {"reference": "https://x/fhir/Patient/1"}, "performer": [{"reference": "Practitioner/1"}]},
        {"performer": [{"reference": "Practitioner/1", "display": "李医生"}]},
        {"performer": [{"reference": "Practitioner/1", "display": "李医生"}, {"reference": "Organization/1"}]},
        {"specimen": {"display": "blood"}, "derivedFrom": [{"display": "weight"}]},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "1", "display": "x"}], "text": "x"}},
        {"identifier": [{"value": "1"}]},
    ],
)
def test_what_names_nobody(element):
    assert left_alone({"resourceType": "Observation"} | element)


@pytest.mark.parametrize(
    "element",
    [
        {"subject": {"reference": "Patient/1", "display": "张三"}},
        {"subject": {"display": "张三", "reference": "Patient/1"}},
        {"subject": {"identifier": {"value": "1"}}},
        {"subject": {"display": "张三"}},
        {"performer": [{"type": "Patient", "display": "张三"}]},
        {"performer": [{"reference": "Practitioner/1"}, {"display": "张三"}]},
        {"performer": [{"reference": "urn:uuid:1", "display": "张三"}]},
        {"specimen": {"type": "http://hl7.org/fhir/StructureDefinition/Patient", "display": "张三"}},
        {"performer": [{"reference": "#a", "display": "张三"}], "contained": [{"resourceType": "Patient", "id": "a"}]},
        {"text": {"status": "generated", "div": "<div>张三</div>"}},
        {"contained": [{"resourceType": "Patient", "name": [{"text": "张三"}]}]},
        {"extension": [{"url": "urn:x", "valueHumanName": {"text": "张三"}}]},
        {"_status": {"extension": [{"url": "urn:x", "valueReference": {"display": "张三"}}]}},
        {"input": [{"type": {"text": "x"}, "valueContactPoint": {"system": "phone", "value": "13812341234"}}]},
        {"subscriberId": "330106194910010028"},
    ],
)
def test_what_names_somebody(element):
    resource = {"resourceType": "Observation"} | element
    assert masked(resource) != resource
    assert not left_alone(resource)


def test_the_official_examples(shared):
    alone = 0
    with tarfile.open(shared / "data/fhir/r4-examples.tar.xz") as tar:
        for member in tar:
            resource = decode(tar.extractfile(member).read()) if member.isfile() else {}
            if resource.get("resourceType") not in (None, *PERSONS, *NAMING):
                alone += left_alone({name: value for name, value in resource.items() if name != "text"})
    assert alone > 2000
