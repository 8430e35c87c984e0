"""$everything, $validate, $meta and $expunge: instance, type and system level, GET and POST.

Source: https://hl7.org/fhir/R4/operationslist.html
"""

import json

import pytest

HOSPITAL = {"resourceType": "Organization", "id": "hospital", "name": "医院"}
DOCTOR = {
    "resourceType": "PractitionerRole", "id": "role",
    "practitioner": {"reference": "Practitioner/li"}, "organization": {"reference": "Organization/hospital"},
}  # fmt: skip
LI = {"resourceType": "Practitioner", "id": "li", "name": [{"family": "李"}]}
ZHANG = {
    "resourceType": "Patient", "id": "zhang", "name": [{"family": "张"}], "birthDate": "1950-01-01",
    "managingOrganization": {"reference": "Organization/hospital"},
}  # fmt: skip
WANG = {"resourceType": "Patient", "id": "wang", "name": [{"family": "王"}]}
VISIT = {
    "resourceType": "Encounter", "id": "visit", "status": "finished", "class": {"code": "AMB"},
    "subject": {"reference": "Patient/zhang"}, "period": {"start": "2024-03-01", "end": "2024-03-02"},
    "participant": [{"individual": {"reference": "PractitionerRole/role"}}],
}  # fmt: skip
PICTURE = {"resourceType": "Binary", "id": "picture", "contentType": "image/png", "data": "AAAA"}
LETTER = {
    "resourceType": "DocumentReference", "id": "letter", "status": "current", "date": "2020-05-05T08:00:00Z",
    "subject": {"reference": "Patient/zhang"}, "content": [{"attachment": {"url": "Binary/picture"}}],
}  # fmt: skip
PROVENANCE = {
    "resourceType": "Provenance", "id": "origin", "recorded": "2024-03-02T10:00:00Z",
    "target": [{"reference": "Patient/zhang"}], "agent": [{"who": {"reference": "Practitioner/li"}}],
}  # fmt: skip


def weight(id_, patient, date):
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "weight"},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": date,
        "encounter": {"reference": "Encounter/visit"},
    }  # fmt: skip


@pytest.fixture
async def ward(client, transaction):
    resources = (HOSPITAL, DOCTOR, LI, ZHANG, WANG, VISIT, PICTURE, LETTER, PROVENANCE)
    weights = (
        weight("w1", "zhang", "2024-03-01"),
        weight("w2", "zhang", "2020-01-01"),
        weight("x1", "wang", "2024-03-01"),
    )
    (await client.post("", json=transaction(*resources, *weights))).raise_for_status()
    return client


def shown(bundle, mode):
    return {entry["resource"]["id"] for entry in bundle["entry"] if entry["search"]["mode"] == mode}


async def test_everything_of_a_patient_is_the_compartment_and_what_it_refers_to(ward):
    bundle = (await ward.get("Patient/zhang/$everything")).json()
    assert bundle["type"] == "searchset"
    assert bundle["entry"][0]["resource"]["id"] == "zhang"
    assert shown(bundle, "match") == {"zhang", "visit", "letter", "origin", "w1", "w2"}
    assert shown(bundle, "include") == {"hospital", "role", "li", "picture"}
    assert bundle["total"] == 6


@pytest.mark.parametrize(
    ("parameters", "matches", "included"),
    [
        ("_type=Observation", {"w1", "w2"}, set()),
        ("_type=Observation,Practitioner", {"w1", "w2"}, set()),
        ("_type=Encounter,PractitionerRole", {"visit"}, {"role"}),
        ("start=2024-01-01", {"zhang", "visit", "origin", "w1"}, {"hospital", "role", "li"}),
        ("end=2020", {"zhang", "letter", "w2"}, {"hospital", "picture"}),
        ("start=2020-02-01&end=2020-12-31", {"zhang", "letter"}, {"hospital", "picture"}),
        ("_since=2999-01-01T00:00:00Z", set(), set()),
    ],
)
async def test_everything_can_be_narrowed(ward, parameters, matches, included):
    bundle = (await ward.get(f"Patient/zhang/$everything?{parameters}")).json()
    assert shown({"entry": [], **bundle}, "match") == matches
    assert shown({"entry": [], **bundle}, "include") == included


async def test_everything_comes_in_pages_that_hold_each_member_once(ward):
    url, seen = "Patient/zhang/$everything?_count=2", []
    for _ in range(3):
        bundle = (await ward.get(url)).json()
        seen += [entry["resource"]["id"] for entry in bundle["entry"] if entry["search"]["mode"] == "match"]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next")
    assert url is None
    assert sorted(seen) == sorted({"zhang", "visit", "letter", "origin", "w1", "w2"})


async def test_everything_by_post_takes_parameters(ward):
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}
    bundle = (await ward.post("Patient/zhang/$everything", json=body)).json()
    assert shown(bundle, "match") == {"w1", "w2"}


