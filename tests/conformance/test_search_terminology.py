"""Token searches by the meaning of codes: value sets and hierarchies of the specification and of the site.

Source: https://hl7.org/fhir/R4/search.html#token
"""

import pytest

SYSTEM = "urn:test:animals"
ANIMALS = {
    "resourceType": "CodeSystem", "id": "animals", "url": SYSTEM, "status": "active", "content": "complete",
    "concept": [
        {"code": "mammal", "concept": [{"code": "dog", "concept": [{"code": "beagle"}]}, {"code": "cat"}]},
        {"code": "bird"},
    ],
}  # fmt: skip
PETS = {
    "resourceType": "ValueSet", "id": "pets", "url": "urn:test:pets", "status": "active",
    "compose": {"include": [{"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]},
}  # fmt: skip


def seen(id_, code):
    return {
        "resourceType": "Observation", "id": id_, "status": "final",
        "code": {"coding": [{"system": SYSTEM, "code": code}]},
    }  # fmt: skip


@pytest.fixture
async def zoo(client, transaction):
    observed = [seen("a-mammal", "mammal"), seen("a-dog", "dog"), seen("a-beagle", "beagle"), seen("a-bird", "bird")]
    (await client.post("", json=transaction(ANIMALS, PETS, *observed))).raise_for_status()
    return client


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"code:below={SYSTEM}|dog", {"a-dog", "a-beagle"}),
        (f"code:above={SYSTEM}|dog", {"a-dog", "a-mammal"}),
        (f"code:below={SYSTEM}|bird,{SYSTEM}|beagle", {"a-bird", "a-beagle"}),
        ("code:in=urn:test:pets", {"a-dog", "a-beagle"}),
        ("code:in=ValueSet/pets", {"a-dog", "a-beagle"}),
        ("code:not-in=urn:test:pets", {"a-mammal", "a-bird"}),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status", {"a-mammal", "a-dog", "a-beagle", "a-bird"}),
        ("status:not-in=http://hl7.org/fhir/ValueSet/observation-status", set()),
    ],
)
async def test_a_code_is_found_by_its_place(zoo, ids_of, search, found):
    assert set(await ids_of(zoo, f"Observation?{search}")) == found


@pytest.mark.parametrize("search", ["code:in=urn:test:nowhere", "code:below=urn:test:nowhere|x", "code:below=dog"])
async def test_what_cannot_be_told_is_refused(zoo, search):
    answer = await zoo.get(f"Observation?{search}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_value_set_counts_from_its_commit_on_in_every_process(zoo, ids_of, open_client):
    other = await open_client()
    assert set(await ids_of(other, "Observation?code:in=urn:test:pets")) == {"a-dog", "a-beagle"}
    birds = PETS | {"compose": {"include": [{"system": SYSTEM, "concept": [{"code": "bird"}]}]}}
    (await zoo.put("ValueSet/pets", json=birds)).raise_for_status()
    assert set(await ids_of(other, "Observation?code:in=urn:test:pets")) == {"a-bird"}
    (await zoo.delete("ValueSet/pets")).raise_for_status()
    assert (await other.get("Observation?code:in=urn:test:pets")).status_code == 400


async def test_a_large_value_set_is_no_hindrance(client, transaction, ids_of):
    concepts = [{"code": f"c{number}"} for number in range(5000)]
    large = {
        "resourceType": "CodeSystem", "id": "large", "url": SYSTEM, "status": "active", "content": "complete",
        "valueSet": "urn:test:all", "concept": concepts,
    }  # fmt: skip
    await client.post("", json=transaction(large, seen("first", "c0"), seen("last", "c4999"), seen("none", "d")))
    assert set(await ids_of(client, "Observation?code:in=urn:test:all")) == {"first", "last"}
