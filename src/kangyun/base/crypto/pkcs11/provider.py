"""Keys in a token by its PKCS#11 library: the root key by its label, the signing key by its own.

What is wrapped is sealed under the root key inside the token: by GCM where it has a mechanism for it, else, in the
national set, by SM4-CBC with HMAC-SM3, whose key is made from the root key by one encryption.
"""

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kangyun.base.crypto import sm2
from kangyun.base.crypto.digests import digest
from kangyun.base.crypto.pkcs11.library import (
    PRIVATE_KEY,
    PUBLIC_KEY,
    SECRET_KEY,
    Pkcs11Library,
    Place,
    Refused,
)
from kangyun.base.crypto.provider import SCHEMES, Description, DeviceFailed, OpenedKey
from kangyun.base.crypto.schemes import DIGESTS, PublicKey
from kangyun.base.crypto.sealing import NONCE_BYTES, CbcSealer, CipherName, Unreadable
from kangyun.base.errors import Invalid

_MAC_KEY = b"kangyun mac key of a sealing key"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """Numbers of mechanisms, 0 where there is none, and of the type of keys that are made."""

    gcm: int = 0
    cbc: int = 0
    sign: int = 0
    wrap: int = 0
    make: int = 0
    digest: int = 0
    type: int = 0

    @classmethod
    def of(cls, cipher: CipherName, setting: str) -> "Mechanisms":
        """Reads the setting over the standard's own numbers, which are of the international set. Raises Invalid."""
        named = {} if cipher == "sm4" else dict(_INTERNATIONAL)
        try:
            for part in filter(None, map(str.strip, setting.split(","))):
                name, _, number = part.partition("=")
                if name not in cls.__slots__:
                    raise ValueError
                named[name] = int(number, 16)
        except ValueError:
            raise Invalid("base.wrong-setting", name="crypto_mechanisms") from None
        return cls(**named)

    def needed(self, use: str) -> int:
        """Returns the number for a use. Raises DeviceFailed where none is set."""
        number: int = getattr(self, use)
        if not number:
            raise DeviceFailed("base.crypto.no-mechanism", use=use)
        return number


_INTERNATIONAL = {
    "gcm": 0x1087, "sign": 0x1041, "wrap": 0x2109, "make": 0x1080, "digest": 0x250, "type": 0x1F,
}  # fmt: skip


class Pkcs11Provider:
    """The back end of PKCS#11. root, signing: labels of the root key and of the signing key's pair."""

    def __init__(self, place: Place, root: str, signing: str, cipher: CipherName, mechanisms: Mechanisms) -> None:
        """Raises DeviceFailed."""
        self._place, self._root_label, self._signing_label = place, root, signing
        self._cipher, self._mechanisms = cipher, mechanisms
        self._lock = threading.RLock()
        mechanisms.needed("sign")
        self._library = self._open()
        point = self._library.point(self._library.find(PUBLIC_KEY, signing))
        self._public = PublicKey(SCHEMES[cipher], point[-65:])
        block, sealing = ("AES", "GCM") if cipher == "aes" else ("SM4", "GCM" if mechanisms.gcm else "CBC-HMAC-SM3")
        signed = "SM2-SM3" if cipher == "sm4" else "ECDSA-P256-SHA256"
        self.description = Description(
            "pkcs11", self._library.token, f"{block}-{sealing}", signed, root_key_in_memory=False, counts=True
        )

    @property
    def public_key(self) -> PublicKey:
        return self._public

    def random(self, size: int) -> bytes:
        return self._with_device(lambda library: library.random(size))

    def digest(self, *parts: bytes) -> bytes:
        number = self._mechanisms.digest
        if not number:
            return digest(DIGESTS[self._public.scheme], *parts)
        return self._with_device(lambda library: library.digest(number, b"".join(parts)))

    def wrap(self, key: bytes, label: bytes) -> bytes:
        return self._with_device(lambda library: self._root(library).seal(key, label))

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        return self._with_device(lambda library: self._root(library).open(wrapped, label))

    def make_key(self) -> bytes:
        numbers = self._mechanisms

        def work(library: Pkcs11Library) -> bytes:
            root = library.find(SECRET_KEY, self._root_label)
            key = library.make_key(numbers.needed("make"), numbers.needed("type"))
            wrapped = library.wrap(numbers.needed("wrap"), root, key)
            library.destroy(key)
            return wrapped

        return self._with_device(work)

    def key(self, wrapped: bytes) -> OpenedKey:
        numbers = self._mechanisms

        def work(library: Pkcs11Library) -> OpenedKey:
            root = library.find(SECRET_KEY, self._root_label)
            try:
                handle = library.unwrap(numbers.needed("wrap"), root, wrapped, numbers.needed("type"))
            except Refused:
                raise Unreadable from None
            opened = _TokenKey(library, self._lock, handle, numbers)
            weakref.finalize(opened, library.destroy, handle)
            return opened

        return self._with_device(work)

    def sign(self, message: bytes) -> bytes:
        scheme, point = self._public.scheme, self._public.point
        text = sm2.digest_of(point, message) if scheme == "sm2" else digest(DIGESTS[scheme], message)
        number = self._mechanisms.sign

        def work(library: Pkcs11Library) -> bytes:
            return library.sign(number, library.find(PRIVATE_KEY, self._signing_label), text)

        return self._with_device(work)

    def verify(self, public: PublicKey, message: bytes, signature: bytes) -> bool:
        return public.verify(message, signature)  # A public key is no secret: software will do.

    def time_stamp(self, message: bytes) -> bytes | None:
        return None

    def close(self) -> None:
        """Ends the session."""
        with self._lock:
            self._library.close()

    def _open(self) -> Pkcs11Library:
        return Pkcs11Library(self._place)

    def _with_device(self, work: Callable[[Pkcs11Library], T]) -> T:
        """Works with the token; once more in a new session, as a token that was pulled has forgotten ours."""
        with self._lock:
            try:
                return work(self._library)
            except DeviceFailed:
                self._library.close()
                self._library = self._open()
                return work(self._library)

    def _root(self, library: Pkcs11Library) -> "_TokenKey":
        return _TokenKey(library, self._lock, library.find(SECRET_KEY, self._root_label), self._mechanisms)


class _TokenKey:
    """A key in the token, by its handle."""

    def __init__(self, library: Pkcs11Library, lock: "threading.RLock", handle: int, mechanisms: Mechanisms) -> None:
        self._library, self._lock, self._handle, self._mechanisms = library, lock, handle, mechanisms
        self._cbc = None
        if not mechanisms.gcm:
            self._cbc = CbcSealer(self._block, self._block(bytes(16), _MAC_KEY, False))

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        if self._cbc is not None:
            return self._cbc.seal(plain, associated)
        nonce = os.urandom(NONCE_BYTES)
        with self._lock:
            return nonce + self._library.gcm(
                self._mechanisms.gcm, self._handle, nonce, plain, associated, decrypting=False
            )

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        if self._cbc is not None:
            return self._cbc.open(sealed, associated)
        nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        if len(text) < 16:
            raise Unreadable
        try:
            with self._lock:
                return self._library.gcm(self._mechanisms.gcm, self._handle, nonce, text, associated, decrypting=True)
        except Refused:
            raise Unreadable from None

    def _block(self, iv: bytes, text: bytes, decrypting: bool) -> bytes:
        with self._lock:
            return self._library.cbc(self._mechanisms.needed("cbc"), self._handle, iv, text, decrypting)
