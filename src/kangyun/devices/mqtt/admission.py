"""Who is let in, and what a CONNECT is answered. docs/devices/mqtt.md."""

from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

from kangyun.base.errors import Throttled, Unavailable
from kangyun.base.mqtt import Connack, Connect, Reason
from kangyun.devices.mqtt.connection import Connection
from kangyun.devices.mqtt.needs import Credentials, Provisioner
from kangyun.devices.mqtt.provisioning import Claiming
from kangyun.devices.mqtt.refusals import text_of
from kangyun.devices.mqtt.session import Session
from kangyun.devices.mqtt.topics import PROVISION, published
from kangyun.devices.register.keys import Batch
from kangyun.devices.register.model import Admitted

if TYPE_CHECKING:
    from kangyun.devices.mqtt.listener import Listener

_MINUTE = 60.0  # seconds


class Admission:
    """One for a listener."""

    def __init__(self, listener: "Listener", credentials: Credentials, provisioner: Provisioner | None) -> None:
        self._listener = listener
        self._credentials = credentials
        self._provisioner = provisioner
        self._bounds = listener.bounds
        self._held_off: dict[int, float] = {}
        self._came: Counter[int] = Counter()
        self._counted_since = monotonic()

    def hold_off(self, device: int) -> None:
        """Lets a device that has sent too much not in again for a while."""
        now = monotonic()
        self._held_off = {one: until for one, until in self._held_off.items() if until > now}
        self._held_off[device] = now + self._bounds.held

    async def answer(self, connection: Connection, connect: Connect) -> tuple[Session | Claiming | None, Connack]:
        """Returns what a client may do from now on, and what it is answered; None, and why not."""
        try:
            found = await self._who(connection, connect)
        except Unavailable:
            found = Reason.SERVER_UNAVAILABLE
        except Throttled:
            found = Reason.CONNECTION_RATE_EXCEEDED
        if isinstance(found, Admitted):
            found = self._fault(found, connect) or found
        if isinstance(found, Reason):
            self._listener.refused(found)
            return None, Connack(found)
        if isinstance(found, Batch):
            assert self._provisioner is not None
            claiming = Claiming(self._listener, connection, connect, found, self._provisioner)
            return claiming, self._welcome(connect, connect.client)
        session = Session(self._listener, connection, found, connect, self._provisioner)
        return session, self._welcome(connect, found.name)

    async def _who(self, connection: Connection, connect: Connect) -> Admitted | Batch | Reason:
        certificate = connection.certificate()
        if certificate is not None and connect.password is None:
            found = await self._credentials.by_certificate(certificate)
            if found is None:
                return Reason.NOT_AUTHORIZED
            return found if connect.client in ("", found.name) else Reason.CLIENT_IDENTIFIER_NOT_VALID
        if not connect.client:
            return Reason.CLIENT_IDENTIFIER_NOT_VALID
        if connect.password is None:
            return Reason.BAD_USER_NAME_OR_PASSWORD
        secret = connect.password.decode("utf-8", "replace")
        if connect.user == PROVISION and self._provisioner is not None:
            if "/" in connect.client:
                return Reason.CLIENT_IDENTIFIER_NOT_VALID
            return await self._provisioner.batch(secret) or Reason.BAD_USER_NAME_OR_PASSWORD
        if connect.user not in (None, "", connect.client):
            return Reason.BAD_USER_NAME_OR_PASSWORD
        return await self._credentials.check(connect.client, secret) or Reason.BAD_USER_NAME_OR_PASSWORD

    def _comes_too_often(self, device: int) -> bool:
        now = monotonic()
        if now - self._counted_since > _MINUTE:
            self._came.clear()
            self._counted_since = now
        self._came[device] += 1
        return self._came[device] > self._bounds.connects

    def _fault(self, found: Admitted, connect: Connect) -> Reason | None:
        """Returns why a device that proved who it is may not come in now."""
        if "authentication_method" in connect.properties:
            return Reason.BAD_AUTHENTICATION_METHOD
        if self._held_off.get(found.device, 0.0) > monotonic():
            return Reason.QUOTA_EXCEEDED
        if self._comes_too_often(found.device):
            self._listener.note(found.device, text_of(Reason.CONNECTION_RATE_EXCEEDED))
            return Reason.CONNECTION_RATE_EXCEEDED
        if connect.will is not None and connect.will.topic.encode() not in published(found.region, found.name):
            self._listener.note(found.device, text_of(Reason.NOT_AUTHORIZED), "will")
            return Reason.NOT_AUTHORIZED
        return None

    def _welcome(self, connect: Connect, name: str) -> Connack:
        if connect.version == 4:
            return Connack()
        properties: dict[str, Any] = {
            "receive_maximum": self._bounds.receive,
            "maximum_packet_size": self._bounds.packet,
            "topic_alias_maximum": self._bounds.aliases,
            "wildcards_available": 0,
            "shared_available": 0,
            "identifiers_available": 0,
        }
        if not 0 < connect.keep_alive <= self._bounds.keep_alive:
            properties["server_keep_alive"] = self._bounds.keep_alive
        if connect.properties.get("session_expiry"):
            properties["session_expiry"] = 0  # What waits for a device waits in the database, not in a session.
        if not connect.client:
            properties["assigned_client"] = name
        return Connack(Reason.SUCCESS, properties=properties)
