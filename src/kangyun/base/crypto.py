"""Ciphers and digests: SM4-GCM and SM3, or AES-GCM by setting. Software only; hardware modules are another issue.

Source: GM/T 0002 (SM4), GM/T 0004 (SM3), NIST SP 800-38D (GCM), by way of OpenSSL in `cryptography`.
"""

import hashlib
import os
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kangyun.base.errors import PlatformError

CipherName = Literal["sm4", "aes"]
KEY_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16


class Unreadable(PlatformError):
    """Ciphertext, key and associated data do not belong together."""

    code = "exception"
    default_text = "base.unreadable"


class Sealer:
    """Seals and opens byte strings under one key. A sealed text is nonce, ciphertext, tag."""

    def __init__(self, key: bytes, cipher: CipherName) -> None:
        self._sm4 = algorithms.SM4(key) if cipher == "sm4" else None
        self._aes = AESGCM(key) if cipher == "aes" else None

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Returns the sealed text. `associated` is not in it and must be the same to open it."""
        nonce = os.urandom(NONCE_BYTES)
        if self._aes is not None:
            return nonce + self._aes.encrypt(nonce, plain, associated)
        encryptor = Cipher(self._sm4, modes.GCM(nonce)).encryptor()  # type: ignore[arg-type]
        encryptor.authenticate_additional_data(associated)
        return nonce + encryptor.update(plain) + encryptor.finalize() + encryptor.tag

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Returns the plain text. Raises Unreadable when key, text and associated data do not fit."""
        try:
            if self._aes is not None:
                return self._aes.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
            mode = modes.GCM(sealed[:NONCE_BYTES], sealed[-TAG_BYTES:])
            decryptor = Cipher(self._sm4, mode).decryptor()  # type: ignore[arg-type]
            decryptor.authenticate_additional_data(associated)
            return decryptor.update(sealed[NONCE_BYTES:-TAG_BYTES]) + decryptor.finalize()
        except (InvalidTag, ValueError):
            raise Unreadable from None


def new_key() -> bytes:
    """Returns a random key of KEY_BYTES."""
    return os.urandom(KEY_BYTES)


def sm3(*parts: bytes) -> bytes:
    """Returns the SM3 digest (32 bytes) of the parts, one after the other."""
    digest = hashes.Hash(hashes.SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def derived_key(root: bytes, purpose: str, size: int = KEY_BYTES) -> bytes:
    """Returns a key for one purpose: keyed BLAKE2b of its name under the root key."""
    return hashlib.blake2b(purpose.encode(), key=root, digest_size=size).digest()
