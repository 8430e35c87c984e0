"""Packets read. Whatever the bytes are: a packet, or PacketError with the reason code of the standard.

Sources: MQTT 5.0 and 3.1.1, chapter 3 each.
"""

from collections.abc import Callable
from typing import Any, Final

from kangyun.base.mqtt.cursor import Cursor, read_text
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
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from kangyun.base.mqtt.properties import WILL, read_properties
from kangyun.base.mqtt.reasons import PacketError, Reason, forbidden, malformed

# The lower four bits of the first byte, where a packet has no flags. Source: MQTT 5.0, table 2-2.
_FLAGS: Final = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}
_WILL_QOS, _WILL_RETAIN, _PASSWORD, _USER = 0x18, 0x20, 0x40, 0x80


def read(first: int, data: bytes, start: int, stop: int, version: Version) -> Packet:
    """Returns the packet whose body is data[start:stop]. version: of the connection; a CONNECT says its own.

    Raises PacketError, and nothing else whatever the bytes are.
    """
    kind = first >> 4
    if kind == Kind.PUBLISH:
        return read_publish(first, data, start, stop, version)
    if kind not in _READERS or (kind == Kind.AUTH and version == 4):
        raise malformed("no such packet")
    if first & 0xF != _FLAGS.get(Kind(kind), 0):
        raise malformed("the flags of the first byte")
    cursor = Cursor(data, start, stop)
    packet = _READERS[kind](cursor, Kind(kind), version)
    cursor.end()
    return packet


def read_publish(first: int, data: bytes, start: int, stop: int, version: Version) -> Publish:
    """Returns a PUBLISH; its topic is not looked into (`topic_of`). Raises PacketError."""
    qos = first >> 1 & 3
    if qos == 3 or (first & 8 and not qos):
        raise malformed("the flags of the first byte")
    if start + 2 > stop:
        raise malformed("the packet ends early")
    end = at = start + 2 + (data[start] << 8 | data[start + 1])
    packet = 0
    if qos:
        at += 2
        if at > stop:
            raise malformed("the packet ends early")
        packet = data[end] << 8 | data[end + 1]
        if not packet:
            raise forbidden("a packet identifier is not 0")
    properties = None
    if version == 5:
        if at >= stop:
            raise malformed("the packet ends early")
        if data[at]:
            cursor = Cursor(data, at, stop)
            properties = read_properties(cursor, Kind.PUBLISH)
            at = cursor.at
        else:
            at += 1
    elif at > stop:
        raise malformed("the packet ends early")
    return Publish(data[start + 2 : end], data[at:stop], qos, packet, first & 1 == 1, first & 8 == 8, properties)


def topic_of(raw: bytes) -> str:
    """Returns the topic of a PUBLISH as text. Raises PacketError for what is no topic name."""
    topic = read_text(raw)
    if not topic or "+" in topic or "#" in topic:
        raise PacketError(Reason.TOPIC_NAME_INVALID, "a topic is not empty and has no wildcards")
    return topic


def _connect(cursor: Cursor, _kind: Kind, _version: Version) -> Connect:
    name, level = cursor.binary(), cursor.byte()
    if name != b"MQTT" or level not in (4, 5):
        raise PacketError(Reason.UNSUPPORTED_PROTOCOL_VERSION, "neither MQTT 3.1.1 nor 5.0")
    version: Version = 5 if level == 5 else 4
    flags, keep_alive = cursor.byte(), cursor.two()
    if flags & 1 or (version == 4 and flags & _PASSWORD and not flags & _USER):
        raise malformed("the flags of a CONNECT")
    properties = read_properties(cursor, Kind.CONNECT) if version == 5 else {}
    client = cursor.text()
    will = _will(cursor, flags, version)
    user = cursor.text() if flags & _USER else None
    password = cursor.binary() if flags & _PASSWORD else None
    return Connect(version, client, flags & 2 == 2, keep_alive, user, password, will, properties)


def _will(cursor: Cursor, flags: int, version: Version) -> Will | None:
    qos = (flags & _WILL_QOS) >> 3
    if not flags & 4:
        if flags & (_WILL_QOS | _WILL_RETAIN):
            raise malformed("the flags of a CONNECT")
        return None
    if qos == 3:
        raise malformed("the flags of a CONNECT")
    properties = read_properties(cursor, WILL) if version == 5 else {}
    topic = topic_of(cursor.binary())
    return Will(topic, cursor.binary(), qos, flags & _WILL_RETAIN != 0, properties)


