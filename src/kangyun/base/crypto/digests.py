"""Digests and message authentication: SM3 and HMAC-SM3, and SHA-256 of the international set.

Source: GB/T 32905-2016 (SM3), GB/T 15852.2-2012 (HMAC), FIPS 180-4 (SHA-256), by way of OpenSSL in `cryptography`.
"""

import hmac
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

DigestName = Literal["sm3", "sha-256"]
DIGEST_BYTES = 32


def sm3(*parts: bytes) -> bytes:
    """Returns the SM3 digest (32 bytes) of the parts, one after the other."""
    return _digest(hashes.SM3(), parts)


def digest(name: DigestName, *parts: bytes) -> bytes:
    """Returns the digest of that name of the parts, one after the other."""
    return _digest(hashes.SM3() if name == "sm3" else hashes.SHA256(), parts)


def hmac_sm3(key: bytes, *parts: bytes) -> bytes:
    """Returns the HMAC-SM3 (32 bytes) of the parts, one after the other."""
    machine = HMAC(key, hashes.SM3())
    for part in parts:
        machine.update(part)
    return machine.finalize()


def same(one: bytes, other: bytes) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


def _digest(algorithm: hashes.HashAlgorithm, parts: tuple[bytes, ...]) -> bytes:
    machine = hashes.Hash(algorithm)
    for part in parts:
        machine.update(part)
    return machine.finalize()
