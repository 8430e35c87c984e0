"""Batch and transaction.

Source: https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html#references
"""

import base64
from decimal import Decimal

import pytest

from kangyun.fhir import xml as fhir_xml

BASE = "http://127.0.0.1:8080/fhir"
ZHANG = {"resourceType": "Patient", "id": "zhang", "name": [{"family": "Zhang"}], "identifier": [{"value": "1"}]}
LI = {"resourceType": "Practitioner", "identifier": [{"system": "urn:staff", "value": "li"}]}


def observed(subject, **more):
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject},
    } | more  # fmt: skip


def entry(method, url, resource=None, full_url=None, **request):
    made = {"request": {"method": method, "url": url} | request}
    return made | ({"resource": resource} if resource else {}) | ({"fullUrl": full_url} if full_url else {})


def bundle(kind, *entries):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


async def sent(client, kind, *entries, **headers):
    answer = await client.post("", json=bundle(kind, *entries), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == f"{kind}-response"
    return answer.json()["entry"]


def statuses(entries):
    return [int(one["response"]["status"][:3]) for one in entries]


def ids(entries):
    return [one["response"]["location"].removeprefix(f"{BASE}/").split("/")[1] for one in entries]


async def total(client, search):
    return (await client.get(f"{search}&_summary=count")).json()["total"]


# --- transaction


async def test_references_to_new_resources_are_rewritten_wherever_they_stand(client):
    link = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="urn:uuid:p">he</a></div>'
    seen = observed("urn:uuid:p", text={"status": "generated", "div": link}, performer=[{"reference": "urn:uuid:d"}])
    entries = await sent(
        client, "transaction",
        entry("POST", "Observation", seen, "urn:uuid:o"),
        entry("POST", "Patient", ZHANG, "urn:uuid:p"),
        entry("POST", "Practitioner", LI, "urn:uuid:d"),
    )  # fmt: skip
    assert statuses(entries) == [201, 201, 201]
    observation, patient, doctor = ids(entries)
    stored = (await client.get(f"Observation/{observation}")).json()
    assert stored["subject"]["reference"] == f"Patient/{patient}"
    assert stored["performer"] == [{"reference": f"Practitioner/{doctor}"}]
    assert f'href="Patient/{patient}"' in stored["text"]["div"]


async def test_a_name_that_the_bundle_does_not_give_is_refused(client):
    answer = await client.post(
        "", json=bundle("transaction", entry("POST", "Patient", ZHANG, "urn:uuid:p"),
                        entry("POST", "Observation", observed("urn:uuid:q"), "urn:uuid:o")),
    )  # fmt: skip
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert await total(client, "Patient?name=张") == 0


async def test_references_within_the_bundles_own_base_are_resolved(client):
    root = "http://elsewhere.example/fhir"
    entries = await sent(
        client, "transaction",
        entry("POST", "Patient", ZHANG, f"{root}/Patient/77"),
        entry("POST", "Observation", observed("Patient/77"), f"{root}/Observation/1"),
        entry("POST", "Observation", observed(f"{root}/Patient/77/_history/3"), f"{root}/Observation/2"),
        entry("POST", "Observation", observed("Patient/78"), f"{root}/Observation/3"),
    )  # fmt: skip
    patient, *observations = ids(entries)
    subjects = [(await client.get(f"Observation/{one}")).json()["subject"]["reference"] for one in observations]
    assert subjects == [f"Patient/{patient}", f"Patient/{patient}", "Patient/78"]


async def test_own_absolute_references_are_kept_relative(client):
    await sent(client, "transaction", entry("PUT", "Observation/o", observed(f"{BASE}/Patient/zhang") | {"id": "o"}))
    assert (await client.get("Observation/o")).json()["subject"]["reference"] == "Patient/zhang"


async def test_conditional_references_find_their_target_or_refuse(client):
    made = (await client.post("Practitioner", json=LI)).json()
    seen = observed("Patient/zhang", performer=[{"reference": "Practitioner?identifier=urn:staff|li"}])
    (one,) = await sent(client, "transaction", entry("POST", "Observation", seen))
    stored = (await client.get(f"Observation/{ids([one])[0]}")).json()
    assert stored["performer"] == [{"reference": f"Practitioner/{made['id']}"}]
    await client.post("Practitioner", json=LI)
    refused = await client.post("", json=bundle("transaction", entry("POST", "Observation", seen)))
    assert refused.status_code == 412
    nobody = observed("Patient/zhang", performer=[{"reference": "Practitioner?identifier=nobody"}])
    refused = await client.post("", json=bundle("transaction", entry("POST", "Observation", nobody)))
    assert refused.status_code == 412
    assert await total(client, "Observation?") == 1


async def test_conditional_references_see_what_the_transaction_itself_writes(client):
    seen = observed("Patient?identifier=1", performer=[{"reference": "Practitioner?identifier=urn:staff|li"}])
    entries = await sent(
        client, "transaction",
        entry("POST", "Observation", seen),
        entry("POST", "Practitioner", LI),
        entry("PUT", "Patient/zhang", ZHANG),
    )  # fmt: skip
    stored = (await client.get(f"Observation/{ids(entries)[0]}")).json()
    assert stored["subject"] == {"reference": "Patient/zhang"}
    assert stored["performer"] == [{"reference": f"Practitioner/{ids(entries)[1]}"}]
    # What it takes the identifier from is not meant any more; what it deletes is not there.
    changed = entry("PUT", "Patient/zhang", ZHANG | {"identifier": [{"value": "2"}]})
    for other in (changed, entry("DELETE", "Patient/zhang")):
        refused = await client.post("", json=bundle("transaction", entry("POST", "Observation", seen), other))
        assert refused.status_code == 412
    # One there, and one that is just made: two.
    twice = bundle("transaction", entry("POST", "Observation", seen), entry("POST", "Patient", ZHANG))
    assert (await client.post("", json=twice)).status_code == 412
    chained = observed("Patient?organization.name=x")
    refused = await client.post(
        "", json=bundle("transaction", entry("POST", "Observation", chained), entry("POST", "Patient", ZHANG))
    )
    assert refused.status_code == 400, refused.text


async def test_conditional_references_of_the_own_base_are_resolved(client):
    await client.put("Patient/zhang", json=ZHANG)
    (one,) = await sent(
        client, "transaction", entry("POST", "Observation", observed(f"{BASE}/Patient?identifier=1"))
    )  # fmt: skip
    stored = (await client.get(f"Observation/{ids([one])[0]}")).json()
    assert stored["subject"] == {"reference": "Patient/zhang"}


UNREADABLE = {
    "Patient?": 400, "Foo?x=1": 400, "?identifier=1": 400, "Patient/?identifier=1": 400, "Patient?nope=1": 400,
    f"{BASE}/Patient?": 400, "Patient?identifier=nobody": 412,
}  # fmt: skip


@pytest.mark.parametrize("reference", UNREADABLE)
async def test_conditional_references_that_lead_nowhere_are_refused_in_their_place(client, reference):
    seen = observed("Patient/zhang", focus=[{"reference": reference}])
    entries = [entry("PUT", "Patient/zhang", ZHANG), entry("POST", "Observation", seen)]
    refused = await client.post("", json=bundle("transaction", *entries))
    assert refused.status_code == UNREADABLE[reference], refused.text
    (issue,) = refused.json()["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource"]
    assert (await client.get("Patient/zhang")).status_code == 404


@pytest.mark.parametrize("reference", ["Patient?identifier=1", f"{BASE}/Patient?identifier=1", "Foo?x=1", "Patient?"])
async def test_outside_of_transactions_there_are_no_conditional_references(client, reference):
    seen = observed("Patient/zhang", focus=[{"reference": reference}])
    await client.put("Patient/zhang", json=ZHANG)
    put = await client.put("Observation/o", json=seen | {"id": "o"})
    for refused in (await client.post("Observation", json=seen), put):
        assert refused.status_code == 400, refused.text
        assert refused.json()["issue"][0]["expression"] == ["Observation"]
    good, bad = await sent(
        client, "batch", entry("POST", "Observation", observed("Patient/zhang")), entry("POST", "Observation", seen)
    )  # fmt: skip
    assert statuses([good, bad]) == [201, 400]
    assert bad["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    assert await total(client, "Observation?") == 1


async def test_what_only_looks_like_a_conditional_reference_is_kept(client):
    elsewhere = [{"reference": "http://elsewhere.example/Patient?id=1"}, {"reference": "urn:x:a?b"}]
    made = await client.post("Observation", json=observed("Patient/zhang", focus=elsewhere))
    assert made.json()["focus"] == elsewhere
    # A Bundle that is stored is carried out by somebody else, or not at all.
    message = bundle("transaction", entry("POST", "Observation", observed("Patient?identifier=1")))
    assert (await client.put("Bundle/b", json=message | {"id": "b"})).status_code == 201
    assert (await client.get("Bundle/b")).json()["entry"] == message["entry"]


async def test_every_kind_of_entry_in_one_transaction(client):
    await client.put("Patient/zhang", json=ZHANG)
    await client.put("Patient/wang", json=ZHANG | {"id": "wang", "identifier": [{"value": "2"}]})
    patch = {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"},
            {"name": "name", "valueString": "gender"}, {"name": "value", "valueCode": "male"}]}],
    }  # fmt: skip
    entries = await sent(
        client, "transaction",
        entry("GET", "Patient?gender=male"),
        entry("PATCH", "Patient/zhang", patch, ifMatch='W/"1"'),
        entry("PUT", "Patient/new", ZHANG | {"id": "new", "identifier": []} | {"identifier": [{"value": "3"}]}),
        entry("POST", "Patient", ZHANG, ifNoneExist="identifier=1"),
        entry("DELETE", "Patient?identifier=2"),
        entry("GET", "Patient/zhang"),
        entry("GET", "Patient/wang"),
        entry("HEAD", "Patient/new"),
    )  # fmt: skip
    assert statuses(entries) == [200, 200, 201, 200, 204, 200, 410, 200]
    assert entries[0]["resource"]["total"] == 1  # what is read comes after what is written
    assert entries[5]["resource"]["gender"] == "male"
    assert entries[5]["response"]["etag"] == 'W/"2"'
    assert entries[6]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert entries[3]["response"]["location"] == f"{BASE}/Patient/zhang/_history/1"


