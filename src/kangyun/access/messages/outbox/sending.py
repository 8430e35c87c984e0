"""What a channel is given, and what can become of that: the one form that all adaptors have.

Each adaptor says which promise it keeps. `dedupes`: what is sent twice under one key is taken once, so that what may
have left is sent again; without it, it is not. `receipts`: the provider says later whether it arrived.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from kangyun.access.messages.outbox.model import Channel


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request to a channel.

    key:       ours, the same for each try of it. address: telephone number, openid, mailbox or URL.
    template:  as the operator calls it; variables: in its order. fields: of a WeChat template.
    sentence:  what is read aloud, or stands in a mail: of the public ones. link: that opens the message; may be empty.
    about:     what a webhook is told besides, no content.
    """

    key: str
    channel: Channel
    address: str
    template: str
    variables: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    sentence: str = ""
    link: str = ""
    about: dict[str, str] = field(default_factory=dict)


class Sent(NamedTuple):
    """The provider has it. reference: its own name of it. received: that is the receipt already."""

    reference: str | None = None
    received: bool = False


class NotSent(Exception):
    """It is not with the provider, or nobody knows. `code`: what was said, never a person's data."""

    def __init__(self, code: str, seconds: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.seconds = seconds


class Refused(NotSent):
    """For good: this address, this template, this text."""


class Failed(NotSent):
    """It did not leave, and may later."""


class Throttled(NotSent):
    """Too many: not again for `seconds`."""


class Unknown(NotSent):
    """It left, and nothing came back that says what became of it."""


class Sender(Protocol):
    """An adaptor. rate: so many a second at most, 0 for no bound."""

    @property
    def dedupes(self) -> bool: ...

    @property
    def receipts(self) -> bool: ...

    @property
    def rate(self) -> float: ...

    async def send(self, parcel: Parcel) -> Sent:
        """Sends. Raises Refused, Failed, Throttled, Unknown."""
        ...
