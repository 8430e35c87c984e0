"""How a message to or from a provider is signed: HMAC over the body, in hexadecimal. Pure.

Source: GM/T 0004-2012 (SM3), RFC 2104 (HMAC)
"""

import hmac as standard
from typing import Literal

from cryptography.hazmat.primitives import hashes, hmac

Algorithm = Literal["sm3", "sha256"]


def signature(key: bytes, body: bytes, algorithm: Algorithm = "sm3") -> str:
    """Returns the HMAC of a body."""
    machine = hmac.HMAC(key, hashes.SM3() if algorithm == "sm3" else hashes.SHA256())
    machine.update(body)
    return machine.finalize().hex()


def is_signed(key: bytes, body: bytes, given: str, algorithm: Algorithm = "sm3") -> bool:
    """Whether a signature is that of a body. Without a key nothing is."""
    return bool(key) and given.isascii() and standard.compare_digest(signature(key, body, algorithm), given.lower())
