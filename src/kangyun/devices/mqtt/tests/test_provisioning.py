"""A device that has only its batch's key comes to a secret of its own, and to nothing else."""

import msgspec
import pytest

from kangyun.base.mqtt import (
    Ack,
    Connack,
    Disconnect,
    Kind,
    Ping,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Version,
)
from kangyun.devices.mqtt.tests.conftest import SECRET, Client, Dial, HeldLog, pulse


async def asked(client: Client, serial: str, key: bytes = b"batch-key") -> Connack:
    answer = await client.connect(serial, user="provision", password=key)
    assert isinstance(answer, Connack)
    return answer


async def answered(client: Client, serial: str) -> dict[str, str]:
    """Subscribes, asks for a secret and returns what is said."""
    client.send(Subscribe(1, (Subscription(f"hr1/provision/{serial}/cmd", 1),)))
    assert await client.hear() == Suback(1, (Reason.GRANTED_QOS_1,))
    client.send(Publish(f"hr1/provision/{serial}/request".encode(), b"{}", 1, 2))
    assert await client.hear() == Ack(Kind.PUBACK, 2)
    said = await client.hear()
    assert isinstance(said, Publish)
    client.send(Ack(Kind.PUBACK, said.packet), Ping(Kind.PINGREQ))
    assert await client.hear() == Ping(Kind.PINGRESP)
    return msgspec.json.decode(said.payload, type=dict[str, str])


@pytest.mark.parametrize("version", [4, 5])
async def test_a_batch_key_is_changed_for_a_secret_with_which_the_device_connects(dial: Dial, version: Version) -> None:
    client = await dial(None, version)
    assert not (await asked(client, "SN1")).reason
    assert await answered(client, "SN1") == {"device": "d-1", "region": "cn", "secret": SECRET}
    await dial("d-1", version)


async def test_a_serial_number_that_is_none_is_told_so_in_words(dial: Dial) -> None:
    client = await dial(None)
    await asked(client, "SN2")
    said = await answered(client, "SN2")
    assert said["refused"] == "devices.register.no-such-serial" and said["zh"] and "secret" not in said


async def test_a_batch_key_opens_nothing_else(dial: Dial, log: HeldLog) -> None:
    client = await dial(None)
    await asked(client, "d-1")
    client.send(Subscribe(1, (Subscription("hr1/cn/d-1/cmd", 1),)))
    assert await client.hear() == Suback(1, (Reason.NOT_AUTHORIZED,))
    client.send(Publish(b"hr1/cn/d-1/up", pulse(), 1, 2))
    assert await client.hear() == Disconnect(Reason.NOT_AUTHORIZED)
    assert not log.records


@pytest.mark.parametrize(
    ("serial", "key", "reason"),
    [
        ("SN1", b"wrong", Reason.BAD_USER_NAME_OR_PASSWORD),
        ("a/b", b"batch-key", Reason.CLIENT_IDENTIFIER_NOT_VALID),
    ],
)
async def test_who_has_no_batch_key_is_not_let_in(dial: Dial, serial: str, key: bytes, reason: Reason) -> None:
    assert await asked(await dial(None), serial, key) == Connack(reason)


async def test_a_connected_device_is_given_a_new_secret(dial: Dial) -> None:
    client = await dial()
    await client.listen()
    client.send(Publish(b"hr1/cn/d-1/renew", b"", 1, 2))
    heard = [await client.hear(), await client.hear()]
    assert Ack(Kind.PUBACK, 2) in heard
    assert [msgspec.json.decode(one.payload)["secret"] for one in heard if isinstance(one, Publish)] == ["new"]


async def test_who_has_a_batch_key_does_not_go_on_for_ever(dial: Dial) -> None:
    client = await dial(None)
    await asked(client, "SN1")
    client.send(*[Ping(Kind.PINGREQ)] * 500)
    assert (await client.hear_all())[-1] == Disconnect(Reason.MESSAGE_RATE_TOO_HIGH)
