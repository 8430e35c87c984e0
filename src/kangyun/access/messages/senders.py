"""How a one-time code leaves: by the channels of the outbox, at once and once. Whoever waits for it asks again."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from kangyun.access.messages.outbox.channels import installed
from kangyun.access.messages.outbox.model import Channel as AnyChannel
from kangyun.access.messages.outbox.sending import NotSent, Parcel
from kangyun.access.messages.outbox.sending import Sender as Adaptor
from kangyun.access.messages.signatures import signature
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings

__all__ = ["CHANNELS", "Channel", "Sender", "sender_of", "signature"]

Channel = Literal["sms", "voice"]
CHANNELS: tuple[Channel, ...] = ("sms", "voice")


class Sender(Protocol):
    """Sends a message. Raises Unavailable when it did not leave."""

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of an installation."""

    adaptors: Mapping[AnyChannel, Adaptor]

    async def send(self, channel: Channel, phone: str, template: str, variables: Mapping[str, str]) -> None:
        """Hands a message over. Raises Unavailable where there is no channel, or it did not take the message."""
        adaptor = self.adaptors.get(channel)
        if adaptor is None:
            raise Unavailable("access.messages.no-gateway")
        key = f"code-{secrets.token_urlsafe(12)}"
        try:
            await adaptor.send(Parcel(key, channel, phone, template, tuple(variables.items())))
        except NotSent as error:
            raise Unavailable("access.messages.gateway", status=error.code) from None


def sender_of(settings: Settings) -> Sender:
    """Returns the sender that an installation has. Raises Invalid for a region's own rules that cannot be read."""
    return Channels(installed(settings).senders)
