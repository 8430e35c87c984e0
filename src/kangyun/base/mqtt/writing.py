"""Packets written. Sources: MQTT 5.0 and 3.1.1, chapter 3 each."""

from collections.abc import Iterable
from typing import Final

from kangyun.base.mqtt.cursor import binary, text, variable
from kangyun.base.mqtt.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Packet,
    Ping,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from kangyun.base.mqtt.properties import Properties, written_properties
from kangyun.base.mqtt.reasons import Reason

_RESERVED: Final = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}
_PUBACK: Final = b"\x40\x02"


def write(packet: Packet, version: Version) -> bytes:
    """Returns a packet as bytes. Raises PacketError for a text or a number that cannot be written."""
    match packet:
        case Publish():
            return write_publish(packet, version)
        case Connect():
            return _packet(Kind.CONNECT, _connect(packet))
        case Connack():
            body = bytes((packet.session_present, packet.reason))
            return _packet(Kind.CONNACK, body + _properties(packet.properties, version))
        case Ack():
            return _packet(packet.kind, _two(packet.packet) + _said(packet.reason, packet.properties, version))
        case Subscribe() | Unsubscribe() | Suback() | Unsuback():
            return _about_filters(packet, version)
        case Ping():
            return bytes((packet.kind << 4, 0))
        case Disconnect():
            return _packet(Kind.DISCONNECT, _said(packet.reason, packet.properties, version))
        case Auth():
            return _packet(Kind.AUTH, _said(packet.reason, packet.properties, version))


def write_publish(packet: Publish, version: Version) -> bytes:
    """Returns a PUBLISH as bytes; its topic stands as it is."""
    first = Kind.PUBLISH << 4 | packet.again << 3 | packet.qos << 1 | packet.retain
    identifier = _two(packet.packet) if packet.qos else b""
    properties = _properties(packet.properties or {}, version)
    length = 2 + len(packet.topic) + len(identifier) + len(properties) + len(packet.payload)
    return b"".join(
        (bytes((first,)), variable(length), binary(packet.topic), identifier, properties, packet.payload)
    )  # fmt: skip


def acks(packets: Iterable[int]) -> bytes:
    """Returns the PUBACKs of success for packet identifiers, one after the other, of either version."""
    return b"".join([_PUBACK + one.to_bytes(2, "big") for one in packets])


def _packet(kind: Kind, body: bytes) -> bytes:
    return bytes((kind << 4 | _RESERVED.get(kind, 0),)) + variable(len(body)) + body


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _properties(given: Properties, version: Version) -> bytes:
    return written_properties(given) if version == 5 else b""


def _said(reason: Reason, properties: Properties, version: Version) -> bytes:
    """Returns a reason and properties; nothing of what need not be said."""
    if version == 4 or (not reason and not properties):
        return b""
    return bytes((reason,)) + (written_properties(properties) if properties else b"")


def _connect(packet: Connect) -> bytes:
    will = packet.will
    flags = packet.clean << 1 | (packet.user is not None) << 7 | (packet.password is not None) << 6
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
    parts = [b"\x00\x04MQTT", bytes((packet.version, flags)), _two(packet.keep_alive)]
    parts += [_properties(packet.properties, packet.version), text(packet.client)]
    if will is not None:
        parts += _will(will, packet.version)
    if packet.user is not None:
        parts.append(text(packet.user))
    if packet.password is not None:
        parts.append(binary(packet.password))
    return b"".join(parts)


def _will(will: Will, version: Version) -> tuple[bytes, ...]:
    return _properties(will.properties, version), text(will.topic), binary(will.payload)


def _about_filters(packet: Subscribe | Unsubscribe | Suback | Unsuback, version: Version) -> bytes:
    head = _two(packet.packet) + _properties(packet.properties, version)
    match packet:
        case Subscribe(subscriptions=wanted):
            body = b"".join(
                text(one.filter) + bytes((one.qos | one.no_local << 2 | one.as_published << 3 | one.retained << 4,))
                for one in wanted
            )
            return _packet(Kind.SUBSCRIBE, head + body)
        case Unsubscribe(filters=filters):
            return _packet(Kind.UNSUBSCRIBE, head + b"".join(text(one) for one in filters))
        case Suback(reasons=reasons):
            return _packet(Kind.SUBACK, head + bytes(reasons))
        case Unsuback(reasons=reasons):
            return _packet(Kind.UNSUBACK, head + (bytes(reasons) if version == 5 else b""))
