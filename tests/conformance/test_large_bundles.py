"""Bundles of tens of thousands of entries, as feeds send them: whole, and cheap enough for others to be served beside.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import time

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.soak]

ENTRIES = 30_000
PATIENT_EVERY = 100
MOST_CPU = 1.0
"""Milliseconds of this process an entry, of which the client's own work is a part; measured: 0.2."""


def posted(number, resource):
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": f"urn:uuid:{number}", "resource": resource, "request": request}


def observed(number, subject):
    return posted(
        number,
        {
            "resourceType": "Observation", "status": "final", "code": {"coding": [{"code": f"c{number % 50}"}]},
            "subject": subject, "valueQuantity": {"value": number},
        },
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_thirty_thousand_entries_are_one_bundle(shared_client, kind):
    link = {"transaction": "reference", "batch": "display"}[kind]
    entries = [observed(n, {link: f"urn:uuid:{n - n % PATIENT_EVERY}"}) for n in range(ENTRIES)]
    for n in range(0, ENTRIES, PATIENT_EVERY):
        entries[n] = posted(n, {"resourceType": "Patient", "active": True})
    before = {type_: await total(shared_client, type_) for type_ in ("Patient", "Observation")}
    began = time.process_time()
    answer = await shared_client.post(
        "", json={"resourceType": "Bundle", "type": kind, "entry": entries}, timeout=1200
    )  # fmt: skip
    spent = (time.process_time() - began) * 1000 / ENTRIES
    assert answer.status_code == 200, answer.text[:1000]
    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201 Created"] * ENTRIES
    assert await total(shared_client, "Patient") == before["Patient"] + ENTRIES // PATIENT_EVERY
    assert await total(shared_client, "Observation") == before["Observation"] + ENTRIES * 99 // 100
    assert spent < MOST_CPU


async def total(client, type_):
    return (await client.get(f"{type_}?_summary=count")).json()["total"]
