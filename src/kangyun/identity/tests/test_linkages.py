"""Subscribers are told whose registrations are: by Linkages. Over HTTP, on a database."""

import asyncio
import json

import pytest
import pytest_asyncio

from kangyun.access.linkages import RESIDENT, decision_of, tell_some
from kangyun.testing.subscribing import subscribed, subscription, until

ONE = "11010519491231002X"


@pytest.fixture
def told(platform):
    """Writes the Linkages that are due, and returns of how many decisions."""

    async def told_():
        async with platform.pool.connection() as connection:
            return await tell_some(platform.gate, connection)

    return told_


@pytest.fixture
def linkages(client):
    """Returns the Linkages that a search finds: type of item -> id of a Patient or a resident."""

    async def linkages_(asked="", by=client):
        page = (await by.get(f"Linkage?{asked}")).json()
        return [_items(entry["resource"]) for entry in page.get("entry", ())]

    return linkages_


def _items(linkage):
    return {
        one["type"]: one["resource"].get("reference", "").removeprefix("Patient/")
        or one["resource"]["identifier"]["value"]
        for one in linkage["item"]
    }


async def test_links_parts_and_what_is_taken_back(register, resident, ask, newest_decision, told, linkages):
    first = await register(number=ONE)
    assert await told() == 0
    second = await register("王某")
    (whose, _), (own, _) = await resident(first), await resident(second)
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    assert await told() == 1
    assert await linkages() == [{"alternate": second, "source": whose, "historical": own}]
    await ask("$undo-link", id=await newest_decision(second))
    await told()
    assert await linkages(f"item=Patient/{second}") == [{"alternate": second, "source": own, "historical": whose}]
    for one in (whose, own):
        assert len(await linkages(f"item:identifier={RESIDENT}|{one}")) == 1
    assert await linkages(f"item=Patient/{first}") == []
    assert await told() == 0


async def test_who_arrives_at_a_resident_is_told(register, resident, told, linkages):
    first, second = await register(number=ONE), await register(number=ONE)
    await told()
    assert await linkages() == [{"alternate": second, "source": (await resident(first))[0]}]


async def test_nothing_is_written_twice(register, told, client, platform):
    for _ in range(3):
        await register(number=ONE)
    async with platform.pool.connection() as connection:
        due = await connection.fetch("SELECT decision, patient FROM resident_untold")
        await told()
        before = (await client.get("Linkage?_sort=_id")).json()["entry"]
        # As after a stop between the two.
        await connection.executemany("INSERT INTO resident_untold VALUES ($1, $2)", [tuple(row) for row in due])
        assert await told() == 2
    after = (await client.get("Linkage?_sort=_id")).json()["entry"]
    assert [one["resource"] for one in after] == [one["resource"] for one in before]
    assert {one["resource"]["meta"]["versionId"] for one in after} == {"1"}


async def test_an_older_decision_is_not_written_over_a_newer_one(
    register, ask, newest_decision, told, client, platform
):
    first, second = await register(number=ONE), await register("王某")
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    async with platform.pool.connection() as connection:
        older = [tuple(row) for row in await connection.fetch("SELECT decision, patient FROM resident_untold")]
        await ask("$undo-link", id=await newest_decision(second))
        await told()
        (entry,) = (await client.get("Linkage")).json()["entry"]
        assert decision_of(entry["resource"]) > older[0][0]
        await connection.executemany("INSERT INTO resident_untold VALUES ($1, $2)", older)
        await told()
    assert (await client.get("Linkage")).json()["entry"] == [entry]


async def test_it_is_seen_by_who_sees_the_registration(hospital, person, told, linkages):
    made = {}
    for name in ("a", "b"):
        made[name] = (await hospital(name).post("Patient", json=person(number=ONE))).json()["id"]
    await told()
    assert [one["alternate"] for one in await linkages(by=hospital("b"))] == [made["b"]]
    assert await linkages(by=hospital("a")) == []


async def test_nobody_writes_over_it_but_the_platform(hospital, person, told, client):
    for name in ("a", "b"):
        await hospital(name).post("Patient", json=person(number=ONE))
    await told()
    (entry,) = (await client.get("Linkage")).json()["entry"]
    changed = entry["resource"] | {"active": False}
    assert (await hospital("a").put(f"Linkage/{changed['id']}", json=changed)).status_code in (403, 404)


async def test_who_was_removed_for_good_is_told_of_no_more(register, told, client, platform):
    await register(number=ONE)
    await register(number=ONE, id="wang")
    everything = {"resourceType": "Parameters", "parameter": [{"name": "expungeEverything", "valueBoolean": True}]}
    assert (await client.post("Patient/wang/$expunge", json=everything)).status_code == 200
    assert await told() == 0
    assert (await client.get("Linkage")).json()["total"] == 0


@pytest_asyncio.fixture
async def received():
    """What a receiver of rest-hooks was sent, and its address."""
    got = []

    async def take(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length: "))
        got.append(json.loads(await reader.readexactly(int(length.split()[1]))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield got, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/on"
    server.close()
    await server.wait_closed()


async def test_a_subscriber_is_told_by_the_patient_and_by_the_resident(
    client, start_background, register, resident, ask, received
):
    start_background(subscription_hosts="127.0.0.1")
    got, endpoint = received
    first, second = await register(number=ONE), await register("王某")
    whose, _ = await resident(first)
    payload = {"payload": "application/fhir+json"}
    for asked in (f"Linkage?item=Patient/{second}", f"Linkage?item:identifier={RESIDENT}|{whose}"):
        await subscribed(client, subscription(endpoint, asked, **payload))
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    await until(lambda: len(got) == 2)
    assert {(_items(one)["alternate"], _items(one)["source"]) for one in got} == {(second, whose)}
    await ask(f"Patient/{second}/$part")
    await until(lambda: len(got) == 4)
    assert {_items(one)["historical"] for one in got[2:]} == {whose}
