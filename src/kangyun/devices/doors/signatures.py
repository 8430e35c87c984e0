"""Whether a vendor's push is the vendor's: an HMAC over what was sent, with a time and a number used once. Pure.

How each vendor signs is data (`vendors`). Source: RFC 2104; GM/T 0004 (SM3).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

import msgspec

from kangyun.base.crypto import hmac_sm3
from kangyun.base.errors import SignInNeeded

LONGEST_NONCE = 128
_MILLISECONDS = 100_000_000_000  # a time above this is told in milliseconds


class Signing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor signs. signature, timestamp, nonce: names of headers. text: what is signed, with these in braces:
    timestamp, nonce, body, path. former_key: still good while the vendor changes over.
    """

    key: str
    former_key: str = ""
    algorithm: Literal["hmac-sha256", "hmac-sm3"] = "hmac-sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signature: str = "x-signature"
    timestamp: str = "x-timestamp"
    nonce: str = "x-nonce"
    text: str = "{timestamp}\n{nonce}\n{body}"
    window_seconds: int = 300


def nonce_of(signing: Signing, headers: Mapping[str, str], path: str, body: bytes, now: float) -> str:
    """Returns the number used once of a push whose signature is good.

    headers: by their names in small letters. now: seconds since 1970. Raises SignInNeeded, saying what is wrong.
    """
    given = headers.get(signing.signature.lower(), "")
    timestamp, nonce = headers.get(signing.timestamp.lower(), ""), headers.get(signing.nonce.lower(), "")
    if not given or not timestamp or not 8 <= len(nonce) <= LONGEST_NONCE:
        raise SignInNeeded("devices.doors.unsigned")
    try:
        shown = bytes.fromhex(given) if signing.encoding == "hex" else base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        raise SignInNeeded("devices.doors.wrong-signature") from None
    signed = _signed(signing.text, {"timestamp": timestamp, "nonce": nonce, "path": path}, body)
    keys = [key for key in (signing.key, signing.former_key) if key]
    if not any(hmac.compare_digest(shown, _mac(signing, key, signed)) for key in keys):
        raise SignInNeeded("devices.doors.wrong-signature")
    # After the signature: nobody else learns how our clock stands.
    if abs(now - _seconds(timestamp)) > signing.window_seconds:
        raise SignInNeeded("devices.doors.stale-signature")
    return nonce


def _signed(text: str, places: Mapping[str, str], body: bytes) -> bytes:
    head, found, tail = text.partition("{body}")
    for name, value in places.items():
        head, tail = head.replace(f"{{{name}}}", value), tail.replace(f"{{{name}}}", value)
    return head.encode() + (body if found else b"") + tail.encode()


def _mac(signing: Signing, key: str, signed: bytes) -> bytes:
    if signing.algorithm == "hmac-sm3":
        return hmac_sm3(key.encode(), signed)
    return hmac.new(key.encode(), signed, hashlib.sha256).digest()


def _seconds(timestamp: str) -> float:
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 16:
        raise SignInNeeded("devices.doors.stale-signature")
    number = int(timestamp)
    return number / 1000 if number > _MILLISECONDS else number
