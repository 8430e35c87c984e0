"""A call to another system's address: that there is a message, about which matter, and no content of it.

    POST {"key": "…", "template": "sos", "urgency": "red", "asker": "alarm/17", "reader": "desk/county"}
    X-Kangyun-Key: the key again: what comes twice under it is one message
    X-Kangyun-Timestamp: seconds since 1970
    X-Kangyun-Signature: sm3=… or sha256=…: HMAC of timestamp, a dot and the body

Only hosts that the installation has registered are called, and those through the guard. An answer 2xx is the receipt.
"""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from kangyun.access.messages.outbox.channels.calls import ask
from kangyun.access.messages.outbox.sending import Parcel, Refused, Sent
from kangyun.access.messages.signatures import Algorithm, signature
from kangyun.access.outbound import Outbound


@dataclass(frozen=True, slots=True)
class Webhook:
    """Calls registered hosts. That a receiver takes a key once is what it agreed to when it was registered."""

    outbound: Outbound
    hosts: frozenset[str]
    key: bytes
    algorithm: Algorithm = "sm3"
    dedupes: bool = True
    receipts: bool = False
    rate: float = 0.0

    async def send(self, parcel: Parcel) -> Sent:
        """Calls an address. Raises Refused for one of no registered host, or without TLS."""
        parts = urlsplit(parcel.address)
        if (parts.hostname or "").lower() not in self.hosts:
            raise Refused("host-not-registered")
        body = msgspec.json.encode({"key": parcel.key, "template": parcel.template, **parcel.about})
        stamp = str(int(time.time()))
        signed = signature(self.key, stamp.encode() + b"." + body, self.algorithm)
        headers = {
            "content-type": "application/json", "x-kangyun-key": parcel.key, "x-kangyun-timestamp": stamp,
            "x-kangyun-signature": f"{self.algorithm}={signed}",
        }  # fmt: skip
        await ask(self.outbound, parcel.address, headers, body)
        return Sent(parcel.key, received=True)
