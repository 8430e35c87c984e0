"""What a device that was let in may do: publish to its own topics, and hear its commands.

A message is read once, to refuse it at the wire and to choose its lane; its acknowledgement waits for the disk.
"""

import asyncio
from collections import deque
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Final

from kangyun.base.mqtt import (
    Ack,
    Connect,
    Disconnect,
    Frame,
    Kind,
    Packet,
    PacketError,
    Ping,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
    acks,
    read,
    read_publish,
    topic_of,
    write,
)
from kangyun.devices.formats import Context
from kangyun.devices.lanes import lane_of
from kangyun.devices.log import Record
from kangyun.devices.model import Lane, Refusal
from kangyun.devices.mqtt.commands import Commands
from kangyun.devices.mqtt.connection import DISK, TURN, Connection
from kangyun.devices.mqtt.groups import Group, Part
from kangyun.devices.mqtt.needs import Provisioner
from kangyun.devices.mqtt.provisioning import told
from kangyun.devices.mqtt.refusals import text_of
from kangyun.devices.mqtt.topics import COMMAND, RENEW, published, topic
from kangyun.devices.register.model import Admitted

if TYPE_CHECKING:
    from kangyun.devices.mqtt.listener import Listener

_PUBLISH: Final = Kind.PUBLISH << 4
_PUBREL: Final = Kind.PUBREL << 4 | 2
_PINGRESP: Final = write(Ping(Kind.PINGRESP), 4)


