"""Packets as values. What 3.1.1 does not have is empty there: properties, most reasons."""

from typing import Any, Literal, TypeAlias

import msgspec

from kangyun.base.mqtt.kinds import Kind
from kangyun.base.mqtt.reasons import Reason

Version: TypeAlias = Literal[4, 5]
"""The protocol level of 3.1.1, and of 5.0."""

__all__ = [
    "Ack", "Auth", "Connack", "Connect", "Disconnect", "Kind", "Packet", "Ping", "Publish", "Suback", "Subscribe",
    "Subscription", "Unsuback", "Unsubscribe", "Version", "Will",
]  # fmt: skip


class Will(msgspec.Struct, frozen=True):
    """What is published for a client whose connection ends without a word."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: dict[str, Any] = {}


class Connect(msgspec.Struct, frozen=True):
    """keep_alive: seconds, 0: none."""

    version: Version
    client: str
    clean: bool = True
    keep_alive: int = 0
    user: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: dict[str, Any] = {}


class Connack(msgspec.Struct, frozen=True):
    """reason: in 3.1.1 the return code as it stands there, 0 to 5."""

    reason: int = 0
    session_present: bool = False
    properties: dict[str, Any] = {}


class Publish(msgspec.Struct, gc=False):
    """topic: as it came, read by `topic_of`. packet: its identifier, 0 with QoS 0. properties: None where empty."""

    topic: bytes
    payload: bytes
    qos: int = 0
    packet: int = 0
    retain: bool = False
    again: bool = False
    properties: dict[str, Any] | None = None


class Ack(msgspec.Struct, frozen=True):
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    kind: Kind
    packet: int
    reason: Reason = Reason.SUCCESS
    properties: dict[str, Any] = {}


class Subscription(msgspec.Struct, frozen=True):
    """One filter of a SUBSCRIBE. What stands below qos is of 5.0."""

    filter: str
    qos: int = 0
    no_local: bool = False
    as_published: bool = False
    retained: int = 0


class Subscribe(msgspec.Struct, frozen=True):
    packet: int
    subscriptions: tuple[Subscription, ...]
    properties: dict[str, Any] = {}


class Suback(msgspec.Struct, frozen=True):
    """reasons: the granted QoS or a reason, one a filter. 3.1.1 knows 0, 1, 2 and 0x80."""

    packet: int
    reasons: tuple[Reason, ...]
    properties: dict[str, Any] = {}


class Unsubscribe(msgspec.Struct, frozen=True):
    packet: int
    filters: tuple[str, ...]
    properties: dict[str, Any] = {}


class Unsuback(msgspec.Struct, frozen=True):
    """reasons: none in 3.1.1."""

    packet: int
    reasons: tuple[Reason, ...] = ()
    properties: dict[str, Any] = {}


class Ping(msgspec.Struct, frozen=True):
    """PINGREQ or PINGRESP."""

    kind: Kind


class Disconnect(msgspec.Struct, frozen=True):
    reason: Reason = Reason.SUCCESS
    properties: dict[str, Any] = {}


class Auth(msgspec.Struct, frozen=True):
    reason: Reason = Reason.SUCCESS
    properties: dict[str, Any] = {}


Packet: TypeAlias = (
    Connect | Connack | Publish | Ack | Subscribe | Suback | Unsubscribe | Unsuback | Ping | Disconnect | Auth
)
