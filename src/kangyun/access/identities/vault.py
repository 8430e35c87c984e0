"""How what is personal, or secret, about identities is kept: sealed, and found by keyed digests.

Keys are derived from the installation's index key, which stands wrapped in the database (`store.keys`).
"""

import hashlib
import secrets

import msgspec

from kangyun.base.crypto import CipherName, Sealer, derived_key

DIGEST = 20  # bytes


class Personal(msgspec.Struct, frozen=True):
    """What is sealed of an identity."""

    name: str
    handle: str
    licence: str = ""
    department: str = ""
    evidence: str = ""


class Vault:
    """Seals and digests. One for a process."""

    def __init__(self, key: bytes, cipher: CipherName) -> None:
        self._sealer = Sealer(derived_key(key, "identities"), cipher)
        self._digest = derived_key(key, "identities-digest", 32)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Returns the sealed text; `place` says where it belongs, and must be the same to open it."""
        return self._sealer.seal(plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Returns what was sealed. Raises Unreadable."""
        return self._sealer.open(bytes(sealed), place.encode())

    def seal_personal(self, personal: Personal, reference: str) -> bytes:
        return self.seal(msgspec.json.encode(personal), f"personal/{reference}")

    def open_personal(self, sealed: bytes, reference: str) -> Personal:
        return msgspec.json.decode(self.open(sealed, f"personal/{reference}"), type=Personal)

    def digest(self, kind: str, text: str) -> bytes:
        """Returns the keyed digest of a handle, an address or a token of one kind."""
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), key=self._digest, digest_size=DIGEST, person=kind.encode()[:16]
        ).digest()


def drawn(size: int = 32) -> str:
    """Returns a random text that nobody guesses, for URLs and cookies. size: in bytes."""
    return secrets.token_urlsafe(size)


def folded(handle: str) -> str:
    """Returns a handle as it is compared: without blanks around it, letters of one size."""
    return handle.strip().casefold()
