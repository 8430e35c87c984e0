"""Keys in this process's memory: 软件实现，密评不计分. For demonstrations, development, and where no device stands yet.

The root key is given; the signing key is derived from it, so that there is one thing to keep.
"""

import os

from kangyun.base.crypto.digests import digest, hmac_sm3
from kangyun.base.crypto.provider import SCHEMES, Description, OpenedKey
from kangyun.base.crypto.schemes import DIGESTS, PrivateKey, PublicKey
from kangyun.base.crypto.sealing import CipherName, Sealer, derived_key, new_key
from kangyun.base.crypto.sm2 import private_key
from kangyun.base.lazy import lazy

_MADE_KEY = b"made key"


class SoftwareProvider:
    """The software back end."""

    def __init__(self, root: bytes, cipher: CipherName) -> None:
        self._cipher = cipher
        self._scheme = SCHEMES[cipher]
        self._root = Sealer(derived_key(root, f"epochs-{cipher}"), cipher)
        self._signing_material = b"".join(
            hmac_sm3(root, b"signing", self._scheme.encode(), bytes([part])) for part in (1, 2)
        )
        names = ("SM4-GCM", "SM2-SM3") if cipher == "sm4" else ("AES-128-GCM", "ECDSA-P256-SHA256")
        self.description = Description("software", "", *names, root_key_in_memory=True, counts=False)

    @lazy
    def _signing(self) -> PrivateKey:
        return PrivateKey(self._scheme, private_key(self._signing_material))

    @property
    def public_key(self) -> PublicKey:
        return self._signing.public

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def digest(self, *parts: bytes) -> bytes:
        return digest(DIGESTS[self._scheme], *parts)

    def wrap(self, key: bytes, label: bytes) -> bytes:
        return self._root.seal(key, label)

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        return self._root.open(wrapped, label)

    def make_key(self) -> bytes:
        return self._root.seal(new_key(), _MADE_KEY)

    def key(self, wrapped: bytes) -> OpenedKey:
        return Sealer(self._root.open(wrapped, _MADE_KEY), self._cipher)

    def sign(self, message: bytes) -> bytes:
        return self._signing.sign(message)

    def verify(self, public: PublicKey, message: bytes, signature: bytes) -> bool:
        return public.verify(message, signature)

    def time_stamp(self, message: bytes) -> bytes | None:
        return None

    def close(self) -> None:
        """Nothing to end."""