def _connack(cursor: Cursor, _kind: Kind, version: Version) -> Connack:
    flags, reason = cursor.byte(), cursor.byte()
    if flags > 1:
        raise malformed("the flags of a CONNACK")
    if version == 5:
        return Connack(_reason(reason), flags == 1, read_properties(cursor, Kind.CONNACK))
    if reason > 5:
        raise malformed("no such return code")
    return Connack(reason, flags == 1)


def _ack(cursor: Cursor, kind: Kind, version: Version) -> Ack:
    packet = _identifier(cursor)
    reason, properties = _said(cursor, kind) if version == 5 else (Reason.SUCCESS, {})
    return Ack(kind, packet, reason, properties)


def _said(cursor: Cursor, kind: Kind) -> tuple[Reason, dict[str, Any]]:
    """Reads a reason and properties, both of which may be left out at the end."""
    reason = _reason(cursor.byte()) if cursor.left else Reason.SUCCESS
    return reason, read_properties(cursor, kind) if cursor.left else {}


def _subscribe(cursor: Cursor, kind: Kind, version: Version) -> Subscribe:
    packet = _identifier(cursor)
    properties = read_properties(cursor, kind) if version == 5 else {}
    wanted = []
    while cursor.left:
        topic_filter, options = _filter(cursor), cursor.byte()
        reserved = 0xC0 if version == 5 else 0xFC
        if options & reserved or options & 3 == 3 or options & 0x30 == 0x30:
            raise malformed("the options of a subscription")
        no_local = options & 4 == 4
        if no_local and topic_filter.startswith("$share/"):
            raise forbidden("a shared subscription cannot leave out its own")
        wanted.append(Subscription(topic_filter, options & 3, no_local, options & 8 == 8, options >> 4 & 3))
    if not wanted:
        raise forbidden("nothing is subscribed to")
    return Subscribe(packet, tuple(wanted), properties)


def _suback(cursor: Cursor, kind: Kind, version: Version) -> Suback:
    packet = _identifier(cursor)
    properties = read_properties(cursor, kind) if version == 5 else {}
    return Suback(packet, _reasons(cursor), properties)


def _unsubscribe(cursor: Cursor, kind: Kind, version: Version) -> Unsubscribe:
    packet = _identifier(cursor)
    properties = read_properties(cursor, kind) if version == 5 else {}
    filters = []
    while cursor.left:
        filters.append(_filter(cursor))
    if not filters:
        raise forbidden("nothing is unsubscribed from")
    return Unsubscribe(packet, tuple(filters), properties)


def _unsuback(cursor: Cursor, kind: Kind, version: Version) -> Unsuback:
    packet = _identifier(cursor)
    if version == 4:
        return Unsuback(packet)
    properties = read_properties(cursor, kind)
    return Unsuback(packet, _reasons(cursor), properties)


def _ping(_cursor: Cursor, kind: Kind, _version: Version) -> Ping:
    return Ping(kind)


def _disconnect(cursor: Cursor, kind: Kind, version: Version) -> Disconnect:
    return Disconnect(*_said(cursor, kind)) if version == 5 else Disconnect()


def _auth(cursor: Cursor, kind: Kind, _version: Version) -> Auth:
    return Auth(*_said(cursor, kind))


def _identifier(cursor: Cursor) -> int:
    found = cursor.two()
    if not found:
        raise forbidden("a packet identifier is not 0")
    return found


def _filter(cursor: Cursor) -> str:
    """Reads a topic filter. Source: MQTT 5.0, section 4.7.1."""
    found = cursor.text()
    levels = found.split("/")
    wrong = not found or "#" in found[:-1] or any(len(one) > 1 and ("+" in one or "#" in one) for one in levels)
    if wrong:
        raise PacketError(Reason.TOPIC_FILTER_INVALID, "no topic filter")
    return found


def _reasons(cursor: Cursor) -> tuple[Reason, ...]:
    if not cursor.left:
        raise forbidden("no reason")
    return tuple(_reason(byte) for byte in cursor.raw(cursor.left))


def _reason(byte: int) -> Reason:
    try:
        return Reason(byte)
    except ValueError:
        raise malformed("no such reason") from None


_READERS: Final[dict[int, Callable[[Cursor, Kind, Version], Packet]]] = {
    Kind.CONNECT: _connect,
    Kind.CONNACK: _connack,
    Kind.PUBACK: _ack,
    Kind.PUBREC: _ack,
    Kind.PUBREL: _ack,
    Kind.PUBCOMP: _ack,
    Kind.SUBSCRIBE: _subscribe,
    Kind.SUBACK: _suback,
    Kind.UNSUBSCRIBE: _unsubscribe,
    Kind.UNSUBACK: _unsuback,
    Kind.PINGREQ: _ping,
    Kind.PINGRESP: _ping,
    Kind.DISCONNECT: _disconnect,
    Kind.AUTH: _auth,
}
