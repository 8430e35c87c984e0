"""A real installation of two web processes: races between them, and reads while large transactions come in."""

import asyncio
import logging
import time
from collections import Counter

import httpx
import pytest

PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "1"}], "name": [{"text": "a"}]}
ENTRIES = 30_000
PAUSE = 0.02  # seconds between two reads of one reader


@pytest.fixture
async def installation(new_installation):
    """An installation of two web processes."""
    made = new_installation(workers=2)
    await asyncio.to_thread(made.start)
    return made


async def at_once(installation, count, ask):
    """Asks by connections of their own, so that both processes are asked; returns the answers."""
    clients = [installation.client(limits=httpx.Limits(max_connections=1)) for _ in range(count)]
    await asyncio.gather(*(client.get("metadata") for client in clients))
    answers = await asyncio.gather(*(ask(client, number) for number, client in enumerate(clients)))
    for client in clients:
        await client.aclose()
    return answers


async def test_two_processes_race(installation):
    def create(client, number):
        return client.post("Patient", json=PATIENT, headers={"if-none-exist": "identifier=urn:test|1"})

    answers = await at_once(installation, 30, create)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 29}
    (made,) = {answer.json()["id"] for answer in answers}

    def change(client, number):
        changed = PATIENT | {"id": made, "name": [{"text": f"{number}"}]}
        return client.put(f"Patient/{made}", json=changed, headers={"if-match": 'W/"1"'})

    answers = await at_once(installation, 30, change)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 29}

    def put(client, number):
        return client.put("Patient/chosen", json=PATIENT | {"id": "chosen", "name": [{"text": f"{number}"}]})

    answers = await at_once(installation, 30, put)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 29}
    assert {answer.json()["meta"]["versionId"] for answer in answers} == {str(number) for number in range(1, 31)}

    async with installation.client() as client:
        found = (await client.get("Patient?identifier=urn:test|1&_total=accurate")).json()
        assert found["total"] == 2
    # Who was asked: both.
    assert "kangyun_processes 2\n" in installation.metrics


def large_bundle(mark):
    subject = {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "identifier": [{"system": "urn:test", "value": mark}],
        "subject": subject,
        "valueQuantity": {"value": 70.5, "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    entries = [{"fullUrl": subject["reference"], "resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}]
    entries += [{"resource": observation, "request": {"method": "POST", "url": "Observation"}}] * (ENTRIES - 1)
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def test_large_transactions_do_not_stop_reads(installation):
    async with installation.client(limits=httpx.Limits(max_connections=1)) as client:
        made = (await client.post("Patient", json=PATIENT)).json()["id"]

    async def read(until, took):
        async with installation.client(limits=httpx.Limits(max_connections=1)) as client:
            while not until.done():
                began = time.monotonic()
                answer = await client.get(f"Patient/{made}")
                took.append(time.monotonic() - began)
                assert answer.status_code == 200
                await asyncio.sleep(PAUSE)

    async def load(mark):
        async with installation.client() as client:
            return await client.post("", json=large_bundle(mark), timeout=600)

    took: list[float] = []
    loading = asyncio.gather(load("a"), load("b"))
    await asyncio.gather(*(read(loading, took) for _ in range(4)))
    assert [answer.status_code for answer in loading.result()] == [200, 200]
    took.sort()
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    logging.info("%d reads: p50 %.3f s, p99 %.3f s, longest %.3f s", len(took), p50, p99, took[-1])
    # Two processors carry two imports, the database, the readers and this: it is bounded, not quick.
    assert len(took) > 50 and p99 < 5.0
    async with installation.client() as client:
        assert (await client.get("Observation?_summary=count&_total=accurate")).json()["total"] == 2 * (ENTRIES - 1)
    await asyncio.to_thread(installation.until, lambda: "kangyun_gin_pending_pages" in installation.metrics)
