"""The database away, slow, full of locks, or without its audit table: what a client is told, and that it passes.

Source of the answers: 503 says "try again later", https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import asyncio

import asyncpg
import httpx
import pytest

from kangyun.access.audit import Row
from kangyun.base import clock
from kangyun.base.errors import TooCostly, Unavailable
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.pool import Pool
from kangyun.testing.folders import database_folder
from kangyun.testing.plugin import ADMIN_TOKEN, UNSAFE_AND_FAST
from kangyun.web.app import Application

WATCH = "watch-0123456789abcdef0123456789abcdef"
PATIENT = {"resourceType": "Patient", "name": [{"text": "a"}]}
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
BUSY = f"SELECT count(*) {OTHERS} AND state <> 'idle' AND backend_type = 'client backend'"
LOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"


@pytest.fixture
async def outsider(fresh_database):
    """A connection of nobody's."""
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def own_server():
    """A server of this test's own, running."""
    with database_folder("own") as folder:
        server = EmbeddedServer(folder, UNSAFE_AND_FAST)
        server.start()
        yield server
        server.stop()


async def quiet(outsider):
    """Waits until nobody else does anything in the database."""
    async with asyncio.timeout(60):
        while await outsider.fetchval(BUSY) or await outsider.fetchval(LOCKED):
            await asyncio.sleep(0.05)


def is_sent_away(answer):
    return answer.status_code == 503 and int(answer.headers["retry-after"]) > 0 and "issue" in answer.json()


async def test_a_server_that_stops_gives_503_and_is_found_again(own_server, tmp_path):
    await prepare_database(own_server.url)
    settings = Settings(data=tmp_path, admin_token=ADMIN_TOKEN, metrics_token=WATCH, connections=4)
    application = Application(settings, own_server.url)
    await application.open()
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://test/fhir/", headers=headers
    ) as client:
        made = (await client.post("Patient", json=PATIENT)).json()
        await asyncio.to_thread(own_server.stop)
        assert is_sent_away(await client.get(f"Patient/{made['id']}"))
        assert is_sent_away(await client.post("Patient", json=PATIENT))
        assert is_sent_away(await client.get("Patient?name=a"))
        assert (await client.get("../health/ready")).status_code == 503
        assert (await client.get("../health/live")).status_code == 200
        watch = {"authorization": f"Bearer {WATCH}"}
        assert "kangyun_database_up 0" in (await client.get("../metrics", headers=watch)).text
        await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(60):
            while (await client.get(f"Patient/{made['id']}")).status_code == 503:
                await asyncio.sleep(0.1)
        assert (await client.get(f"Patient/{made['id']}")).json() == made
        assert (await client.get("../health/ready")).json()["ready"]
    await application.close()


async def test_a_process_that_starts_before_its_database_serves_when_that_comes(own_server, tmp_path):
    await prepare_database(own_server.url)
    await asyncio.to_thread(own_server.stop)
    application = Application(Settings(data=tmp_path, admin_token=ADMIN_TOKEN, connections=4), own_server.url)
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    asked: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.ensure_future(application({"type": "lifespan"}, asked.get, told.put))
    await asked.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://test/fhir/", headers=headers
    ) as client:
        assert is_sent_away(await client.get("Patient"))
        await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(60):
            while (await client.get("Patient")).status_code != 200:
                await asyncio.sleep(0.1)
    await asked.put({"type": "lifespan.shutdown"})
    await life


async def test_a_process_with_another_key_leaves_no_connection(
    client, fresh_database, make_settings, outsider, tmp_path
):
    before = await outsider.fetchval(f"SELECT count(*) {OTHERS}")
    stranger = Application(make_settings(data=tmp_path / "other"), fresh_database)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await stranger.open()
    await stranger.close()
    async with asyncio.timeout(60):
        while await outsider.fetchval(f"SELECT count(*) {OTHERS}") > before:
            await asyncio.sleep(0.05)


