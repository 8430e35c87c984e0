"""Sorting many matches along an index gives just what sorting a few of them gives."""

import random

import pytest

from kangyun.store.search import orders, pages, sorting

CODE = {"coding": [{"system": "urn:code", "code": "a"}]}


@pytest.fixture
def many(monkeypatch):
    """Makes a dozen matches many."""
    for module in (orders, pages, sorting):
        monkeypatch.setattr(module, "MOST_SORTED", 12)
    monkeypatch.setattr(pages, "MOST_COUNTED", 12)


async def fill(client):
    draw = random.Random(7)
    for number in range(40):
        patient = {"resourceType": "Patient", "gender": draw.choice(["male", "female"])}
        if number % 5:
            patient["name"] = [{"family": draw.choice("abcdefg") + str(number), "given": [draw.choice("xyz")]}]
        if number % 4:
            patient["birthDate"] = f"19{draw.randrange(10, 99)}-01-01"
        await client.post("Patient", json=patient)
    for number in range(30):
        observation = {"resourceType": "Observation", "status": "final", "code": CODE}
        if number % 3:
            observation["valueQuantity"] = {"value": draw.randrange(1000), "unit": "x"}
        await client.post("Observation", json=observation)


async def walk(client, search):
    """The ids of all pages, in order."""
    ids, url = [], search
    while url:
        page = (await client.get(url)).json()
        ids += [entry["resource"]["id"] for entry in page.get("entry", ())]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return ids


SEARCHES = [
    "Patient?_sort=family",
    "Patient?_sort=-family",
    "Patient?_sort=birthdate",
    "Patient?_sort=-birthdate,family",
    "Patient?gender=male&_sort=family",
    "Patient?_sort=_lastUpdated",
    "Patient?_sort=-_lastUpdated",
    "Observation?_sort=value-quantity",
    "Observation?_sort=-value-quantity",
]


@pytest.mark.parametrize("search", SEARCHES)
async def test_many_are_sorted_as_few_are(client, request, search):
    await fill(client)
    expected = await walk(client, f"{search}&_count=100")
    request.getfixturevalue("many")
    assert await walk(client, f"{search}&_count=4") == expected


async def test_many_cannot_be_sorted_by_what_no_index_orders(client, many):
    await fill(client)
    assert (await client.get("Patient?_sort=gender")).json()["issue"][0]["code"] == "not-supported"


async def test_a_page_whose_sort_values_are_all_the_same_is_refused_when_they_are_too_many(client, many):
    for _ in range(20):
        await client.post("Observation", json={"resourceType": "Observation", "status": "final", "code": CODE,
                                               "valueQuantity": {"value": 5}})  # fmt: skip
    answer = await client.get("Observation?_sort=value-quantity&_count=4")
    assert answer.json()["issue"][0]["code"] == "too-costly"
