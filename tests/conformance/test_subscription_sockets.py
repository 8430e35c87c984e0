"""Subscriptions by websocket: bound, and rung when they match.

Source: https://hl7.org/fhir/R4/subscription.html#2.46.7.2
"""

import asyncio

import asyncpg
import pytest
import pytest_asyncio

from kangyun.access.subscriptions import sockets
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.testing.subscribing import PATIENCE, PATIENT, Socket, subscribed, subscription
from kangyun.web.app import Application

pytestmark = pytest.mark.usefixtures("quick_subscriptions")
SIGNED_IN = ((b"authorization", f"Bearer {ADMIN_TOKEN}".encode()),)


@pytest_asyncio.fixture
async def listen(fresh_database, make_settings):
    """Opens websockets; each has a process's application of its own behind it, as with several web processes."""
    opened = []

    async def listen_(headers=SIGNED_IN, query=""):
        application = Application(make_settings(), fresh_database)
        await application.open()
        socket = Socket(application, headers, query)
        opened.append((application, socket))
        assert (await socket.hear())["type"] == "websocket.accept"
        return socket

    yield listen_
    for application, socket in opened:
        await socket.leave()
        await application.close()


async def test_bound_sockets_ring_in_every_process(hooked, listen):
    made = await subscribed(hooked, subscription(criteria="Patient", type="websocket"))
    one, two = await listen(), await listen((), f"token={ADMIN_TOKEN}")
    for socket in (one, two):
        await socket.say(f"bind {made['id']}")
        assert (await socket.hear())["text"] == f"bound {made['id']}"
    await hooked.post("Patient", json=PATIENT)
    for socket in (one, two):
        assert (await socket.hear())["text"] == f"ping {made['id']}"
    await hooked.post("Observation", json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    await hooked.post("Patient", json=PATIENT)
    assert (await one.hear())["text"] == f"ping {made['id']}"
    assert one.out.empty()


async def test_a_socket_may_be_bound_before_its_subscription_is_active(
    open_client, listen, start_background, monkeypatch
):
    monkeypatch.setattr(sockets, "APPEARS_WITHIN", PATIENCE)
    client = await open_client()
    made = (await client.post("Subscription", json=subscription(criteria="Patient", type="websocket"))).json()
    socket = await listen()
    await socket.say(f"bind {made['id']}")
    await asyncio.sleep(0.2)
    start_background()
    assert (await socket.hear())["text"] == f"bound {made['id']}"


async def test_sockets_need_a_sign_in_and_a_subscription_of_their_own(hooked, listen, monkeypatch):
    monkeypatch.setattr(sockets, "APPEARS_WITHIN", 0.05)
    assert (await (await listen(())).hear())["code"] == 4401
    assert (await (await listen((), "token=wrong")).hear())["code"] == 4401
    socket = await listen()
    await socket.say("bind nobody")
    assert (await socket.hear())["code"] == 4404


async def test_nonsense_on_a_socket_is_passed_over(hooked, listen):
    made = await subscribed(hooked, subscription(criteria="Patient", type="websocket"))
    socket = await listen()
    for text in ("", "bind", "x" * 100_000, "bind ../..", "unbind x"):
        await socket.say(text)
    await socket.say(f"bind {made['id']}")
    assert (await socket.hear())["text"] == f"bound {made['id']}"


async def test_a_ping_leaves_a_row_of_whom_it_is_about(hooked, listen, fresh_database):
    made = await subscribed(hooked, subscription(criteria="Patient", type="websocket"))
    socket = await listen()
    await socket.say(f"bind {made['id']}")
    assert (await socket.hear())["text"] == f"bound {made['id']}"
    await hooked.post("Patient", json=PATIENT)
    assert (await socket.hear())["text"] == f"ping {made['id']}"
    connection = await asyncpg.connect(fresh_database)
    told = await connection.fetch("SELECT actor, shape, cardinality(patients) FROM audit WHERE action = 'notify'")
    await connection.close()
    assert [tuple(row) for row in told] == [("Device/administrator", "NOTIFY websocket /", 1)]
