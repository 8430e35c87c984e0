"""Masking over HTTP: what a doctor is shown, what he may write back, how he opens, and the watermark of his pages."""

import base64
import json
from urllib.parse import unquote

import pytest

SITE = "http://127.0.0.1:8080"
NAME = "欧阳建国"
PATIENT = {"resourceType": "Patient", "name": [{"text": NAME}], "birthDate": "1949-10-01"}
REASON = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueCode": "TREAT"}]}


@pytest.fixture
async def doctor(signed_in):
    return await signed_in("doctor")


@pytest.fixture
async def url(doctor):
    made = await doctor.post("Patient", json=PATIENT)
    assert made.json()["name"] == PATIENT["name"]  # As it was sent.
    return f"Patient/{made.json()['id']}"


async def test_a_doctor_opens_a_person_and_changes_what_he_then_sees(doctor, url):
    masked = await doctor.get(url)
    assert NAME not in masked.text
    assert masked.headers["etag"] == 'W/"1"'
    refused = await doctor.put(url, json=masked.json())
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Patient.meta.security"]
    opened = await doctor.post(f"{url}/$open", json=REASON)
    assert opened.status_code == 200, opened.text
    assert {one["name"] for one in opened.json()["parameter"]} == {"person", "until"}
    whole = await doctor.get(url)
    assert whole.json()["name"] == PATIENT["name"]
    assert (await doctor.put(url, json=whole.json() | {"active": True})).status_code == 200


@pytest.mark.parametrize("asked", ["_elements=name,birthDate", "_summary=true", "_summary=data", "_format=xml", ""])
async def test_parts_and_formats_are_masked_as_well(doctor, url, asked):
    for path in (f"{url}?{asked}", f"Patient?{asked}", f"{url}/_history?{asked}"):
        answer = await doctor.get(path)
        assert answer.status_code == 200
        assert "欧阳**" in answer.text
        assert "1949-10-01" not in answer.text and NAME not in answer.text


async def test_entries_of_a_batch_and_a_transaction_are_masked(doctor, url):
    asked = [{"request": {"method": "GET", "url": url}}, {"request": {"method": "GET", "url": "Patient"}}]
    for kind in ("batch", "transaction"):
        answer = await doctor.post("", json={"resourceType": "Bundle", "type": kind, "entry": asked})
        assert answer.status_code == 200
        assert NAME not in answer.text and "欧阳**" in answer.text


async def test_a_masked_entry_is_refused_in_its_place(doctor, url):
    masked = (await doctor.get(url)).json()
    entry = [{"resource": masked, "request": {"method": "PUT", "url": url}}]
    answer = await doctor.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.meta.security"]


JSON_PATCHES = {
    "copy": [{"op": "add", "path": "/maritalStatus", "value": {"text": "x"}},
             {"op": "copy", "from": "/birthDate", "path": "/maritalStatus/text"}],
    "move": [{"op": "move", "from": "/name/0/text", "path": "/language"}],
    "test": [{"op": "test", "path": "/birthDate", "value": "1949-10-01"}],
    "test that fails": [{"op": "test", "path": "/birthDate", "value": "1950-01-01"}],
    "guess": [{"op": "replace", "path": "/birthDate", "value": "1949-10-01"}],
}  # fmt: skip


def fhirpath_patch(kind, path, **values):
    parts = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    parts += [{"name": name, **value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


FHIRPATH_PATCHES = {
    "where": fhirpath_patch("delete", "Patient.name.where(text = '欧阳建国').period"),
    "where not": fhirpath_patch("delete", "Patient.name.where(text != '欧阳建国').period"),
    "guess": fhirpath_patch("replace", "Patient.birthDate", value={"valueDate": "1949-10-01"}),
}


@pytest.mark.parametrize("patch", [*JSON_PATCHES.values(), *FHIRPATH_PATCHES.values()])
async def test_no_patch_reads_what_is_masked_or_compares_with_it(doctor, url, patch):
    kind = "json-patch+json" if isinstance(patch, list) else "fhir+json"
    answer = await doctor.patch(url, content=json.dumps(patch), headers={"content-type": f"application/{kind}"})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["code"] == "business-rule"
    assert "$open" in answer.text
    binary = {"resourceType": "Binary", "contentType": f"application/{kind}", "data": _base64(patch)}
    entry = [{"resource": binary, "request": {"method": "PATCH", "url": url}}]
    within = await doctor.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert within.status_code == 422
    assert "$open" in within.text and NAME not in within.text
    assert (await doctor.get(url)).json()["meta"]["versionId"] == "1"


async def test_what_is_shown_whole_is_patched(doctor, url):
    async def made(**subject):
        body = {"resourceType": "Observation", "status": "preliminary", "code": {"text": "x"}, "subject": subject}
        answer = await doctor.post("Observation", json=body)
        assert answer.status_code == 201, answer.text
        return f"Observation/{answer.json()['id']}"

    async def patch(path):
        headers = {"content-type": "application/json-patch+json"}
        return await doctor.patch(path, content='[{"op":"replace","path":"/status","value":"final"}]', headers=headers)

    bare, naming = await made(reference=url), await made(reference=url, display=NAME)
    assert (await patch(bare)).status_code == 200
    assert (await patch(naming)).status_code == 422
    await doctor.post(f"{url}/$open", json=REASON)
    assert (await patch(naming)).status_code == 200


def _base64(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(("method", "body", "status"), [("GET", None, 405), ("POST", {}, 400), ("POST", REASON, 200)])
async def test_opening_is_a_post_with_a_reason(doctor, url, method, body, status):
    body = {"resourceType": "Parameters"} if body == {} else body
    assert (await doctor.request(method, f"{url}/$open", json=body)).status_code == status
    assert (await doctor.request(method, "Patient/nobody/$open", json=body)).status_code in (400, 404, 405)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("。。", 400), ("……", 400), ("--", 400), ("12", 400), ("啊啊啊", 400), ("就诊", 200), ("follow-up", 200)],
)
async def test_a_reason_has_words(doctor, url, reason, status):
    body = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": reason}]}
    assert (await doctor.post(f"{url}/$open", json=body)).status_code == status


async def test_answers_that_hold_persons_carry_a_watermark_for_staff(doctor, url, signed_in, open_client):
    for path in (url, "Patient", f"{url}/$everything"):
        mark = unquote((await doctor.get(path)).headers["x-watermark"])
        assert mark.startswith("演示医生 · Organization/demo-hospital · 20")
    for path in ("Organization", "metadata", "Patient?name=nobody"):
        assert "x-watermark" not in (await doctor.get(path)).headers
    assert "x-watermark" not in (await (await open_client()).get(url)).headers


async def test_a_summary_of_who_is_masked_says_so_and_is_not_written_back(doctor, url):
    made = (await doctor.get(f"{url}/$summary")).json()
    shown = made["entry"][1]["resource"]
    assert shown["name"][0]["text"] == "欧阳**"
    assert "MASKED" in [one["code"] for one in shown["meta"]["security"]]
    assert (await doctor.put(url, json=shown)).status_code == 422
