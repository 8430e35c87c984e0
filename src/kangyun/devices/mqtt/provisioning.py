"""How a device that has only its batch's key comes to a secret of its own, over the same line.

It connects with the user name `provision`, the key as password and its serial number as client id, subscribes to
`hr1/provision/{serial}/cmd`, publishes anything to `hr1/provision/{serial}/request`, and hears its name, region and
secret once, or why not. It may do nothing else, and connects anew with what it was given.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from kangyun.base.errors import PlatformError
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
    read,
    write,
)
from kangyun.base.texts import say
from kangyun.devices.mqtt.commands import Commands
from kangyun.devices.mqtt.connection import Connection
from kangyun.devices.mqtt.needs import Provisioner
from kangyun.devices.mqtt.topics import COMMAND, PROVISION, REQUEST, topic
from kangyun.devices.register.keys import Batch, Provisioned

if TYPE_CHECKING:
    from kangyun.devices.mqtt.listener import Listener

_MOST_REQUESTS, _MOST_PACKETS = 5, 100
"""In one connection; wrong requests are counted besides, by whom they come from."""
_SECONDS = 120.0


class Claiming:
    """A connection that may ask for a secret."""

    def __init__(
        self, listener: "Listener", connection: Connection, connect: Connect, batch: Batch, by: Provisioner
    ) -> None:
        self.connection = connection
        self.commands = Commands(self, topic(PROVISION, connect.client, COMMAND), connect, listener.bounds.queue)
        self._listener = listener
        self._serial = connect.client
        self._batch = batch
        self._by = by
        self._request = topic(PROVISION, connect.client, REQUEST).encode()
        self._asked: list[asyncio.Task[None]] = []
        self._packets = 0
        self.until = monotonic() + _SECONDS
        """When it is over, whatever it does."""

    def take(self, data: bytes, frames: list[Frame]) -> None:
        """Takes packets. Raises PacketError."""
        for first, start, stop in frames:
            self._packets += 1
            if self._packets > _MOST_PACKETS:
                raise PacketError(Reason.MESSAGE_RATE_TOO_HIGH, "more packets than it takes")
            self._one(read(first, data, start, stop, self.connection.version))
            if self.connection.ending:
                return

    def note(self, reason: Reason) -> None:
        """Counts a refusal; there is no device yet whose owner could be told."""
        self._listener.refused(reason)

    def _one(self, packet: Packet) -> None:
        match packet:
            case Publish():
                self._published(packet)
            case Subscribe():
                self._send(Suback(packet.packet, self.commands.subscribed(packet)))
                self.commands.go_on()
            case Ping(kind=Kind.PINGREQ):
                self._send(Ping(Kind.PINGRESP))
            case Ack():
                self.commands.acknowledged(packet)
            case Disconnect():
                self.connection.end()
            case _:
                raise PacketError(Reason.PROTOCOL_ERROR, "a packet that may not come now")

    def _published(self, packet: Publish) -> None:
        if packet.topic != self._request or packet.qos == 2 or len(self._asked) >= _MOST_REQUESTS:
            self.note(Reason.NOT_AUTHORIZED)
            self.connection.end(Reason.NOT_AUTHORIZED)
            return
        self._asked.append(asyncio.get_running_loop().create_task(self._answer(packet)))

    async def _answer(self, packet: Publish) -> None:
        said = await told(self._by.provision(self._batch, self._serial, self.connection.address))
        if packet.qos:
            self._send(Ack(Kind.PUBACK, packet.packet))
        self.commands.tell(said)

    def _send(self, packet: Packet) -> None:
        self.connection.send(write(packet, self.connection.version))


async def told(giving: Awaitable[Provisioned]) -> bytes:
    """Returns what a device is told of its new secret, or why it is given none."""
    try:
        given = await giving
    except PlatformError as error:
        text = error.issues[0].text
        return msgspec.json.encode({"refused": text, "zh": say(text, "zh"), "en": say(text, "en")})
    return msgspec.json.encode({"device": given.name, "region": given.region, "secret": given.secret})
