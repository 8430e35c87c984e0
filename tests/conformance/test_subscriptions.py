"""Subscriptions: asked for over HTTP, matched and delivered by the background work.

Source: https://hl7.org/fhir/R4/subscription.html
"""

import asyncio
import json
import socket
from datetime import timedelta

import pytest
import pytest_asyncio

from kangyun.access import replaying
from kangyun.access.identities import revoked_again
from kangyun.access.identities.register import KIND
from kangyun.access.subscriptions import delivery, matching, rules, table
from kangyun.base import clock
from kangyun.fhir import xml
from kangyun.testing.subscribing import PATIENCE, PATIENT, becomes, subscribed, subscription, until

pytestmark = pytest.mark.usefixtures("quick_subscriptions")


class Receiver:
    """A receiver of rest-hooks: keeps what it was sent, and answers as it is told to."""

    def __init__(self):
        self.got = []
        self.answer = lambda got: 200

    async def __call__(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *headers = head.split("\r\n")
            named = dict(header.lower().split(": ", 1) for header in headers if header)
            body = await reader.readexactly(int(named.get("content-length", 0)))
            method, path, _ = line.split(" ")
            one = (method, path, named, body)
            self.got.append(one)
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.answer(one))
        finally:
            writer.close()

    @property
    def resources(self):
        return [json.loads(body) for _, _, _, body in self.got]


@pytest_asyncio.fixture
async def receiver():
    return Receiver()


@pytest_asyncio.fixture
async def endpoint(receiver):
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/on"
    server.close()
    await server.wait_closed()


async def test_what_matches_is_sent_whole_as_an_update_and_nothing_else_is(hooked, receiver, endpoint):
    await subscribed(
        hooked, subscription(endpoint, payload="application/fhir+json", header=["Authorization: Bearer secret"])
    )
    await hooked.put("Patient/a", json=PATIENT | {"id": "a", "gender": "male"})
    await hooked.put("Patient/b", json=PATIENT | {"id": "b", "gender": "female"})
    await hooked.put("Patient/a", json=PATIENT | {"id": "a", "gender": "female"})
    await until(lambda: len(receiver.got) == 2)
    assert [(method, path) for method, path, _, _ in receiver.got] == [
        ("PUT", "/on/Patient/b"),
        ("PUT", "/on/Patient/a"),
    ]
    assert receiver.resources[1] == (await hooked.get("Patient/a")).json()
    headers = receiver.got[0][2]
    assert headers["authorization"] == "bearer secret"
    assert headers["content-type"] == "application/fhir+json;charset=utf-8"
    await hooked.delete("Patient/b")
    await hooked.put("Patient/last", json=PATIENT | {"id": "last", "gender": "female"})
    await until(lambda: len(receiver.got) >= 3)
    assert [path for _, path, _, _ in receiver.got[2:]] == ["/on/Patient/last"]


async def test_what_is_looked_at_late_is_told_once_and_in_its_place(hooked, receiver, endpoint, monkeypatch):
    """The first version of `a` does not match; when its turn comes, the second, which does, is there already."""
    await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    written = asyncio.Event()
    among = matching.among

    async def late(*given):
        await written.wait()
        return await among(*given)

    monkeypatch.setattr(matching, "among", late)
    for id_, gender in (("a", "male"), ("b", "female"), ("a", "female"), ("last", "female")):
        await hooked.put(f"Patient/{id_}", json=PATIENT | {"id": id_, "gender": gender})
    written.set()
    await until(lambda: receiver.got and receiver.resources[-1]["id"] == "last")
    assert [one["id"] for one in receiver.resources] == ["b", "a", "last"]


async def test_without_payload_nothing_is_told_but_that_something_matched(hooked, receiver, endpoint):
    await subscribed(hooked, subscription(endpoint))
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: receiver.got)
    method, path, _, body = receiver.got[0]
    assert (method, path, body) == ("POST", "/on", b"")


async def test_a_payload_can_be_xml_or_only_the_id(hooked, receiver, endpoint):
    await subscribed(hooked, subscription(endpoint, payload="application/fhir+xml"))
    only_id = {"extension": [{"url": rules.CONTENT, "valueCode": "id-only"}]}
    await subscribed(hooked, subscription(f"{endpoint}/ids", payload="application/fhir+json", _payload=only_id))
    await hooked.put("Patient/b", json=PATIENT | {"id": "b", "gender": "female"})
    await until(lambda: len(receiver.got) == 2)
    by_path = {path: (method, body) for method, path, _, body in receiver.got}
    assert xml.decode(by_path["/on/Patient/b"][1]) == (await hooked.get("Patient/b")).json()
    method, body = by_path["/on/ids"]
    entry = json.loads(body)["entry"][0]
    assert (method, entry["request"]["url"]) == ("POST", "Patient/b")
    assert "张" not in body.decode()


