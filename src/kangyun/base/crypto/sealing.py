"""Authenticated ciphers under keys that are in memory: SM4-GCM or AES-GCM, and SM4-CBC with HMAC-SM3.

What every body of the record goes through, so it is OpenSSL (by way of `cryptography`) and nothing between. Keys that
are in no memory of ours, the root key first, are the business of a `Provider`.

Source: GB/T 32907-2016 (SM4), GB/T 17964-2021 and NIST SP 800-38D (GCM), GB/T 15852.2 (HMAC).
"""

import hashlib
import os
from collections.abc import Callable
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from kangyun.base.crypto.digests import hmac_sm3, same
from kangyun.base.errors import PlatformError

CipherName = Literal["sm4", "aes"]
KEY_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
BLOCK_BYTES = 16
MAC_BYTES = 32


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


class CbcSealer:
    """As `Sealer`, by SM4-CBC with HMAC-SM3 behind it: where a device has no GCM. IV, ciphertext, digest.

    block: encrypts or decrypts whole blocks in CBC under the device's key: (iv, text, decrypting).
    mac_key: of its own purpose, so that one key is never used for two algorithms.
    """

    def __init__(self, block: Callable[[bytes, bytes, bool], bytes], mac_key: bytes) -> None:
        self._block = block
        self._mac_key = mac_key

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Returns the sealed text."""
        iv = os.urandom(BLOCK_BYTES)
        padder = PKCS7(BLOCK_BYTES * 8).padder()
        sealed = iv + self._block(iv, padder.update(plain) + padder.finalize(), False)
        return sealed + self._mac(sealed, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Returns the plain text. Raises Unreadable; nothing is decrypted before its digest was found right."""
        text, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
        if len(text) < 2 * BLOCK_BYTES or len(text) % BLOCK_BYTES or not same(self._mac(text, associated), mac):
            raise Unreadable
        unpadder = PKCS7(BLOCK_BYTES * 8).unpadder()
        try:
            padded = self._block(text[:BLOCK_BYTES], text[BLOCK_BYTES:], True)
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise Unreadable from None

    def _mac(self, text: bytes, associated: bytes) -> bytes:
        return hmac_sm3(self._mac_key, len(associated).to_bytes(8, "big"), associated, text)


def sm4_cbc(key: bytes) -> Callable[[bytes, bytes, bool], bytes]:
    """Returns SM4-CBC over whole blocks under a key in memory."""

    def block(iv: bytes, text: bytes, decrypting: bool) -> bytes:
        cipher = Cipher(algorithms.SM4(key), modes.CBC(iv))
        machine = cipher.decryptor() if decrypting else cipher.encryptor()
        return machine.update(text) + machine.finalize()

    return block


def new_key() -> bytes:
    """Returns a random key of KEY_BYTES."""
    return os.urandom(KEY_BYTES)


def derived_key(root: bytes, purpose: str, size: int = KEY_BYTES) -> bytes:
    """Returns a key for one purpose: keyed BLAKE2b of its name under the root key."""
    return hashlib.blake2b(purpose.encode(), key=root, digest_size=size).digest()
