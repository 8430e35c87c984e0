"""Where labels are looked for: whatever a search by coded elements finds, the rules are asked about."""

import tarfile

import pytest

from kangyun.access.labels import shipped
from kangyun.fhir.json import decode
from kangyun.fhir.search.extractor import compile_extractor
from kangyun.fhir.search.parameters import parameters
from kangyun.store.labelling import OneLabel, labels_of

ICD = "http://hl7.org/fhir/sid/icd-10"


class Asked(OneLabel):
    """Rules that note what they are asked."""

    def __init__(self):
        self.codes, self.texts_asked = set(), set()

    def of_code(self, system, code):
        self.codes.add((system, code))
        return 0

    def of_text(self, text):
        self.texts_asked.add(text)
        return 0


class Found:
    """A sink that keeps what searches by coded elements find: codes of a system or with a display, and texts.

    A bare code, of an element that is no Coding, has neither.
    """

    def __init__(self):
        self.codes, self.texts = set(), set()

    def token(self, bound, values):
        for system, code, display in values:
            if system or display:
                self.codes |= {(system, code)} if code else set()
                self.texts |= {display} if display else set()

    def text(self, bound, values):
        self.texts.update(values)

    def _nothing(self, bound, values):
        return None

    of_type = string = uri = reference = date = number = quantity = composite = _nothing


def looked_at(type_):
    wanted = shipped().parameters
    return {
        code: one
        for code, one in parameters(type_).items()
        if code in wanted and one.type == "token" and one.answerable
    }  # fmt: skip


def test_what_a_search_finds_is_asked_about_in_every_official_example(shared):
    codes = texts = 0
    with tarfile.open(shared / "data/fhir/r4-examples.tar.xz") as tar:
        for member in tar:
            resource = decode(tar.extractfile(member).read()) if member.isfile() else {}
            type_ = resource.get("resourceType")
            chosen = looked_at(type_) if type_ is not None else {}
            if not chosen or not isinstance(resource.get("id"), str):
                continue
            found, asked = Found(), Asked()
            compile_extractor(type_, chosen, lambda one: one)(resource, found)
            labels_of(resource, asked)
            assert found.codes <= asked.codes, member.name
            assert found.texts <= asked.texts_asked, member.name
            codes, texts = codes + len(found.codes), texts + len(found.texts)
    assert codes > 700
    assert texts > 800


SAID = "HIV 感染"
SPOKEN_OF = {"securityLabel": [{"system": "urn:kangyun:label", "code": "hiv"}]}


@pytest.mark.parametrize(
    "element",
    [
        {"code": {"text": SAID}},
        {"description": {"text": SAID, "_text": {"extension": [{"url": "urn:x", "valueCode": "x"}]}}},
        {"reasonCode": [{"text": "x"}, {"text": SAID}]},
        {"code": {"coding": [{"display": SAID}]}},
        {"diagnosis": [{"condition": {"display": SAID}}]},
        {"diagnosis": [{"condition": {"reference": "Condition/1", "display": SAID}}]},
        {"medicationReference": {"reference": "Medication/1", "display": "抗逆转录病毒药"}},
        {"supportingInfo": [{"type": "Condition", "identifier": {"value": "1"}, "display": SAID}]},
        {"contained": [{"resourceType": "Condition", "code": {"text": SAID}}]},
        {"extension": [{"url": "urn:x", "valueReference": {"display": SAID}}]},
        {"provision": {"code": [{"coding": [{"system": ICD, "code": "B20"}]}]}},
        {"provision": {"provision": [{"data": [{"meaning": "instance", "reference": {"display": SAID}}]}]}},
        {"entry": [{"resource": {"resourceType": "Condition", "code": {"coding": [{"system": ICD, "code": "B20"}]}}}]},
    ],
)
def test_words_and_codes_are_looked_at_wherever_they_stand(element):
    assert "hiv" in shipped().names(labels_of({"resourceType": "Basic"} | element, shipped()))


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "AllergyIntolerance", "category": ["food"], "type": "allergy"},
        {"resourceType": "SearchParameter", "code": "family"},
        {"resourceType": "OperationDefinition", "code": "find", "system": True},
        {"resourceType": "Condition", "subject": {"reference": "Patient/1", "display": "HIV"}},
        {"resourceType": "Condition", "note": [{"text": SAID, "time": "2026-01-01"}]},
        {"resourceType": "Consent", "provision": SPOKEN_OF},
        {"resourceType": "Consent", "provision": {"provision": [{"type": "deny", "provision": [SPOKEN_OF]}]}},
    ],
)
def test_what_is_no_coded_element_says_nothing(resource):
    assert labels_of(resource, shipped()) == shipped().of_type(resource["resourceType"])
