"""Reaching over: writing about others, with another's cursor or file; more than a scope says; labels off."""

import asyncio
import json

import pytest

from kangyun.testing.subscribing import subscription

from .conftest import ICD, A, B, about, condition, patient
from .test_granting import consent, referral

ME = "b-resident"


def observation(whom, **more):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "weight"}, "subject": about(whom)} | more


@pytest.fixture
async def people(put):
    await put(patient("a-zhang"))
    await put(patient(ME), B)
    await put(patient("b-li"), B)
    for number in range(3):
        await put(condition(f"b-one{number}", "b-li"), B)
    await put(condition("b-psychosis", "b-li", "F20.0"), B)
    await put(condition("a-pneumonia"))


@pytest.mark.parametrize(
    "made",
    [
        observation("a-zhang"),
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}},
        consent({"reference": B}, "a-zhang"),
        consent({"reference": B}, "a-nobody"),
        {"resourceType": "Communication", "status": "completed", "subject": about("b-li")},
        {"resourceType": "Communication", "status": "completed"},
        {"resourceType": "Appointment", "status": "booked", "participant": [
            {"actor": about(ME), "status": "accepted"}, {"actor": about("b-li"), "status": "accepted"}
        ]},
        patient("platform-x"),
        {
            "resourceType": "Provenance", "target": [{"reference": "Condition/b-one0"}],
            "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"reference": "Practitioner/x"}}],
        },
        referral({"reference": B}, ME),
        subscription("https://example.org/x", "Observation"),
        {"resourceType": "AuditEvent"},
    ],
)  # fmt: skip
async def test_a_resident_writes_nothing_about_others(people, sign_in, client, audited, made):
    resident = await sign_in("resident")
    type_ = made["resourceType"]
    before = (await client.get(f"{type_}?_summary=count")).json().get("total")
    assert 400 <= (await resident("POST", type_, json=made)).status_code < 500
    for kind in ("batch", "transaction"):
        entry = {"request": {"method": "POST", "url": type_}, "resource": made}
        answer = await resident("POST", "", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})
        told = answer.json().get("entry", [{"response": {"status": str(answer.status_code)}}])
        assert told[0]["response"]["status"].startswith("4"), answer.text
    assert type_ == "AuditEvent" or (await client.get(f"{type_}?_summary=count")).json()["total"] == before
    await audited(resident)


async def test_what_is_ones_own_cannot_be_moved_to_another(people, sign_in, audited):
    resident = await sign_in("resident")
    made = await resident("POST", "Observation", json=observation(ME))
    assert made.status_code == 201, made.text
    own = made.json()
    moved = own | {"subject": about("b-li")}
    path = f"Observation/{own['id']}"
    assert (await resident("PUT", path, json=moved)).status_code == 403
    patch = json.dumps([{"op": "replace", "path": "/subject/reference", "value": "Patient/b-li"}])
    kind = {"content-type": "application/json-patch+json"}
    assert (await resident("PATCH", path, content=patch, headers=kind)).status_code == 403
    assert (await resident("PUT", path, json={k: v for k, v in own.items() if k != "subject"})).status_code == 403
    assert (await resident("GET", path)).json()["subject"] == about(ME)
    # What another house wrote about me is not mine to change.
    assert (await resident("DELETE", "Patient/" + ME)).status_code == 403
    await audited(resident)


async def test_another_s_cursor_opens_nothing(people, sign_in, audited):
    doctor, stranger = await sign_in("doctor"), await sign_in("doctor", A, "other")
    for path in ("Condition?_count=1", "Condition/_history?_count=1", "?_type=Condition,Patient&_count=1",
                 "Patient/b-li/$everything?_count=1"):  # fmt: skip
        page = (await doctor("GET", path)).json()
        following = next(one["url"] for one in page["link"] if one["relation"] == "next")
        assert (await doctor("GET", following)).status_code == 200
        answer = await stranger("GET", following)
        assert answer.status_code in (400, 404), answer.text
        cut = following[:-3] + "AAA"
        assert (await doctor("GET", cut)).status_code == 400
    await audited(stranger)


async def test_a_launch_shows_one_patient_and_writes_about_no_other(people, by_application, audited):
    application = await by_application("doctor", "launch/patient patient/*.cruds", patient="b-li", scopes=(
        "launch/patient", "patient/*.cruds"))  # fmt: skip
    assert (await application("GET", "Condition/b-one0")).status_code == 200
    for path in ("Condition/a-pneumonia", f"Patient/{ME}", "Patient/a-zhang"):
        assert (await application("GET", path)).status_code == 404, path
    found = (await application("GET", "Patient?_total=accurate")).json()
    assert found["total"] == 1
    assert (await application("POST", "Observation", json=observation(ME))).status_code == 403
    assert (await application("POST", "Observation", json=observation("b-li"))).status_code == 201
    await audited(application)


