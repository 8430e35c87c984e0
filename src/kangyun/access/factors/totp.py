"""Time-based one-time passwords. Pure: the clock is the caller's.

Source: RFC 6238 (TOTP), RFC 4226 (HOTP). SHA-1 is what every authenticator knows; its weakness as a digest does not
reach HMAC. It is no national algorithm: what an assessment counts is the USB key.
"""

import base64
import hashlib
import hmac
from typing import Literal
from urllib.parse import quote, urlencode

STEP = 30  # seconds
DIGITS = 6
SECRET_BYTES = 20
WINDOW = 1  # steps before and after that are taken: clocks differ, people type
Algorithm = Literal["sha1", "sha256", "sha512"]


def step_of(seconds: float) -> int:
    """Returns the step that an instant lies in; seconds since 1970."""
    return int(seconds // STEP)


def code_at(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: Algorithm = "sha1") -> str:
    """Returns the code of a step."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), getattr(hashlib, algorithm)).digest()
    place = digest[-1] & 0xF
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def matching_step(secret: bytes, code: str, now: int, after: int) -> int | None:
    """Returns the step that a code is of: one near `now`, and later than `after`, which was used. None for no such."""
    plain = "".join(code.split())
    for step in range(max(now - WINDOW, after + 1), now + WINDOW + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), plain.encode("utf-8", "replace")):
            return step
    return None


def uri(secret: bytes, account: str, issuer: str = "康云") -> str:
    """Returns what an authenticator reads from a picture.

    Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    """
    query = urlencode({"secret": text(secret), "issuer": issuer, "digits": DIGITS, "period": STEP})
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{query}"


def text(secret: bytes) -> str:
    """Returns the secret as it is typed in."""
    return base64.b32encode(secret).decode().rstrip("=")
