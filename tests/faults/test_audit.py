"""Whatever a client asks leaves its row, refused or not, before the answer leaves; or else nothing is shown.

That a row is on the disk when the answer leaves, `test_power.py` shows.
"""

import asyncio

import asyncpg
import pytest

from kangyun.access import door
from kangyun.access.record import Record
from kangyun.store.search.searcher import Searcher
from kangyun.web import limits
from kangyun.web.rest import Rest

PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"text": "a"}]}
JSON_PATCH = {"content-type": "application/json-patch+json"}
MERGE = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "b"}]}}]}
TRANSACTION = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [{"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/a"}}],
}
# Method, path, options, status.
INTERACTIONS = [
    ("GET", "Patient/a", {}, 200),
    ("HEAD", "Patient/a", {}, 200),
    ("GET", "Patient/a", {"headers": {"if-none-match": 'W/"1"'}}, 304),
    ("GET", "Patient/none", {}, 404),
    ("GET", "Patient/a/_history/1", {}, 200),
    ("GET", "Patient/a/_history/9", {}, 404),
    ("GET", "Patient/a/_history", {}, 200),
    ("GET", "_history", {}, 200),
    ("GET", "Patient?name=a", {}, 200),
    ("GET", "Patient?birthdate=x", {}, 400),
    ("GET", "Patient?name=%ed%a0%80", {}, 400),
    ("GET", "Patient/a?name=%ed%a0%80", {}, 400),
    ("GET", "Patient/a?_summary=odd", {}, 400),
    ("GET", "Patient/a", {"headers": {"if-none-match": "odd"}}, 400),
    ("GET", "Patient/a/_history/1?_summary=odd", {}, 400),
    ("GET", "Patient?x=1", {"headers": {"prefer": "handling=strict"}}, 400),
    ("GET", "Patient?_format=odd", {}, 406),
    ("GET", "Quark/a", {}, 404),
    ("GET", "Patient/a/$everything", {}, 200),
    ("GET", "Patient/a/$meta", {}, 200),
    ("POST", "Patient/a/$meta-add", {"json": MERGE}, 200),
    ("GET", "Patient/a/$odd", {}, 404),
    ("GET", "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender", {}, 200),
    ("POST", "Patient/$validate", {"json": PATIENT}, 200),
    ("POST", "Patient", {"json": PATIENT}, 201),
    ("POST", "Patient", {"content": b"{"}, 400),
    ("POST", "Patient", {"json": PATIENT | {"gender": "odd"}}, 422),
    ("POST", "Patient", {"json": PATIENT, "headers": {"if-none-exist": "_id=a"}}, 200),
    ("PUT", "Patient/a", {"json": PATIENT}, 200),
    ("PUT", "Patient/a", {"json": PATIENT, "headers": {"if-match": 'W/"9"'}}, 412),
    ("PUT", "Patient/a", {"json": PATIENT | {"name": [{"text": "b"}]}}, 200),
    ("PUT", "Patient/new", {"json": PATIENT | {"id": "new"}}, 201),
    ("PUT", "Patient/b", {"json": PATIENT}, 400),
    ("PATCH", "Patient/a", {"content": b'[{"op":"add","path":"/active","value":true}]', "headers": JSON_PATCH}, 200),
    ("PATCH", "Patient/a", {"content": b'[{"op":"odd"}]', "headers": JSON_PATCH}, 400),
    ("PATCH", "Patient/none", {"content": b'[{"op":"remove","path":"/name"}]', "headers": JSON_PATCH}, 404),
    ("PATCH", "Patient?name:missing=false", {"content": b"[]", "headers": JSON_PATCH}, 412),
    ("POST", "", {"json": TRANSACTION}, 200),
    ("POST", "", {"json": TRANSACTION | {"type": "odd"}}, 400),
    ("POST", "", {"json": TRANSACTION | {"entry": TRANSACTION["entry"] * 2}}, 400),
    ("POST", "", {"json": TRANSACTION | {"type": "batch", "entry": []}}, 200),
    ("GET", "$export", {}, 202),
    ("GET", "$export?_since=x", {}, 400),
    ("GET", "$bulk-status/00000000-0000-4000-8000-000000000000", {}, 404),
    ("POST", "$import", {"json": {}}, 400),
    ("DELETE", "Patient/a", {}, 204),
    ("DELETE", "Patient?_id=none", {}, 204),
    ("ODD", "Patient/a", {}, 405),
    ("PUT", "Patient", {"json": PATIENT}, 400),
]


