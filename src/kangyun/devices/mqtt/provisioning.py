"""The way to a secret of one's own: for a device that has only its batch's key, or that renews the secret it has.

    CONNECT    user `provision`, password the batch's key; or client id its own name, password its own secret
    SUBSCRIBE  hr1/provision/response
    PUBLISH    hr1/provision/request  {"serial":"SN-9"}, or {} to renew
    hears      {"name":"…","region":"…","secret":"…"}, or {"error":"…","zh":"…","en":"…"}

Such a connection does nothing else, is no device's session, and ends after a minute. What it hears is told to it alone.
"""

import asyncio
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from kangyun.base.errors import PlatformError
from kangyun.base.mqtt import (
    Ack,
    Disconnect,
    Frame,
    Kind,
    PacketError,
    Ping,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    read,
    read_publish,
    write,
    write_publish,
)  # fmt: skip
from kangyun.base.texts import say
from kangyun.devices.mqtt.topics import PROVISION, ROOT
from kangyun.devices.register.keys import Batch, Provisioned
from kangyun.devices.register.model import Admitted

if TYPE_CHECKING:
    from kangyun.devices.mqtt.connection import Connection
    from kangyun.devices.mqtt.listener import Listener

REQUEST: Final = f"{ROOT}/{PROVISION}/request"
RESPONSE: Final = f"{ROOT}/{PROVISION}/response"
SECONDS: Final = 60.0
LARGEST: Final = 1024  # bytes of a request


class Provisioning(Protocol):
    """`devices.register.keys.Provisioning`."""

    async def batch(self, key: str) -> Batch | None: ...

    async def provision(self, batch: Batch, serial: str, source: str) -> Provisioned: ...

    async def renew(self, device: int) -> Provisioned: ...


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    serial: str = ""


class Guest:
    """Who asks for a secret, while it is connected. whose: the batch whose key it showed, or the device it is."""

    over = True
    """It is no device's session: none ends by it, and it leaves no will."""
    will = None

    def __init__(
        self, listener: "Listener", connection: "Connection", provisioning: Provisioning, whose: Batch | Admitted
    ) -> None:
        self.connection = connection
        self.admitted = Admitted(0, PROVISION, "", 0, "", "", 0, 0, time() + SECONDS)
        self._listener = listener
        self._provisioning = provisioning
        self._whose = whose
        self._hears = False
        self._asked: asyncio.Task[None] | None = None

    def take(self, data: bytes, frames: list[Frame]) -> None:
        """Takes packets. Raises PacketError."""
        version = self.connection.version
        for first, start, stop in frames:
            if first & 0xF0 == Kind.PUBLISH << 4:
                self._publish(read_publish(first, data, start, stop, version))
                continue
            match read(first, data, start, stop, version):
                case Ping(kind=Kind.PINGREQ):
                    self._send(Ping(Kind.PINGRESP))
                case Subscribe() as packet:
                    self._send(Suback(packet.packet, tuple(self._granted(one.filter) for one in packet.subscriptions)))
                case Unsubscribe() as packet:
                    self._send(Unsuback(packet.packet, tuple(Reason.SUCCESS for _ in packet.filters)))
                case Disconnect():
                    self.connection.end()
                    return
                case _:
                    raise PacketError(Reason.PROTOCOL_ERROR, "a packet that may not come now")

    def note(self, reason: Reason) -> None:
        """Counts a refusal: it is no device that has an owner to be told."""
        self._listener.refused(reason)

    def _granted(self, name: str) -> Reason:
        if name == RESPONSE:
            self._hears = True
            return Reason.SUCCESS
        return Reason.NOT_AUTHORIZED if self.connection.version == 5 else Reason.UNSPECIFIED_ERROR

    def _publish(self, packet: Publish) -> None:
        if packet.topic != REQUEST.encode() or packet.qos == 2 or len(packet.payload) > LARGEST or self._asked:
            self.note(Reason.NOT_AUTHORIZED)
            self.connection.end(Reason.NOT_AUTHORIZED)
            return
        if packet.qos:
            self._send(Ack(Kind.PUBACK, packet.packet, Reason.SUCCESS))
        self._asked = asyncio.get_running_loop().create_task(self._answer(packet.payload))

    async def _answer(self, payload: bytes) -> None:
        try:
            asked = msgspec.json.decode(payload or b"{}", type=_Asked)
            if isinstance(self._whose, Batch):
                given = await self._provisioning.provision(self._whose, asked.serial, self.connection.address)
            else:
                given = await self._provisioning.renew(self._whose.device)
            answer: Any = given
        except msgspec.DecodeError:
            answer = _refusal("devices.mqtt.no-request", {})
        except PlatformError as error:
            answer = _refusal(error.issues[0].text, error.issues[0].parameters)
        if self._hears:
            sent = Publish(RESPONSE.encode(), msgspec.json.encode(answer), 0, 0)
            self.connection.send(write_publish(sent, self.connection.version))

    def _send(self, packet: Any) -> None:
        self.connection.send(write(packet, self.connection.version))


def _refusal(text: str, given: Any) -> dict[str, str]:
    return {"error": text.rpartition(".")[2], "zh": say(text, "zh", given), "en": say(text, "en", given)}
