"""Whole populations are had with a second officer only, and what was had is held back once somebody has withdrawn."""

import asyncio

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.identities.model import Proxy

from .conftest import B, condition, patient
from .test_contents import denial, erasing

ASYNC = {"prefer": "respond-async"}


@pytest.fixture
async def residents(platform):
    actor = Actor("Device/feed", "", B, "SYSADMIN", administrator=True)
    record = await platform.gate.open(actor, Circumstances("TEST /", "", "test"))
    registered = [patient(f"b-p{n}") for n in range(105)]
    await record.commit(
        [record.operation("update", "Patient", id=one["id"], resource=one) for one in registered], "test"
    )


@pytest.mark.parametrize("asked", ["Patient/$everything?_count=10000", "Patient?_count=1000"])
async def test_an_application_reads_no_population_on_large_pages(residents, itself, audited, asked):
    application = await itself("system/*.rs")
    assert (await application("GET", asked)).status_code == 403
    assert (await application("GET", "Patient?_count=20")).status_code == 200
    await audited(application)


async def test_large_pages_count_together(residents, itself):
    application = await itself("system/*.rs")
    for _ in range(2):  # The same persons once more are no more persons.
        first = await application("GET", "Patient?_count=60")
        assert first.status_code == 200
    (following,) = [link["url"] for link in first.json()["link"] if link["relation"] == "next"]
    assert (await application("GET", following)).status_code == 200  # 45 others: too few to count.
    assert (await application("GET", "Patient?_count=1000")).status_code == 403


async def denied(resident, sign_in):
    assert (await resident("POST", "Consent", json=denial("b-zhang"))).status_code == 201


async def erased(resident, sign_in):
    first = await sign_in("security-administrator", "Organization/platform", "first")
    second = await sign_in("security-administrator", "Organization/platform", "second")
    asked = await first("POST", "Patient/b-zhang/$erase", json=erasing(reason="asked for by the resident himself"))
    (number,) = [one["valueInteger"] for one in asked.json()["parameter"] if one["name"] == "request"]
    done = await second("POST", "Patient/b-zhang/$erase", json=erasing(request=number, confirm=True))
    assert done.status_code == 200


@pytest.mark.parametrize("word", [denied, erased])
async def test_files_of_an_export_are_held_back_once_somebody_in_them_withdraws(
    put, sign_in, itself, start_background, word
):
    start_background()
    await put(patient("b-zhang"), B)
    await put(condition("b-cough", "b-zhang"), B)
    resident = await sign_in("resident", name="zhang", proxies=(Proxy("b-zhang", "ONESELF"),))
    application = await itself("system/*.rs")
    asked = await application("GET", "$export?_type=Patient,Condition", headers=ASYNC)
    status = asked.headers["content-location"].partition("/fhir/")[2]
    async with asyncio.timeout(60):
        while (told := await application("GET", status)).status_code == 202:
            await asyncio.sleep(0.3)
    files = [one["url"].partition("/fhir/")[2] for one in told.json()["output"]]
    assert [(await application("GET", file)).status_code for file in files] == [200, 200]
    await word(resident, sign_in)
    assert [(await application("GET", file)).status_code for file in files] == [410, 410]
