"""`$export`: asked for, polled, fetched, cancelled, over HTTP with the background work beside.

Source: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import asyncio
import gzip
import json

import pytest
import pytest_asyncio

from kangyun.access.bulk import exporting
from kangyun.base.clock import now

SETTLED = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def patient(id_, **more):
    return {"resourceType": "Patient", "id": id_} | more


def observation(id_, subject, **more):
    return SETTLED | {"id": id_, "subject": {"reference": f"Patient/{subject}"}} | more


@pytest_asyncio.fixture
async def filled(client, start_background):
    """A client of an installation with two patients, one of them with a friend, and staff that is nobody's."""
    start_background()
    resources = [
        patient("a"),
        patient("b", active=True),
        patient("c"),
        observation("a1", "a"),
        observation("a2", "a", status="amended"),
        observation("b1", "b"),
        {"resourceType": "Organization", "id": "o", "name": "县医院"},
        # In the compartments of two patients at once.
        {
            "resourceType": "Appointment",
            "id": "ab",
            "status": "proposed",
            "participant": [{"actor": {"reference": f"Patient/{id_}"}, "status": "accepted"} for id_ in ("a", "b")],
        },
        {"resourceType": "Group", "id": "inner", "type": "person", "actual": True, "member": [member("Patient/b")]},
        {
            "resourceType": "Group",
            "id": "g",
            "type": "person",
            "actual": True,
            "member": [member("Patient/a"), member("Group/inner"), member("Patient/c") | {"inactive": True}],
        },
    ]
    for resource in resources:
        answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code == 201, answer.text
    return client


def member(reference):
    return {"entity": {"reference": reference}}


