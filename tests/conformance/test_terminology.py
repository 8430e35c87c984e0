"""The terminology operations, on the specification's and on the site's own resources.

Source: https://hl7.org/fhir/R4/terminology-service.html
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENDER = "http://hl7.org/fhir/administrative-gender"
ANIMALS = {
    "resourceType": "CodeSystem", "id": "animals", "url": "urn:test:animals", "version": "1", "name": "Animals",
    "status": "active", "content": "complete", "valueSet": "urn:test:all-animals",
    "concept": [
        {"code": "mammal", "display": "Mammal", "concept": [{"code": "dog", "display": "Dog"}]}, {"code": "bird"},
    ],
}  # fmt: skip
PETS = {
    "resourceType": "ValueSet", "id": "pets", "url": "urn:test:pets", "status": "active",
    "compose": {"include": [{"system": "urn:test:animals", "concept": [{"code": "dog"}]}]},
}  # fmt: skip
SOUNDS = {
    "resourceType": "ConceptMap", "id": "sounds", "url": "urn:test:sounds", "status": "active",
    "sourceUri": "urn:test:all-animals", "targetUri": "urn:test:all-sounds",
    "group": [{"source": "urn:test:animals", "target": "urn:test:sounds", "element": [
        {"code": "dog", "target": [{"code": "woof", "equivalence": "equivalent"}]}]}],
}  # fmt: skip
STOCK = (ANIMALS, PETS, SOUNDS)


def values(answer):
    """The parameters of an answer by name; of several with one name the last."""
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: next(value for name, value in one.items() if name != "name") for one in answer.json()["parameter"]
    }


def parameters(**given):
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, f"value{type_}": value} for name, (type_, value) in given.items()],
    }


async def test_lookup_by_get_and_by_post(stocked):
    found = values(await stocked.get(f"CodeSystem/$lookup?system={GENDER}&code=male"))
    assert (found["name"], found["display"]) == ("AdministrativeGender", "Male")
    coding = {"system": "urn:test:animals", "code": "dog"}
    found = values(await stocked.post("CodeSystem/$lookup", json=parameters(coding=("Coding", coding))))
    assert found["display"] == "Dog"
    assert (await stocked.get("CodeSystem/$lookup?system=urn:test:animals&code=cat")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ("CodeSystem/$validate-code?url=urn:test:animals&code=dog", True),
        ("CodeSystem/$validate-code?url=urn:test:animals&code=cat", False),
        ("CodeSystem/animals/$validate-code?code=bird", True),
        ("CodeSystem/$validate-code?url=urn:test:animals&code=dog&display=Cat", False),
        ("ValueSet/$validate-code?url=urn:test:pets&system=urn:test:animals&code=dog", True),
        ("ValueSet/$validate-code?url=urn:test:pets&system=urn:test:animals&code=bird", False),
        ("ValueSet/pets/$validate-code?system=urn:test:animals&code=dog", True),
        (
            "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender&system="
            + GENDER
            + "&code=x",
            False,
        ),
    ],
)
async def test_validate_code(stocked, asked, result):
    assert values(await stocked.get(asked))["result"] is result


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [("mammal", "dog", "subsumes"), ("dog", "mammal", "subsumed-by"), ("dog", "dog", "equivalent"),
     ("dog", "bird", "not-subsumed")],
)  # fmt: skip
async def test_subsumes(stocked, one, other, outcome):
    answer = await stocked.get(f"CodeSystem/$subsumes?system=urn:test:animals&codeA={one}&codeB={other}")
    assert values(answer)["outcome"] == outcome


def codes(answer):
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["expansion"].get("contains", ())]


async def test_expand(stocked):
    assert codes(await stocked.get("ValueSet/$expand?url=urn:test:pets")) == ["dog"]
    assert codes(await stocked.get("ValueSet/pets/$expand")) == ["dog"]
    whole = await stocked.get("ValueSet/$expand?url=urn:test:all-animals")
    assert codes(whole) == ["mammal", "dog", "bird"]
    assert whole.json()["expansion"]["total"] == 3
    assert codes(await stocked.get("ValueSet/$expand?url=urn:test:all-animals&filter=dog")) == ["dog"]
    assert codes(await stocked.get("ValueSet/$expand?url=urn:test:all-animals&offset=1&count=1")) == ["dog"]
    given = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": PETS}]}
    assert codes(await stocked.post("ValueSet/$expand", json=given)) == ["dog"]
    assert codes(await stocked.post("ValueSet/$expand?count=5", json=PETS | {"url": "urn:test:new"})) == ["dog"]
    own = {"url": "urn:test:new", "compose": {"include": [{"system": GENDER}]}}
    checked = await stocked.post(f"ValueSet/$validate-code?system={GENDER}&code=male", json=PETS | own)
    assert values(checked)["result"] is True
    assert (await stocked.post("ValueSet/$expand", json=ANIMALS)).status_code == 400


async def test_translate(stocked):
    asked = "url=urn:test:sounds&system=urn:test:animals&code=dog"
    assert values(await stocked.get(f"ConceptMap/$translate?{asked}"))["result"] is True
    answer = await stocked.get("ConceptMap/sounds/$translate?system=urn:test:animals&code=dog")
    (match,) = [one for one in answer.json()["parameter"] if one["name"] == "match"]
    assert {"name": "concept", "valueCoding": {"system": "urn:test:sounds", "code": "woof"}} in match["part"]
    assert (
        values(await stocked.get("ConceptMap/sounds/$translate?system=urn:test:animals&code=bird"))["result"] is False
    )


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("ValueSet/$expand?url=urn:test:nowhere", 404),
        ("ValueSet/$expand", 400),
        ("ValueSet/nobody/$expand", 404),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/ucum-units", 422),
        ("ValueSet/$expand?url=urn:test:pets&surprise=1", 400),
        ("ValueSet/$expand?url=urn:test:pets&count=x", 400),
        ("CodeSystem/$lookup?code=x", 400),
        ("CodeSystem/$lookup?system=urn:test:nowhere&code=x", 404),
        ("CodeSystem/$subsumes?system=urn:test:animals&codeA=dog", 400),
        ("Patient/$expand?url=urn:test:pets", 404),
    ],
)
async def test_what_cannot_be_answered(stocked, asked, status):
    answer = await stocked.get(asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