async def test_a_json_patch_comes_as_a_binary(client):
    await client.put("Patient/zhang", json=ZHANG)
    steps = base64.b64encode(b'[{"op":"add","path":"/gender","value":"male"}]').decode()
    patch = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": steps}
    assert statuses(await sent(client, "transaction", entry("PATCH", "Patient/zhang", patch))) == [200]
    assert (await client.get("Patient/zhang")).json()["gender"] == "male"


@pytest.mark.parametrize("deleted", ["Patient/zhang", "Patient?identifier=1"])
async def test_what_a_transaction_deletes_its_conditions_do_not_match(client, deleted):
    await client.put("Patient/zhang", json=ZHANG)
    entries = await sent(
        client, "transaction",
        entry("POST", "Patient", ZHANG, ifNoneExist="identifier=1"), entry("DELETE", deleted),
    )  # fmt: skip
    assert statuses(entries) == [201, 204]
    assert await total(client, "Patient?identifier=1") == 1


async def test_equal_conditional_creates_make_one_resource(client):
    twice = [
        entry("POST", "Practitioner", LI, f"urn:uuid:{n}", ifNoneExist="identifier=urn:staff|li") for n in (1, 2)
    ]  # fmt: skip
    seen = [entry("POST", "Observation", observed(f"urn:uuid:{n}")) for n in (1, 2)]
    entries = await sent(client, "transaction", *twice, *seen)
    assert statuses(entries) == [201, 200, 201, 201]
    assert len(set(ids(entries[:2]))) == 1
    subjects = {(await client.get(f"Observation/{one}")).json()["subject"]["reference"] for one in ids(entries[2:])}
    assert subjects == {f"Practitioner/{ids(entries)[0]}"}
    again = await sent(client, "transaction", *twice)
    assert statuses(again) == [200, 200]
    assert await total(client, "Practitioner?") == 1


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry("PUT", "Patient/zhang", ZHANG | {"gender": "odd"}), 422),
        (entry("PUT", "Patient/zhang", ZHANG, ifMatch='W/"9"'), 412),
        (entry("PUT", "Patient/zhang", ZHANG, ifNoneMatch="*"), 412),
        (entry("PUT", "Patient/other", ZHANG), 422),
        (entry("PUT", "Patient?identifier=twice", ZHANG | {"id": "x"}), 412),
        (entry("PATCH", "Patient/nobody", {"resourceType": "Parameters"}), 404),
        (entry("POST", "Patient/zhang", ZHANG), 422),
        (entry("POST", "Nothing", ZHANG), 422),
        (entry("POST", "Observation", ZHANG), 422),
        (entry("POST", "Patient"), 422),
        (entry("FETCH", "Patient/zhang"), 422),
        (entry("PUT", "Patient/a%00b", {"resourceType": "Patient"}), 422),
        (entry("PUT", "Patient/a,b", {"resourceType": "Patient"}), 422),
        (entry("DELETE", "Patient/" + "x" * 65), 422),
        (entry("PUT", "Patient/zhang/_history/1", ZHANG), 422),
        (entry("DELETE", "Patient"), 422),
        ({"resource": ZHANG}, 422),
        (entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}, "urn:uuid:good"), 422),
        (entry("DELETE", "Basic/good"), 400),
    ],
)
async def test_one_wrong_entry_refuses_the_whole_transaction(client, transaction, bad, status):
    twins = [ZHANG | {"id": one, "identifier": [{"value": "twice"}]} for one in ("a", "b")]
    await client.post("", json=transaction(ZHANG, *twins))
    good = entry("PUT", "Basic/good", {"resourceType": "Basic", "id": "good", "code": {"text": "x"}}, "urn:uuid:good")
    answer = await client.post("", json=bundle("transaction", good, bad))
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert await total(client, "Basic?") == 0
    assert (await client.get("Patient/zhang")).json()["meta"]["versionId"] == "1"