async def test_criteria_mean_what_they_mean_in_a_search(hooked, receiver, endpoint):
    """Chains, modifiers and composites are the searcher's."""
    await subscribed(
        hooked,
        subscription(
            endpoint,
            "Observation?patient.name=张&code-value-quantity=http://loinc.org|8480-6$gt140",
            payload="application/fhir+json",
        ),
    )
    for id_, family in (("a", "张"), ("b", "李")):
        await hooked.put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_, "name": [{"family": family}]})
    for id_, patient, value in (("high", "a", 150), ("low", "a", 120), ("other", "b", 150), ("last", "a", 160)):
        observation = {
            "resourceType": "Observation", "id": id_, "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "subject": {"reference": f"Patient/{patient}"},
            "valueQuantity": {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }  # fmt: skip
        assert (await hooked.put(f"Observation/{id_}", json=observation)).status_code == 201
    await until(lambda: len(receiver.got) >= 2)
    assert [one["id"] for one in receiver.resources] == ["high", "last"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"criteria": "Nonsense?x=1"}, "access.subscriptions.criteria"),
        ({"criteria": "Patient?nonsense=1"}, "fhir.search.unknown"),
        ({"criteria": "Patient?_include=*"}, "access.subscriptions.criteria"),
        ({"channel": {"type": "email", "endpoint": "mailto:a@b"}}, "access.subscriptions.channel"),
        ({"channel": {"type": "rest-hook"}}, "access.subscriptions.endpoint"),
        ({"channel": {"type": "rest-hook", "endpoint": "ftp://x"}}, "access.subscriptions.endpoint"),
        (
            {"channel": {"type": "rest-hook", "endpoint": "https://x.example", "payload": "text/plain"}},
            "access.subscriptions.payload",
        ),
        (
            {"channel": {"type": "rest-hook", "endpoint": "https://x.example", "header": ["Host: y"]}},
            "access.subscriptions.header",
        ),
        ({"end": "2020-01-01T00:00:00Z"}, "access.subscriptions.end"),
    ],
)
async def test_what_cannot_be_done_is_said_in_the_resource(hooked, change, text):
    from kangyun.base.texts import say

    found = await subscribed(hooked, subscription("https://x.example") | change, status="error")
    assert found["error"].endswith(" / " + say(text, "en", {"parameter": "Patient.nonsense"}))


async def test_a_receiver_that_was_down_gets_everything_in_order_when_it_is_back(hooked, receiver, endpoint):
    await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    receiver.answer = lambda got: 503
    for number in range(5):
        body = PATIENT | {"id": "a", "gender": "female", "multipleBirthInteger": number}
        await hooked.put("Patient/a", json=body)
    await until(lambda: len(receiver.got) >= 4)
    assert {resource["multipleBirthInteger"] for resource in receiver.resources} == {
        receiver.resources[0]["multipleBirthInteger"]
    }
    receiver.got.clear()
    receiver.answer = lambda got: 200
    await until(lambda: receiver.got and receiver.resources[-1]["multipleBirthInteger"] == 4)
    told = [resource["multipleBirthInteger"] for resource in receiver.resources]
    assert told == sorted(told)
    assert len(set(told)) == len(told)


async def test_a_receiver_that_fails_for_long_is_named_and_pardoned(hooked, receiver, endpoint, monkeypatch):
    monkeypatch.setattr(delivery, "TELL_AFTER", 0.2)
    made = await subscribed(hooked, subscription(endpoint))
    receiver.answer = lambda got: 500
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    failing = await becomes(hooked, made["id"], "error")
    assert "still tried" in failing["error"]
    receiver.answer = lambda got: 200
    pardoned = await becomes(hooked, made["id"], "active")
    assert "error" not in pardoned
    count = len(receiver.got)
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: len(receiver.got) == count + 1)


async def test_after_a_week_a_receiver_is_given_up(hooked, receiver, endpoint, monkeypatch, platform):
    monkeypatch.setattr(delivery, "GIVE_UP_AFTER", 0.2)
    monkeypatch.setattr(delivery, "END_EVERY", 0.05)
    receiver.answer = lambda got: 500
    made = await subscribed(hooked, subscription(endpoint))
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    off = await becomes(hooked, made["id"], "off")
    assert "ended" in off["error"]
    async with asyncio.timeout(PATIENCE), platform.pool.connection() as connection:
        while await connection.fetchval("SELECT count(*) FROM subscription_delivery"):
            await asyncio.sleep(0.02)  # The status is written first.
    receiver.answer = lambda got: 200
    await hooked.put(f"Subscription/{made['id']}", json=off | {"status": "requested"})
    await becomes(hooked, made["id"], "active")
    receiver.got.clear()
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: receiver.got)


