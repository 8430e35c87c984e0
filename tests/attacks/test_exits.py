"""Who has gone is told nothing more: what somebody asked for while he was here ends with him."""

import asyncio

import asyncpg
import pytest

from kangyun.access.subscriptions import sockets
from kangyun.catalog import catalog
from kangyun.testing.subscribing import Socket, becomes, subscribed, subscription
from kangyun.web import shape

from .conftest import PASSWORD, A, B, _person, condition, patient


class Receiver:
    """Takes whatever it is sent."""

    def __init__(self):
        self.got = []

    async def __call__(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        self.got.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@pytest.mark.parametrize("end", ["leave", "suspend", "take_role"])
async def test_a_subscription_ends_with_its_owner(put, sign_in, region, client, start_background, end):
    receiver = Receiver()
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/on"
    start_background(subscription_hosts="127.0.0.1")
    await put(patient("b-li"), B)
    doctor = await sign_in("doctor")
    asked = subscription(endpoint, "Condition", payload="application/fhir+json")
    made = await subscribed(doctor.http, asked)
    await put(condition("b-one", "b-li"), B)
    async with asyncio.timeout(60):
        while not receiver.got:
            await asyncio.sleep(0.02)
    identities = region.sign_in.identities
    who = (await identities.find("Practitioner/doctor")).id
    how = (who, "doctor", B) if end == "take_role" else (who,)
    await getattr(identities, end)(*how, by="Device/test", why="离职")
    await put(condition("b-two", "b-li"), B)
    await becomes(client, made["id"], "off")
    assert len(receiver.got) == 1
    server.close()
    await server.wait_closed()


def test_what_was_asked_stands_in_the_trail_by_its_name():
    assert {operation.name for operation in catalog().operations} <= shape.operations()


async def test_each_question_in_a_bundle_stands_in_the_trail_as_it_would_alone(put, sign_in, fresh_database):
    await put(patient("b-li"), B)
    await put(condition("b-cough", "b-li"), B)
    urls = (
        "Condition?patient=b-li&code=J18.9",
        "Patient/b-li",
        "Condition?code=E11",
        "Patient/a-hidden",
        "Nothing?x=1",
    )
    doctor = await sign_in("doctor")
    for url in urls:
        await doctor("GET", url)
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    await doctor("POST", "", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    await doctor("POST", "", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    connection = await asyncpg.connect(fresh_database)
    try:
        sql = "SELECT outcome, action, shape, patients FROM audit WHERE request LIKE 'doctor-%' ORDER BY id"
        found = [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
    alone = found[: len(urls)]
    assert [row[2] for row in alone] == [
        "GET /Condition?code&patient", "GET /Patient/[id]", "GET /Condition?code", "GET /Patient/[id]",
        "GET /[id]?[name]",
    ]  # fmt: skip
    assert found == alone * 3


async def test_what_a_form_asks_stands_in_the_trail_by_its_names(put, sign_in, rows):
    doctor = await sign_in("doctor")
    given = {"headers": {"content-type": "application/x-www-form-urlencoded"}, "content": "patient=b-li&secret=1"}
    await doctor("POST", "Condition/_search?code=J18.9", **given)
    ((_, _, _, shape),) = (await rows())["doctor-0"]
    assert shape == "POST /Condition/_search?[name]&code&patient"


PROBES = [
    "Condition?patient=b-li&code={}&_summary=count", "Condition?patient=b-li&code={}&_count=0",
    "Condition?subject=Patient/b-li&code={}&_summary=count", "Patient/b-li/Condition?code={}&_summary=count",
    "Patient?_id=b-li&_has:Condition:patient:code={}&_summary=count",
    "Condition?subject=http://127.0.0.1:8080/fhir/Patient/b-li&code={}&_summary=count",
    "Condition?_id=b-cough&code={}&_summary=count", "Condition?_filter=patient ne Patient/b-li&_summary=count",
    "Condition?patient.identifier=urn:test|b-li&code={}&_summary=count",
    "Condition?patient.identifier=urn:test|b-li,urn:test|nobody&code={}&_summary=count",
    "Patient?identifier:not=urn:test|b-li&_summary=count",
    "Patient?name=Zhang&birthdate=1971-03-04&_has:Condition:patient:code={}&_summary=count",
    "Condition?patient.name=Zhang&patient.birthdate=1971-03-04&code={}&_summary=count",
    "Practitioner?_has:Condition:asserter:patient=Patient/b-li&_has:Condition:asserter:code={}",
    "Practitioner?_has:Condition:asserter:patient.identifier=urn:test|b-li",
    "Practitioner?_has:Condition:asserter:_id=b-cough", "?_type=Condition,Observation&patient=b-li&_summary=count",
    "Condition?asserter:Practitioner._has:Condition:asserter:patient=Patient/b-li&patient=b-wang",
]  # fmt: skip


@pytest.fixture
async def named(put, sign_in, fresh_database):
    """Asks a question as a doctor, and says whom its row names: `await named("Condition?…")`."""
    numbers = {}
    for id_, born in (("b-li", "1971-03-04"), ("b-wang", "1980-01-01"), ("a-hidden", "1990-01-01")):
        numbers[(await put(patient(id_) | {"birthDate": born}, f"Organization/{id_[0]}")).res] = id_
    await put({"resourceType": "Practitioner", "id": "b-doctor"}, B)
    asserter = {"asserter": {"reference": "Practitioner/b-doctor"}}
    await put(condition("b-cough", "b-li") | asserter, B)
    await put(condition("b-leg", "b-wang", "S82") | asserter, B)
    doctor = await sign_in("doctor")

    async def ask(path):
        assert (await doctor("GET", path)).status_code == 200
        connection = await asyncpg.connect(fresh_database)
        try:
            sql = "SELECT patients FROM audit WHERE request = $1"
            (row,) = await connection.fetch(sql, list(doctor.asked)[-1])
        finally:
            await connection.close()
        return {numbers.get(one, str(one)) for one in row["patients"]}

    return ask


@pytest.mark.parametrize("probe", PROBES)
async def test_who_is_named_in_a_question_stands_in_its_row_whatever_it_answers(named, probe):
    for code in ("J18.9", "E11"):
        assert "b-li" in await named(probe.format(code))


async def test_who_is_not_named_or_not_seen_does_not_stand_in_the_row(named):
    for path in (
        "Patient?gender=male&_count=0", "Condition?code=E11",
        "Condition?patient=a-hidden&_summary=count", "Patient?identifier=urn:test|a-hidden&_summary=count",
        "Condition?patient=Patient/b-cough&_summary=count", "Condition?patient=nobody&_summary=count",
        "Practitioner?_has:Condition:asserter:patient=Patient/a-hidden",
    ):  # fmt: skip
        assert await named(path) == set(), path
    for path in ("Condition?patient=b-wang", "Condition?patient=b-wang&code=J18.9"):
        assert await named(path) == {"b-wang"}


HANDLES = [
    "Patient?_list=b-mine&birthdate={}", "Patient?_has:List:item:_id=b-mine&birthdate={}",
    "Patient?_has:Group:member:_id=b-mine&birthdate={}", "Patient?general-practitioner=Practitioner/b-gp&birthdate={}",
    "Patient?_has:Condition:patient:identifier=urn:c|1&birthdate={}",
    "Condition?identifier=urn:c|1&patient.birthdate={}", "Condition?subject:Patient._list=b-mine&patient.birthdate={}",
    "Patient?name=Zhang&_list=b-mine&birthdate={}", "Patient?_filter=_list eq b-mine and birthdate eq {}",
    "Patient?_list=b-mine&birthdate={}&gender=male&active=true",
]  # fmt: skip


@pytest.fixture
async def asked_by_handles(put, named):
    """A resident whom somebody may mean without naming, among more than few others of the same name."""
    await put(
        patient("b-li") | {"birthDate": "1971-03-04", "generalPractitioner": [{"reference": "Practitioner/b-gp"}]}, B
    )
    await put(condition("b-cough", "b-li") | {"identifier": [{"system": "urn:c", "value": "1"}]}, B)
    item = {"reference": "Patient/b-li"}
    await put(
        {"resourceType": "List", "id": "b-mine", "status": "current", "mode": "working", "entry": [{"item": item}]}, B
    )
    await put(
        {"resourceType": "Group", "id": "b-mine", "type": "person", "actual": True, "member": [{"entity": item}]}, B
    )
    for nth in range(10):
        await put(patient(f"b-other-{nth}") | {"birthDate": "2001-01-01"}, B)
        await put(condition(f"b-other-{nth}-flu", f"b-other-{nth}", "J10"), B)
    return named


@pytest.mark.parametrize("rest", ["&_summary=count", "&_count=0"])
@pytest.mark.parametrize("handle", HANDLES)
async def test_few_of_whom_an_answer_tells_that_shows_nobody_stand_in_its_row(asked_by_handles, handle, rest):
    for born in ("1971-03-04", "1971-03-05"):
        assert await asked_by_handles(handle.format(born) + rest) == {"b-li"}
    assert await asked_by_handles(handle.format("1971-03-05")) == {"b-li"}


async def test_many_of_whom_a_count_tells_do_not_stand_in_its_row(asked_by_handles):
    for path in (
        "Patient?name=Zhang&_summary=count", "Patient?name=Zhang&birthdate=1900-01-01", "Patient?name=Zhang&_count=0",
        "Condition?patient.name=Zhang&code=E11&_summary=count",
    ):  # fmt: skip
        assert await asked_by_handles(path) == set(), path
    assert await asked_by_handles("Condition?code=J18.9&_summary=count") == {"b-li"}
    assert len(await asked_by_handles("Condition?code=J10&_summary=count")) == 10


@pytest.fixture
async def conditions(put, sign_in, fresh_database):
    """Asks as a doctor by a condition, and says what was answered and whom its rows name."""
    numbers = {(await put(patient("a-li") | {"birthDate": "1971-03-04"}, A)).res: "a-li"}
    await put(permission("a-li"), A)
    await put(condition("a-cough", "a-li"), A)
    doctor = await sign_in("doctor")

    async def ask(method, path, **given):
        answer = await doctor(method, path, **given)
        connection = await asyncpg.connect(fresh_database)
        try:
            sql = "SELECT patients FROM audit WHERE request = $1"
            rows = await connection.fetch(sql, list(doctor.asked)[-1])
        finally:
            await connection.close()
        return answer.status_code, {numbers.get(one, "another") for row in rows for one in row["patients"]}

    return ask


def permission(id_):
    return {
        "resourceType": "Consent", "id": f"{id_}-permit", "status": "active", "scope": {"text": "x"},
        "category": [{"text": "x"}], "patient": {"reference": f"Patient/{id_}"}, "policyRule": {"text": "x"},
        "provision": {"type": "permit", "actor": [{"role": {"text": "x"}, "reference": {"reference": B}}]},
    }  # fmt: skip


PATCH = {"content": "[]", "headers": {"content-type": "application/json-patch+json"}}


@pytest.mark.parametrize(
    ("method", "path", "given", "right", "wrong"),
    [
        ("PATCH", "Patient?_id=a-li&birthdate={}", PATCH, 403, 404),
        ("DELETE", "Patient?_id=a-li&birthdate={}", {}, 403, 204),
        ("DELETE", "Condition?patient.identifier=urn:test|a-li&patient.birthdate={}", {}, 403, 204),
        ("PUT", "Condition?patient=a-li&patient.birthdate={}", {"json": condition("b-x", "a-li")}, 403, 201),
    ],
)  # fmt: skip
async def test_whom_a_condition_names_stands_in_the_row_whatever_becomes_of_it(
    conditions, method, path, given, right, wrong
):
    assert await conditions(method, path.format("1971-03-04"), **given) == (right, {"a-li"})
    assert await conditions(method, path.format("1971-03-05"), **given) == (wrong, {"a-li"})


async def test_whom_a_conditional_create_asks_after_stands_in_a_row_beside_what_it_writes(conditions):
    bare = {"resourceType": "Basic", "code": {"text": "x"}}
    for code, status in (("J18.9", 200), ("E11", 201)):
        asked = {"if-none-exist": f"patient=a-li&code={code}"}
        of_nobody = {"resourceType": "Condition", "code": {"text": "x"}, "subject": {"display": "x"}}
        assert await conditions("POST", "Condition", json=of_nobody, headers=asked) == (status, {"a-li"})
    assert await conditions("POST", "Basic", json=bare) == (201, set())


async def test_whom_a_conditional_reference_names_stands_in_the_row_of_a_refused_transaction(conditions):
    about_a_stranger = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/stranger"}}
    for code, status in (("J18.9", 403), ("E11", 412)):
        link = {"url": "http://x", "valueReference": {"reference": f"Condition?patient=Patient/a-li&code={code}"}}
        entry = {"request": {"method": "POST", "url": "Basic"}, "resource": about_a_stranger | {"extension": [link]}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert await conditions("POST", "", json=bundle) == (status, {"a-li"})


@pytest.mark.parametrize(
    "made",
    [
        {"resourceType": "List", "status": "current", "mode": "working"},
        {"resourceType": "Group", "type": "person", "actual": True},
    ],
    ids=lambda made: made["resourceType"],
)
async def test_to_whom_a_list_or_a_group_refers_stands_in_a_row_of_its_write(put, conditions, made):
    await put(patient("a-hidden"), A)
    type_ = made["resourceType"]
    part, element = ("entry", "item") if type_ == "List" else ("member", "entity")
    # A Group is about its members, and nobody writes about whom he does not see.
    whom = ("a-li", "a-hidden", "b-to-come") if type_ == "List" else ("a-li", "b-to-come")
    of = {part: [{element: {"reference": f"Patient/{id_}"}} for id_ in whom]}
    assert await conditions("POST", type_, json=made | of) == (201, {"a-li"})
    assert await conditions("PUT", f"{type_}/b-mine", json=made | of | {"id": "b-mine"}) == (201, {"a-li"})
    assert await conditions("POST", type_, json=made) == (201, set())


async def bound(client, token, id_):
    """Returns a websocket of who has the token, asked to be bound to a subscription."""
    socket = Socket(client._transport.app, query=f"token={token}")
    assert (await socket.hear())["type"] == "websocket.accept"
    await socket.say(f"bind {id_}")
    return socket


def token_of(person):
    return person.http.headers["authorization"].partition(" ")[2]


async def test_a_websocket_ends_with_the_sign_in(sign_in, region, client, start_background):
    start_background()
    doctor = await sign_in("doctor")
    made = await subscribed(doctor.http, subscription(criteria="Condition", type="websocket"))
    socket = await bound(client, token_of(doctor), made["id"])
    assert (await socket.hear())["text"] == f"bound {made['id']}"
    await region.sign_in.end_all((await region.sign_in.identities.find("Practitioner/doctor")).id, "", "test")
    async with asyncio.timeout(5):
        assert (await socket.out.get())["code"] == 4401
    await socket.task


@pytest.mark.parametrize(("scope", "heard"), [("user/Subscription.r", "bound"), ("user/Condition.rs", "")])
async def test_an_application_is_rung_for_what_it_may_read(
    by_application, region, client, start_background, scope, heard
):
    start_background()
    application = await by_application("doctor", f"{scope} openid")
    own = await region.sign_in.sign_in("u-doctor", PASSWORD, "doctor")
    asked = subscription(criteria="Condition", type="websocket")
    made = await subscribed(_person(client, own, "u-doctor").http, asked)
    socket = await bound(client, token_of(application), made["id"])
    assert (await socket.hear()).get("text", "").partition(" ")[0] == heard
    await socket.leave()


async def test_a_websocket_tells_of_nobody_elses_subscription_by_how_long_it_takes(
    sign_in, client, start_background, monkeypatch
):
    monkeypatch.setattr(sockets, "APPEARS_WITHIN", 1.0)
    start_background()
    doctor, nurse = await sign_in("doctor"), await sign_in("nurse")
    made = await subscribed(doctor.http, subscription(criteria="Condition", type="websocket"))
    began = asyncio.get_running_loop().time()
    socket = await bound(client, token_of(nurse), made["id"])
    assert (await socket.hear())["code"] == 4404
    assert asyncio.get_running_loop().time() - began > 0.9
    await socket.task