async def test_scopes_bind_every_way(people, itself, audited):
    robot = await itself(f"system/Condition.rs?code={ICD}|J18.9 system/Patient.r")
    assert (await robot("GET", "Condition/b-one0")).status_code == 200
    assert (await robot("GET", "Condition/b-psychosis")).status_code == 404
    assert (await robot("GET", "Patient")).status_code == 403
    assert (await robot("GET", "Patient?_revinclude=Condition:subject")).status_code == 403
    assert (await robot("GET", "Observation")).status_code == 403
    page = (await robot("GET", "Patient/b-li/$everything")).json()
    shown = {entry["resource"]["id"] for entry in page.get("entry", [])}
    assert "b-psychosis" not in shown
    for method, path in (("DELETE", "Condition/b-one0"), ("PUT", "Condition/b-one0"), ("POST", "Condition")):
        sent = {} if method == "DELETE" else {"json": condition("b-one0", "b-li")}
        assert (await robot(method, path, **sent)).status_code == 403, method
    for path in ("$meta", "Condition/$meta", "_history", "Condition/_history", "?_type=Condition"):
        assert "F20.0" not in (await robot("GET", path)).text
        assert "b-psychosis" not in (await robot("GET", path)).text
    await audited(robot)


async def test_a_label_cannot_be_taken_off(people, put, platform, sign_in):
    """Restricted by hand, moved to another code, the label deleted, the resource deleted and written anew."""
    restricted = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    await put(condition("a-flu") | {"meta": {"security": [restricted]}})
    own, stranger = await sign_in("doctor", A, "own"), await sign_in("doctor")
    gate = platform.gate
    async with platform.pool.connection() as connection:
        (res,) = (await gate.store.reader.names(connection, [("Patient", "a-zhang")])).values()
        await connection.execute(
            "INSERT INTO disclosure VALUES ($1, $2, -1, 0, now(), now() + interval '1 h', $1, false, true, 'x', 'x')",
            res, gate.sights.party("Practitioner/doctor"),
        )  # fmt: skip
    assert (await stranger("GET", "Condition/a-pneumonia")).status_code == 200
    assert (await stranger("GET", "Condition/a-flu")).status_code == 404
    taken = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"security": [restricted]}}]}
    assert (await own("POST", "Condition/a-flu/$meta-delete", json=taken)).status_code == 200
    assert (await stranger("GET", "Condition/a-flu")).status_code == 404
    assert (await own("DELETE", "Condition/a-flu")).status_code == 204
    assert (await stranger("GET", "Condition/a-flu")).status_code == 404
    assert (await own("PUT", "Condition/a-flu", json=condition("a-flu"))).status_code == 201
    assert (await stranger("GET", "Condition/a-flu")).status_code == 404


async def test_files_and_jobs_are_of_who_asked(people, client, sign_in, start_background, audited):
    start_background()
    made = await client.get("$export")
    status = made.headers["content-location"]
    async with asyncio.timeout(60):
        while (done := await client.get(status)).status_code == 202:
            await asyncio.sleep(0.05)
    file = done.json()["output"][0]["url"]
    for role in ("system-administrator", "doctor", "researcher"):
        person = await sign_in(role, name=f"the-{role}")
        for method, path in (("GET", status), ("DELETE", status), ("GET", file)):
            absent = path.replace(status.rpartition("/")[2], "00000000-0000-4000-8000-000000000000")
            answers = [await person(method, one) for one in (path, absent)]
            assert [answer.status_code for answer in answers] == [404, 404], (role, path)
        if role != "system-administrator":
            assert (await person("GET", "$export")).status_code == 403
            assert (await person("POST", "$import", json={})).status_code == 403
        await audited(person)


@pytest.mark.parametrize("scope", ["system/Observation.r", "system/*.cruds"])
async def test_an_application_imports_nothing(itself, audited, scope):
    """The folder and the inner hosts that an import reads from are of who runs the installation."""
    robot = await itself(scope)
    for url in ("file:///srv/in/other.ndjson", "https://public.example/own.ndjson"):
        part = [{"name": "url", "valueUrl": url}]
        parameters = [{"name": "inputFormat", "valueCode": "application/fhir+ndjson"}, {"name": "input", "part": part}]
        asked = {"resourceType": "Parameters", "parameter": parameters}
        assert (await robot("POST", "$import", json=asked)).status_code == 403
    await audited(robot)


@pytest.mark.parametrize("role", ["doctor", "resident", "insurance", "system-administrator", "registrar"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "$alerts"), ("POST", "$alert"), ("POST", "$broken-glass"), ("POST", "$review-glass")),
        *(("GET", "AuditEvent"), ("GET", "Patient/b-li/$who-looked"), ("POST", "Patient/b-li/$erase")),
        *(("POST", "$factors/$permit"), ("POST", "$factors/$remove"), ("POST", "Patient/b-li/$expunge")),
        *(("POST", "Patient/b-li/$bind-certificate"), ("DELETE", "AuditEvent/1"), ("POST", "$staff-import")),
    ],
)  # fmt: skip
async def test_an_office_is_its_officers(people, sign_in, audited, role, method, path):
    allowed = {
        "system-administrator": {"$staff-import", "Patient/b-li/$bind-certificate"},
        "doctor": {"Patient/b-li/$who-looked"},  # Of looks by his own institution, of whom he may see.
        "resident": {"AuditEvent"},
    }
    if path in allowed.get(role, ()):
        pytest.skip("its own office")
    person = await sign_in(role)
    body = {"json": {"resourceType": "Parameters"}} if method == "POST" else {}
    assert (await person(method, path, **body)).status_code in (403, 404, 405), (role, path)
    await audited(person)
