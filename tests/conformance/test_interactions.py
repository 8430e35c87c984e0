"""The interactions of the FHIR REST API, over HTTP on a real database.

Source: https://hl7.org/fhir/R4/http.html
"""

import asyncio

PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "张", "given": ["三"]}],
    "birthDate": "1970-01-01",
    "identifier": [{"system": "urn:test", "value": "1"}],
}


async def test_a_created_resource_is_read_back_with_version_and_instant(client):
    made = await client.post("Patient", json=PATIENT)
    assert made.status_code == 201
    assert made.headers["etag"] == 'W/"1"'
    read = await client.get(f"Patient/{made.json()['id']}")
    assert read.json() == made.json()
    assert {name: read.json()[name] for name in PATIENT} == PATIENT


async def test_an_update_makes_a_version_and_an_unchanged_one_does_not(client):
    made = (await client.post("Patient", json=PATIENT)).json()
    changed = made | {"active": True}
    first = await client.put(f"Patient/{made['id']}", json=changed)
    again = await client.put(f"Patient/{made['id']}", json=changed)
    assert first.json()["meta"]["versionId"] == "2"
    assert again.json()["meta"]["versionId"] == "2"
    versions = (await client.get(f"Patient/{made['id']}/_history")).json()
    assert [entry["resource"]["meta"]["versionId"] for entry in versions["entry"]] == ["2", "1"]
    old = await client.get(f"Patient/{made['id']}/_history/1")
    assert "active" not in old.json()


async def test_a_client_may_choose_an_id(client):
    made = await client.put("Patient/pat-1", json=PATIENT | {"id": "pat-1"})
    assert made.status_code == 201
    assert (await client.get("Patient/pat-1")).json()["id"] == "pat-1"


async def test_a_deleted_resource_is_gone_and_may_come_back(client):
    await client.put("Patient/pat-1", json=PATIENT | {"id": "pat-1"})
    assert (await client.delete("Patient/pat-1")).status_code == 204
    assert (await client.get("Patient/pat-1")).status_code == 410
    assert (await client.get("Patient?name=张")).json()["total"] == 0
    assert (await client.put("Patient/pat-1", json=PATIENT | {"id": "pat-1"})).status_code == 201
    assert (await client.get("Patient/pat-1")).json()["meta"]["versionId"] == "3"


async def test_if_match_guards_an_update(client):
    made = (await client.post("Patient", json=PATIENT)).json()
    stale = await client.put(f"Patient/{made['id']}", json=made, headers={"if-match": 'W/"7"'})
    assert stale.status_code == 412
    right = await client.put(f"Patient/{made['id']}", json=made | {"active": True}, headers={"if-match": 'W/"1"'})
    assert right.status_code == 200


async def test_two_conditional_creates_at_once_make_one_resource(client):
    condition = {"if-none-exist": "identifier=urn:test|1"}
    answers = await asyncio.gather(*(client.post("Patient", json=PATIENT, headers=condition) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_two_updates_of_the_same_version_let_one_through(client):
    made = (await client.post("Patient", json=PATIENT)).json()
    answers = await asyncio.gather(
        *(
            client.put(f"Patient/{made['id']}", json=made | {"gender": gender}, headers={"if-match": 'W/"1"'})
            for gender in ("male", "female", "other")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_a_transaction_resolves_its_own_references_and_is_all_or_nothing(client):
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": PATIENT, "request": {"method": "POST", "url": "Patient"}},
        {
            "fullUrl": "urn:uuid:2",
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": "urn:uuid:1"},
            },
            "request": {"method": "POST", "url": "Observation"},
        },
    ]
    answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200
    patient, observation = (entry["response"]["location"].split("/fhir/")[1] for entry in answer.json()["entry"])
    found = (await client.get(f"Observation?patient={patient.split('/_')[0]}")).json()
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["id"] == observation.split("/")[1]

    entries[1]["resource"] = entries[1]["resource"] | {"status": "nonsense"}
    refused = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert (await client.get("Patient?_summary=count")).json()["total"] == 1


async def test_nobody_without_a_sign_in_sees_anything_but_the_metadata(open_client):
    client = await open_client(token=None)
    assert (await client.get("Patient")).status_code == 401
    assert (await client.get("metadata")).status_code == 200


async def test_decimals_keep_their_digits(client):
    observation = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        '"valueQuantity":{"value":1.10,"unit":"mmol/L"}}'
    )
    made = await client.post(
        "Observation", content=observation.encode(), headers={"content-type": "application/fhir+json"}
    )
    read = await client.get(f"Observation/{made.json()['id']}")
    assert b'"value":1.10,' in read.content
