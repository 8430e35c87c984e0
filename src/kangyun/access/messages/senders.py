"""How a message leaves: by the region's gateway over HTTP, or, in a demonstration, into a file for who shows it.

The gateway's own form is nobody's standard; what is sent here is small, so that a region puts ten lines between it and
its operator: POST, JSON, signed. What is answered beside the status is not read.

    {"channel": "sms" | "voice", "phone": "138…", "template": "KY-SIGN-IN", "variables": {"code": "…", "minutes": "5"}}
    X-Kangyun-Signature: HMAC-SM3 of the body under the gateway's key, hexadecimal
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec
from cryptography.hazmat.primitives import hashes, hmac

from kangyun.access.outbound import Guard, Outbound
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings

Channel = Literal["sms", "voice"]
CHANNELS: tuple[Channel, ...] = ("sms", "voice")
PATIENCE = 10.0  # seconds
FILE = "messages.ndjson"


class Sender(Protocol):
    """Sends a message. Raises Unavailable when it did not leave."""

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """The region's gateway."""

    outbound: Outbound
    url: str
    key: bytes

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None:
        """Hands a message to the gateway. Raises Unavailable for any answer but 2xx."""
        message = {"channel": channel, "phone": phone, "template": template, "variables": dict(variables)}
        body = msgspec.json.encode(message)
        headers = {"content-type": "application/json", "x-kangyun-signature": signature(self.key, body)}
        status = await self.outbound.send("POST", self.url, headers, body, PATIENCE)
        if not 200 <= status < 300:
            raise Unavailable("access.messages.gateway", status=status)


@dataclass(frozen=True, slots=True)
class DemonstrationFile:
    """A file of mode 0600 in the data folder, a line a message: whoever shows the platform reads the codes there."""

    path: Path

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None:
        """Writes a message down."""
        line = {
            "instant": clock.instant(clock.now()), "channel": channel, "phone": phone, "template": template,
            "variables": dict(variables),
        }  # fmt: skip
        await asyncio.to_thread(self._append, msgspec.json.encode(line) + b"\n")

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as sink:
            sink.write(line)


class NoGateway:
    """Where no gateway is set nothing leaves."""

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None:
        """Raises Unavailable."""
        raise Unavailable("access.messages.no-gateway")


def signature(key: bytes, body: bytes) -> str:
    """Returns the HMAC-SM3 of a body, in hexadecimal. Source: GM/T 0004-2012, RFC 2104."""
    machine = hmac.HMAC(key, hashes.SM3())
    machine.update(body)
    return machine.finalize().hex()


def sender_of(settings: Settings) -> Sender:
    """Returns the sender that an installation has."""
    if settings.message_url:
        guard = Guard.of(settings.message_hosts, "KANGYUN_MESSAGE_HOSTS")
        return Gateway(Outbound(guard), settings.message_url, settings.message_key.encode())
    return DemonstrationFile(settings.data / FILE) if settings.demo else NoGateway()
