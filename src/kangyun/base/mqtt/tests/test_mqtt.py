"""Whatever the bytes: packets, or the codec's own error. What was written is read again. A second opinion: mqtt5."""

from functools import cache
from itertools import pairwise
from typing import Any

import mqtt5
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.base.mqtt import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Packet,
    PacketError,
    Ping,
    Publish,
    Reason,
    Splitter,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
    acks,
    read,
    return_code,
    topic_of,
    write,
)
from kangyun.base.mqtt.properties import TABLE, WILL

VERSIONS = st.sampled_from((4, 5))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TOPICS = st.text("abc/中", min_size=1, max_size=20)
NUMBERS = st.integers(1, 65_535)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "byte": st.integers(0, 1), "two": NUMBERS, "four": st.integers(1, 2**32 - 1),
    "variable": st.integers(1, 268_435_455), "text": TEXTS, "binary": st.binary(max_size=20),
    "pair": st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3),
}  # fmt: skip
IDENTIFIERS = st.lists(VALUES["variable"], min_size=1, max_size=3)


def properties(packet: int) -> st.SearchStrategy[dict[str, Any]]:
    """Properties that may stand in a packet."""
    known = {one.name: VALUES[one.kind] for one in TABLE if packet in one.packets}
    known |= {"subscription_identifier": IDENTIFIERS} if packet == Kind.PUBLISH else {}
    known |= {"response_topic": TOPICS} if "response_topic" in known else {}
    found = st.fixed_dictionaries({}, optional=known)
    return found.filter(lambda one: "authentication_data" not in one or "authentication_method" in one)


def of(version: Version, packet: int) -> st.SearchStrategy[dict[str, Any]]:
    return properties(packet) if version == 5 else st.just({})


REASONS = st.sampled_from(Reason)
ACKS = (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP)


@cache
def packets(version: Version) -> st.SearchStrategy[Packet]:
    """Packets of a version."""
    five = version == 5
    flag, qos = st.booleans(), st.integers(0, 2)
    will = st.none() | st.builds(Will, TOPICS, st.binary(max_size=20), qos, flag, of(version, WILL))
    reasons = st.lists(REASONS, min_size=1, max_size=4).map(tuple)
    reason = REASONS if five else st.just(Reason.SUCCESS)
    options = (flag, flag, qos) if five else ()
    wanted = st.builds(Subscription, st.sampled_from(("a", "#", "a/+/b", "+", "a/#")), qos, *options)
    connect = st.builds(
        Connect, st.just(version), TEXTS, flag, st.integers(0, 65_535), TEXTS, st.none() | st.binary(max_size=20), will,
        of(version, Kind.CONNECT),
    )  # fmt: skip
    message = of(version, Kind.PUBLISH).map(lambda some: some or None)
    body = st.binary(max_size=300)
    simple = [
        connect,
        connect.map(lambda one: msgspec.structs.replace(one, user=None, password=None)),
        st.builds(Connack, REASONS if five else st.integers(0, 5), flag, of(version, Kind.CONNACK)),
        st.builds(Publish, TOPICS.map(str.encode), body, st.integers(1, 2), NUMBERS, flag, flag, message),
        st.builds(Publish, TOPICS.map(str.encode), body, retain=flag, properties=message),
        *(st.builds(Ack, st.just(kind), NUMBERS, reason, of(version, kind)) for kind in ACKS),
        st.builds(Subscribe, NUMBERS, st.lists(wanted, min_size=1, max_size=3).map(tuple), of(version, Kind.SUBSCRIBE)),
        st.builds(Suback, NUMBERS, reasons, of(version, Kind.SUBACK)),
        st.builds(Unsubscribe, NUMBERS, st.tuples(TOPICS, TOPICS), of(version, Kind.UNSUBSCRIBE)),
        st.builds(Unsuback, NUMBERS, reasons if five else st.just(()), of(version, Kind.UNSUBACK)),
        st.builds(Ping, st.sampled_from((Kind.PINGREQ, Kind.PINGRESP))),
        st.builds(Disconnect, reason, of(version, Kind.DISCONNECT)),
    ]
    return st.one_of(*simple, *([st.builds(Auth, REASONS, of(version, Kind.AUTH))] if five else []))


