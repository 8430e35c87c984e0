"""An export of many persons takes a second officer, and so do many exports of few."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know

ABOVE = 3
RULES = f"""
[export]
above = {ABOVE}
confirms = ["security-administrator"]
hours = 24
[erase]
confirms = []
"""


def app(name):
    return Actor(
        f"Device/{name}", "", "Organization/b", "TREAT", role="application", client=name, scopes=("system/*.rs",)
    )


ACTORS = {
    "admin": Actor("Device/administrator", "", "Organization/b", "SYSADMIN", administrator=True),
    "lab": app("lab"),
    "his": app("his"),
    "officer": Actor("Practitioner/z", "", "Organization/platform", "SYSADMIN", role="security-administrator"),
}
ASYNC = {"prefer": "respond-async"}


@pytest.fixture
async def people(open_client, monkeypatch, tmp_path):
    """Applications of a hospital with eight patients, and an officer."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "approvals.toml").write_text(RULES)
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    for number in range(8):
        one = {"resourceType": "Patient", "id": f"b-{number}"}
        assert (await clients["admin"].put(f"Patient/b-{number}", json=one)).status_code == 201
    return clients


async def asked(client, *numbers, **more):
    """Asks for an export of some patients, again as long as the server is busy, and returns the answer's status."""
    pairs = {"patient": ",".join(f"Patient/b-{number}" for number in numbers), "_reason": "年度质控"} | more
    parameters = [{"name": name, "valueString": value} for name, value in pairs.items()]
    body = {"resourceType": "Parameters", "parameter": parameters}
    while (answer := await client.post("Patient/$export", json=body, headers=ASYNC)).status_code == 429:
        await asyncio.sleep(0.05)
    return answer.status_code


async def test_many_of_few_are_many(people):
    assert await asked(people["lab"], 0, 1) == 202
    assert await asked(people["lab"], 1, 2) == 202  # Three by now, each counted once.
    assert await asked(people["lab"], 0, 2) == 202
    assert await asked(people["lab"], 3) == 403
    assert await asked(people["his"], 3, 4, 5) == 202  # Somebody else.
    assert await asked(people["his"], 6) == 403


async def test_at_the_same_moment_they_count_together(people):
    statuses = await asyncio.gather(*(asked(people["lab"], number) for number in range(6)))
    assert sorted(statuses) == [202] * ABOVE + [403] * (6 - ABOVE)


async def test_what_was_confirmed_does_not_count(people):
    assert await asked(people["lab"], 0, 1, 2, 3) == 403
    (waiting,) = (await people["officer"].get("$approvals?state=open")).json()["parameter"]
    number = {part["name"]: part for part in waiting["part"]}["id"]["valueInteger"]
    assert (await people["officer"].post(f"$approvals/{number}/$confirm")).status_code == 200
    assert await asked(people["lab"], 0, 1, 2, 3, _approval=str(number)) == 202
    assert await asked(people["lab"], 5, 6, 7) == 202


async def test_a_day_later_it_is_forgotten(people, fresh_database):
    assert await asked(people["lab"], 0, 1, 2) == 202
    assert await asked(people["lab"], 3) == 403
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("UPDATE exported SET instant = instant - interval '25 hours'")
    assert await asked(people["lab"], 3) == 202
    assert await connection.fetchval("SELECT count(*) FROM exported") == 1
    await connection.close()


async def test_of_two_at_the_same_moment_the_second_waits(people, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(1262640, hashtext('Device/lab'))")
        second = asyncio.ensure_future(asked(people["lab"], 0))
        assert await asked(people["his"], 0) == 202  # Nobody else waits.
        assert not second.done()
    assert await second == 202
    await connection.close()


async def test_patients_under_ids_that_the_server_gave_count_as_well(people):
    made = [(await people["admin"].post("Patient", json={"resourceType": "Patient"})).json()["id"] for _ in range(5)]
    body = {"resourceType": "Group", "id": "b-all", "type": "person", "actual": True, "member": [
        {"entity": {"reference": f"Patient/{id_}"}} for id_ in made
    ]}  # fmt: skip
    assert (await people["admin"].put("Group/b-all", json=body)).status_code == 201
    named = ",".join(f"Patient/{id_}" for id_ in made)
    assert await asked(people["lab"], patient=named) == 403
    answer = await people["lab"].get("Group/b-all/$export?_reason=年度质控", headers=ASYNC)
    assert answer.status_code == 403
    assert await asked(people["lab"], patient=f"Patient/{made[0]},Patient/b-1") == 202
    assert await asked(people["lab"], patient=f"Patient/{made[1]},Patient/b-2") == 403


@pytest.mark.parametrize("id_", ["a-hidden", "a-nobody"])
async def test_who_is_not_seen_does_not_count(people, open_client, monkeypatch, id_):
    """Else one more id beside those that are just few enough would tell whether there is somebody."""
    know(monkeypatch, ACTORS | {"other": replace(ACTORS["admin"], institution="Organization/a")})
    other = await open_client(token="other")
    one = {"resourceType": "Patient", "id": "a-hidden"}
    assert (await other.put("Patient/a-hidden", json=one)).status_code == 201
    assert await asked(people["lab"], 0, 1, 2) == 202
    assert await asked(people["lab"], patient=f"Patient/{id_}") == 202
