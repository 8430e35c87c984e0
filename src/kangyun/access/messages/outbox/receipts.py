"""What providers say later: whether a message arrived, and what was answered. Signed, or it was not said. Pure.

SMS, voice, e-mail, webhook:   POST, JSON, {"receipts": [{"key" | "reference" | "phone", "state", "code"}, …]}
    state: received, failed (for good), answered (a key was pressed, or a message sent back)
    by `phone` where the operator does not know to what: heard once a body, and only where one message can be meant
    X-Kangyun-Timestamp: seconds since 1970. X-Kangyun-Signature: HMAC-SM3 of timestamp, a dot, and the body

WeChat:   POST, XML, the event TEMPLATESENDJOBFINISH; ?timestamp, nonce, signature: SHA-1 of them sorted with the token

What is older than `WINDOW`, or from so far ahead, is refused; what is replayed within it says nothing new.

Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html (event),
https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Access_Overview.html (signature)
"""

import hashlib
import hmac
import re
from typing import Literal, NamedTuple

import msgspec
from lxml import etree

from kangyun.access.messages.outbox.hearing import Heard
from kangyun.access.messages.signatures import is_signed
from kangyun.base.errors import Forbidden, Malformed

WINDOW = 300  # seconds
MOST = 500  # receipts of one call
LARGEST = 256_000  # bytes
_HEARD: dict[str, Heard] = {"received": "received", "failed": "refused", "answered": "answered"}
_DONE = "TEMPLATESENDJOBFINISH"
_CODE = re.compile(r"[^A-Za-z0-9 _.:-]")


class Receipt(NamedTuple):
    """One of them. name: the provider's reference or our key; phone: where neither is known."""

    name: str
    phone: str
    what: Heard
    code: str


class _One(msgspec.Struct):
    state: Literal["received", "failed", "answered"]
    key: str = ""
    reference: str = ""
    phone: str = ""
    code: str = ""


class _All(msgspec.Struct):
    receipts: list[_One]


def read_signed(key: bytes, stamp: str, signature: str, body: bytes, now: float) -> list[Receipt]:
    """Reads what a provider has signed. Raises Forbidden for what it has not, or not now; Malformed."""
    _check_time(stamp, now)
    if not is_signed(key, stamp.encode() + b"." + body, signature):
        raise Forbidden("access.messages.outbox.not-signed")
    try:
        found = msgspec.json.decode(body, type=_All).receipts
    except msgspec.DecodeError:
        raise Malformed("access.messages.outbox.not-receipts") from None
    if len(found) > MOST:
        raise Malformed("access.messages.outbox.not-receipts")
    return [Receipt(one.reference or one.key, one.phone, _HEARD[one.state], _CODE.sub("", one.code)) for one in found]


def check_wechat(token: bytes, stamp: str, nonce: str, signature: str, now: float) -> None:
    """Raises Forbidden for what WeChat has not signed, or not now."""
    _check_time(stamp, now)
    text = "".join(sorted((token.decode(errors="replace"), stamp, nonce)))
    right = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    if not token or not hmac.compare_digest(right.encode(), signature.encode()):
        raise Forbidden("access.messages.outbox.not-signed")


def read_wechat(body: bytes) -> list[Receipt]:
    """Reads an event of WeChat: none where it is about something else. Raises Malformed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("access.messages.outbox.not-receipts") from None
    if root.findtext("Event") != _DONE:
        return []
    status = root.findtext("Status") or ""
    what: Heard = "received" if status == "success" else "refused"
    return [Receipt(root.findtext("MsgID") or root.findtext("MsgId") or "", "", what, _CODE.sub("", status)[:40])]


def _check_time(stamp: str, now: float) -> None:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12 and abs(int(stamp) - now) <= WINDOW):
        raise Forbidden("access.messages.outbox.not-signed")