CONVERSATIONS = VERSIONS.flatmap(lambda version: st.tuples(st.just(version), st.lists(packets(version), max_size=5)))


def read_all(splitter: Splitter, pieces: list[bytes], version: Version) -> list[Packet]:
    """Reads what comes in pieces."""
    found = []
    for piece in pieces:
        data, frames = splitter.feed(piece)
        found += [read(first, data, start, stop, version) for first, start, stop in frames]
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(CONVERSATIONS, st.lists(st.integers(0, 5000), max_size=6))
def test_what_was_written_is_read_again_however_it_is_cut(
    conversation: tuple[Version, list[Packet]], places: list[int]
) -> None:
    version, some = conversation
    splitter = Splitter()
    assert read_all(splitter, cut(b"".join(write(one, version) for one in some), places), version) == some
    assert not splitter.kept


@given(st.binary(max_size=200), VERSIONS, st.lists(st.integers(0, 200), max_size=4))
@example(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 5, [])
@example(b"\x32\xff\xff\xff\xff\x01", 4, [1])
def test_no_input_raises_anything_but_its_own_error(data: bytes, version: Version, places: list[int]) -> None:
    try:
        read_all(Splitter(), cut(data, places), version)
    except PacketError as error:
        assert error.reason >= 0x80


@given(CONVERSATIONS, st.integers(0, 2000), st.integers(0, 255))
def test_nor_does_a_packet_with_a_wrong_byte(conversation: tuple[Version, list[Packet]], place: int, byte: int) -> None:
    version, some = conversation
    data = bytearray(b"".join(write(one, version) for one in some) or b"\x00\x00")
    data[place % len(data)] = byte
    try:
        read_all(Splitter(), [bytes(data)], version)
    except PacketError as error:
        assert error.reason >= 0x80


@given(packets(5))
def test_another_codec_reads_what_we_write_and_we_what_it_writes(packet: Packet) -> None:
    for theirs in opinion(write(packet, 5)):
        (read_again,) = read_all(Splitter(), [theirs], 5)
        assert opinion(write(read_again, 5)) == [theirs]


def opinion(raw: bytes) -> list[bytes]:
    """What the other codec writes for what it reads; nothing where it is stricter about which reason stands where."""
    try:
        return [bytes(mqtt5.read(memoryview(raw))[0].write())]
    except ValueError:
        return []


def test_the_other_codec_agrees_on_a_publish() -> None:
    packet = Publish(b"hr1/bj/d/up", b"{}", 1, 7, properties={"topic_alias": 3, "user_property": [("a", "b")]})
    theirs, length = mqtt5.read(memoryview(write(packet, 5)))
    assert (theirs.topic, theirs.payload, theirs.packet_id) == ("hr1/bj/d/up", b"{}", 7)
    assert (theirs.topic_alias, theirs.user_properties) == (3, [("a", "b")])
    assert length == len(write(packet, 5))


CONNECT = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"


