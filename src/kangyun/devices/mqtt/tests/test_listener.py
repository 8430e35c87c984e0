"""An acknowledgement means on disk, a refusal has its reason, and one device's faults are no other's."""

import asyncio

import pytest

from kangyun.base.mqtt import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Packet,
    Ping,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Version,
    Will,
    write,
)
from kangyun.devices.model import Lane
from kangyun.devices.mqtt import Bounds, Listener
from kangyun.devices.mqtt.tests.conftest import SECRET, Dial, HeldLog, Known, publish, pulse

BOTH: list[Version] = [4, 5]


def puback(packet: int, reason: Reason = Reason.SUCCESS) -> Ack:
    return Ack(Kind.PUBACK, packet, reason)


@pytest.mark.parametrize("version", BOTH)
async def test_a_message_is_acknowledged_when_it_is_on_disk_and_not_before(
    dial: Dial, log: HeldLog, version: Version
) -> None:
    log.at_once = False
    client = await dial(version=version)
    client.send(publish(pulse(), 7), publish(pulse(73), 8))
    assert await client.is_quiet()
    log.write()
    assert [await client.hear(), await client.hear()] == [puback(7), puback(8)]
    assert [(lane, record.device, record.format) for lane, record in log.records] == [(Lane.LIVE, 1, "plain")] * 2


async def test_what_comes_together_goes_to_the_log_together(dial: Dial, log: HeldLog) -> None:
    clients = [await dial(f"d-{number}") for number in (1, 2, 3)]
    log.at_once = False
    for number, client in enumerate(clients, 1):
        client.send(*(publish(pulse(), packet, device=f"d-{number}") for packet in range(1, 20)))
    while len(log.records) < 57:
        await asyncio.sleep(0.01)
    assert len(log.waiting) <= 3


async def test_answers_keep_the_order_of_the_messages_whichever_lane_is_quicker(dial: Dial, log: HeldLog) -> None:
    log.at_once = False
    client = await dial()
    client.send(publish(pulse(ago=7200), 1), publish(pulse(), 2), publish(b"{", 3), publish(b'{"e":"sos"}', 4))
    await asyncio.sleep(0.05)
    assert [lane for lane, _ in log.records] == [Lane.EVENT, Lane.LIVE, Lane.BACKFILL]
    log.write(Lane.EVENT, Lane.LIVE)
    assert await client.is_quiet()
    log.write(Lane.BACKFILL)
    assert [await client.hear() for _ in range(4)] == [
        puback(1), puback(2), puback(3, Reason.PAYLOAD_FORMAT_INVALID), puback(4)
    ]  # fmt: skip


async def test_qos_2_is_stored_once_though_it_is_sent_twice(dial: Dial, log: HeldLog) -> None:
    client = await dial()
    for again in (False, True):
        client.send(publish(pulse(), 5, qos=2, again=again))
        assert await client.hear() == Ack(Kind.PUBREC, 5)
    client.send(Ack(Kind.PUBREL, 5), Ack(Kind.PUBREL, 5))
    assert await client.hear() == Ack(Kind.PUBCOMP, 5)
    assert await client.hear() == Ack(Kind.PUBCOMP, 5, Reason.PACKET_IDENTIFIER_NOT_FOUND)
    assert len(log.records) == 1


async def test_qos_0_is_stored_and_not_answered(dial: Dial, log: HeldLog) -> None:
    client = await dial()
    client.send(publish(pulse(), qos=0), Ping(Kind.PINGREQ))
    assert await client.hear() == Ping(Kind.PINGRESP)
    assert len(log.records) == 1


@pytest.mark.parametrize("lost_later", [False, True])
async def test_where_the_log_takes_nothing_nothing_is_acknowledged(dial: Dial, log: HeldLog, lost_later: bool) -> None:
    clients = [await dial("d-1", 5), await dial("d-2", 4)]
    log.full, log.at_once = not lost_later, False
    for number, client in enumerate(clients, 1):
        client.send(publish(pulse(), 9, device=f"d-{number}"))
    await asyncio.sleep(0.05)
    log.lose()
    assert await clients[0].hear() == puback(9, Reason.QUOTA_EXCEEDED)
    assert await clients[1].hear() is None


