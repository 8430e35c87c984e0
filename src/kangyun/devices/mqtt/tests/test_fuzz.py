"""Whatever one connection sends, the listener stands, and another device is served. By uvloop, as it runs."""

import asyncio
from random import Random

import uvloop

from kangyun.base.mqtt import Ack, Connect, Kind, Publish, Subscribe, Subscription, Will, write
from kangyun.devices.formats import read as read_format
from kangyun.devices.mqtt import Bounds, Listener
from kangyun.devices.mqtt.tests.conftest import SECRET, Client, HeldLog, Known, publish, pulse

ATTEMPTS = 300


def conversation(random: Random) -> bytes:
    """What a device of d-2 may send, with some of it wrong."""
    version = random.choice((4, 5))
    will = Will("hr1/cn/d-2/state", b"x", 1) if random.random() < 0.3 else None
    packets = [
        Connect(version, "d-2", user="d-2", password=SECRET.encode(), will=will),
        Subscribe(1, (Subscription("hr1/cn/d-2/cmd", 1),)),
        *(publish(pulse(), number + 1, device="d-2", qos=random.randrange(3)) for number in range(random.randrange(9))),
        Publish(b"", b"{}", 1, 9, properties={"topic_alias": random.randrange(1, 20)}),
        Ack(Kind.PUBREL, random.randrange(1, 9)),
        Ack(Kind.PUBACK, 1),
    ]
    raw = bytearray(b"".join(write(one, version) for one in packets))
    for _ in range(random.randrange(6)):
        place = random.randrange(len(raw))
        match random.randrange(3):
            case 0:
                raw[place] = random.randrange(256)
            case 1:
                del raw[place : place + random.randrange(5)]
            case _:
                raw[place:place] = random.randbytes(random.randrange(5))
    return bytes(raw)


async def attacked(log: HeldLog, known: Known, faults: list[str]) -> tuple[object, int]:
    """Attacks a listener; returns what another device is answered, and how many sessions are left."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context)))
    listener = Listener(
        known, log, read_format, lambda *_: None, Bounds(sweep=0.1, connect=0.5, packet_seconds=0.5, connects=1000)
    )
    port = await listener.start("127.0.0.1", 0)
    other = Client(*await asyncio.open_connection("127.0.0.1", port), 5)
    await other.connect("d-1")
    random = Random(7)

    async def attack() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        raw = conversation(random)
        for start in range(0, len(raw), 97):
            if writer.transport.is_closing():
                break
            writer.write(raw[start : start + 97])
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        writer.close() if random.random() < 0.5 else writer.transport.abort()

    for _ in range(0, ATTEMPTS, 20):
        await asyncio.gather(*(attack() for _ in range(20)))
    other.send(publish(pulse(), 1))
    answer = await other.hear()
    await asyncio.sleep(0.8)
    left = len(listener.sessions)
    await listener.stop()
    other.writer.close()
    return answer, left


def test_packets_that_are_wrong_harm_nobody_else(log: HeldLog, known: Known) -> None:
    faults: list[str] = []
    assert uvloop.run(attacked(log, known, faults)) == (Ack(Kind.PUBACK, 1), 1)
    assert faults == []
    assert {record.device for _, record in log.records} <= {1, 2}
