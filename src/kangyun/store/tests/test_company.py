"""Registrations of many callers share transactions; each stays a commit of its own, and its faults are its own."""

import asyncio

import pytest

from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.tokens import bucket_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING

NUMBER = "urn:oid:2.16.156.10011.1.3"
ONE = "11010519491231002X"
MANY = 24


def person(nth, **more):
    return {
        "resourceType": "Patient", "id": f"desk-{nth}", "name": [{"text": f"王{'建国华英'[nth % 4]}{nth}"}],
        "birthDate": f"19{50 + nth % 40}-01-{1 + nth % 28:02}", **more,
    }  # fmt: skip


async def register(client, resource, **headers):
    return await client.put(f"Patient/{resource['id']}", json=resource, headers=headers)


def bundle(*people):
    entries = [{"resource": one, "request": {"method": "PUT", "url": f"Patient/{one['id']}"}} for one in people]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def registered(platform):
    async with platform.pool.connection() as connection:
        return await connection.fetch(
            "SELECT c.xid::text, c.res, c.request, a.patients FROM commit AS c JOIN audit AS a ON a.commit = c.id"
        )


async def test_registrations_at_once_share_transactions_and_stay_apart(client, platform):
    answers = await asyncio.gather(*(register(client, person(nth)) for nth in range(MANY)))
    assert [answer.status_code for answer in answers] == [201] * MANY
    commits = await registered(platform)
    assert len({row["xid"] for row in commits}) < MANY / 2
    assert [len(row["res"]) for row in commits] == [1] * MANY
    assert all(row["patients"] == row["res"] for row in commits)
    assert len({row["request"] for row in commits}) == len({row["res"][0] for row in commits}) == MANY
    for answer in answers:
        assert (await client.get(f"Patient/{answer.json()['id']}")).json() == answer.json()


async def test_the_fault_of_one_is_its_own(client):
    answers = await asyncio.gather(
        *(register(client, person(nth), **({"if-match": 'W/"7"'} if nth == 5 else {})) for nth in range(MANY))
    )
    assert [answer.status_code for answer in answers] == [412 if nth == 5 else 201 for nth in range(MANY)]


async def test_who_is_registered_twice_at_once_has_two_versions(client):
    answers = await asyncio.gather(*(register(client, person(1, active=bool(nth % 2))) for nth in range(6)))
    assert sorted(answer.status_code for answer in answers)[-1] == 201
    read = (await client.get("Patient/desk-1/_history")).json()
    assert read["total"] == len({answer.headers["etag"] for answer in answers}) > 1


@pytest.mark.parametrize("together", [1, 2])
async def test_processes_that_register_the_same_people_agree(open_client, together):
    clients = [await open_client() for _ in range(together)]
    said = [
        person(nth, identifier=[{"system": NUMBER, "value": ONE}], name=[{"text": "王建国"}]) for nth in range(MANY)
    ]
    answers = await asyncio.gather(
        *(register(clients[nth % together], one | {"birthDate": "1949-12-31"}) for nth, one in enumerate(said))
    )
    assert [answer.status_code for answer in answers] == [201] * MANY
    links = (await clients[0].get("Patient/desk-0/$links")).json()["parameter"]
    assert sum(one["name"] == "registration" for one in links) == MANY


async def test_an_institution_that_two_name_before_it_comes_is_one(client):
    house = {"managingOrganization": {"reference": "Organization/house-1"}}
    answers = await asyncio.gather(*(register(client, person(nth, **house)) for nth in range(MANY)))
    assert [answer.status_code for answer in answers] == [201] * MANY
    organization = {"resourceType": "Organization", "id": "house-1", "name": "a"}
    assert (await client.put("Organization/house-1", json=organization)).status_code == 201
    found = (await client.get("Patient?organization=Organization/house-1&_summary=count")).json()
    assert found["total"] == MANY


async def test_nobody_waits_for_a_lock_that_only_another_needs(client, platform):
    await register(client, person(0))
    async with platform.pool.connection() as connection, connection.transaction():
        res = await connection.fetchval("SELECT res FROM resource WHERE type = $1", TYPE_NUMBERS["Patient"])
        await connection.execute(TAKE_LOCKS, [bucket_of(res)])
        waiting = asyncio.ensure_future(register(client, person(0, active=True)))
        await asyncio.sleep(0.1)
        others = await asyncio.gather(*(register(client, person(nth)) for nth in range(1, 4)))
        assert [answer.status_code for answer in others] == [201] * 3
        assert not waiting.done()
    assert (await waiting).status_code == 200


async def test_nobody_waits_for_terms_that_are_there(client, platform):
    said = {"communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "zh"}]}}]}
    await register(client, person(0, **said))
    async with platform.pool.connection() as connection, connection.transaction():
        assert await connection.fetch("SELECT FROM term FOR UPDATE")
        async with asyncio.timeout(5):
            answers = [await register(client, person(1, **said)), await client.post("", json=bundle(person(2, **said)))]
    assert [answer.status_code for answer in answers] == [201, 200]


async def test_ids_of_clients_are_looked_up_together_by_who_sees_the_same(client, platform):
    await register(client, person(1))
    names, asked = [{("Patient", f"desk-{nth}")} for nth in range(4)], []
    async with platform.pool.connection() as connection:
        await platform.gate.store.reader.locate(connection, names[0])  # The connection learns its types.
        with connection.query_logger(asked.append):
            found = await platform.gate.store.reader.locate_each(connection, [(one, EVERYTHING) for one in names])
    assert len(asked) == 1
    assert [[*one] for one in found] == [[], [("Patient", "desk-1")], [], []]
