"""Search parameters that the region adds count wherever R4's own do, in every process, as soon as they are built.

Source: https://hl7.org/fhir/R4/searchparameter.html
"""

import asyncio
import json

import asyncpg
import pytest_asyncio

COLOUR, LAB = "urn:region:eye-colour", "urn:region:lab"


def parameter(url, code, base, type_, expression, **more):
    return {
        "resourceType": "SearchParameter", "url": url, "name": code, "status": "active", "description": code,
        "code": code, "base": [base], "type": type_, "expression": expression,
    } | more  # fmt: skip


PARAMETERS = (
    parameter(COLOUR, "eye-colour", "Patient", "token", f"Patient.extension('{COLOUR}').value"),
    parameter(LAB, "lab", "Observation", "reference", f"Observation.extension('{LAB}').value", target=["Organization"]),
)


def person(id_, colour, **more):
    return {"resourceType": "Patient", "id": id_, "extension": [{"url": COLOUR, "valueCode": colour}]} | more


def observed(id_, patient, **more):
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"},
        "extension": [{"url": LAB, "valueReference": {"reference": "Organization/lab"}}],
    } | more  # fmt: skip


STOCK = (
    {"resourceType": "Organization", "id": "lab", "name": "Laboratory"},
    person("anna", "green", gender="female"),
    person("bert", "brown"),
    observed("seen", "anna"),
    {"resourceType": "Observation", "id": "unseen", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/bert"}},
)  # fmt: skip


async def until_answered(client, search):
    async with asyncio.timeout(120):
        while (await client.get(search, headers={"prefer": "handling=strict"})).status_code != 200:
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def added(open_client, start_background, transaction):
    """A client of a process that has not heard yet of the parameters that another one was told of."""
    unaware, other = await open_client(), await open_client()
    (await other.post("", json=transaction(*STOCK))).raise_for_status()
    start_background()
    for one in PARAMETERS:
        (await other.post("SearchParameter", json=one)).raise_for_status()
    await until_answered(other, "Patient?eye-colour=green")
    await until_answered(other, "Observation?lab=lab")
    return unaware


SEARCHES = {
    "Patient?eye-colour=green": {"anna"},
    "Patient?eye-colour:not=green": {"bert"},
    "Patient?eye-colour:missing=false&_sort=eye-colour": {"anna", "bert"},
    "Patient?_filter=eye-colour eq green": {"anna"},
    "Patient/anna/Patient?eye-colour=green": {"anna"},
    "Patient/anna/Observation?lab=lab": {"seen"},
    "Patient/bert/*?_type=Observation&lab=lab": set(),
    "Observation?lab=Organization/lab": {"seen"},
    "Observation?lab.name=laboratory": {"seen"},
    "Observation?lab:missing=true": {"unseen"},
    "Observation?patient.eye-colour=brown": {"unseen"},
    "Organization?_has:Observation:lab:patient.eye-colour=green": {"lab"},
    "?_type=Patient&eye-colour=brown": {"bert"},
}


INCLUDES = {
    "Observation?_id=seen&_include=Observation:lab": {"lab"},
    "Observation?_id=seen&_include=Observation:lab:Organization": {"lab"},
    "Observation?_id=seen&_include=*": {"lab", "anna"},
    "Organization?_id=lab&_revinclude=Observation:lab": {"seen"},
    "Organization?_id=lab&_revinclude=*": {"seen"},
}


async def included(client, searched, search):
    entries = (await searched(client, search))["entry"]
    return {entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "include"}


async def test_searches_and_descriptions_of_every_kind_know_them(added, ids_of, searched):
    assert {search: set(await ids_of(added, search)) for search in SEARCHES} == SEARCHES
    assert {search: await included(added, searched, search) for search in INCLUDES} == INCLUDES
    (rest,) = (await added.get("metadata")).json()["rest"]
    by_type = {resource["type"]: resource for resource in rest["resource"]}
    assert {"name": "eye-colour", "type": "token", "definition": COLOUR} in by_type["Patient"]["searchParam"]
    assert "Observation:lab" in by_type["Observation"]["searchInclude"]
    assert "Observation:lab" in by_type["Organization"]["searchRevInclude"]
    paths = (await added.get("openapi.json")).json()["paths"]
    assert "eye-colour" in {one.get("name") for one in paths["/Patient"]["get"]["parameters"]}


async def test_conditions_know_them(added):
    created = await added.post("Patient", json=person("x", "green"), headers={"if-none-exist": "eye-colour=green"})
    assert (created.status_code, created.json()["id"]) == (200, "anna")
    updated = await added.put("Patient?eye-colour=brown", json=person("bert", "brown", active=True))
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"2"')
    conditional = observed("new", "x") | {"subject": {"reference": "Patient?eye-colour=green"}}
    entry = {"resource": conditional, "request": {"method": "POST", "url": "Observation"}}
    referred = await added.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert referred.status_code == 200, referred.text
    assert (await added.get("Observation?patient=anna&_summary=count")).json()["total"] == 2
    assert (await added.delete("Patient?eye-colour=brown")).status_code == 204
    assert (await added.get("Patient/bert")).status_code == 410


async def test_an_export_is_filtered_by_them(added):
    asked = await added.get("$export?_typeFilter=Patient?eye-colour=green&_type=Patient")
    assert asked.status_code == 202, asked.text
    async with asyncio.timeout(120):
        while (answer := await added.get(asked.headers["content-location"])).status_code == 202:
            await asyncio.sleep(0.05)
    (file,) = answer.json()["output"]
    lines = (await added.get(file["url"])).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["anna"]


async def settled(client, other):
    """Waits until what was written before has been looked at: a parameter that came later is built."""
    mark = parameter(f"urn:region:{other}", other, "Slot", "token", "Slot.status")
    (await client.post("SearchParameter", json=mark)).raise_for_status()
    await until_answered(client, f"Slot?{other}=free")


def composite(code, *definitions):
    components = [{"definition": one, "expression": "$this"} for one in definitions]
    return parameter(f"urn:region:{code}", code, "Patient", "composite", "Patient", component=components)


async def test_a_composite_of_what_is_not_there_harms_nobody(added):
    for one in (
        composite("no-such", "urn:region:nowhere", COLOUR),
        composite("single", COLOUR),
        composite("of-another-type", LAB, COLOUR),
    ):
        assert (await added.post("SearchParameter", json=one)).status_code == 201
    await settled(added, "after-composites")
    assert (await added.put("Patient/carl", json=person("carl", "blue"))).status_code == 201
    assert (await added.get("Patient?gender:not=male")).status_code == 200
    assert (await added.get("Patient?no-such=a$b", headers={"prefer": "handling=strict"})).status_code == 400


async def test_a_composite_of_own_parameters_is_found_by_their_urls(added, ids_of):
    gender = "http://hl7.org/fhir/SearchParameter/individual-gender"
    one = composite("colour-gender", COLOUR, gender)
    one["component"] = [
        {"definition": COLOUR, "expression": f"extension('{COLOUR}').value"},
        {"definition": gender, "expression": "gender"},
    ]
    (await added.post("SearchParameter", json=one)).raise_for_status()
    await until_answered(added, "Patient?colour-gender=green$female")
    assert await ids_of(added, "Patient?colour-gender=green$female") == ["anna"]
    assert await ids_of(added, "Patient?colour-gender=green$male") == []


async def test_a_parameter_that_was_renamed_is_known_by_its_new_name_only(added):
    one = parameter("urn:region:renamed", "old-name", "Patient", "token", "Patient.gender") | {"id": "renamed"}
    (await added.put("SearchParameter/renamed", json=one)).raise_for_status()
    await until_answered(added, "Patient?old-name=female")
    (await added.put("SearchParameter/renamed", json=one | {"code": "new-name"})).raise_for_status()
    await until_answered(added, "Patient?new-name=female")
    assert (await added.get("Patient?old-name=female", headers={"prefer": "handling=strict"})).status_code == 400


# --- what cannot be a parameter is parked until it is mended


@pytest_asyncio.fixture
async def until_parked(fresh_database):
    """Waits until so many events are parked."""
    connection = await asyncpg.connect(fresh_database)

    async def wait(count):
        async with asyncio.timeout(120):
            while await connection.fetchval("SELECT count(*) FROM parked_event") != count:
                await asyncio.sleep(0.05)

    yield wait
    await connection.close()


GOOD, LATER = (one | {"id": one["code"]} for one in PARAMETERS)
BROKEN = GOOD | {"expression": "Patient.where("}
TWIN = GOOD | {"id": "twin", "url": "urn:region:twin"}


async def test_what_a_later_version_mended_is_parked_no_longer(client, start_background, until_parked):
    start_background()
    await client.put("SearchParameter/eye-colour", json=BROKEN)
    await until_parked(1)
    await client.put("SearchParameter/eye-colour", json=GOOD)
    await until_parked(0)
    await until_answered(client, "Patient?eye-colour=green")


async def test_what_was_taken_back_is_parked_no_longer(client, start_background, until_parked):
    start_background()
    await client.put("SearchParameter/eye-colour", json=BROKEN)
    await until_parked(1)
    await client.delete("SearchParameter/eye-colour")
    await until_parked(0)


async def test_one_that_cannot_be_takes_no_other_with_it(client, start_background, until_parked, transaction):
    start_background()
    (await client.post("", json=transaction(BROKEN, LATER))).raise_for_status()
    await until_answered(client, "Observation?lab=lab")
    await until_parked(1)
    # A later version of the other says nothing about what is broken.
    await client.put("SearchParameter/lab", json=LATER | {"description": "where it was looked at"})
    await client.put("SearchParameter/twin", json=TWIN | {"expression": "Patient.where("})
    await until_parked(2)
    await client.put("SearchParameter/eye-colour", json=GOOD)
    await until_parked(1)


async def test_what_stood_in_the_way_of_another_mends_it_by_going(client, start_background, until_parked):
    start_background()
    await client.put("SearchParameter/eye-colour", json=GOOD)
    await until_answered(client, "Patient?eye-colour=green")
    await client.put("SearchParameter/twin", json=TWIN)
    await until_parked(1)
    await client.delete("SearchParameter/eye-colour")
    await until_parked(0)
    await until_answered(client, "Patient?eye-colour=green")
