"""A Subscription is its writer's: colleagues neither read nor find, count, change nor delete it."""

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.access.platform import open_platform
from kangyun.testing.people import know

SUBSCRIPTION = {
    "resourceType": "Subscription", "id": "a-own", "status": "requested", "reason": "test", "criteria": "Condition",
    "channel": {"type": "rest-hook", "endpoint": "https://a.example/on", "header": ["Authorization: Bearer secret"]},
}  # fmt: skip
ACTORS = {
    "admin": Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True),
    "li": Actor("Practitioner/li", "", "Organization/a", "TREAT", role="doctor"),
    "wang": Actor("Practitioner/wang", "", "Organization/a", "TREAT", role="doctor"),
    "his": Actor(
        "Device/a", "", "Organization/a", "TREAT", role="application", client="Device/a", scopes=("system/*.cruds",)
    ),
    "officer": Actor("Practitioner/it", "", "Organization/platform", "SYSADMIN", role="system-administrator"),
}  # fmt: skip
OTHERS = ("wang", "his", "officer")
READS = (
    "Subscription/a-own", "Subscription/a-own/_history", "Subscription/a-own/_history/1", "Subscription",
    "Subscription?_id=a-own", "Subscription?_summary=count", "Subscription?_total=accurate", "Subscription?_sort=_id",
    "Subscription/_history",
)  # fmt: skip


@pytest.fixture
async def people(open_client, monkeypatch):
    know(monkeypatch, ACTORS)
    return {name: await open_client(token=name) for name in ACTORS}


async def told(client, id_="a-own"):
    answers = [await client.get(path.replace("a-own", id_)) for path in READS]
    assert not any("secret" in answer.text for answer in answers)
    return [(answer.status_code, answer.json().get("total"), len(answer.json().get("entry", ()))) for answer in answers]


async def test_nobody_else_sees_it(people):
    before = {who: await told(people[who], "a-none") for who in OTHERS}
    assert (await people["li"].put("Subscription/a-own", json=SUBSCRIPTION)).status_code == 201
    assert {who: await told(people[who]) for who in OTHERS} == before
    for who in ("li", "admin"):
        assert "secret" in (await people[who].get("Subscription/a-own")).text
        assert (await people[who].get("Subscription?_summary=count")).json()["total"] == 1


@pytest.mark.parametrize("who", OTHERS)
async def test_nobody_else_changes_it(people, who):
    await people["li"].put("Subscription/a-own", json=SUBSCRIPTION)
    there = await people[who].put("Subscription/a-own", json=SUBSCRIPTION | {"criteria": "Observation"})
    gone = await people[who].delete("Subscription/a-own")
    patch = await people[who].patch(
        "Subscription/a-own", json=[{"op": "test", "path": "/criteria", "value": "Condition"}],
        headers={"content-type": "application/json-patch+json"},
    )  # fmt: skip
    assert {there.status_code, patch.status_code} <= {403, 404}
    assert gone.status_code in (403, 404, 204)  # What does not exist is deleted already.
    stood = await people["li"].get("Subscription/a-own")
    assert (stood.status_code, stood.json()["criteria"], stood.json()["meta"]["versionId"]) == (200, "Condition", "1")


async def test_its_writer_changes_and_deletes_it(people):
    await people["li"].put("Subscription/a-own", json=SUBSCRIPTION)
    changed = await people["li"].put("Subscription/a-own", json=SUBSCRIPTION | {"criteria": "Observation"})
    assert changed.status_code == 200
    assert (await people["li"].delete("Subscription/a-own")).status_code == 204
    assert (await people["li"].get("Subscription/a-own")).status_code == 410


async def test_what_was_written_before_there_were_keepers_is_its_writers_again(people, fresh_database, make_settings):
    await people["li"].put("Subscription/a-own", json=SUBSCRIPTION)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("DELETE FROM keeper")
    assert (await people["li"].get("Subscription/a-own")).status_code == 404
    await (await open_platform(make_settings(), fresh_database)).close()
    assert await connection.fetchval("SELECT count(*) FROM keeper") == 1
    await connection.close()
    assert (await people["li"].get("Subscription/a-own")).status_code == 200
    assert (await people["wang"].get("Subscription/a-own")).status_code == 404