@pytest.mark.parametrize(
    ("raw", "version", "reason"),
    [
        pytest.param(b"\x00\x00", 4, Reason.MALFORMED_PACKET, id="kind 0"),
        pytest.param(b"\xf0\x00", 4, Reason.MALFORMED_PACKET, id="AUTH in 3.1.1"),
        pytest.param(b"\x11\x00", 4, Reason.MALFORMED_PACKET, id="flags"),
        pytest.param(b"\x80\x00", 4, Reason.MALFORMED_PACKET, id="SUBSCRIBE without its flags"),
        pytest.param(b"\x36\x05\x00\x01a\x00\x01", 4, Reason.MALFORMED_PACKET, id="QoS 3"),
        pytest.param(b"\x38\x03\x00\x01a", 4, Reason.MALFORMED_PACKET, id="QoS 0 again"),
        pytest.param(b"\x32\x05\x00\x01a\x00\x00", 4, Reason.PROTOCOL_ERROR, id="identifier 0"),
        pytest.param(b"\x30\x03\x00\x01a", 5, Reason.MALFORMED_PACKET, id="PUBLISH of 5.0 without properties"),
        pytest.param(b"\x30\x07\x00\x01a\x03\x23\x00\x00", 5, Reason.TOPIC_ALIAS_INVALID, id="alias 0"),
        pytest.param(b"\x30\x0a\x00\x01a\x06\x23\x00\x01\x23\x00\x01", 5, Reason.PROTOCOL_ERROR, id="alias twice"),
        pytest.param(b"\x30\x06\x00\x01a\x02\x11\x01", 5, Reason.MALFORMED_PACKET, id="a property of CONNECT"),
        pytest.param(b"\x82\x02\x00\x01", 4, Reason.PROTOCOL_ERROR, id="nothing subscribed"),
        pytest.param(b"\x82\x06\x00\x01\x00\x01#\x03", 4, Reason.MALFORMED_PACKET, id="QoS 3 subscribed"),
        pytest.param(b"\x82\x07\x00\x01\x00\x02a#\x00", 4, Reason.TOPIC_FILTER_INVALID, id="a# is no filter"),
        pytest.param(b"\x10\x0d" + CONNECT[:6] + b"\x03" + CONNECT[7:], 4, Reason.UNSUPPORTED_PROTOCOL_VERSION, id="3"),
        pytest.param(b"\x10\x0d" + CONNECT[:7] + b"\x03" + CONNECT[8:], 4, Reason.MALFORMED_PACKET, id="reserved"),
        pytest.param(b"\x10\x0d" + CONNECT[:7] + b"\x42" + CONNECT[8:], 4, Reason.MALFORMED_PACKET, id="no user"),
        pytest.param(b"\x10\x0d" + CONNECT[:7] + b"\x0a" + CONNECT[8:], 4, Reason.MALFORMED_PACKET, id="no will"),
        pytest.param(b"\x10\x0d" + CONNECT[:-1] + b"\xff", 4, Reason.MALFORMED_PACKET, id="not UTF-8"),
        pytest.param(b"\x10\x0d" + CONNECT[:-1] + b"\x00", 4, Reason.MALFORMED_PACKET, id="null character"),
        pytest.param(b"\x10\x0e" + CONNECT + b"\x00", 4, Reason.MALFORMED_PACKET, id="more behind it"),
        pytest.param(b"\xc0\x80\x80\x80\x80\x01", 4, Reason.MALFORMED_PACKET, id="a length without end"),
        pytest.param(b"\xc0\x80\x00", 4, Reason.MALFORMED_PACKET, id="a length longer than it need be"),
        pytest.param(b"\x30\xff\xff\xff\x7f", 4, Reason.PACKET_TOO_LARGE, id="256 MB"),
    ],
)
def test_what_is_no_packet_is_refused_with_the_reason_of_the_standard(
    raw: bytes, version: Version, reason: Reason
) -> None:
    with pytest.raises(PacketError) as refused:
        read_all(Splitter(1_000_000), [raw], version)
    assert refused.value.reason == reason


@pytest.mark.parametrize("topic", [b"", b"a/+", b"#"])
def test_a_topic_is_not_empty_and_has_no_wildcards(topic: bytes) -> None:
    with pytest.raises(PacketError) as refused:
        topic_of(topic)
    assert refused.value.reason == Reason.TOPIC_NAME_INVALID


def test_a_large_packet_that_drips_in_is_put_together_once() -> None:
    raw = write(Publish(b"t", b"x" * 200_000, 1, 9), 4)
    (packet,) = read_all(Splitter(), [raw[at : at + 7] for at in range(0, len(raw), 7)], 4)
    assert isinstance(packet, Publish) and packet.payload == b"x" * 200_000


@given(st.lists(NUMBERS, max_size=5))
def test_acknowledgements_are_written_together(numbers: list[int]) -> None:
    assert read_all(Splitter(), [acks(numbers)], 5) == [Ack(Kind.PUBACK, one) for one in numbers]


def test_each_refusal_has_a_return_code_in_3_1_1() -> None:
    assert {return_code(reason) for reason in Reason} == {0, 1, 2, 3, 4, 5}