async def test_all_faults_of_a_transaction_are_told_with_their_places(client):
    wrong = [
        entry("POST", "Patient", ZHANG | {"gender": "odd"}),
        entry("POST", "Patient"),
        entry("X", "Patient", ZHANG),
    ]
    answer = await client.post("", json=bundle("transaction", *wrong))
    places = [place for issue in answer.json()["issue"] for place in issue["expression"]]
    assert places == ["Bundle.entry[0].resource.gender", "Bundle.entry[1].resource", "Bundle.entry[2].request.method"]


async def test_a_transaction_is_one_version_of_history(client):
    await sent(client, "transaction", entry("PUT", "Patient/zhang", ZHANG), entry("POST", "Practitioner", LI))
    history = (await client.get("_history")).json()
    assert len({one["response"]["lastModified"] for one in history["entry"]}) == 1


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_bundles_go_in_and_out_as_xml(client, kind):
    content = fhir_xml.encode(
        bundle(
            kind,
            entry("PUT", "Patient/zhang", ZHANG, "urn:uuid:p"),
            entry("POST", "Observation", observed("Patient/zhang", id="x", valueQuantity={"value": Decimal("1.50")})),
            entry("GET", "Patient?name=zhang"),
        )
    )  # fmt: skip
    xml = "application/fhir+xml"
    answer = await client.post("", content=content, headers={"content-type": xml, "accept": xml})
    assert answer.headers["content-type"].startswith(xml)
    answered = fhir_xml.decode(answer.content)
    assert [one["response"]["status"][:3] for one in answered["entry"]] == ["201", "201", "200"]
    assert answered["entry"][2]["resource"]["entry"][0]["resource"]["id"] == "zhang"
    assert b'"value":1.50' in (await client.get("Observation")).content


