"""Searches by token.

Source: https://hl7.org/fhir/R4/search.html#token
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}], "text": "病案号"}


def observed(id_, *codings, status="final", **more):
    return {"resourceType": "Observation", "id": id_, "status": status, "code": {"coding": list(codings)} | more}


def person(id_, **more):
    return {"resourceType": "Patient", "id": id_} | more


STOCK = (
    observed("pulse", {"system": LOINC, "code": "8867-4", "display": "Heart rate"}),
    observed("other-8867", {"system": "urn:other", "code": "8867-4"}),
    observed("bare-8867", {"code": "8867-4"}),
    observed("both", {"system": LOINC, "code": "8310-5"}, {"system": SNOMED, "code": "386725007"}, text="体温 fever"),
    observed("draft", {"system": LOINC, "code": "8310-5"}, status="preliminary"),
    person("male", gender="male", active=True, telecom=[{"system": "phone", "value": "13900000000"}]),
    person("female", gender="female", active=False, telecom=[{"system": "email", "value": "13900000000"}]),
    person("silent"),
    person("record", identifier=[{"system": "urn:hospital", "value": "007", "type": MR}]),
    person("same-value", identifier=[{"system": "urn:elsewhere", "value": "007"}]),
    person("no-system", identifier=[{"value": "007"}, {"value": "a,b|c$d\\e"}]),
    person("dead", deceasedBoolean=True),
    person("died", deceasedDateTime="2020-01-01"),
    person("alive", deceasedBoolean=False),
    person("labelled", meta={"security": [{"system": "urn:label", "code": "R"}], "tag": [{"code": "T"}]}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Observation?code=8867-4", {"pulse", "other-8867", "bare-8867"}),
        (f"Observation?code={LOINC}|8867-4", {"pulse"}),
        ("Observation?code=|8867-4", {"bare-8867"}),
        (f"Observation?code={LOINC}|", {"pulse", "both", "draft"}),
        ("Observation?code=386725007", {"both"}),
        (f"Observation?code={LOINC}|386725007", set()),
        (f"Observation?code={LOINC}|8310-5&code={SNOMED}|386725007", {"both"}),
        (f"Observation?code={LOINC}|8867-4,{SNOMED}|386725007", {"pulse", "both"}),
        (f"Observation?code={LOINC}|8310-5&status=final", {"both"}),
        ("Observation?status=http://hl7.org/fhir/observation-status|preliminary", {"draft"}),
        ("Observation?status=urn:wrong|preliminary", set()),
        ("Observation?code:not=8867-4", {"both", "draft"}),
        (f"Observation?code:not={LOINC}|8867-4", {"other-8867", "bare-8867", "both", "draft"}),
        (f"Observation?code:not=8867-4,{SNOMED}|386725007", {"draft"}),
        ("Observation?code:text=heart", {"pulse"}),
        ("Observation?code:text=HEART rate", {"pulse"}),
        ("Observation?code:text=体温", {"both"}),
        ("Observation?code:text=fever", {"both"}),
        ("Observation?code:text=eart", set()),
        ("Observation?combo-code=8867-4", {"pulse", "other-8867", "bare-8867"}),
        ("Patient?gender=male", {"male"}),
        ("Patient?gender=male,female", {"male", "female"}),
        ("Patient?gender=MALE", set()),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", {"male"}),
        ("Patient?gender:missing=false", {"male", "female"}),
        ("Patient?gender:not=male&active:missing=false", {"female"}),
        ("Patient?active=true", {"male"}),
        ("Patient?active=false", {"female"}),
        ("Patient?active:not=true&gender:missing=false", {"female"}),
        ("Patient?identifier=007", {"record", "same-value", "no-system"}),
        ("Patient?identifier=urn:hospital|007", {"record"}),
        ("Patient?identifier=|007", {"no-system"}),
        ("Patient?identifier=urn:hospital|", {"record"}),
        ("Patient?identifier=" + "a%5C%2Cb%5C%7Cc%5C%24d%5C%5Ce", {"no-system"}),
        ("Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|007", {"record"}),
        ("Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|008", set()),
        ("Patient?identifier:text=病案", {"record"}),
        ("Patient?phone=13900000000", {"male"}),
        ("Patient?email=13900000000", {"female"}),
        ("Patient?telecom=13900000000", {"male", "female"}),
        ("Patient?deceased=true", {"dead", "died"}),
        # Its expression says no where nothing is said.
        ("Patient?deceased=false&gender:missing=false", {"male", "female"}),
        ("Patient?_security=urn:label|R", {"labelled"}),
        ("Patient?_tag=T", {"labelled"}),
        ("Patient?_tag:not=T&gender:missing=false", {"male", "female"}),
    ],
)  # fmt: skip
async def test_a_token_is_found(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize(
    "search",
    ["Observation?code:exact=x", "Observation?code=", "Observation?code=|", "Patient?identifier:of-type=a|b",
     "Patient?gender:missing=perhaps", "Patient?active:contains=true"],
)  # fmt: skip
async def test_what_is_no_token_is_refused(stocked, search):
    answer = await stocked.get(search, headers={"prefer": "handling=strict"})
    assert answer.status_code == 400