@pytest.fixture
async def outsider(fresh_database):
    """A connection of nobody's."""
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


def rows(outsider, request):
    return outsider.fetch("SELECT action, outcome, shape FROM audit WHERE request = $1", request)


async def test_every_interaction_leaves_its_row(client, outsider):
    for method, path, options, status in INTERACTIONS:
        await client.put("Patient/a", json=PATIENT)
        answer = await client.request(method, path, **options)
        assert answer.status_code == status, (method, path, answer.text)
        found = await rows(outsider, answer.headers["x-request-id"])
        # It was read before it was seen that the client has it.
        assert [row["outcome"] for row in found] == [{304: 200}.get(status, status)], (method, path, found)


async def test_what_is_refused_after_it_was_read_says_both(client, outsider):
    await client.put(
        "Binary/a", json={"resourceType": "Binary", "id": "a", "contentType": "text/plain", "data": "YQ=="}
    )
    answer = await client.get("Binary/a", headers={"accept": "image/png"})
    assert answer.status_code == 406
    found = await rows(outsider, answer.headers["x-request-id"])
    assert [(row["action"], row["outcome"]) for row in found] == [("read", 200), ("read", 406)]


async def test_a_body_that_does_not_come_leaves_its_row(client, outsider, monkeypatch):
    async def slow():
        await asyncio.sleep(3600)
        yield b""

    monkeypatch.setattr(limits, "BODY_PATIENCE", 0.1)
    answer = await client.post("Patient", content=slow(), headers={"content-type": "application/fhir+json"})
    (row,) = await rows(outsider, answer.headers["x-request-id"])
    assert (answer.status_code, row["action"], row["outcome"]) == (408, "create", 408)


async def test_what_cannot_leave_its_row_shows_nothing(client, outsider):
    await client.put("Patient/a", json=PATIENT)
    await outsider.execute("ALTER TABLE audit ADD CONSTRAINT never CHECK (false) NOT VALID")
    for method, path, options, _ in INTERACTIONS:
        answer = await client.request(method, path, **options)
        assert answer.status_code >= 500, (method, path, answer.text)
        assert answer.content == b"" or "issue" in answer.json(), (method, path)


@pytest.mark.parametrize("path", ["Patient?name=a", "Patient?name=a&_total=accurate", "?_type=Patient,List"])
async def test_a_search_that_was_too_costly_leaves_its_row(open_client, outsider, path):
    client = await open_client(search_seconds=0.2)
    async with outsider.transaction():
        await outsider.execute("LOCK TABLE resource, string_value IN ACCESS EXCLUSIVE MODE")
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly")
    (row,) = await rows(outsider, answer.headers["x-request-id"])
    assert (row["action"], row["outcome"]) == ("search", 422)


async def test_each_entry_of_a_batch_leaves_its_row(client, outsider):
    await client.put("Patient/a", json=PATIENT)
    requests = [
        {"method": "GET", "url": "Patient/a"},
        {"method": "GET", "url": "Patient/none"},
        {"method": "GET", "url": "Patient?birthdate=x"},
        {"method": "GET", "url": "Patient/a/$odd"},
        {"method": "DELETE", "url": "Patient/a", "ifMatch": 'W/"9"'},
    ]
    sent = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": one} for one in requests]}
    answer = await client.post("", json=sent)
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["200", "404", "400", "404", "412"]
    found = await rows(outsider, answer.headers["x-request-id"])
    assert {(row["action"], row["outcome"]) for row in found} >= {
        ("read", 200), ("read", 404), ("search", 400), ("operation", 404), ("batch", 412),
    }  # fmt: skip