async def test_one_that_was_asked_for_anew_is_not_ended_with_what_it_was(hooked, receiver, endpoint, platform):
    await subscribed(hooked, subscription(endpoint))
    async with platform.pool.connection() as connection:
        await count_is(connection, 1)
        (one,) = await table.active(connection)
        await table.remove(connection, platform.gate.ledger, one.res, one.version - 1)
        assert await table.one(connection, one.res) == one
        await table.remove(connection, platform.gate.ledger, one.res, one.version)
        assert await table.one(connection, one.res) is None


async def count_is(connection, wanted):
    async with asyncio.timeout(PATIENCE):
        while await connection.fetchval("SELECT count(*) FROM subscription") != wanted:
            await asyncio.sleep(0.02)


async def test_one_that_was_ended_is_not_brought_back_by_a_restore(hooked, receiver, endpoint, platform):
    made = await subscribed(hooked, subscription(endpoint))
    replaying.register(KIND, revoked_again.replay)
    async with platform.pool.connection() as connection:
        await count_is(connection, 1)
        await connection.execute("CREATE TABLE kept AS SELECT * FROM subscription")
        off = (await hooked.put(f"Subscription/{made['id']}", json=made | {"status": "off"})).json()
        await count_is(connection, 0)
        await connection.execute("INSERT INTO subscription SELECT * FROM kept")
        assert await replaying.replay(connection, platform.gate.ledger) == {"revocation": 1}
        await count_is(connection, 0)
        await hooked.put(f"Subscription/{made['id']}", json=off | {"status": "requested"})
        await count_is(connection, 1)
        await replaying.replay(connection, platform.gate.ledger)
        await count_is(connection, 1)


async def test_what_a_receiver_refuses_again_and_again_is_parked_and_stops_nobody(hooked, receiver, endpoint, platform):
    receiver.answer = lambda got: 422 if b'"poison"' in got[3] else 200
    await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    for id_ in ("good", "poison", "better"):
        await hooked.put(f"Patient/{id_}", json=PATIENT | {"id": id_, "gender": "female"})
    await until(lambda: receiver.resources and receiver.resources[-1]["id"] == "better")
    assert [one["id"] for one in receiver.resources] == ["good", "poison", "poison", "poison", "better"]
    async with platform.pool.connection() as connection:
        assert [row["status"] for row in await connection.fetch("SELECT status FROM subscription_parked")] == [422]


async def test_inner_addresses_are_not_called(open_client, start_background, receiver, endpoint, monkeypatch):
    monkeypatch.setattr(delivery, "TELL_AFTER", 0.1)
    start_background()
    client = await open_client()
    made = await subscribed(client, subscription(endpoint))
    await client.post("Patient", json=PATIENT | {"gender": "female"})
    await becomes(client, made["id"], "error")
    assert receiver.got == []


async def test_a_subscription_that_is_switched_off_or_deleted_tells_no_more(hooked, receiver, endpoint):
    one = await subscribed(hooked, subscription(f"{endpoint}/one"))
    two = await subscribed(hooked, subscription(f"{endpoint}/two"))
    await hooked.put(f"Subscription/{one['id']}", json=one | {"status": "off"})
    await hooked.delete(f"Subscription/{two['id']}")
    await subscribed(hooked, subscription(f"{endpoint}/three"))
    for _ in range(3):
        await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: len(receiver.got) >= 3)
    assert [path for _, path, _, _ in receiver.got] == ["/on/three"] * 3


async def test_a_subscription_ends_at_its_end(hooked, receiver, endpoint, monkeypatch):
    monkeypatch.setattr(delivery, "END_EVERY", 0.05)
    made = await subscribed(hooked, subscription(endpoint) | {"end": clock.instant(clock.now() + timedelta(hours=1))})
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    await becomes(hooked, made["id"], "off")


async def test_a_change_of_criteria_counts_from_then_on(hooked, receiver, endpoint):
    made = await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    changed = made | {"criteria": "Patient?gender=male", "status": "requested"}
    await hooked.put(f"Subscription/{made['id']}", json=changed)
    await becomes(hooked, made["id"], "active")
    await hooked.put("Patient/f", json=PATIENT | {"id": "f", "gender": "female"})
    await hooked.put("Patient/m", json=PATIENT | {"id": "m", "gender": "male"})
    await hooked.put("Patient/g", json=PATIENT | {"id": "g", "gender": "female"})
    await hooked.put("Patient/n", json=PATIENT | {"id": "n", "gender": "male"})
    await until(lambda: len(receiver.got) >= 2)
    assert [one["id"] for one in receiver.resources] == ["m", "n"]