async def test_what_cannot_be_read_is_refused_and_its_owner_and_the_device_are_told(
    dial: Dial, log: HeldLog, noted: list[tuple[int, str, str]]
) -> None:
    client = await dial()
    await client.listen()
    client.send(publish(b'{"m":"hr","v":"high"}', 3))
    told, answer = await client.hear(), await client.hear()
    assert (
        isinstance(told, Publish) and told.topic == b"hr1/cn/d-1/cmd" and b"devices.formats.unreadable" in told.payload
    )
    assert b"high" not in told.payload
    assert answer == puback(3, Reason.PAYLOAD_FORMAT_INVALID)
    assert noted == [(1, "devices.formats.unreadable", "$")] and not log.records


async def test_what_3_1_1_has_no_refusal_for_is_kept_as_it_came(dial: Dial, log: HeldLog) -> None:
    client = await dial(version=4)
    client.send(publish(b"{", 3))
    assert await client.hear() == puback(3)
    assert log.payloads == [b"{"]


async def test_other_peoples_topics_are_refused(dial: Dial, log: HeldLog, noted: list[tuple[int, str, str]]) -> None:
    client = await dial()
    client.send(publish(pulse(), 1, device="d-2"), publish(pulse(), 2, kind="cmd"), publish(pulse(), 3))
    assert await client.hear() == puback(1, Reason.NOT_AUTHORIZED)
    assert await client.hear() == puback(2, Reason.NOT_AUTHORIZED)
    assert await client.hear() == puback(3)
    wanted = ("hr1/cn/d-2/cmd", "#", "hr1/cn/+/cmd", "hr1/cn/d-1/up", "hr1/cn/d-1/cmd")
    client.send(Subscribe(4, tuple(Subscription(one, 2) for one in wanted)))
    assert await client.hear() == Suback(4, (*[Reason.NOT_AUTHORIZED] * 4, Reason.GRANTED_QOS_1))
    assert set(noted) == {(1, "devices.mqtt.not-its-own", "")} and len(noted) == 6
    assert len(log.records) == 1


async def test_in_3_1_1_another_topic_ends_the_connection(dial: Dial, log: HeldLog) -> None:
    client = await dial(version=4)
    client.send(publish(pulse(), 1), publish(pulse(), 2, device="d-2"), publish(pulse(), 3))
    assert await client.hear() in (puback(1), None)
    assert len(log.records) <= 1