# --- batch


async def test_entries_of_a_batch_stand_for_themselves(client):
    entries = await sent(
        client, "batch",
        entry("PUT", "Patient/zhang", ZHANG),
        entry("PUT", "Patient/zhang", ZHANG | {"gender": "odd"}),
        entry("GET", "Patient/zhang"),
        entry("GET", "Patient/nobody"),
        entry("PUT", "Patient/zhang", ZHANG | {"active": True}, ifMatch='W/"1"'),
        entry("PUT", "Patient/zhang", ZHANG | {"active": False}, ifMatch='W/"1"'),
        entry("POST", "Observation", observed("urn:uuid:nobody")),
        entry("DELETE", "Patient/nobody"),
        entry("GET", "Nothing"),
        entry("GET", "Patient?name=%E5%BC%A0"),
        entry("GET", "Patient?name=张"),
        {"resource": ZHANG},
        entry("POST", "Patient/$validate", ZHANG),
        entry("GET", "CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male"),
        entry("POST", "Patient/$surprise", {"resourceType": "Parameters"}),
        entry("GET", "metadata"),
        entry("DELETE", "Patient/zhang"),
        entry("GET", "Patient/zhang"),
    )  # fmt: skip
    assert statuses(entries) == [
        201, 422, 200, 404, 200, 412, 201, 204, 404, 200, 200, 400, 200, 200, 404, 200, 204, 410,
    ]  # fmt: skip
    refused = [one["response"] for one in entries if int(one["response"]["status"][:3]) >= 400]
    assert all(one["outcome"]["resourceType"] == "OperationOutcome" for one in refused)
    assert entries[12]["resource"]["resourceType"] == "OperationOutcome"
    assert entries[13]["resource"]["parameter"][0]["valueString"] == "AdministrativeGender"