async def ask(client, path, **headers):
    answer = await client.get(path, headers={"prefer": "respond-async"} | headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"]


async def manifest_of(client, location):
    async with asyncio.timeout(120):
        while (answer := await client.get(location)).status_code == 202:
            assert "x-progress" in answer.headers
            assert int(answer.headers["retry-after"]) >= 1
            await asyncio.sleep(0.02)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def lines_of(client, files):
    texts = [(await client.get(file["url"], headers={"accept": "application/fhir+ndjson"})).text for file in files]
    return [json.loads(line) for text in texts for line in text.splitlines()]


async def exported(client, path, **headers):
    manifest = await manifest_of(client, await ask(client, path, **headers))
    found = await lines_of(client, manifest["output"])
    return {f"{one['resourceType']}/{one['id']}": one for one in found}, manifest


async def test_everything_comes_out_as_it_is_read(filled):
    found, manifest = await exported(filled, "$export")
    assert set(found) == {
        *("Patient/a", "Patient/b", "Patient/c", "Observation/a1", "Observation/a2", "Observation/b1"),
        *("Organization/o", "Appointment/ab", "Group/g", "Group/inner"),
    }
    for name, resource in found.items():
        assert (await filled.get(name)).json() == resource
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/fhir/$export")
    assert manifest["error"] == []
    counts = {file["type"]: file["count"] for file in manifest["output"]}
    assert counts == {"Patient": 3, "Observation": 3, "Organization": 1, "Appointment": 1, "Group": 2}


async def test_files_are_ndjson_packed_on_request_and_behind_the_sign_in(filled, open_client):
    _, manifest = await exported(filled, "$export?_type=Patient")
    (file,) = manifest["output"]
    async with filled.stream("GET", file["url"], headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["content-type"] == "application/fhir+ndjson"
        raw = b"".join([piece async for piece in packed.aiter_raw()])
    plain = await filled.get(file["url"], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content
    stranger = await open_client(token=None)
    assert (await stranger.get(file["url"])).status_code == 401


async def test_all_patients_have_what_is_about_one_or_several_of_them_and_nothing_else(filled):
    found, _ = await exported(filled, "Patient/$export")
    assert set(found) == {
        *("Patient/a", "Patient/b", "Patient/c", "Observation/a1", "Observation/a2", "Observation/b1"),
        *("Appointment/ab", "Group/g", "Group/inner"),
    }


async def test_a_group_has_its_active_members_those_of_its_groups_and_each_thing_once(filled, monkeypatch):
    monkeypatch.setattr(exporting, "PATIENTS_AT_ONCE", 1)
    found, manifest = await exported(filled, "Group/g/$export")
    assert set(found) == {
        *("Patient/a", "Patient/b", "Observation/a1", "Observation/a2", "Observation/b1", "Appointment/ab"),
        *("Group/g", "Group/inner"),
    }
    assert sum(file["count"] for file in manifest["output"]) == len(found)
    one, _ = await exported(filled, "Group/g/$export?patient=Patient/b&_type=Patient,Observation")
    assert set(one) == {"Patient/b", "Observation/b1"}


async def test_types_and_filters_narrow(filled):
    found, _ = await exported(
        filled, "$export?_type=Observation,Patient&_typeFilter=Observation%3Fstatus%3Damended%2CPatient%3Factive%3Dtrue"
    )
    assert set(found) == {"Observation/a2", "Patient/b"}
    either, _ = await exported(
        filled,
        "$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Damended&_typeFilter=Observation%3Fpatient%3Db",
    )
    assert set(either) == {"Observation/a2", "Observation/b1"}


async def test_since_gives_what_changed_and_what_was_deleted(filled):
    _, first = await exported(filled, "$export")
    since = first["transactionTime"]
    await filled.put("Patient/b", json=patient("b", active=False))
    await filled.delete("Observation/b1")
    await filled.put("Patient/d", json=patient("d"))
    found, manifest = await exported(filled, f"$export?_since={since}")
    assert set(found) == {"Patient/b", "Patient/d"}
    assert found["Patient/b"]["active"] is False
    (bundle,) = await lines_of(filled, manifest["deleted"])
    assert [entry["request"] for entry in bundle["entry"]] == [{"method": "DELETE", "url": "Observation/b1"}]
    _, last = await exported(filled, f"$export?_since={manifest['transactionTime']}")
    assert (last["output"], last["deleted"]) == ([], [])


async def test_what_was_acknowledged_before_the_request_is_in_and_the_instant_says_so(filled):
    for number in range(5):
        await filled.put(f"Patient/n{number}", json=patient(f"n{number}"))
        found, manifest = await exported(filled, "$export?_type=Patient")
        assert f"Patient/n{number}" in found
        assert max(one["meta"]["lastUpdated"] for one in found.values()) <= manifest["transactionTime"]


async def test_a_post_with_parameters_asks_the_same(filled):
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueString": "Patient"},
            {"name": "patient", "valueReference": {"reference": "Patient/a"}},
        ],
    }
    answer = await filled.post("Patient/$export", json=body, headers={"prefer": "respond-async"})
    manifest = await manifest_of(filled, answer.headers["content-location"])
    assert [one["id"] for one in await lines_of(filled, manifest["output"])] == ["a"]


async def test_a_cancelled_or_finished_job_can_be_removed(filled):
    location = await ask(filled, "$export")
    manifest = await manifest_of(filled, location)
    assert (await filled.delete(location)).status_code == 202
    assert (await filled.get(location)).status_code == 404
    assert (await filled.get(manifest["output"][0]["url"])).status_code == 404


async def test_a_job_that_nobody_runs_yet_is_cancelled(client):
    location = await ask(client, "$export")
    assert (await client.get(location)).status_code == 202
    assert (await client.delete(location)).status_code == 202
    assert (await client.get(location)).status_code == 404
    assert (await client.delete(location)).status_code == 404


async def test_an_export_goes_on_after_a_stop_and_no_line_is_lost_or_twice(filled, monkeypatch):
    """The worker dies in the middle, its lease runs out, another goes on: with the same instant, in the same files."""
    monkeypatch.setattr(exporting, "STEP", 2 << 12)
    saves = []
    save = exporting.Export._save

    async def dying(self):
        await save(self)
        saves.append(self._kept.next)
        if len(saves) == 3:
            self._write([])
            next(iter(self._open.values()))[1].add(b"half a line that was never saved")
            raise exporting.Unavailable

    monkeypatch.setattr(exporting.Export, "_save", dying)
    found, manifest = await exported(filled, "$export")
    assert len(found) == 10
    assert sum(file["count"] for file in manifest["output"]) == 10
    assert saves[3] > saves[2]


async def test_large_exports_go_on_in_a_next_file(filled, monkeypatch):
    monkeypatch.setattr(exporting, "LINES_A_FILE", 2)
    monkeypatch.setattr(exporting, "STEP", 1 << 12)
    found, manifest = await exported(filled, "$export?_type=Patient")
    assert [file["count"] for file in manifest["output"]] == [2, 1]
    assert len(found) == 3


@pytest.mark.parametrize(
    "query",
    [
        *("_type=Nonsense", "_outputFormat=text/csv", "_since=gestern", "_elements=id", "_typeFilter=Patient"),
        *("_typeFilter=Patient%3Fnonsense%3D1", "_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal"),
        *("patient=Practitioner/1", "_typeFilter=Patient%3F_sort%3Dname", "_typeFilter=Patient%3F_include%3D*"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_started(client, query):
    answer = await client.get(f"$export?{query}", headers={"prefer": "respond-async"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_lenient_handling_passes_over_unknown_parameters_only(client):
    lenient = {"prefer": "respond-async, handling=lenient"}
    assert (await client.get("$export?_elements=id", headers=lenient)).status_code == 202
    assert (await client.get("$export?_type=Nonsense", headers=lenient)).status_code == 400


async def test_a_group_that_is_not_there_is_not_found(client):
    assert (await client.get("Group/none/$export")).status_code == 404


async def test_only_administrators_export(open_client, platform, make_settings):
    client = await open_client(demo=True)
    accounts = json.loads((make_settings().data / "demo-sign-ins.json").read_text())
    doctor = next(account for account in accounts if account["user"] == "doctor")
    sign_in = {"user": doctor["user"], "password": doctor["password"]}
    token = (await client.post("http://127.0.0.1:8080/sign-in", json=sign_in)).json()["access_token"]
    answer = await client.get("$export", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_an_export_is_audited_with_its_patients_before_it_can_be_fetched(filled, platform):
    began = now()
    await exported(filled, "$export?_type=Observation")
    async with platform.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT action, patients FROM audit WHERE instant >= $1 AND action LIKE 'export%' ORDER BY id", began
        )
    assert [row["action"] for row in rows] == ["export", "export", "export-file"]
    assert len(rows[1]["patients"]) == 2


async def test_names_of_files_lead_nowhere_else(filled):
    location = await ask(filled, "$export?_type=Patient")
    await manifest_of(filled, location)
    base = location.replace("$bulk-status", "$bulk-file")
    for name in ("..%2f..%2froot.key", "%2e%2e", "Patient.1.ndjson.gz", "Patient.2.ndjson", "x", "Patient.1.ndjson%00"):
        assert (await filled.get(f"{base}/{name}")).status_code == 404
    assert (await filled.get(f"{base}/Patient.1.ndjson")).status_code == 200