async def test_ended_connections_cost_nobody_a_second_try(client, outsider):
    made = (await client.post("Patient", json=PATIENT)).json()
    await asyncio.gather(*(client.get(f"Patient/{made['id']}") for _ in range(20)))
    await outsider.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    async with asyncio.timeout(60):
        while await outsider.fetchval(f"SELECT count(*) {OTHERS}"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)  # What the server said last is on its way.
    answers = await asyncio.gather(*(client.get(f"Patient/{made['id']}") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}


async def test_what_cannot_be_audited_is_not_shown(client, outsider):
    made = (await client.post("Patient", json=PATIENT)).json()
    await outsider.execute("ALTER TABLE audit RENAME TO audit_gone")
    for path in (f"Patient/{made['id']}", "Patient?name=a", f"Patient/{made['id']}/_history", "Patient/none"):
        refused = await client.get(path)
        assert is_sent_away(refused), path
        assert made["id"] not in refused.text
    written = await client.post("Patient", json=PATIENT)
    assert written.status_code >= 500 and "text" not in written.json()
    await outsider.execute("ALTER TABLE audit_gone RENAME TO audit")
    assert (await client.get("Patient?_summary=count")).json()["total"] == 1


async def test_one_row_that_cannot_be_written_takes_no_others_along(platform):
    gate = platform.gate
    good = Row(clock.now(), 1, 200, "read", "a", "TREAT", "GET /", "", "good", [])
    bad = good._replace(shape="GET /\0", request="bad")
    results = await asyncio.gather(
        *(gate.auditor.write(row) for row in (good, bad, good, bad, good)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), Unavailable, type(None), Unavailable, type(None)]


async def test_a_search_over_its_limit_says_what_would_make_it_cheap(open_client, outsider):
    client = await open_client(search_seconds=0.05)
    entry = {
        "resource": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "a"},
            "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"},
        },
        "request": {"method": "POST", "url": "Observation"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 500}
    assert (await client.post("", json=bundle)).status_code == 200
    # Honest work for the database: 400 comparisons in units that must be converted, for each of 500 rows.
    values = ",".join(f"gt{number}|http://unitsofmeasure.org|g" for number in range(5000, 5400))
    refused = await client.get("Observation", params={"value-quantity": values, "_total": "accurate"})
    assert refused.status_code == 422
    (issue,) = refused.json()["issue"]
    assert issue["code"] == "too-costly"
    assert "0.05" in issue["details"]["text"] and "patient" in issue["details"]["text"]
    await quiet(outsider)
    assert (await client.get("Observation?_count=1")).status_code == 200


@pytest.mark.parametrize("search", ["Patient?name=a", "?_type=Patient,Person&name=a"])
async def test_a_search_that_waits_for_a_lock_is_ended_by_its_limit(open_client, outsider, search):
    client = await open_client(search_seconds=0.2)
    await client.post("Patient", json=PATIENT)
    await client.get(search)
    async with outsider.transaction():
        await outsider.execute("LOCK TABLE string_value IN ACCESS EXCLUSIVE MODE")
        refused = await client.get(search)
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
    assert (await client.get(search)).status_code == 200


async def test_those_who_wait_for_a_lock_leave_connections_to_the_others(open_client, outsider):
    client = await open_client(connections=6)
    made = (await client.post("Patient", json=PATIENT)).json()
    await outsider.execute("SELECT pg_advisory_lock(1262638, b) FROM generate_series(0, 4095) AS b")
    waiting = [
        asyncio.ensure_future(client.put(f"Patient/{made['id']}", json=made | {"active": True})) for _ in range(20)
    ]
    waiting += [asyncio.ensure_future(client.delete(f"Patient?name={number}")) for number in range(20)]
    async with asyncio.timeout(60):
        while await outsider.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 3:
            await asyncio.sleep(0.01)
        for _ in range(20):
            assert (await client.get(f"Patient/{made['id']}")).status_code == 200
            assert (await client.get("Patient?name=a")).status_code == 200
    await outsider.execute("SELECT pg_advisory_unlock_all()")
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} <= {200, 204, 503}


async def test_a_client_that_goes_leaves_no_lock_and_no_transaction(open_client, outsider):
    client = await open_client(connections=6)
    made = (await client.post("Patient", json=PATIENT)).json()
    await outsider.execute("SELECT pg_advisory_lock(1262638, b) FROM generate_series(0, 4095) AS b")
    going = [
        asyncio.ensure_future(client.put(f"Patient/{made['id']}", json=made | {"active": True})),
        asyncio.ensure_future(client.post("Patient", json=PATIENT, headers={"if-none-exist": "name=a"})),
        asyncio.ensure_future(client.delete("Patient?name=b")),
    ]
    async with asyncio.timeout(60):
        while await outsider.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 3:
            await asyncio.sleep(0.01)
    for one in going:
        one.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    await outsider.execute("SELECT pg_advisory_unlock_all()")
    await quiet(outsider)
    assert (await client.get(f"Patient/{made['id']}")).status_code == 200


async def test_a_lock_that_others_keep_is_not_waited_for_without_end(fresh_database, outsider):
    pool = Pool(fresh_database, size=1, settings={"lock_timeout": "100"})
    async with outsider.transaction():
        await outsider.execute("LOCK TABLE commit IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            async with pool.connection() as connection:
                await connection.execute("SELECT FROM commit")
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await pool.close()


async def test_an_exhausted_pool_sends_away_in_time(fresh_database):
    pool = Pool(fresh_database, size=1, patience=0.1)
    async with pool.connection():
        with pytest.raises(Unavailable) as refused:
            async with pool.connection():
                raise AssertionError("there is one connection only")
        assert refused.value.issues[0].text == "database.pool-busy"
        assert (pool.in_use, pool.waiting) == (1, 0)
    async with pool.connection():
        assert pool.in_use == 1
    assert pool.in_use == 0
    await pool.close()


async def test_a_statement_that_no_server_can_plan_is_too_costly(fresh_database):
    pool = Pool(fresh_database, size=1)
    with pytest.raises(TooCostly):
        async with pool.connection() as connection:
            await connection.execute("SELECT 1" + "+1" * 50_000)
    await pool.close()
