"""Searches that are about no element: _id, _list, _text, _content, _filter, compartments, and several types at once.

Source: https://hl7.org/fhir/R4/search.html#all, https://hl7.org/fhir/R4/search_filter.html
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def narrative(text):
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>'}


def person(id_, family, given, **more):
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family, "given": [given]}]} | more


def observed(id_, patient, value, **more):
    return {
        "resourceType": "Observation", "id": id_, "status": "final",
        "code": {"coding": [{"system": "urn:test", "code": "weight", "display": "Body weight"}]},
        "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": value, "unit": "kg"},
    } | more  # fmt: skip


BASE = "http://127.0.0.1:8080/fhir"


def listed(id_, *items, deleted=(), mode="working"):
    entries = [{"item": {"reference": item}} for item in items]
    entries += [{"item": {"reference": item}, "deleted": True} for item in deleted]
    return {"resourceType": "List", "id": id_, "status": "current", "mode": mode, "entry": entries}


VISIT = {
    "resourceType": "Encounter", "id": "visit", "status": "finished", "class": {"code": "AMB"},
    "subject": {"reference": "Patient/amy"},
}  # fmt: skip
STOCK = (
    person("peter", "Chalmers", "Peter", birthDate="1974-12-25", gender="male", text=narrative("He has a rare fever")),
    person("amy", "Shaw", "Amy", birthDate="1987-02-20", gender="female", text=narrative("Amy 高血压 患者")),
    person("bob", "Smith", "Robert", birthDate="1960"),
    observed("light", "amy", 55, performer=[{"reference": "Patient/peter"}], effectiveDateTime="2024-05-01"),
    observed("heavy", "peter", 90, effectiveDateTime="2023-05-01"),
    VISIT,
    listed("watched", "Patient/amy", "Observation/heavy"),
    listed("also", "Patient/bob"),
    listed("own", f"{BASE}/Patient/bob", "Patient/amy/_history/1", "http://elsewhere.example/fhir/Patient/peter"),
    listed("changes", "Patient/amy", "Patient/bob", deleted=["Patient/peter", "Patient/bob"], mode="changes"),
    {
        "resourceType": "Basic",
        "id": "note",
        "code": {"text": "x"},
        "meta": {"tag": [{"system": "urn:tag", "code": "t"}]},
    },
)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Patient?_id=amy", {"amy"}),
        ("Patient?_id=amy,bob,nobody", {"amy", "bob"}),
        ("Patient?_id=heavy", set()),
        ("Patient?_id=amy&gender=male", set()),
        ("Patient?_list=watched", {"amy"}),
        ("Observation?_list=watched", {"heavy"}),
        ("Patient?_list=watched,also", {"amy", "bob"}),
        ("Patient?_list=List/watched", {"amy"}),
        (f"Patient?_list={BASE}/List/watched", {"amy"}),
        ("Patient?_list=own", {"amy", "bob"}),
        ("Patient?_list=changes", {"amy", "bob"}),
        ("Patient?_list=changes&_sort=_id&gender=male", set()),
        ("Patient?_list=nothing", set()),
        ("Patient?_filter=_list eq watched", {"amy"}),
        ("Patient?_text=fever", {"peter"}),
        ("Patient?_text=rare FEVER", {"peter"}),
        ("Patient?_text=fev", set()),
        ("Patient?_text=高血压", {"amy"}),
        ("Patient?_content=fever", {"peter"}),
        ("Patient?_content=shaw", {"amy"}),
        ("Observation?_content=body weight", {"light", "heavy"}),
        ("Patient?_content=nothing", set()),
    ],
)
async def test_it_is_found(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('name eq "chalmers"', {"peter"}),
        ('given eq "peter" and birthdate ge 1970-01-01', {"peter"}),
        ('given eq "peter" or given eq "amy"', {"peter", "amy"}),
        ("birthdate gt 1970-01-01", {"peter", "amy"}),
        ("birthdate lt 1970-01-01", {"bob"}),
        ("birthdate ap 1974-12-25", {"peter"}),
        ('not (gender eq "male")', {"amy", "bob"}),
        ("gender ne male", {"amy", "bob"}),
        ("gender eq female", {"amy"}),
        ("gender pr true", {"peter", "amy"}),
        ("gender pr false", {"bob"}),
        ('family co "mit"', {"bob"}),
        ('family sw "sm"', {"bob"}),
        ("(gender eq male or gender eq female) and birthdate lt 1980-01-01", {"peter"}),
        ("gender eq male or gender eq female and birthdate gt 1980-01-01", {"peter", "amy"}),
    ],
)
async def test_a_filter_is_understood(stocked, ids_of, expression, found):
    assert set(await ids_of(stocked, f"Patient?_filter={expression}")) == found


async def test_filters_know_chains_and_stand_beside_parameters(stocked, ids_of):
    assert await ids_of(stocked, 'Observation?_filter=subject.name eq "shaw"') == ["light"]
    assert await ids_of(stocked, "Observation?_filter=value-quantity gt 60") == ["heavy"]
    assert await ids_of(stocked, "Observation?_filter=subject re Patient/amy") == ["light"]
    assert await ids_of(stocked, 'Patient?gender=male&_filter=name eq "shaw"') == []


@pytest.mark.parametrize(
    "expression", ["", "gender", "gender eq", "(gender eq male", "gender eq male)", "gender is male", "a eq b"]
)
async def test_what_is_no_filter_is_refused(stocked, expression):
    answer = await stocked.get(f"Patient?_filter={expression}", headers={"prefer": "handling=strict"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Patient/amy/Observation", {"light"}),
        ("Patient/peter/Observation", {"light", "heavy"}),
        ("Patient/peter/Observation?value-quantity=gt60", {"heavy"}),
        ("Patient/amy/Encounter", {"visit"}),
        ("Patient/bob/Observation", set()),
        ("Patient/nobody/Observation", set()),
        ("Patient/amy/*", {"amy", "light", "visit"}),
        ("Patient/amy/*?_type=Encounter,Observation", {"light", "visit"}),
        ("Patient/amy/Patient", {"amy"}),
    ],
)
async def test_a_compartment_holds_what_is_about_its_owner(stocked, ids_of, address, found):
    assert set(await ids_of(stocked, address)) == found


ALL = {"peter", "amy", "bob", "light", "heavy", "visit", "watched", "also", "own", "changes", "note"}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("?_type=Patient", {"peter", "amy", "bob"}),
        ("?_type=Patient,Encounter", {"peter", "amy", "bob", "visit"}),
        ("?_type=Patient&gender=male", {"peter"}),
        ("?_type=Observation,Encounter&subject=Patient/amy", {"light", "visit"}),
        ("?_type=Observation,Encounter&subject.name=chalmers", {"heavy"}),
        ("?_id=amy,heavy", {"amy", "heavy"}),
        ("?_tag=urn:tag|t", {"note"}),
        ("?_type=Patient,Observation&_list=watched", {"amy", "heavy"}),
        ("?_lastUpdated=gt2020", ALL),
        ("?_lastUpdated=lt2020", set()),
        ("?_content=fever", {"peter"}),
        ("?", ALL),
    ],
)
async def test_several_types_are_searched_at_once(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize(
    "search",
    ["?gender=male", "?_type=Patient,Observation&gender=male", "?_type=Nothing", "?_type=Patient&subject=x",
     "?_type=Patient,Encounter&_sort=birthdate"],
)  # fmt: skip
async def test_what_not_all_types_have_is_refused(stocked, search):
    answer = await stocked.get(search, headers={"prefer": "handling=strict"})
    assert answer.status_code == 400


async def test_what_not_all_types_have_is_named_where_that_is_lenient(stocked):
    bundle = (await stocked.get("?_type=Patient,Observation&gender=male&_id=amy")).json()
    modes = [entry["search"]["mode"] for entry in bundle["entry"]]
    assert sorted(modes) == ["match", "outcome"]
    assert bundle["link"][0]["url"].endswith("?_type=Patient,Observation&_id=amy")


@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-_id", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"])
async def test_several_types_come_in_pages_that_hold_each_match_once(stocked, sort):
    url, seen = f"?_count=2{sort}", []
    while url:
        bundle = (await stocked.get(url)).json()
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert sorted(seen) == sorted(ALL)


async def test_the_form_of_a_post_is_a_query_too(stocked):
    for address in ("_search", "Patient/_search?gender=female", "Patient/amy/Patient/_search"):
        answer = await stocked.post(address, data={"_id": "amy"})
        assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["amy"]
    xml = await stocked.post("Patient/_search", data={"_id": "amy", "_format": "xml"})
    assert xml.headers["content-type"].startswith("application/fhir+xml")
    refused = await stocked.post("Patient/_search", content=b"{}", headers={"content-type": "application/json"})
    assert refused.status_code == 415


@pytest.mark.parametrize(
    "value",
    ["http://elsewhere.example/fhir/List/watched", "List/watched/_history/1", f"{BASE}/List/watched/_history/1",
     "Patient/amy", f"{BASE}/Patient/amy", "watched/", "a b", "urn:uuid:0b8e1c53-7c1c-4f0d-9a53-2d2e4d5c6b7a", "x,",
     "watched,elsewhere:x"],
)  # fmt: skip
async def test_what_names_no_list_here_is_refused(stocked, value):
    refused = await stocked.get("Patient", params={"_list": value})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.value"


async def test_a_list_that_is_a_function_is_named(stocked):
    refused = await stocked.get("Patient?_list=$current-problems", headers={"prefer": "handling=strict"})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.list-function"
