"""The content of documents is their patient's: no denial, no erasure and no row passes it by."""

import asyncpg
import pytest

from kangyun.access.identities.model import Proxy

from .conftest import ICD, A, B, about, patient

PDF = {"resourceType": "Binary", "id": "b-pdf", "contentType": "application/pdf", "data": "c3VtbWFyeQ=="}
FHIR = {"accept": "application/fhir+json"}


def document(id_="b-doc", subject="b-zhang", url="Binary/b-pdf", **more):
    return {
        "resourceType": "DocumentReference", "id": id_, "status": "current", "subject": about(subject),
        "content": [{"attachment": {"contentType": "application/pdf", "url": url}}],
    } | more  # fmt: skip


def denial(subject):
    provision = {"type": "deny", "actor": [{"role": {"text": "r"}, "reference": {"reference": B}}]}
    return {
        "resourceType": "Consent", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}],
        "patient": about(subject), "policyRule": {"text": "x"}, "provision": provision,
    }  # fmt: skip


def erasing(**said):
    kinds = {str: "valueString", int: "valueInteger", bool: "valueBoolean"}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, kinds[type(value)]: value} for name, value in said.items()],
    }


@pytest.fixture
async def zhang(put, sign_in):
    await put(patient("b-zhang"), B)
    await put(patient("b-li"), B)
    return await sign_in("resident", name="zhang", proxies=(Proxy("b-zhang", "ONESELF"),))


async def separately(doctor):
    for resource in (PDF, document()):
        answer = await doctor("PUT", f"{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code == 201, answer.text


async def together(doctor):
    url = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    entries = [
        {"resource": document(url=url), "request": {"method": "PUT", "url": "DocumentReference/b-doc"}},
        {"fullUrl": url, "resource": PDF, "request": {"method": "PUT", "url": "Binary/b-pdf"}},
    ]
    answer = await doctor("POST", "", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text


async def by_a_patch(doctor):
    for resource in (PDF, document(url="http://elsewhere.example/x")):
        await doctor("PUT", f"{resource['resourceType']}/{resource['id']}", json=resource)
    step = [{"op": "replace", "path": "/content/0/attachment/url", "value": "Binary/b-pdf"}]
    given = {"headers": {"content-type": "application/json-patch+json"}, "json": step}
    assert (await doctor("PATCH", "DocumentReference/b-doc", **given)).status_code == 200


WAYS = [separately, together, by_a_patch]


@pytest.mark.parametrize("way", WAYS)
async def test_a_denial_an_erasure_and_the_trail_reach_the_content_of_a_document(zhang, sign_in, way, fresh_database):
    doctor = await sign_in("doctor", B)
    await way(doctor)
    assert (await doctor("GET", "Binary/b-pdf", headers=FHIR)).status_code == 200
    connection = await asyncpg.connect(fresh_database)
    try:
        row = await connection.fetchrow("SELECT patients FROM audit WHERE request = $1", list(doctor.asked)[-1])
    finally:
        await connection.close()
    assert len(row["patients"]) == 1
    assert (await zhang("GET", "Binary/b-pdf", headers=FHIR)).status_code == 200
    assert (await zhang("POST", "Consent", json=denial("b-zhang"))).status_code == 201
    assert (await doctor("GET", "Binary/b-pdf", headers=FHIR)).status_code == 404
    assert (await doctor("GET", "Binary/b-pdf/_history/1", headers=FHIR)).status_code == 404
    first = await sign_in("security-administrator", "Organization/platform", "first")
    second = await sign_in("security-administrator", "Organization/platform", "second")
    asked = await first("POST", "Patient/b-zhang/$erase", json=erasing(reason="asked for by the resident himself"))
    (number,) = [one["valueInteger"] for one in asked.json()["parameter"] if one["name"] == "request"]
    done = await second("POST", "Patient/b-zhang/$erase", json=erasing(request=number, confirm=True))
    assert done.status_code == 200
    assert (await doctor("GET", "Binary/b-pdf", headers=FHIR)).status_code == 410


@pytest.mark.parametrize(
    "named",
    [
        document(url="Binary/b-nothing"),
        document(url="http://127.0.0.1:8080/fhir/Binary/b-nothing"),
        document(url="Binary/a-pdf"),
        document(id_="b-second", subject="b-li"),
    ],
    ids=["not-there", "not-there-by-our-base", "of-nobody-and-elsewhere", "of-somebody-else"],
)
async def test_content_that_is_not_the_patients_is_not_named(zhang, sign_in, put, named):
    doctor = await sign_in("doctor", B)
    await separately(doctor)
    await put(PDF | {"id": "a-pdf"}, A)
    answer = await doctor("PUT", f"DocumentReference/{named['id']}", json=named)
    assert answer.status_code == 422
    assert "securityContext" in answer.text
    assert (await doctor("GET", "DocumentReference/b-second")).status_code == 404


async def test_content_stays_whose_it_is(zhang, sign_in):
    doctor = await sign_in("doctor", B)
    await separately(doctor)
    again = await doctor("PUT", "Binary/b-pdf", json=PDF | {"data": "b3RoZXI="})
    assert again.status_code == 200
    assert again.json()["securityContext"] == about("b-zhang")
    moved = await doctor("PUT", "Binary/b-pdf", json=PDF | {"securityContext": about("b-li")})
    assert moved.status_code == 422
    await doctor("DELETE", "Binary/b-pdf")
    assert (await doctor("PUT", "Binary/b-pdf", json=PDF)).status_code == 422


async def test_what_names_content_that_is_deleted_can_still_be_written(zhang, sign_in):
    doctor = await sign_in("doctor", B)
    await separately(doctor)
    await doctor("DELETE", "Binary/b-pdf")
    answer = await doctor("PUT", "DocumentReference/b-doc", json=document(description="said anew"))
    assert answer.status_code == 200


async def test_content_has_the_labels_of_what_names_it(zhang, sign_in):
    doctor = await sign_in("doctor", B)
    guardian = await sign_in("guardian", name="ma", reference="RelatedPerson/ma", proxies=(Proxy("b-zhang", "GUARD"),))
    await separately(doctor)
    assert (await guardian("GET", "Binary/b-pdf", headers=FHIR)).status_code == 200
    labelled = document(context={"event": [{"coding": [{"system": ICD, "code": "Z30"}]}]})
    assert (await doctor("PUT", "DocumentReference/b-doc", json=labelled)).status_code == 200
    assert (await guardian("GET", "Binary/b-pdf", headers=FHIR)).status_code == 404