async def test_one_subscription_that_breaks_is_no_reason_not_to_tell_the_others(
    hooked, receiver, endpoint, platform, monkeypatch
):
    await subscribed(hooked, subscription(f"{endpoint}/good"))
    broken = await subscribed(hooked, subscription(f"{endpoint}/broken", "Patient?gender=female&active=true"))
    among = matching.among

    async def breaking(connection, searcher, type_, node, *rest):
        if len(node.nodes) == 2:
            raise KeyError("张三")
        return await among(connection, searcher, type_, node, *rest)

    monkeypatch.setattr(matching, "among", breaking)
    await hooked.post("Patient", json=PATIENT | {"gender": "female", "active": True})
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: len(receiver.got) >= 2)
    assert [path for _, path, _, _ in receiver.got] == ["/on/good"] * 2
    async with platform.pool.connection() as connection:
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval("SELECT count(*) FROM subscription_parked") < 2:
                await asyncio.sleep(0.02)
        assert await connection.fetchval("SELECT count(*) FROM parked_event") == 0
    assert (await hooked.get(f"Subscription/{broken['id']}")).json()["status"] == "active"


async def test_each_notification_is_audited_in_the_owners_name(hooked, receiver, endpoint, platform):
    await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    await hooked.post("Patient", json=PATIENT | {"gender": "female"})
    await until(lambda: receiver.got)
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT actor, shape, patients FROM audit WHERE action = 'notify'")
        patient = await connection.fetchval("SELECT res FROM resource WHERE patient = res")
    assert [tuple(row) for row in rows] == [
        ("Device/administrator", "NOTIFY full-resource /Patient", [patient]),
    ]


async def test_what_did_not_leave_is_not_told_as_if_it_had(hooked, receiver, endpoint, platform):
    """Nobody listens there, or the guard lets nothing out to it: no row says that something was sent."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for nowhere in (f"http://127.0.0.1:{nobody.getsockname()[1]}/on", "http://127.0.0.2:80/on"):
            await subscribed(hooked, subscription(nowhere, payload="application/fhir+json"))
        await hooked.post("Patient", json=PATIENT | {"gender": "female"})
        async with platform.pool.connection() as connection, asyncio.timeout(PATIENCE):
            while await connection.fetchval("SELECT count(*) FROM subscription WHERE failures > 0") < 2:
                await asyncio.sleep(0.02)
            assert await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'notify'") == 0


async def test_what_is_imported_is_told_to_nobody(hooked, receiver, endpoint, platform):
    from kangyun.access.actor import Circumstances
    from kangyun.access.signin import ADMINISTRATOR

    await subscribed(hooked, subscription(endpoint, payload="application/fhir+json"))
    record = await platform.gate.open(ADMINISTRATOR, Circumstances("load", "", "", historic=True))
    await record.commit([record.operation("create", "Patient", resource=PATIENT | {"gender": "female"})], "load")
    await hooked.put("Patient/told", json=PATIENT | {"id": "told", "gender": "female"})
    await until(lambda: receiver.got)
    assert [one["id"] for one in receiver.resources] == ["told"]


async def test_criteria_may_be_by_a_parameter_of_the_region_as_long_as_there_is_one(hooked, receiver, endpoint):
    colour = "urn:region:eye-colour"
    parameter = {
        "resourceType": "SearchParameter", "url": colour, "name": "x", "status": "active", "description": "x",
        "code": "eye-colour", "base": ["Patient"], "type": "token", "id": "colour",
        "expression": f"Patient.extension('{colour}').value",
    }  # fmt: skip
    await hooked.put("SearchParameter/colour", json=parameter)
    async with asyncio.timeout(PATIENCE):
        while (await hooked.get("Patient?eye-colour=x", headers={"prefer": "handling=strict"})).status_code != 200:
            await asyncio.sleep(0.02)
    asked = await subscribed(hooked, subscription(endpoint, "Patient?eye-colour=green"))
    for id_, value in (("a", "brown"), ("b", "green")):
        seen = {"id": id_, "extension": [{"url": colour, "valueCode": value}]}
        await hooked.put(f"Patient/{id_}", json=PATIENT | seen)
    await until(lambda: len(receiver.got) == 1)
    await hooked.delete("SearchParameter/colour")
    async with asyncio.timeout(PATIENCE):
        while (await hooked.get("Patient?eye-colour=x", headers={"prefer": "handling=strict"})).status_code == 200:
            await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE):
        while (told := (await hooked.get(f"Subscription/{asked['id']}")).json())["status"] != "error":
            await hooked.post("Patient", json=PATIENT)
    assert "Patient.eye-colour" in told["error"]
