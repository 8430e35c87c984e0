"""The properties of MQTT 5.0: one table, read and written by it. Source: MQTT 5.0, section 2.2.2.2 (table 2-4)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from kangyun.base.mqtt.cursor import Cursor, binary, text, variable
from kangyun.base.mqtt.kinds import Kind
from kangyun.base.mqtt.reasons import PacketError, Reason, forbidden, malformed

Properties: TypeAlias = Mapping[str, Any]
"""By the names of the table. `user_property` is a list of pairs; `subscription_identifier` of a PUBLISH a list."""

WILL: Final = 0
"""The properties of a will stand in the CONNECT, in a place of their own."""
_ACKS = frozenset({Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.SUBACK, Kind.UNSUBACK})
_MESSAGE = frozenset({Kind.PUBLISH, WILL})
_LIMITS = frozenset({Kind.CONNECT, Kind.CONNACK})
_ENHANCED = frozenset({Kind.CONNECT, Kind.CONNACK, Kind.AUTH})
_ALL = _ACKS | _MESSAGE | _ENHANCED | {Kind.SUBSCRIBE, Kind.UNSUBSCRIBE, Kind.DISCONNECT}


class Property(NamedTuple):
    """One property. kind: how it is written. packets: where it may stand. flag: 0 or 1. positive: not 0."""

    number: int
    name: str
    kind: str
    packets: frozenset[int]
    flag: bool = False
    positive: bool = False


TABLE: Final = (
    Property(1, "payload_format", "byte", _MESSAGE, flag=True),
    Property(2, "message_expiry", "four", _MESSAGE),
    Property(3, "content_type", "text", _MESSAGE),
    Property(8, "response_topic", "text", _MESSAGE),
    Property(9, "correlation_data", "binary", _MESSAGE),
    Property(11, "subscription_identifier", "variable", frozenset({Kind.PUBLISH, Kind.SUBSCRIBE}), positive=True),
    Property(17, "session_expiry", "four", _LIMITS | {Kind.DISCONNECT}),
    Property(18, "assigned_client", "text", frozenset({Kind.CONNACK})),
    Property(19, "server_keep_alive", "two", frozenset({Kind.CONNACK})),
    Property(21, "authentication_method", "text", _ENHANCED),
    Property(22, "authentication_data", "binary", _ENHANCED),
    Property(23, "request_problem", "byte", frozenset({Kind.CONNECT}), flag=True),
    Property(24, "will_delay", "four", frozenset({WILL})),
    Property(25, "request_response", "byte", frozenset({Kind.CONNECT}), flag=True),
    Property(26, "response_information", "text", frozenset({Kind.CONNACK})),
    Property(28, "server_reference", "text", frozenset({Kind.CONNACK, Kind.DISCONNECT})),
    Property(31, "reason_string", "text", _ACKS | {Kind.CONNACK, Kind.DISCONNECT, Kind.AUTH}),
    Property(33, "receive_maximum", "two", _LIMITS, positive=True),
    Property(34, "topic_alias_maximum", "two", _LIMITS),
    Property(35, "topic_alias", "two", frozenset({Kind.PUBLISH})),
    Property(36, "maximum_qos", "byte", frozenset({Kind.CONNACK}), flag=True),
    Property(37, "retain_available", "byte", frozenset({Kind.CONNACK}), flag=True),
    Property(38, "user_property", "pair", _ALL),
    Property(39, "maximum_packet_size", "four", _LIMITS, positive=True),
    Property(40, "wildcards_available", "byte", frozenset({Kind.CONNACK}), flag=True),
    Property(41, "identifiers_available", "byte", frozenset({Kind.CONNACK}), flag=True),
    Property(42, "shared_available", "byte", frozenset({Kind.CONNACK}), flag=True),
)
_BY_NUMBER: Final = {one.number: one for one in TABLE}
_BY_NAME: Final = {one.name: one for one in TABLE}


def read_properties(cursor: Cursor, packet: int) -> dict[str, Any]:
    """Reads properties with their length before them. packet: where they stand, a Kind or WILL. Raises PacketError."""
    inner = cursor.part(cursor.variable())
    found: dict[str, Any] = {}
    while inner.left:
        one = _BY_NUMBER.get(inner.variable())
        if one is None or packet not in one.packets:
            raise malformed("a property that may not stand here")
        value = inner.take(one.kind)
        if one.kind == "pair" or (one.name == "subscription_identifier" and packet == Kind.PUBLISH):
            found.setdefault(one.name, []).append(value)
        elif one.name in found:
            raise forbidden(f"{one.name} stands twice")
        else:
            found[one.name] = value
        _check(one, value)
    if "authentication_data" in found and "authentication_method" not in found:
        raise forbidden("authentication data without a method")
    return found


def _check(one: Property, value: Any) -> None:
    if one.flag and value > 1:
        raise forbidden(f"{one.name} is 0 or 1")
    if one.positive and not value:
        raise forbidden(f"{one.name} is not 0")
    if one.name == "topic_alias" and not value:
        raise PacketError(Reason.TOPIC_ALIAS_INVALID, "a topic alias is not 0")
    if one.name == "response_topic" and ("+" in value or "#" in value):
        raise forbidden("a response topic has no wildcards")


def written_properties(given: Properties) -> bytes:
    """Returns properties with their length before them. Raises PacketError for a value that cannot be written."""
    if not given:
        return b"\x00"
    body = bytearray()
    for name, value in given.items():
        one = _BY_NAME[name]
        for each in value if isinstance(value, list) else [value]:
            body += variable(one.number) + _written(one.kind, each)
    return variable(len(body)) + bytes(body)


def _written(kind: str, value: Any) -> bytes:
    match kind:
        case "text":
            return text(value)
        case "binary":
            return binary(value)
        case "pair":
            return text(value[0]) + text(value[1])
        case "variable":
            return variable(value)
    size = {"byte": 1, "two": 2, "four": 4}[kind]
    try:
        return int(value).to_bytes(size, "big")
    except OverflowError:
        raise forbidden("a number that is too large for its property") from None
