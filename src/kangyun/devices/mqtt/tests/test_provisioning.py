"""A device that has only its batch's key asks for a secret of its own, and gets nothing else by it."""

import json

import pytest

from kangyun.base.errors import Conflict
from kangyun.base.mqtt import Ack, Connack, Connect, Disconnect, Kind, Publish, Reason, Suback, Subscribe, Subscription
from kangyun.devices.formats import read as read_format
from kangyun.devices.mqtt import Listener
from kangyun.devices.mqtt.provisioning import REQUEST, RESPONSE
from kangyun.devices.register.keys import Batch, Provisioned

BATCH_KEY, SECRET = "b" * 43, "s" * 43


class Register:
    """Gives SN-9 a secret, once."""

    def __init__(self):
        self.given = []

    async def batch(self, key):
        return Batch(1, 1, "2026-11") if key == BATCH_KEY else None

    async def provision(self, batch, serial, source):
        if serial in self.given:
            raise Conflict("devices.register.provisioned")
        self.given.append(serial)
        return Provisioned(f"d-{serial}", "cn", "secret-of-its-own")

    async def renew(self, device):
        return Provisioned(f"d-{device}", "cn", "a-new-secret")


@pytest.fixture
async def listener(log, known, noted, bounds):
    made = Listener(known, log, read_format, lambda *what: noted.append(what), bounds, Register())
    yield made
    await made.stop(0.5)


@pytest.fixture
def ask(dial):
    """Connects as `provision` and asks; answers the connection and what was said first."""

    async def asked(payload, *, key=BATCH_KEY, client="anything", version=5, qos=1):
        one = await dial(None, version)
        one.send(Connect(version, client, user="provision", password=key.encode()))
        said = await one.hear()
        assert isinstance(said, Connack)
        if said.reason:
            return one, said
        one.send(Subscribe(1, (Subscription(RESPONSE, 0),)))
        assert await one.hear() == Suback(1, (Reason.SUCCESS,))
        one.send(Publish(REQUEST.encode(), payload, qos, 2 if qos else 0))
        if qos:
            assert await one.hear() == Ack(Kind.PUBACK, 2, Reason.SUCCESS)
        answer = await one.hear()
        return one, json.loads(answer.payload)

    return asked


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1])
async def test_a_batch_key_brings_a_secret_of_its_own(ask, version, qos):
    _, said = await ask(b'{"serial":"SN-9"}', version=version, qos=qos)
    assert said == {"name": "d-SN-9", "region": "cn", "secret": "secret-of-its-own"}


async def test_a_device_renews_its_own(ask):
    _, said = await ask(b"{}", key=SECRET, client="d-1")
    assert said["secret"] == "a-new-secret"


async def test_what_is_refused_is_said_in_words(ask):
    await ask(b'{"serial":"SN-9"}')
    _, said = await ask(b'{"serial":"SN-9"}')
    assert said["error"] == "provisioned"
    assert "密钥" in said["zh"]
    _, said = await ask(b"no json")
    assert said["error"] == "no-request"


@pytest.mark.parametrize(("key", "client"), [("x" * 43, "anything"), (SECRET, "d-9"), ("", "d-1")])
async def test_nobody_else_comes_in(ask, key, client):
    _, said = await ask(b"{}", key=key, client=client)
    assert said.reason == Reason.BAD_USER_NAME_OR_PASSWORD


@pytest.mark.parametrize("topic", ["hr1/cn/d-1/up", "hr1/provision/response", "hr1/provision/#", "x"])
async def test_a_batch_key_publishes_nothing_else(dial, log, topic):
    one = await dial(None)
    one.send(Connect(5, "d-1", user="provision", password=BATCH_KEY.encode()))
    assert not (await one.hear()).reason
    one.send(Publish(topic.encode(), b'{"m":"hr","v":72}', 1, 1))
    assert await one.hear() == Disconnect(Reason.NOT_AUTHORIZED)
    assert log.records == []


@pytest.mark.parametrize("topic", ["hr1/cn/d-1/cmd", "hr1/provision/request", "#"])
async def test_a_batch_key_hears_nothing_else(dial, topic):
    one = await dial(None)
    one.send(Connect(5, "d-1", user="provision", password=BATCH_KEY.encode()))
    await one.hear()
    one.send(Subscribe(1, (Subscription(topic, 0),)))
    assert await one.hear() == Suback(1, (Reason.NOT_AUTHORIZED,))


async def test_who_asks_ends_no_session_of_a_device(dial, ask, listener):
    device = await dial("d-1")
    await ask(b"{}", key=SECRET, client="d-1")
    assert await device.is_quiet()
    assert len(listener.sessions) == 1
