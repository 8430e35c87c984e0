"""Whatever a client asks leaves its row, refused or not, before the answer leaves; or else nothing is shown.

That a row is on the disk when the answer leaves, `test_power.py` shows.
"""

import asyncio
import json

import asyncpg
import pytest

from kangyun.access import door
from kangyun.access.identities.officers import DEMO_SIGN_INS
from kangyun.access.record import Record
from kangyun.store.search.searcher import Searcher
from kangyun.web import limits
from kangyun.web.rest import Rest
from kangyun.web.subscriptions import Sockets

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
        assert [row["outcome"] for row in found] == [status], (method, path, found)


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
    await client.get("Patient/a")  # What is looked for once a minute is not the search's.
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
        ("read", 200), ("read", 404), ("search", 400), ("operation", 404), ("delete", 412),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "body", "row"),
    [
        ("DELETE", "Patient?_id=a", None, ("delete", 204, "DELETE /Patient?_id")),
        ("DELETE", "Patient?_id=none", None, ("delete", 204, "DELETE /Patient?_id")),
        ("PATCH", "Patient/a", {"resourceType": "Parameters"}, ("patch", 200, "PATCH /Patient/[id]")),
        ("PUT", "Patient?_id=none", {"resourceType": "Patient"}, ("update", 201, "PUT /Patient?_id")),
    ],
)
async def test_an_entry_that_is_carried_out_by_itself_leaves_the_row_that_it_leaves_alone(
    client, outsider, method, url, body, row
):
    async def left(answer):
        found = await rows(outsider, answer.headers["x-request-id"])
        return [(one["action"], one["outcome"], one["shape"]) for one in found]

    entry = {"request": {"method": method, "url": url}} | ({"resource": body} if body else {})
    sent = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    await client.put("Patient/a", json=PATIENT)
    in_batch = await left(await client.post("", json=sent))
    await client.put("Patient/a", json=PATIENT)
    alone = await left(await client.request(method, url, json=body))
    assert in_batch == alone == [row]


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


# --- whose it was that was shown

SHOWN = [
    ("GET", "Patient?_id=a,b", {}, "ab"), ("GET", "Patient?_id=a", {}, "a"), ("GET", "Patient?_id=none", {}, ""),
    ("GET", "Observation?subject=Patient/b", {}, "b"), ("GET", "Observation?_include=Observation:performer", {}, "ab"),
    ("GET", "?_type=Patient,Observation", {}, "ab"), ("GET", "Patient/a/Observation", {}, "ab"),
    ("GET", "Patient/a/_history", {}, "a"), ("GET", "Patient/_history", {}, "ab"), ("GET", "_history", {}, "ab"),
    ("GET", "Patient/a/$everything", {}, "ab"), ("GET", "Patient/$everything", {}, "ab"),
    ("POST", "Patient/_search", {"data": {"_id": "b"}}, "b"), ("GET", "Patient?_summary=count", {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "options", "whose"), SHOWN)
async def test_the_row_names_the_patients_that_were_shown_or_asked_for(client, outsider, method, path, options, whose):
    for one in "ab":
        await client.put(f"Patient/{one}", json=PATIENT | {"id": one})
    performer = {"reference": "Patient/a"}
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}}
    await client.put(
        "Observation/o", json=observation | {"subject": {"reference": "Patient/b"}, "performer": [performer]}
    )
    res = dict(zip("ab", [row[0] for row in await outsider.fetch(NAMED)], strict=True))
    answer = await client.request(method, path, **options)
    assert answer.status_code == 200, answer.text
    (row,) = await outsider.fetch("SELECT patients FROM audit WHERE request = $1", answer.headers["x-request-id"])
    assert row["patients"] == sorted(res[one] for one in whose)


async def test_the_row_of_a_read_says_which_resource(client, outsider):
    await client.put("Patient/a", json=PATIENT)
    for path in ("Patient/a", "Patient/a/_history/1"):
        answer = await client.get(path)
        (row,) = await outsider.fetch(
            "SELECT about, patients FROM audit WHERE request = $1", answer.headers["x-request-id"]
        )
        assert [row["about"]] == row["patients"]