async def fails(*_, **__):
    raise ZeroDivisionError


@pytest.mark.parametrize(("where", "name"), [(Rest, "answer"), (Searcher, "search"), (Record, "search")])
async def test_a_defect_leaves_its_row(client, outsider, monkeypatch, where, name):
    monkeypatch.setattr(where, name, fails)
    answer = await client.get("Patient?name=a")
    (row,) = await rows(outsider, answer.headers["x-request-id"])
    assert (answer.status_code, row["action"], row["outcome"]) == (500, "search", 500)


async def test_what_took_too_long_leaves_its_row(client, outsider, monkeypatch):
    async def hangs(*_, **__):
        await asyncio.sleep(3600)

    monkeypatch.setitem(limits.LONGEST, "interactive", 0.1)
    monkeypatch.setattr(Rest, "answer", hangs)
    answer = await client.get("Patient/a")
    (row,) = await rows(outsider, answer.headers["x-request-id"])
    assert (answer.status_code, row["action"], row["outcome"]) == (503, "read", 503)
    assert answer.headers["retry-after"]


# --- at the door

TURNED_AWAY = "SELECT action, outcome, actor, shape, source FROM audit WHERE actor = 'nobody' ORDER BY id"


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer a.b.c", "Basic 张三".encode()])
async def test_who_is_turned_away_leaves_a_row_without_what_was_shown(open_client, outsider, token):
    client = await open_client(token=None)
    answer = await client.get("Patient?name=li&odd=1", headers={"authorization": token, "x-request-id": "r-1"})
    assert answer.status_code == 401
    assert [tuple(row) for row in await outsider.fetch(TURNED_AWAY)] == [
        ("sign-in", 401, "nobody", "GET /Patient?[name]&name", "127.0.0.1")
    ]
    assert len(await rows(outsider, "r-1")) == 1


async def test_a_wrong_password_leaves_a_row_without_it(client, outsider):
    answer = await client.post("../sign-in", json={"user": "li", "password": "x"}, headers={"x-request-id": "r-1"})
    assert answer.status_code == 401
    (row,) = await rows(outsider, "r-1")
    assert tuple(row) == ("sign-in", 401, "POST /sign-in")


async def test_what_is_for_everybody_leaves_no_row(open_client, outsider):
    client = await open_client(token=None)
    for path in ("metadata", "openapi.json", "../health/live", "../health/ready", "../metrics", "../about", "../"):
        assert (await client.get(path)).status_code == 200, path
    assert await outsider.fetchval("SELECT count(*) FROM audit") == 0


async def test_a_flood_at_the_door_is_counted_and_fills_no_disk(open_client, outsider, monkeypatch):
    monkeypatch.setattr(door, "BURST", 2)
    monkeypatch.setattr(door, "PER_SECOND", 0)
    client = await open_client(token=None)
    for _ in range(6):
        assert (await client.get("Patient/a")).status_code == 401
    assert [row["shape"] for row in await outsider.fetch(TURNED_AWAY)] == ["GET /Patient/[id]"] * 2
    monkeypatch.setattr(door, "PER_SECOND", 1e9)
    await client.get("Patient/a")
    assert (await outsider.fetch(TURNED_AWAY))[2]["shape"] == "GET /Patient/[id] +4"


async def test_without_an_audit_they_are_turned_away_all_the_same(open_client, outsider):
    client = await open_client(token=None)
    await outsider.execute("ALTER TABLE audit ADD CONSTRAINT never CHECK (false) NOT VALID")
    assert (await client.get("Patient/a")).status_code == 401
    await outsider.execute("ALTER TABLE audit DROP CONSTRAINT never")
    await client.get("Patient/a")
    assert [row["shape"] for row in await outsider.fetch(TURNED_AWAY)] == ["GET /Patient/[id] +1"]
