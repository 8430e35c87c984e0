"""SMS and voice by the region's gateway: POST, JSON, signed. A region puts ten lines between it and its operator.

    {"channel": "sms" | "voice", "phone": "138…", "template": "KY-SIGN-IN", "variables": {"code": "…", "minutes": "5"},
     "key": "…", "signature": "康云健康", "sentence": "…"}
    X-Kangyun-Signature: HMAC-SM3 of the body under the gateway's key, hexadecimal
    -> 2xx, {"reference": "…"} or nothing

`variables` stand in the order of the operator's template; `sentence` is what voice reads, and is not there for SMS. The
gateway takes what comes twice under one `key` once, where the region says so (`dedupes`). Receipts come back to
`/outbox/receipts/sms` (`receipts` in this folder).
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from kangyun.access.messages.outbox.channels.calls import ask
from kangyun.access.messages.outbox.sending import Parcel, Sent
from kangyun.access.messages.signatures import signature
from kangyun.access.outbound import Outbound


class _Answer(msgspec.Struct):
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """The region's gateway. name: the signature (签名) that its messages carry."""

    outbound: Outbound
    url: str
    key: bytes
    name: str = ""
    dedupes: bool = False
    receipts: bool = True
    rate: float = 0.0

    async def send(self, parcel: Parcel) -> Sent:
        """Hands a message to the gateway."""
        message: dict[str, Any] = {
            "channel": parcel.channel, "phone": parcel.address, "template": parcel.template,
            "variables": dict(parcel.variables), "key": parcel.key,
        }  # fmt: skip
        if self.name:
            message["signature"] = self.name
        if parcel.channel == "voice":
            message["sentence"] = parcel.sentence
        body = msgspec.json.encode(message)
        headers = {"content-type": "application/json", "x-kangyun-signature": signature(self.key, body)}
        answer = await ask(self.outbound, self.url, headers, body)
        try:
            return Sent(msgspec.json.decode(answer, type=_Answer).reference)
        except msgspec.DecodeError:  # It was taken; what is said beside the status may be anything.
            return Sent()