NAMED = "SELECT patients[1] FROM audit WHERE commit IS NOT NULL AND shape = 'PUT /Patient/[id]' ORDER BY id"

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


async def test_every_interaction_without_a_sign_in_leaves_its_row(open_client, outsider):
    client = await open_client(token=None)
    for method, path, options, _ in INTERACTIONS:
        answer = await client.request(method, path, **options)
        assert answer.status_code == 401, (method, path, answer.text)
        found = await rows(outsider, answer.headers["x-request-id"])
        assert [row["outcome"] for row in found] == [401], (method, path)


async def test_who_signs_in_leaves_a_row(open_client, outsider, tmp_path):
    client = await open_client(demo=True)
    (account,) = [one for one in json.loads((tmp_path / DEMO_SIGN_INS).read_text()) if one["user"] == "doctor"]
    answer = await client.post("../sign-in", json={"user": "doctor", "password": account["password"]})
    assert answer.status_code == 200
    found = await outsider.fetch(
        "SELECT action, outcome, actor FROM audit WHERE actor = 'Practitioner/demo-doctor' AND action = 'sign-in'"
    )
    assert [tuple(row) for row in found] == [("sign-in", 200, "Practitioner/demo-doctor")]


@pytest.mark.parametrize(("path", "kind", "status"), [("Patient/a", "interactive", 503), ("$export", "bulk", 429)])
async def test_who_finds_no_place_leaves_a_row(open_client, outsider, monkeypatch, path, kind, status):
    monkeypatch.setitem(limits.PATIENCE, kind, 0.01)
    client = await open_client(interactive_limit=0, bulk_limit=0)
    answer = await client.get(path)
    assert answer.status_code == status
    (row,) = await rows(outsider, answer.headers["x-request-id"])
    assert row["outcome"] == status


async def test_a_websocket_without_a_sign_in_leaves_a_row(platform, outsider):
    heard, sent = [], asyncio.Queue()
    sent.put_nowait({"type": "websocket.connect"})

    async def hear(message):
        heard.append(message)

    scope = {"type": "websocket", "headers": [], "query_string": b"token=x", "client": ("10.0.0.1", 1)}
    sockets = Sockets(platform)
    await sockets(scope, sent.get, hear)
    sockets.close()
    assert heard[-1] == {"type": "websocket.close", "code": 4401}
    assert [tuple(row) for row in await outsider.fetch(TURNED_AWAY)] == [
        ("sign-in", 401, "nobody", "WEBSOCKET /websocket", "10.0.0.1")
    ]


async def test_what_is_for_everybody_leaves_no_row(open_client, outsider):
    client = await open_client(token=None)
    for path in ("metadata", "../health/live", "../health/ready", "../about", "../"):
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


async def test_a_flood_of_one_kind_hides_no_other(open_client, outsider, monkeypatch):
    monkeypatch.setattr(door, "BURST", 1)
    monkeypatch.setattr(door, "PER_SECOND", 0)
    monkeypatch.setitem(limits.PATIENCE, "bulk", 0.01)
    client = await open_client(token=None, bulk_limit=0)
    for _ in range(3):
        await client.get("Patient/a")
    assert (await client.get("$export")).status_code == 429
    assert [row["outcome"] for row in await outsider.fetch(TURNED_AWAY)] == [401, 429]


async def test_without_an_audit_they_are_turned_away_all_the_same(open_client, outsider):
    client = await open_client(token=None)
    await outsider.execute("ALTER TABLE audit ADD CONSTRAINT never CHECK (false) NOT VALID")
    assert (await client.get("Patient/a")).status_code == 401
    await outsider.execute("ALTER TABLE audit DROP CONSTRAINT never")
    await client.get("Patient/a")
    assert [row["shape"] for row in await outsider.fetch(TURNED_AWAY)] == ["GET /Patient/[id] +1"]
