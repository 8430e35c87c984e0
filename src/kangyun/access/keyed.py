"""Digests of what must be recognised and not known: telephone numbers, one-time codes, what was asked for.

Keyed BLAKE2b, as the index has it (facts: ADR 4): who has the database and not the root key can neither read nor guess.
"""

import hashlib

BYTES = 16


class Digester:
    """Makes digests under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, *parts: str | bytes) -> bytes:
        """Returns 16 bytes; the parts are kept apart by their lengths."""
        digest = hashlib.blake2b(key=self._key, digest_size=BYTES)
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(4, "big") + raw)
        return digest.digest()