async def test_everything_of_all_patients_and_of_an_encounter(ward):
    bundle = (await ward.get("Patient/$everything")).json()
    assert shown(bundle, "match") == {"zhang", "wang", "visit", "letter", "origin", "w1", "w2", "x1"}
    bundle = (await ward.get("Encounter/visit/$everything")).json()
    assert shown(bundle, "match") == {"visit", "w1", "w2", "x1"}
    assert shown(bundle, "include") == {"zhang", "wang", "role", "li", "hospital"}


async def test_everything_refuses_what_it_does_not_know_as_a_search_names_it(ward):
    for prefer in ("handling=lenient", "handling=strict"):
        refused = await ward.get("Patient/zhang/$everything?nope=1", headers={"prefer": prefer})
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "not-supported")
        assert '"nope"' in refused.json()["issue"][0]["details"]["text"]


async def test_everything_of_nobody_is_not_found(ward):
    assert (await ward.get("Patient/nobody/$everything")).status_code == 404
    await ward.delete("Patient/wang")
    assert (await ward.get("Patient/wang/$everything")).status_code == 410


# --- $validate

SICK = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
PROFILE = {
    "resourceType": "StructureDefinition", "id": "named", "url": "urn:test:named", "name": "Named", "status": "active",
    "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}  # fmt: skip


def severities(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    return [issue["severity"] for issue in answer.json()["issue"]]


async def test_a_right_resource_is_said_to_be_right(client):
    assert "error" not in severities(await client.post("Observation/$validate", json=SICK))
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": SICK}]}
    assert "error" not in severities(await client.post("Observation/$validate", json=wrapped))
    assert (await client.get("Observation?_summary=count")).json()["total"] == 0


async def test_parameters_are_a_resource_too(client):
    right = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    assert "error" not in severities(await client.post("Parameters/$validate", json=right))
    assert "error" in severities(await client.post("Parameters/$validate", json={**right, "surprise": 1}))


async def test_all_faults_are_told_at_once(client):
    answer = await client.post("Observation/$validate", json=SICK | {"status": "odd", "surprise": 1})
    assert severities(answer).count("error") == 2
    places = {place for issue in answer.json()["issue"] for place in issue.get("expression", ())}
    assert {"Observation.status", "Observation.surprise"} <= places


async def test_profiles_of_the_record_are_known_as_soon_as_they_are_written(client):
    (await client.put("StructureDefinition/named", json=PROFILE)).raise_for_status()
    nameless = {"resourceType": "Patient"}
    answer = await client.post("Patient/$validate?profile=urn:test:named", json=nameless)
    assert "error" in severities(answer)
    claiming = nameless | {"meta": {"profile": ["urn:test:named"]}}
    assert "error" in severities(await client.post("Patient/$validate", json=claiming))
    await client.put(
        "StructureDefinition/named",
        json=PROFILE | {"differential": {"element": [{"id": "Patient", "path": "Patient"}]}},
    )
    assert "error" not in severities(await client.post("Patient/$validate", json=claiming))


async def test_what_is_written_must_meet_the_profiles_that_it_claims_and_the_record_has(client):
    claiming = {"resourceType": "Patient", "id": "p", "meta": {"profile": ["urn:test:named|1.0"]}}
    assert (await client.put("Patient/p", json=claiming)).status_code == 201  # nothing is known of it
    (await client.put("StructureDefinition/named", json=PROFILE)).raise_for_status()
    refused = await client.put("Patient/p", json=claiming | {"gender": "male"})
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Patient.name"]
    named = claiming | {"name": [{"family": "张"}]}
    assert (await client.put("Patient/p", json=named)).status_code == 200
    nameless = [{"op": "remove", "path": "/name"}]
    patch = {"content-type": "application/json-patch+json"}
    assert (await client.patch("Patient/p", content=json.dumps(nameless), headers=patch)).status_code == 422
    entries = [{"resource": claiming | {"id": id_}, "request": {"method": "PUT", "url": f"Patient/{id_}"}}
               for id_ in ("q", "r")]  # fmt: skip
    refused = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    places = [place for issue in refused.json()["issue"] for place in issue["expression"]]
    assert (refused.status_code, places) == (422, [f"Bundle.entry[{n}].resource.name" for n in (0, 1)])
    (await client.delete("StructureDefinition/named")).raise_for_status()
    assert (await client.put("Patient/p", json=claiming)).status_code == 200


@pytest.mark.parametrize(
    ("element", "place"),
    [
        ({"path": "Patient.nope"}, "element[0].path"),
        ({"path": "Patient.name", "constraint": [{"key": "k", "severity": "error", "human": "h", "expression": "a.("}]},
         "element[0].constraint[0].expression"),
    ],
)  # fmt: skip
async def test_a_profile_that_cannot_be_held_against_anything_is_refused(client, element, place):
    broken = PROFILE | {"differential": {"element": [{"id": element["path"]} | element]}}
    refused = await client.put("StructureDefinition/named", json=broken)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (
        422, [f"StructureDefinition.differential.{place}"],
    )  # fmt: skip
    assert "error" in severities(await client.post("StructureDefinition/$validate", json=broken))


async def test_profiles_are_checked_by_the_records_own_value_sets(client, transaction):
    value_set = {
        "resourceType": "ValueSet", "id": "ours", "url": "urn:test:ours", "status": "active",
        "compose": {"include": [{"system": "urn:test", "concept": [{"code": "a"}]}]},
    }  # fmt: skip
    bound = {"id": "Basic.code", "path": "Basic.code", "binding": {"strength": "required", "valueSet": "urn:test:ours"}}
    profile = PROFILE | {
        "id": "bound", "url": "urn:test:bound", "type": "Basic", "differential": {"element": [bound]},
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
    }  # fmt: skip
    await client.post("", json=transaction(value_set, profile))

    async def check(code):
        resource = {"resourceType": "Basic", "code": {"coding": [{"system": "urn:test", "code": code}]}}
        return severities(await client.post("Basic/$validate?profile=urn:test:bound", json=resource))

    assert "error" not in await check("a")
    assert "error" in await check("b")
    value_set["compose"]["include"][0]["concept"].append({"code": "b"})
    await client.put("ValueSet/ours", json=value_set)
    assert "error" not in await check("b")


async def test_an_unknown_profile_is_a_fault(client):
    answer = await client.post("Patient/$validate?profile=urn:test:nowhere", json={"resourceType": "Patient"})
    assert "error" in severities(answer)


async def test_modes_are_kept_apart(client):
    await client.put("Patient/zhang", json=ZHANG)
    assert "error" not in severities(await client.get("Patient/zhang/$validate"))
    assert "error" not in severities(await client.post("Patient/zhang/$validate?mode=update", json=ZHANG))
    assert "error" in severities(await client.post("Patient/zhang/$validate?mode=update", json=WANG))
    assert "error" not in severities(await client.post("Patient/zhang/$validate?mode=delete"))
    assert "error" in severities(await client.post("Patient/nobody/$validate?mode=delete"))
    assert (await client.post("Patient/$validate?mode=odd", json=ZHANG)).status_code == 400
    assert (await client.post("Patient/$validate", json=SICK)).status_code == 400


# --- $meta

TAG = {"system": "urn:test:tag", "code": "vip", "display": "Important"}


def of_meta(answer):
    assert answer.status_code == 200, answer.text
    (parameter,) = answer.json()["parameter"]
    assert parameter["name"] == "return"
    return parameter["valueMeta"]


def metas(**lists):
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": lists}]}


async def test_tags_come_and_go(client):
    await client.put("Patient/wang", json=WANG)
    added = await client.post("Patient/wang/$meta-add", json=metas(tag=[TAG], profile=["urn:test:p"]))
    assert of_meta(added)["tag"] == [TAG]
    again = await client.post("Patient/wang/$meta-add", json=metas(tag=[TAG]))
    assert of_meta(again)["versionId"] == "2"
    assert of_meta(await client.get("Patient/wang/$meta"))["profile"] == ["urn:test:p"]
    found = await client.get("Patient?_tag=urn:test:tag|vip")
    assert found.json()["total"] == 1
    gone = await client.post("Patient/wang/$meta-delete", json=metas(tag=[TAG | {"display": "Other"}]))
    assert "tag" not in of_meta(gone)
    assert of_meta(await client.get("Patient/wang/_history/2/$meta"))["tag"] == [TAG]
    assert (await client.post("Patient/wang/_history/2/$meta-delete", json=metas(tag=[TAG]))).status_code == 400


async def test_the_metas_of_a_type_and_of_all(client, transaction):
    labelled = HOSPITAL | {"meta": {"security": [{"system": "urn:test:label", "code": "R"}], "profile": ["urn:test:o"]}}
    profiled = ZHANG | {"meta": {"profile": ["urn:test:z", "urn:test:p|1"]}}
    both = WANG | {"meta": {"tag": [TAG], "profile": ["urn:test:p"]}}
    await client.post("", json=transaction(both, labelled, profiled))
    assert of_meta(await client.get("Patient/$meta")) == {
        "tag": [TAG], "profile": ["urn:test:p", "urn:test:p|1", "urn:test:z"]
    }  # fmt: skip
    whole = of_meta(await client.get("$meta"))
    assert whole["profile"] == ["urn:test:o", "urn:test:p", "urn:test:p|1", "urn:test:z"]
    assert whole["security"] == [{"system": "urn:test:label", "code": "R"}]
    await client.delete("Patient/wang")
    assert of_meta(await client.get("Patient/$meta")) == {"profile": ["urn:test:p|1", "urn:test:z"]}


@pytest.mark.parametrize(
    "body", [{}, {"parameter": [{"name": "meta", "valueString": "x"}]}, metas(tag="x"), metas(tag=[{"code": 1}])]
)
async def test_what_is_no_meta_is_refused(client, body):
    await client.put("Patient/wang", json=WANG)
    answer = await client.post("Patient/wang/$meta-add", json={"resourceType": "Parameters"} | body)
    assert answer.status_code in (400, 422)
    assert (await client.get("Patient/wang")).json()["meta"]["versionId"] == "1"


# --- $expunge


def flags(*names):
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": f"expunge{name}", "valueBoolean": True} for name in names],
    }


async def expunged(client, address, *names):
    answer = await client.post(f"{address}$expunge", json=flags(*names))
    assert answer.status_code == 200, answer.text
    return answer.json()["parameter"][0]["valueInteger"]


async def test_former_versions_are_expunged_and_the_current_one_stays(client):
    await client.put("Patient/wang", json=WANG)
    await client.put("Patient/wang", json=WANG | {"active": True})
    assert await expunged(client, "Patient/wang/", "PreviousVersions") == 1
    assert (await client.get("Patient/wang")).json()["active"] is True
    assert (await client.get("Patient/wang/_history/1")).status_code == 404
    assert (await client.get("Patient/wang/_history")).json()["total"] == 1


async def test_deleted_resources_are_expunged_whole_and_the_id_is_free(client):
    await client.put("Patient/wang", json=WANG)
    await client.put("Patient/zhang", json=ZHANG)
    await client.delete("Patient/wang")
    assert await expunged(client, "Patient/", "DeletedResources") == 2
    assert (await client.get("Patient/wang")).status_code == 404
    assert (await client.get("Patient/wang/_history")).status_code == 404
    assert (await client.get("Patient/zhang")).status_code == 200
    assert (await client.put("Patient/wang", json=WANG)).json()["meta"]["versionId"] == "1"


async def test_what_is_referred_to_keeps_its_place(client):
    await client.put("Patient/wang", json=WANG)
    await client.put("Observation/x1", json=weight("x1", "wang", "2024-03-01"))
    assert await expunged(client, "Patient/wang/", "Everything") == 1
    assert (await client.get("Patient/wang")).status_code == 404
    await client.put("Patient/wang", json=WANG)
    assert (await client.get("Observation?patient.name=王")).json()["total"] == 1


async def test_everything_goes_and_the_audit_stays(client, platform):
    tagged = WANG | {"identifier": [{"system": "urn:test:id", "value": "secret-9001"}]}
    await client.put("Patient/wang", json=tagged)
    await client.put("Organization/hospital", json=HOSPITAL)
    assert await expunged(client, "", "Everything") == 2
    assert (await client.get("?_summary=count")).json()["total"] == 0
    async with platform.pool.connection() as connection:
        kept = await connection.fetchval("SELECT count(*) FROM audit WHERE action IN ('update', 'expunge')")
        assert kept >= 3
        tables = ("resource", "version", "date_value", "quantity_value", "string_value", "name")
        assert [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables] == [0] * 6
        assert await connection.fetchval("SELECT count(*) FROM term WHERE code = 'secret-9001'") == 0
        assert await connection.fetchval("SELECT count(*) FROM expunged") == 2


async def test_only_an_administrator_expunges(open_client, make_settings):
    guest = await open_client(token=None, demo=True)
    (doctor,) = (
        account
        for account in json.loads((make_settings().data / "demo-sign-ins.json").read_bytes())
        if account["user"] == "doctor"
    )
    signed_in = await guest.post(
        "http://127.0.0.1:8080/sign-in", json={name: doctor[name] for name in ("user", "password")}
    )
    headers = {"authorization": f"Bearer {signed_in.json()['access_token']}"}
    assert (await guest.get("Patient", headers=headers)).status_code == 200
    assert (await guest.post("$expunge", json=flags("Everything"), headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "Patient/wang/$nothing", 404),
        ("GET", "$everything", 404),
        ("GET", "Observation/$everything", 404),
        ("GET", "Patient/wang/$meta-add", 405),
        ("GET", "$expunge", 405),
        ("DELETE", "Patient/$meta", 405),
        ("GET", "Nothing/$meta", 404),
        ("GET", "Patient/wang/_history/1/$everything", 404),
        ("GET", "Patient/wang/$everything?_since=yesterday", 400),
        ("GET", "Patient/wang/$everything?surprise=1", 400),
        ("GET", "Patient/wang/$everything?_type=Nothing", 400),
    ],
)
async def test_what_is_no_operation_is_refused(client, method, address, status):
    await client.put("Patient/wang", json=WANG)
    answer = await client.request(method, address)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