async def test_one_refused_write_does_not_hold_back_its_neighbours(client):
    people = [entry("PUT", f"Patient/p{n}", ZHANG | {"id": f"p{n}"}) for n in range(9)]
    people[4]["request"]["ifMatch"] = 'W/"7"'
    assert statuses(await sent(client, "batch", *people)) == [201] * 4 + [412] + [201] * 4
    assert await total(client, "Patient?") == 8


async def test_the_same_resource_twice_in_a_batch_makes_two_versions(client):
    entries = await sent(
        client, "batch", entry("PUT", "Patient/zhang", ZHANG), entry("PUT", "Patient/zhang", ZHANG | {"active": True})
    )  # fmt: skip
    assert statuses(entries) == [201, 200]
    assert (await client.get("Patient/zhang")).json()["meta"]["versionId"] == "2"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_what_an_entry_shows_is_asked_for(client, kind):
    (plain,) = await sent(client, kind, entry("PUT", "Patient/zhang", ZHANG))
    assert "resource" not in plain
    (whole,) = await sent(client, kind, entry("PUT", "Patient/zhang", ZHANG), prefer="return=representation")
    assert whole["resource"]["name"] == ZHANG["name"]
    (said,) = await sent(client, kind, entry("PUT", "Patient/zhang", ZHANG), prefer="return=OperationOutcome")
    assert said["response"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_empty_bundle_is_answered_by_an_empty_one(client, kind):
    answer = await client.post("", json={"resourceType": "Bundle", "type": kind})
    assert answer.status_code == 200
    assert "entry" not in answer.json()


@pytest.mark.parametrize("kind", ["collection", "searchset", "", 1])
async def test_other_bundles_are_not_carried_out(client, kind):
    assert (await client.post("", json={"resourceType": "Bundle", "type": kind})).status_code == 400
    assert (await client.post("", json=ZHANG)).status_code == 400


async def test_bundles_in_xml(client):
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><fullUrl value="urn:uuid:1"/><resource>'
        b'<Patient><name><family value="Zhang"/></name></Patient></resource><request><method value="POST"/>'
        b'<url value="Patient"/></request></entry></Bundle>'
    )
    xml = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    answer = await client.post("", content=body, headers=xml)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert b'<status value="201 Created"/>' in answer.content
    assert await total(client, "Patient?name=zhang") == 1


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_thousands_of_entries_at_once(client, kind):
    people = [entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": str(n)}}) for n in range(3000)]
    assert set(statuses(await sent(client, kind, *people))) == {201}
    assert await total(client, "Basic?") == 3000
