"""What a device hears on its own topic `cmd`: commands, and why something of it was refused.

A command waits in the database until the device has acknowledged it (`told`); what is said of a refusal is said once,
to who listens.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from kangyun.base.mqtt import (
    Ack,
    Connect,
    Kind,
    PacketError,
    Publish,
    Reason,
    Subscribe,
    Unsubscribe,
    write,
    write_publish,
)
from kangyun.base.texts import say
from kangyun.devices.model import Refusal

if TYPE_CHECKING:
    from kangyun.devices.mqtt.connection import Connection

_MOST_ON_THEIR_WAY: Final = 16
_LONGEST: Final = 0xFFFF

Told = Callable[[], object]


class Hearer(Protocol):
    """Whose commands they are."""

    connection: "Connection"

    def note(self, reason: Reason) -> None: ...


class Commands:
    """What is sent to one device."""

    __slots__ = ("_next", "_on_their_way", "_qos", "_room", "_session", "_topic", "_waiting")

    def __init__(self, session: Hearer, topic: str, connect: Connect, queue: int) -> None:
        self._session = session
        self._topic = topic
        self._qos: int | None = None
        self._next = 0
        self._room = min(connect.properties.get("receive_maximum", _LONGEST), _MOST_ON_THEIR_WAY)
        self._on_their_way: dict[int, Told | None] = {}
        self._waiting: deque[tuple[bytes, Told | None]] = deque(maxlen=queue)

    @property
    def heard(self) -> bool:
        """Whether the device has subscribed."""
        return self._qos is not None

    def subscribed(self, packet: Subscribe) -> tuple[Reason, ...]:
        """Returns what is granted: the device's own topic, and nothing else."""
        found = []
        for one in packet.subscriptions:
            if one.filter == self._topic:
                self._qos = min(one.qos, 1)
                found.append(Reason(self._qos))
                continue
            self._session.note(Reason.NOT_AUTHORIZED)
            found.append(
                Reason.NOT_AUTHORIZED if self._session.connection.version == 5 else Reason.UNSPECIFIED_ERROR
            )  # fmt: skip
        return tuple(found)

    def unsubscribed(self, packet: Unsubscribe) -> tuple[Reason, ...]:
        """Returns what was undone."""
        found = []
        for name in packet.filters:
            was = name == self._topic and self._qos is not None
            self._qos = None if was else self._qos
            found.append(Reason.SUCCESS if was else Reason.NO_SUBSCRIPTION_EXISTED)
        return tuple(found)

    def refused(self, why: Refusal, packet: int) -> None:
        """Says why a message was refused. packet: its identifier, 0 for none."""
        if self._qos is None:
            return
        said = {
            "refused": why.text, "at": why.at, "packet": packet, "zh": say(why.text, "zh"), "en": say(why.text, "en"),
        }  # fmt: skip
        self.tell(msgspec.json.encode(said))

    def tell(self, payload: bytes, told: Told | None = None) -> None:
        """Sends a payload when there is room. told: called when the device has it, by its acknowledgement."""
        if len(self._waiting) < (self._waiting.maxlen or 0):
            self._waiting.append((payload, told))
            self.go_on()

    def go_on(self) -> None:
        """Sends what waits, as far as the device takes it."""
        while self._qos is not None and self._waiting and len(self._on_their_way) < self._room:
            payload, told = self._waiting.popleft()
            packet = self._identifier() if self._qos else 0
            if packet:
                self._on_their_way[packet] = told
            elif told is not None:
                told()
            raw = Publish(self._topic.encode(), payload, self._qos, packet)
            self._session.connection.send(write_publish(raw, self._session.connection.version))

    def acknowledged(self, packet: Ack) -> None:
        """Hears an acknowledgement. Raises PacketError for one of a packet that was never sent."""
        if packet.kind != Kind.PUBACK or packet.packet not in self._on_their_way:
            if packet.kind == Kind.PUBREC:
                again = Ack(Kind.PUBREL, packet.packet, Reason.PACKET_IDENTIFIER_NOT_FOUND)
                self._session.connection.send(write(again, self._session.connection.version))
                return
            raise PacketError(Reason.PROTOCOL_ERROR, "an acknowledgement of nothing")
        told = self._on_their_way.pop(packet.packet)
        if told is not None and packet.reason < Reason.UNSPECIFIED_ERROR:
            told()
        self.go_on()

    def _identifier(self) -> int:
        self._next = self._next % _LONGEST + 1
        while self._next in self._on_their_way:
            self._next = self._next % _LONGEST + 1
        return self._next
