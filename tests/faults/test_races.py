"""Two at once: clients and processes that want the same thing in the same moment.

Every application here has its own pool, key ring and index, as each process has.
"""

import asyncio

import asyncpg
import pytest

PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "1"}], "name": [{"text": "a"}]}
ORGANIZATION = {"resourceType": "Organization", "name": "a"}
# All buckets that a writer may lock.
HOLD_ALL = "SELECT count(pg_advisory_lock(1262638, b)) FROM generate_series(0, 4095) AS b"
END_WAITING = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def until(sql, connection, least=1):
    async with asyncio.timeout(60):
        while await connection.fetchval(sql) < least:
            await asyncio.sleep(0.01)


@pytest.fixture
async def outsider(fresh_database):
    """A connection of nobody's, which can hold locks."""
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def test_conditional_creates_of_two_processes_make_one_resource(open_client):
    first, second = await open_client(), await open_client()
    condition = {"if-none-exist": "identifier=urn:test|1"}
    answers = await asyncio.gather(
        *(one.post("Patient", json=PATIENT, headers=condition) for _ in range(20) for one in (first, second))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 39 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await first.get("Patient?identifier=urn:test|1&_total=accurate")).json()["total"] == 1


async def test_conditional_creates_in_transactions_of_two_processes_make_one_resource(open_client):
    first, second = await open_client(), await open_client()
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:00000000-0000-0000-0000-00000000000{number}",
                "resource": PATIENT | {"identifier": [{"system": "urn:test", "value": str(number)}]},
                "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier=urn:test|{number}"},
            }
            for number in range(6)
        ],
    }
    turned = bundle | {"entry": bundle["entry"][::-1]}
    answers = await asyncio.gather(
        *(one.post("", json=sent) for _ in range(8) for one, sent in ((first, bundle), (second, turned)))
    )
    assert [answer.status_code for answer in answers] == [200] * 16
    assert (await first.get("Patient?_total=accurate&_summary=count")).json()["total"] == 6


async def test_one_version_lets_one_of_two_processes_through(open_client):
    first, second = await open_client(), await open_client()
    made = (await first.post("Patient", json=PATIENT)).json()
    answers = await asyncio.gather(
        *(
            one.put(
                f"Patient/{made['id']}",
                json=made | {"name": [{"text": f"{number}"}]},
                headers={"if-match": 'W/"1"'},
            )
            for number, one in enumerate([first, second] * 10)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19


async def test_updates_of_one_resource_by_many_all_get_through(open_client):
    first, second = await open_client(), await open_client()
    made = (await first.post("Patient", json=PATIENT)).json()
    answers = await asyncio.gather(
        *(
            one.put(f"Patient/{made['id']}", json=made | {"name": [{"text": f"{number}"}]})
            for number, one in enumerate([first, second] * 30)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    versions = {answer.json()["meta"]["versionId"] for answer in answers}
    assert versions == {str(number) for number in range(2, 62)}


async def test_two_clients_choosing_one_id_make_one_resource(open_client):
    first, second = await open_client(), await open_client()
    answers = await asyncio.gather(
        *(one.put("Patient/chosen", json=PATIENT | {"id": "chosen"}) for one in [first, second] * 10)
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]


async def test_many_changing_what_is_just_being_made_do_not_wait_in_a_circle(open_client):
    """The lock of an id that is new and that of the resource that somebody else makes of it come in no one's order."""
    first, second = await open_client(connections=20), await open_client(connections=20)
    answers = await asyncio.gather(
        *(
            one.put("Patient/chosen", json=PATIENT | {"id": "chosen", "name": [{"text": f"{number}"}]})
            for number, one in enumerate([first, second] * 20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 39 + [201]
    assert {answer.json()["meta"]["versionId"] for answer in answers} == {str(number) for number in range(1, 41)}


async def test_transactions_that_meet_crosswise_are_all_carried_out(open_client):
    """Conditions and patients locked in opposite orders: PostgreSQL ends one as a deadlock, and it is tried again."""
    first, second = await open_client(), await open_client()
    for name in "abcdef":
        await first.put(f"Patient/{name}", json=PATIENT | {"id": name, "identifier": [{"value": name}]})

    def crossing(number, names):
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": PATIENT | {"identifier": [{"value": name}], "name": [{"text": f"{number}"}]},
                    "request": {"method": "PUT", "url": f"Patient?identifier={name}"},
                }
                for name in names
            ],
        }

    answers = await asyncio.gather(
        *(
            one.post("", json=crossing(number, names))
            for number in range(6)
            for one, names in ((first, "abc"), (second, "cde"), (first, "efa"), (second, "bdf"))
        )
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_two_processes_meet_a_new_institution_at_once(fresh_database, make_settings, outsider):
    from kangyun.access.actor import Actor, Circumstances
    from kangyun.access.platform import open_platform

    platforms = [await open_platform(make_settings(), fresh_database) for _ in range(2)]
    actor = Actor("Practitioner/new", "new", "Organization/new")
    about = Circumstances("GET /Patient", "", "race")
    # Both have asked before either is answered: the row is made and not yet committed.
    transaction = outsider.transaction()
    await transaction.start()
    await outsider.execute("INSERT INTO institution (reference) VALUES ('Organization/new')")
    opening = [asyncio.ensure_future(one.gate.open(actor, about)) for one in platforms]
    await until("SELECT count(*) FROM pg_locks WHERE NOT granted", outsider, least=2)
    await transaction.commit()
    records = await asyncio.gather(*opening)
    number = await outsider.fetchval("SELECT id FROM institution WHERE reference = 'Organization/new'")
    assert [record.audit_columns("read", 200)[1] for record in records] == [number, number]
    for one in platforms:
        await one.close()


async def test_a_write_that_never_happened_takes_no_others_key_along(open_client, outsider):
    """The first write of an institution makes its key. Ended before it commits, it must not have lent the key out."""
    first = await open_client()
    await outsider.execute(HOLD_ALL)
    never = asyncio.ensure_future(first.put("Organization/never", json=ORGANIZATION | {"id": "never"}))
    await until(WAITING, outsider)
    made = await first.post("Organization", json=ORGANIZATION)
    assert made.status_code == 201
    await outsider.execute(END_WAITING)
    assert (await never).status_code == 503
    await outsider.execute("SELECT pg_advisory_unlock_all()")
    other = await open_client()
    assert (await other.get(f"Organization/{made.json()['id']}")).status_code == 200


async def test_a_write_that_never_happened_takes_no_others_unit_along(open_client, outsider):
    first = await open_client()
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:test", "code": "weight", "display": "Body weight"}]},
        "valueQuantity": {"value": 70, "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    await first.post("Organization", json=ORGANIZATION)
    await outsider.execute(HOLD_ALL)
    never = asyncio.ensure_future(first.put("Observation/never", json=weight | {"id": "never"}))
    await until(WAITING, outsider)
    assert (await first.post("Observation", json=weight)).status_code == 201
    await outsider.execute(END_WAITING)
    assert (await never).status_code == 503
    await outsider.execute("SELECT pg_advisory_unlock_all()")
    grams = "value-quantity=70000|http://unitsofmeasure.org|g"
    assert (await first.get(f"Observation?{grams}")).json()["total"] == 1
    assert (await first.get("Observation?code:text=body")).json()["total"] == 1