class Session:
    """One device while it is connected."""

    __slots__ = (
        "_aliases", "_bounds", "_format", "_groups", "_in_flight", "_last", "_later", "_listener", "_own", "_parts",
        "_provisioner", "_renew", "_renewing", "_second", "_tokens", "_tokens_at", "_waiting", "_zone", "admitted",
        "commands", "connection", "number", "over", "will",
    )  # fmt: skip

    def __init__(
        self,
        listener: "Listener",
        connection: Connection,
        admitted: Admitted,
        connect: Connect,
        provisioner: Provisioner | None = None,
    ) -> None:
        self._listener = listener
        self._bounds = listener.bounds
        self._groups = listener.groups
        self.connection = connection
        self.admitted = admitted
        self.number = 0
        """Which of a device's sessions it is, in the whole region; 0 until that is known."""
        self.over = False
        self.will: Will | None = connect.will
        self.commands = Commands(self, topic(admitted.region, admitted.name, COMMAND), connect, listener.bounds.queue)
        self._format, self._zone = admitted.format, admitted.zone
        self._own = published(admitted.region, admitted.name)
        self._renew = topic(admitted.region, admitted.name, RENEW).encode()
        self._provisioner = provisioner
        self._renewing: asyncio.Task[None] | None = None
        self._aliases: dict[int, bytes] = {}
        self._parts: deque[Part] = deque()
        self._last: Part | None = None
        self._later: deque[tuple[bytes, list[Frame], int]] = deque()
        self._second: set[int] = set()
        """Identifiers of messages of QoS 2 that are on disk and not yet released by the device."""
        self._waiting = 0
        self._in_flight = 0
        self._tokens = float(self._bounds.burst)
        self._tokens_at = monotonic()

    # --- packets

    def take(self, data: bytes, frames: list[Frame]) -> None:
        """Takes packets: at once, or by turns where there are many. Raises PacketError."""
        if self._later or len(frames) > self._bounds.slice:
            if not self._later:
                self.connection.hold(TURN)
                self._listener.backlog.add(self)
            self._later.append((data, frames, 0))
            return
        self._handle(data, frames)

    def work(self) -> bool:
        """Takes some of what waits; returns whether more does."""
        if self.connection.ending:
            self._later.clear()
            return False
        data, frames, at = self._later.popleft()
        if at + self._bounds.slice < len(frames):
            self._later.appendleft((data, frames, at + self._bounds.slice))
        try:
            self._handle(data, frames[at : at + self._bounds.slice])
        except PacketError as error:
            self.connection.refuse(error)
        if not self._later:
            self.connection.release(TURN)
        return bool(self._later)

    def _handle(self, data: bytes, frames: list[Frame]) -> None:
        received = time_ns() // 1000
        version = self.connection.version
        for first, start, stop in frames:
            if first & 0xF0 == _PUBLISH:
                self._publish(read_publish(first, data, start, stop, version), received)
            elif first == _PUBREL or self._may():
                self._other(read(first, data, start, stop, version))
            else:
                self._flood()
            if self.connection.ending:
                return
        if self._parts and self._parts[0].reason is not None:
            self._release()

    def _other(self, packet: Packet) -> None:
        match packet:
            case Ping(kind=Kind.PINGREQ):
                self.connection.send(_PINGRESP)
            case Ack(kind=Kind.PUBREL):
                known = packet.packet in self._second
                self._second.discard(packet.packet)
                reason = Reason.SUCCESS if known else Reason.PACKET_IDENTIFIER_NOT_FOUND
                self._send(Ack(Kind.PUBCOMP, packet.packet, reason))
            case Ack():
                self.commands.acknowledged(packet)
            case Subscribe():
                self._send(Suback(packet.packet, self.commands.subscribed(packet)))
                self.commands.go_on()
            case Unsubscribe():
                self._send(Unsuback(packet.packet, self.commands.unsubscribed(packet)))
            case Disconnect():
                if packet.reason != Reason.DISCONNECT_WITH_WILL:
                    self.will = None
                self.connection.end()
            case _:
                raise PacketError(Reason.PROTOCOL_ERROR, "a packet that may not come now")

    def _send(self, packet: Packet) -> None:
        self.connection.send(write(packet, self.connection.version))

    # --- messages

    def _publish(self, packet: Publish, received: int) -> None:
        name = packet.topic if packet.properties is None else self._aliased(packet)
        if name not in self._own:
            if self._may():
                self._not_its_own(name, packet)
            else:
                self._flood()
            return
        if packet.qos == 2 and packet.packet in self._second:
            self._refused(packet, Reason.SUCCESS)  # It is on disk already.
            return
        message, refusals = self._listener.read(self._format, packet.payload, Context(received, self._zone))
        if refusals and message.is_empty:
            if not self._may():
                self._flood()
                return
            if self.connection.version == 5 or not packet.qos:
                self._refuse_payload(packet, refusals[0])
                return
            # 3.1.1 has no answer that refuses, and what is not answered is sent again for ever. So it is kept as it
            # came: the intake, which reads all again, tells the owner why nothing was taken from it.
            self.commands.refused(refusals[0], packet.packet)
            self._listener.refused(Reason.PAYLOAD_FORMAT_INVALID)
        lane = lane_of(message, received)
        if lane != Lane.BACKFILL and not self._may():
            self._flood()
            return
        self._add(packet, lane, Record(self.admitted.device, received, self._format, packet.payload))

    def _add(self, packet: Publish, lane: Lane, record: Record) -> None:
        group = self._groups.group(lane)
        kind = Kind.PUBREC if packet.qos == 2 else Kind.PUBACK
        part = self._last
        if part is None or part.group is not group or part.kind != kind:
            part = self._last = self._new_part(group, kind, None)
            group.parts.append(part)
        before = part.size
        self._groups.add(part, group, record)
        self._waiting += part.size - before
        if packet.qos:
            part.packets.append(packet.packet)
            self._in_flight += 1
            if self._in_flight > self._bounds.receive and self.connection.version == 5:
                raise PacketError(Reason.RECEIVE_MAXIMUM_EXCEEDED, "more messages on their way than were agreed to")
        if self._waiting > self._bounds.device_bytes:
            self.connection.hold(DISK)
        if self._groups.waiting > self._bounds.all_bytes:
            self._listener.hold(self.connection)

    def _new_part(self, group: Group | None, kind: Kind, reason: Reason | None) -> Part:
        part = Part(self, group, kind, reason)
        self._parts.append(part)
        return part

    def _aliased(self, packet: Publish) -> bytes:
        alias = (packet.properties or {}).get("topic_alias", 0)
        if not alias:
            return packet.topic
        if alias > self._bounds.aliases:
            raise PacketError(Reason.TOPIC_ALIAS_INVALID, "a topic alias above what was agreed to")
        if packet.topic:
            self._aliases[alias] = packet.topic
            return packet.topic
        if alias not in self._aliases:
            raise PacketError(Reason.PROTOCOL_ERROR, "a topic alias that stands for nothing")
        return self._aliases[alias]

    def _may(self) -> bool:
        """Whether one more live message is within what a device may send."""
        self._tokens -= 1
        if self._tokens >= 0:
            return True
        now = monotonic()
        self._tokens = min(self._tokens + (now - self._tokens_at) * self._bounds.live, self._bounds.burst)
        self._tokens_at = now
        return self._tokens >= 0

    # --- refusals

    def _not_its_own(self, name: bytes, packet: Publish) -> None:
        if name == self._renew and self._provisioner is not None and self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._give_secret(self._provisioner))
            self._refused(packet, Reason.SUCCESS)
            return
        if self.connection.version == 5:
            topic_of(name)
            self.note(Reason.NOT_AUTHORIZED)
            self._refused(packet, Reason.NOT_AUTHORIZED)
            return
        # 3.1.1 leaves no other refusal (section 3.3.5).
        self.note(Reason.NOT_AUTHORIZED)
        self.connection.end()

    async def _give_secret(self, provisioner: Provisioner) -> None:
        """Gives the device a new secret; the one that it has holds for some hours more. Once in a connection."""
        self.commands.tell(await told(provisioner.renew(self.admitted.device)))

    def _refuse_payload(self, packet: Publish, why: Refusal) -> None:
        self._listener.note(self.admitted.device, why.text, why.at)
        self._listener.refused(Reason.PAYLOAD_FORMAT_INVALID)
        self.commands.refused(why, packet.packet)
        self._refused(packet, Reason.PAYLOAD_FORMAT_INVALID)

    def _refused(self, packet: Publish, reason: Reason) -> None:
        """Answers a message that is not taken, behind the answers to those before it."""
        if packet.qos:
            part = self._new_part(None, Kind.PUBREC if packet.qos == 2 else Kind.PUBACK, reason)
            part.packets.append(packet.packet)
            self._in_flight += 1
            self._last = None

    def _flood(self) -> None:
        self.note(Reason.MESSAGE_RATE_TOO_HIGH)
        self._listener.admission.hold_off(self.admitted.device)
        self.connection.end(Reason.MESSAGE_RATE_TOO_HIGH)

    def note(self, reason: Reason) -> None:
        """Notes a refusal for the device's owner."""
        self._listener.note(self.admitted.device, text_of(reason))
        self._listener.refused(reason)

    # --- answers

    def answered(self, part: Part) -> None:
        self._waiting -= part.size
        if part is self._last:
            self._last = None
        if self._parts and self._parts[0].reason is not None:
            self._release()
        if self._waiting <= self._bounds.device_bytes:
            self.connection.release(DISK)

    def _release(self) -> None:
        """Sends the answers that are due, in the order of the messages."""
        out: list[bytes] = []
        while self._parts and (reason := self._parts[0].reason) is not None:
            part = self._parts.popleft()
            if part.group is not None and reason == Reason.SUCCESS:
                self._listener.figures.stored += part.count
            if not part.packets:
                continue
            if reason == Reason.QUOTA_EXCEEDED:
                self._listener.refused(reason)
                if self.connection.version == 4:
                    # Not answered and not forgotten: the device sends it again when it is back.
                    self.connection.send(b"".join(out))
                    self.connection.end()
                    return
            self._in_flight -= len(part.packets)
            out.append(self._answers(part, reason))
        if out:
            self.connection.send(b"".join(out))

    def _answers(self, part: Part, reason: Reason) -> bytes:
        if part.kind == Kind.PUBACK and not reason:
            self._listener.figures.acknowledged += len(part.packets)
            return acks(part.packets)
        if part.kind == Kind.PUBREC and not reason:
            self._second.update(part.packets)
        answers = (Ack(Kind(part.kind), packet, reason) for packet in part.packets)
        return b"".join(write(one, self.connection.version) for one in answers)