@pytest.mark.parametrize(
    ("version", "more", "reason"),
    [
        (5, {"password": b"x" * 43}, Reason.BAD_USER_NAME_OR_PASSWORD),
        (4, {"password": b"x" * 43}, 4),
        (5, {"password": None}, Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, {"user": "d-2"}, Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, {"device": ""}, Reason.CLIENT_IDENTIFIER_NOT_VALID),
        (4, {"device": ""}, 2),
        (5, {"device": "nobody"}, Reason.BAD_USER_NAME_OR_PASSWORD),
        (5, {"will": Will("hr1/cn/d-2/state", b"")}, Reason.NOT_AUTHORIZED),
        (4, {"will": Will("hr1/cn/d-2/state", b"")}, 5),
        (5, {"properties": {"authentication_method": "SCRAM"}}, Reason.BAD_AUTHENTICATION_METHOD),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    dial: Dial, version: Version, more: dict[str, object], reason: int
) -> None:
    client = await dial(None, version)
    assert await client.connect(**more) == Connack(reason)
    assert await client.hear() is None


async def test_where_nobody_can_say_who_it_is_it_may_come_again(dial: Dial, known: Known) -> None:
    known.lost = True
    clients = [await dial(None, version) for version in BOTH]
    assert [await client.connect() for client in clients] == [Connack(3), Connack(Reason.SERVER_UNAVAILABLE)]


async def test_a_device_has_one_session_and_the_former_hears_of_it(dial: Dial, listener: Listener) -> None:
    former = await dial(will=Will("hr1/cn/d-1/state", b"{}"))
    later = await dial()
    assert await former.hear_all() == [Disconnect(Reason.SESSION_TAKEN_OVER)]
    later.send(publish(pulse(), 1))
    assert await later.hear() == puback(1)
    assert len(listener.sessions) == 1


async def test_who_is_revoked_while_connected_goes_at_once(dial: Dial, listener: Listener, known: Known) -> None:
    stays, goes = await dial("d-1"), await dial("d-2")
    known.gone.add(2)
    listener.changed(frozenset({1, 2, 99}))
    assert await goes.hear_all() == [Disconnect(Reason.ADMINISTRATIVE_ACTION)]
    stays.send(Ping(Kind.PINGREQ))
    assert await stays.hear() == Ping(Kind.PINGRESP)


@pytest.mark.parametrize(
    ("payload", "kept"),
    [(b"gone", ("plain", b'{"e":"offline"}')), (b'{"e":"not-worn"}', ("plain", b'{"e":"not-worn"}'))],
)
async def test_a_will_is_kept_where_the_connection_ends_without_a_word(
    dial: Dial, log: HeldLog, payload: bytes, kept: tuple[str, bytes]
) -> None:
    client = await dial(will=Will("hr1/cn/d-1/state", payload, 1))
    client.writer.transport.abort()
    while not log.records:
        await asyncio.sleep(0.01)
    assert [(record.format, record.payload) for _, record in log.records] == [kept]


async def test_who_says_goodbye_leaves_no_will(dial: Dial, log: HeldLog, listener: Listener) -> None:
    client = await dial(will=Will("hr1/cn/d-1/state", b"{}", 1))
    client.send(Disconnect())
    assert await client.hear() is None
    await asyncio.sleep(0.05)
    assert not log.records and not listener.sessions


async def test_topic_aliases_stand_for_topics(dial: Dial, log: HeldLog) -> None:
    client = await dial()
    client.send(publish(pulse(), 1, properties={"topic_alias": 16}))
    client.send(Publish(b"", pulse(), 1, 2, properties={"topic_alias": 16}))
    assert [await client.hear(), await client.hear()] == [puback(1), puback(2)]
    client.send(Publish(b"", pulse(), 1, 3, properties={"topic_alias": 17}))
    assert await client.hear() == Disconnect(Reason.TOPIC_ALIAS_INVALID)


async def test_what_is_agreed_to_is_said(dial: Dial) -> None:
    client = await dial(None)
    answer = await client.connect(keep_alive=0, properties={"session_expiry": 3600})
    assert isinstance(answer, Connack)
    assert answer.properties == {
        "receive_maximum": 1000, "maximum_packet_size": 262144, "topic_alias_maximum": 16, "wildcards_available": 0,
        "shared_available": 0, "identifiers_available": 0, "server_keep_alive": 3600, "session_expiry": 0,
    }  # fmt: skip


async def test_a_long_backlog_is_taken_by_turns_and_all_of_it(dial: Dial, log: HeldLog) -> None:
    old, live = await dial("d-1", 4), await dial("d-2")
    old.send(*(publish(pulse(ago=9000), packet) for packet in range(1, 3001)))
    live.send(publish(b'{"e":"sos"}', 1, device="d-2"))
    assert await live.hear() == puback(1)
    assert [await old.hear() for _ in range(3000)] == [puback(packet) for packet in range(1, 3001)]
    assert sum(lane == Lane.BACKFILL for lane, _ in log.records) == 3000


async def test_shutting_down_answers_what_is_stored_and_says_goodbye(
    dial: Dial, log: HeldLog, listener: Listener
) -> None:
    log.at_once = False
    client = await dial()
    client.send(publish(pulse(), 1))
    while not log.records:
        await asyncio.sleep(0.01)
    stopping = asyncio.create_task(listener.stop())
    await asyncio.sleep(0.05)
    log.write()
    assert await client.hear_all() == [puback(1), Disconnect(Reason.SERVER_SHUTTING_DOWN)]
    await stopping


class TestBounds:
    """What is too much ends one connection and no other."""

    @pytest.fixture
    def bounds(self) -> Bounds:
        return Bounds(
            connections=7, connect=0.3, packet=2000, packet_seconds=0.3, receive=10, slice=4, device_bytes=600, live=1,
            burst=20, held=60, sweep=0.1, connects=5, unknown=4,
        )  # fmt: skip

    async def test_a_flood_is_cut_off_marked_and_not_let_in_again(
        self, dial: Dial, noted: list[tuple[int, str, str]], log: HeldLog
    ) -> None:
        flood, other = await dial("d-1"), await dial("d-2")
        flood.send(*(publish(pulse(), qos=0) for _ in range(1000)))
        assert await flood.hear_all() == [Disconnect(Reason.MESSAGE_RATE_TOO_HIGH)]
        assert (1, "devices.mqtt.too-many", "") in noted and len(log.records) == 20
        again = await dial(None)
        assert await again.connect() == Connack(Reason.QUOTA_EXCEEDED)
        other.send(publish(pulse(), 1, device="d-2"))
        assert await other.hear() == puback(1)

    @pytest.mark.parametrize("version", BOTH)
    @pytest.mark.parametrize(
        "flood",
        [publish(b"{", qos=0), publish(pulse(), qos=0, kind="other"), Ping(Kind.PINGREQ)],
        ids=["what cannot be read", "other topics", "pings"],
    )
    async def test_a_flood_of_what_is_refused_is_cut_off_too(self, dial: Dial, version: Version, flood: Packet) -> None:
        client = await dial(version=version)
        client.send(*[flood] * 500)
        assert len(await client.hear_all()) < 30
        again = await dial(None, version)
        assert (await again.connect()) in (Connack(Reason.QUOTA_EXCEEDED), Connack(3), Connack())

    async def test_two_that_go_by_one_name_do_not_throw_each_other_out_for_ever(
        self, dial: Dial, noted: list[tuple[int, str, str]]
    ) -> None:
        for _ in range(5):
            client = await dial()
        again = await dial(None)
        assert await again.connect() == Connack(Reason.CONNECTION_RATE_EXCEEDED)
        client.send(publish(pulse(), 1))
        assert await client.hear() == puback(1)
        assert noted == [(1, "devices.mqtt.comes-too-often", "")]

    async def test_history_is_slowed_and_not_refused(self, dial: Dial) -> None:
        client = await dial(version=4)
        client.send(*(publish(pulse(ago=9000), packet) for packet in range(1, 200)))
        assert [await client.hear() for _ in range(1, 200)] == [puback(packet) for packet in range(1, 200)]

    async def test_more_on_their_way_than_agreed(self, dial: Dial, log: HeldLog) -> None:
        log.at_once = False
        client = await dial()
        client.send(*(publish(pulse(), packet) for packet in range(1, 13)))
        assert (await client.hear_all())[-1:] == [Disconnect(Reason.RECEIVE_MAXIMUM_EXCEEDED)]

    async def test_what_is_not_on_disk_holds_the_socket(self, dial: Dial, log: HeldLog) -> None:
        log.at_once = False
        client = await dial(version=4)
        for packet in range(1, 19):
            client.send(publish(pulse(), packet))
            await asyncio.sleep(0.005)
        held = len(log.records)
        assert held < 12
        log.at_once = True
        log.write()
        assert [await client.hear() for _ in range(1, 19)] == [puback(packet) for packet in range(1, 19)]

    async def test_a_packet_that_is_too_large_is_refused_by_its_header(self, dial: Dial) -> None:
        client = await dial()
        client.raw(b"\x32\xff\xff\xff\x7f")
        assert await client.hear() == Disconnect(Reason.PACKET_TOO_LARGE)

    @pytest.mark.parametrize("begun", [b"", b"\x10", b"\x10\x20\x00\x04MQTT"])
    async def test_half_a_connect_does_not_stay(self, dial: Dial, begun: bytes) -> None:
        client = await dial(None)
        client.raw(begun)
        assert await client.hear() is None

    async def test_who_waits_to_be_known_is_not_taken_for_half_a_connect(self, dial: Dial, known: Known) -> None:
        known.slow = 0.25
        client = await dial()
        client.send(publish(pulse(), 1))
        assert await client.hear() == puback(1)

    async def test_a_packet_that_drips_in_does_not_stay(self, dial: Dial) -> None:
        client = await dial()
        whole = write(publish(pulse(), 1), 5)
        for byte in whole[:6]:
            client.raw(bytes((byte,)))
            await asyncio.sleep(0.04)
        assert await client.hear() == Disconnect(Reason.MALFORMED_PACKET)

    async def test_more_connections_than_there_is_room_for(self, dial: Dial) -> None:
        some = [await dial(f"d-{number}") for number in (1, 2, 3)] + [await dial(None) for _ in range(4)]
        more = await dial(None)
        assert await more.hear() is None
        some[0].send(Ping(Kind.PINGREQ))
        assert await some[0].hear() == Ping(Kind.PINGRESP)

    async def test_who_says_nothing_does_not_take_the_room_of_others(self, dial: Dial) -> None:
        known = await dial("d-1")
        silent = [await dial(None) for _ in range(6)]
        assert [await one.hear() for one in silent[4:]] == [None, None]
        known.send(publish(pulse(), 1))
        assert await known.hear() == puback(1)
        assert [await one.hear() for one in silent] == [None] * 6
        await dial("d-2")

    async def test_who_is_silent_for_longer_than_it_said_is_gone(self, dial: Dial) -> None:
        client = await dial(keep_alive=1)
        assert await client.hear() == Disconnect(Reason.KEEP_ALIVE_TIMEOUT)


@pytest.mark.parametrize(
    "raw",
    [
        write(Ping(Kind.PINGREQ), 4),
        write(publish(b"{}"), 4),
        b"\xff" * 50,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\x0d\x00\x04MQTT\x03\x02\x00\x3c\x00\x01a",
    ],
)
async def test_who_does_not_begin_with_a_connect_is_closed(dial: Dial, raw: bytes) -> None:
    client = await dial(None, 4)
    client.raw(raw)
    assert [one for one in await client.hear_all() if one != Connack(1)] == []


async def test_a_second_connect_ends_the_connection(dial: Dial) -> None:
    client = await dial()
    client.send(Connect(5, "d-1", user="d-1", password=SECRET.encode()))
    assert await client.hear() == Disconnect(Reason.PROTOCOL_ERROR)


async def test_what_comes_with_the_connect_is_not_lost(dial: Dial, log: HeldLog) -> None:
    client = await dial(None)
    connect = Connect(5, "d-1", user="d-1", password=SECRET.encode())
    client.send(connect, publish(pulse(), 1), publish(pulse(), 2))
    assert isinstance(await client.hear(), Connack)
    assert [await client.hear(), await client.hear()] == [puback(1), puback(2)]


async def test_a_command_reaches_a_device_and_is_told_when_it_has_it(dial: Dial, listener: Listener) -> None:
    client = await dial()
    told: list[bool] = []
    commands = listener.sessions[1].commands
    commands.tell(b'{"do":"measure"}', lambda: told.append(True))
    assert await client.is_quiet()
    await client.listen()
    command = await client.hear()
    assert isinstance(command, Publish) and command.payload == b'{"do":"measure"}' and not told
    client.send(puback(command.packet), Ping(Kind.PINGREQ))
    assert await client.hear() == Ping(Kind.PINGRESP)
    assert told == [True]
