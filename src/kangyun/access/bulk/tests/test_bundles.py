"""One file for `kangyun load`, and the processes that write, on a real database."""

import asyncio
import json
import os
import signal

import pytest
import pytest_asyncio

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.bulk.bundles import WHOLE, write_file
from kangyun.access.bulk.hands import Hands
from kangyun.access.bulk.model import Line, Task
from kangyun.base.errors import Unavailable
from kangyun.fhir import xml

ABOUT = Circumstances("load", "", "r")
ADMIN = Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True)
PATIENT = {"resourceType": "Patient", "name": [{"text": "张三"}]}


@pytest_asyncio.fixture
async def record(platform):
    return await platform.gate.open(ADMIN, ABOUT)


@pytest.fixture
def load(record):
    async def load_(resource, **more):
        return await write_file(record, json.dumps(resource).encode(), "load", **more)

    return load_


def bundle(kind, *entries):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def created(resource, full_url=None, **request):
    entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]} | request}
    return entry | ({"fullUrl": full_url} if full_url else {})


def observation(subject):
    about = {"subject": {"reference": subject}}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}} | about


async def test_a_transaction_is_carried_out_with_its_references(load, record):
    written = await load(bundle("transaction", created(PATIENT, "urn:uuid:1"), created(observation("urn:uuid:1"))))
    assert (written.created, written.refused) == (2, [])


async def test_conditional_references_need_no_full_url(load, record):
    identified = PATIENT | {"id": "p-1", "identifier": [{"value": "1"}]}
    seen = created(observation("Patient?identifier=1") | {"id": "o-1"})
    assert (await load(bundle("transaction", created(identified), seen), keep_ids=True)).refused == []
    assert (await record.read("Observation", "o-1")).resource["subject"] == {"reference": "Patient/p-1"}


async def test_with_their_own_ids_entries_are_loaded_twice_for_nothing(load, record):
    whole = bundle(
        "transaction",
        created(PATIENT | {"id": "p-1"}, "urn:uuid:1"),
        created(observation("urn:uuid:1") | {"id": "o-1"}),
    )
    assert (await load(whole, keep_ids=True)).created == 2
    assert (await load(whole, keep_ids=True)).unchanged == 2
    assert (await record.read("Observation", "o-1")).resource["subject"] == {"reference": "Patient/p-1"}
    assert (await load(whole)).created == 2


async def test_a_transaction_with_a_fault_writes_nothing_and_names_the_entry(load, record):
    whole = bundle("transaction", created(PATIENT), created(PATIENT | {"gender": "nonsense"}))
    written = await load(whole)
    assert written.good == 0
    (refusal,) = written.refused
    assert (refusal.line, refusal.issues[0].at) == (1, "Patient.gender")


async def test_what_the_record_refuses_of_a_transaction_is_told_of_the_file(load):
    written = await load(bundle("transaction", created(observation("Patient?identifier=none"), "urn:uuid:1")))
    (refusal,) = written.refused
    assert (written.good, refusal.line) == (0, WHOLE)


async def test_entries_of_a_collection_stand_for_themselves(load, record):
    whole = bundle("collection", {"resource": PATIENT | {"id": "p-1"}}, {"resource": {"resourceType": "Nonsense"}})
    written = await load(whole)
    assert (written.created, [refusal.line for refusal in written.refused]) == (1, [1])
    assert (await record.read("Patient", "p-1")).version == 1


async def test_a_batch_creates_updates_and_deletes(load, record):
    await load(PATIENT | {"id": "p-1"})
    whole = bundle(
        "batch",
        created(PATIENT),
        {"resource": PATIENT | {"id": "p-2"}, "request": {"method": "PUT", "url": "Patient/p-2"}},
        {"request": {"method": "DELETE", "url": "Patient/p-1"}},
        {"request": {"method": "GET", "url": "Patient/p-1"}},
    )
    written = await load(whole)
    assert (written.created, written.deleted, len(written.refused)) == (2, 1, 1)


async def test_single_resources_documents_and_xml_are_put_as_they_are(load, record):
    assert (await load(PATIENT)).created == 1
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2026-01-01",
        "author": [{"display": "x"}], "title": "x",
    }  # fmt: skip
    document = bundle("document", {"fullUrl": "urn:uuid:1", "resource": composition}) | {
        "id": "d-1", "identifier": {"system": "urn:x", "value": "1"}, "timestamp": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert (await load(document)).created == 1
    assert (await record.read("Bundle", "d-1")).resource["type"] == "document"
    written = await write_file(record, xml.encode(PATIENT | {"id": "x-1"}), "load")
    assert written.created == 1


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"nonsense", b"<x/>", b'{"resourceType":"Bundle","type":"transaction","entry":{}}', b"\xff", b"{}"],
)
async def test_what_is_no_resource_is_refused(record, text):
    written = await write_file(record, text, "load")
    assert (written.good, [refusal.line for refusal in written.refused]) == (0, [WHOLE])


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "url": "Patient"},
        {"method": "PUT", "url": "Patient"},
        {"method": "PUT", "url": "Observation/1"},
        {"method": "POST", "url": 1},
        {"method": "DELETE", "url": "Patient"},
        {"method": "PUT", "url": "Patient/p-1", "ifMatch": 'W/"1"'},
        "POST",
    ],
)
async def test_requests_that_mean_nothing_here_are_refused(load, request_):
    written = await load(bundle("transaction", {"resource": PATIENT | {"id": "p-1"}, "request": request_}))
    assert [refusal.line for refusal in written.refused] == [0]


async def test_a_killed_process_fails_what_it_had_and_the_crew_ends(fresh_database, make_settings):
    settings = make_settings()
    async with Hands(settings, fresh_database, ADMIN, ABOUT, "load", count=1) as hands:
        lines = [Line(n, json.dumps(PATIENT | {"id": f"p-{n}"}).encode()) for n in range(3)]
        written = await (await hands.give(Task(1, "lines", lines)))
        assert written.created == 3
        many = [Line(n, json.dumps(PATIENT | {"id": f"q-{n}"}).encode()) for n in range(3000)]
        answers = [await hands.give(Task(number, "lines", many)) for number in (2, 3)]
        os.kill(hands._first, signal.SIGKILL)
        for answer in answers:
            with pytest.raises(Unavailable):
                await asyncio.wait_for(answer, 120)
        late = await hands.give(Task(4, "lines", lines))
        with pytest.raises(Unavailable):
            await asyncio.wait_for(late, 120)
