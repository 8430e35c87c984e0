"""Small commits of many callers share transactions; each stays a commit of its own."""

import asyncio
from datetime import UTC, datetime, timedelta

from kangyun.store.committer import GROUP
from kangyun.store.tokens import bucket_of

# Stands for what an index has no room for.
REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'refused' USING ERRCODE = 'program_limit_exceeded';
END $$;
CREATE TRIGGER refusing BEFORE INSERT ON unit FOR EACH ROW WHEN (new.code = 'refused') EXECUTE FUNCTION refuse()
"""
BASIC = {"resourceType": "Basic", "code": {"text": "a"}}


def observation(patient, note):
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": note},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip


async def made(client, **elements):
    return (await client.post("Patient", json={"resourceType": "Patient", **elements})).json()


async def commits_of(platform, request_count):
    async with platform.pool.connection() as connection:
        return await connection.fetch(
            "SELECT c.id, c.xid::text, c.res, c.digest, c.request, a.commit AS audited, a.patients FROM commit AS c "
            "JOIN audit AS a ON a.commit = c.id ORDER BY c.id DESC LIMIT $1",
            request_count,
        )


async def test_commits_at_once_share_transactions_and_stay_apart(client, platform):
    patients = [(await made(client))["id"] for _ in range(3)]
    answers = await asyncio.gather(
        *(client.post("Observation", json=observation(patients[n % 3], f"{n}")) for n in range(GROUP))
    )
    assert [answer.status_code for answer in answers] == [201] * GROUP
    commits = await commits_of(platform, GROUP)
    assert len({row["xid"] for row in commits}) < GROUP / 2
    assert {len(row["res"]) for row in commits} == {1}
    assert len({row["res"][0] for row in commits}) == len({row["digest"] for row in commits}) == GROUP
    assert len({row["request"] for row in commits}) == GROUP
    assert len({row["patients"][0] for row in commits}) == 3
    for answer in answers:
        read = await client.get(f"Observation/{answer.json()['id']}")
        assert read.json() == answer.json()


async def test_each_is_in_the_history_and_the_order_of_one_patient_holds(client):
    patient = (await made(client))["id"]
    answers = await asyncio.gather(
        *(client.post("Observation", json=observation(patient, f"{n}")) for n in range(12)),
        client.put(f"Patient/{patient}", json={"resourceType": "Patient", "id": patient, "active": True}),
    )
    history = (await client.get("_history?_count=13")).json()["entry"]
    assert {entry["resource"]["id"] for entry in history} == {answer.json()["id"] for answer in answers}


async def test_of_those_who_change_one_version_at_once_one_wins_and_nobody_else_suffers(client):
    patient = (await made(client))["id"]
    url = f"Patient/{patient}"
    changes = [
        client.put(url, json={"resourceType": "Patient", "id": patient, "multipleBirthInteger": n},
                   headers={"if-match": 'W/"1"'})
        for n in range(6)
    ]  # fmt: skip
    others = [client.post("Patient", json={"resourceType": "Patient"}) for _ in range(6)]
    answers = await asyncio.gather(*changes, *others)
    assert sorted(answer.status_code for answer in answers[:6]) == [200] + [412] * 5
    assert [answer.status_code for answer in answers[6:]] == [201] * 6
    assert (await client.get(url)).json()["meta"]["versionId"] == "2"


async def test_changes_of_one_resource_at_once_are_all_made(client):
    patient = (await made(client))["id"]
    answers = await asyncio.gather(
        *(
            client.put(f"Patient/{patient}", json={"resourceType": "Patient", "id": patient, "multipleBirthInteger": n})
            for n in range(5)
        )
    )
    assert sorted(answer.json()["meta"]["versionId"] for answer in answers) == ["2", "3", "4", "5", "6"]


async def test_a_new_code_may_come_by_several_at_once(client):
    coded = {
        "resourceType": "Basic",
        "code": {"coding": [{"system": "urn:test:committer", "code": "new", "display": "Brand new"}]},
    }
    answers = await asyncio.gather(*(client.post("Basic", json=coded) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert (await client.get("Basic?code:text=brand&_summary=count")).json()["total"] == 8


async def test_one_chosen_id_by_several_at_once_is_one_resource(client):
    answers = await asyncio.gather(
        *(client.put("Patient/same", json={"resourceType": "Patient", "id": "same", "active": True}) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert {answer.json()["meta"]["versionId"] for answer in answers} == {"1"}


async def test_an_id_asked_of_another_type_hides_nothing(client):
    patient = (await made(client))["id"]
    asked = [client.get(f"{kind}/{patient}") for _ in range(8) for kind in ("Patient", "Observation", "Basic")]
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200, 404, 404] * 8
    removed, *others = await asyncio.gather(
        client.delete(f"Patient/{patient}"), *(client.get(f"Basic/{patient}") for _ in range(4))
    )
    assert removed.status_code == 204
    assert {answer.status_code for answer in others} == {404}
    assert (await client.get(f"Patient/{patient}")).status_code == 410


async def test_what_the_database_refuses_of_one_is_nobody_elses(client, platform):
    bad = observation((await made(client))["id"], "bad") | {
        "valueQuantity": {"value": 1, "unit": "refused", "system": "urn:test:units", "code": "refused"}
    }
    async with platform.pool.connection() as connection:
        await connection.execute(REFUSING)
    answers = await asyncio.gather(
        client.post("Observation", json=bad),
        *(client.post("Patient", json={"resourceType": "Patient"}) for _ in range(8)),
    )
    assert [answer.status_code for answer in answers] == [422] + [201] * 8


async def test_an_instant_ahead_of_the_clock_stays_where_it_is(client, platform):
    ahead, *others = [(await made(client))["id"] for _ in range(6)]
    async with platform.pool.connection() as connection:
        await connection.execute(
            "UPDATE version SET instant = instant + interval '1 hour' WHERE res = $1",
            platform.gate.store.ids.res_of(ahead),
        )

    def change(patient):
        body = {"resourceType": "Patient", "id": patient, "active": True}
        return client.put(f"Patient/{patient}", json=body)

    first, *rest = await asyncio.gather(*map(change, [ahead, *others]))
    assert {answer.status_code for answer in (first, *rest)} == {200}
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert datetime.fromisoformat(first.json()["meta"]["lastUpdated"]) > now
    assert all(datetime.fromisoformat(answer.json()["meta"]["lastUpdated"]) < now for answer in rest)


async def test_who_is_left_over_of_a_group_keeps_nobody_waiting(client, platform):
    """Two write one resource; the one of them that is in the group waits for a lock that the other does not need."""
    store = platform.gate.store
    subject, written = (await made(client))["id"], (await client.post("Basic", json=BASIC)).json()["id"]
    async with platform.pool.connection() as connection, connection.transaction():
        bucket = bucket_of(store.ids.res_of(subject))
        await connection.execute("SELECT pg_advisory_xact_lock(1262638, $1)", bucket)
        about = BASIC | {"id": written, "subject": {"reference": f"Patient/{subject}"}}
        kept = asyncio.ensure_future(client.put(f"Basic/{written}", json=about))
        free = client.put(f"Basic/{written}", json=BASIC | {"id": written, "created": "2026"})
        assert (await asyncio.wait_for(free, 10)).status_code == 200
        assert not kept.done()
    assert (await kept).status_code == 200


async def test_a_lock_that_somebody_holds_keeps_only_who_needs_it(client, platform):
    store = platform.gate.store
    waited_for, free = (await made(client))["id"], (await made(client))["id"]
    async with platform.pool.connection() as connection, connection.transaction():
        bucket = bucket_of(store.ids.res_of(waited_for))
        await connection.execute("SELECT pg_advisory_xact_lock(1262638, $1)", bucket)
        kept = asyncio.ensure_future(client.post("Observation", json=observation(waited_for, "kept")))
        others = [client.post("Observation", json=observation(free, f"{n}")) for n in range(5)]
        done = await asyncio.wait_for(asyncio.gather(*others), 10)
        assert [answer.status_code for answer in done] == [201] * 5
        assert not kept.done()
    assert (await kept).status_code == 201
