"""Keys in a server cryptographic module by its GM/T 0018 library. The root key is a key-encryption key inside.

What is wrapped is sealed under a key of its own, which the device makes and gives out wrapped by the root key: the
device has a call that imports such a key and none that lets a text through the root key itself. By SM4-GCM where the
device has it, else by SM4-CBC with HMAC-SM3; the first byte says which.
"""

import os
import threading
import weakref
from collections.abc import Callable
from ctypes import c_void_p
from typing import TypeVar

from kangyun.base.crypto import sm2
from kangyun.base.crypto.provider import PINS, Description, DeviceFailed, OpenedKey
from kangyun.base.crypto.schemes import PublicKey
from kangyun.base.crypto.sdf.library import SdfLibrary
from kangyun.base.crypto.sealing import NONCE_BYTES, TAG_BYTES, CbcSealer, Unreadable

CBC, GCM = 1, 2
_MAC_KEY = b"kangyun mac key of a sealing key"
T = TypeVar("T")


class SdfProvider:
    """The back end of GM/T 0018.

    root, signing: indexes of the key-encryption key and of the signing key inside. pin: for the private key.
    """

    def __init__(self, path: str, root: int, signing: int, pin: str = "") -> None:
        """Raises DeviceFailed."""
        self._path, self._root, self._signing, self._pin = path, root, signing, pin
        self._lock = threading.RLock()
        self._library = self._opened()
        self._point = self._library.public_key(signing)
        self._mode = self._best_mode()
        sealing = "SM4-GCM" if self._mode == GCM else "SM4-CBC-HMAC-SM3"
        device = self._library.info()
        self.description = Description("sdf", device, sealing, "SM2-SM3", root_key_in_memory=False, counts=True)

    @property
    def public_key(self) -> PublicKey:
        return PublicKey("sm2", self._point)

    def random(self, size: int) -> bytes:
        return self._with_device(lambda library: library.random(size))

    def digest(self, *parts: bytes) -> bytes:
        return self._with_device(lambda library: library.sm3(parts))

    def wrap(self, key: bytes, label: bytes) -> bytes:
        def work(library: SdfLibrary) -> bytes:
            wrapped, handle = library.new_key(self._root)
            sealed = _DeviceKey(library, self._lock, handle, self._mode).seal(key, label)
            return bytes([self._mode]) + len(wrapped).to_bytes(2, "big") + wrapped + sealed

        return self._with_device(work)

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        key, sealed = _parted(wrapped)
        return self._with_device(lambda library: self._key(library, key).open(sealed, label))

    def make_key(self) -> bytes:
        def work(library: SdfLibrary) -> bytes:
            wrapped, handle = library.new_key(self._root)
            library.destroy_key(handle)
            return bytes([self._mode]) + len(wrapped).to_bytes(2, "big") + wrapped

        return self._with_device(work)

    def key(self, wrapped: bytes) -> OpenedKey:
        key, rest = _parted(wrapped)
        if rest:
            raise Unreadable
        return self._with_device(lambda library: self._key(library, key))

    def sign(self, message: bytes) -> bytes:
        digest = sm2.digest_of(self._point, message)
        return self._with_device(lambda library: library.sign(self._signing, digest))

    def verify(self, public: PublicKey, message: bytes, signature: bytes) -> bool:
        if public.scheme != "sm2":
            return public.verify(message, signature)
        if len(signature) != sm2.SIGNATURE_BYTES or not sm2.is_public_key(public.point):
            return False
        digest = sm2.digest_of(public.point, message)
        return self._with_device(lambda library: library.verify(public.point, digest, signature))

    def time_stamp(self, message: bytes) -> bytes | None:
        return None

    def close(self) -> None:
        """Ends the session."""
        with self._lock:
            self._library.close()

    def _opened(self) -> SdfLibrary:
        library = SdfLibrary(self._path)
        if self._pin:
            try:
                where = f"{self._path} {self._signing}"
                PINS.send(where, self._pin, lambda: library.open_private_key(self._signing, self._pin))
            except DeviceFailed:
                library.close()
                raise
        return library

    def _with_device(self, work: Callable[[SdfLibrary], T]) -> T:
        """Works with the device; once more with a new session, as a device that was restarted has forgotten ours."""
        with self._lock:
            try:
                return work(self._library)
            except DeviceFailed:
                self._library.close()
                self._library = self._opened()
                return work(self._library)

    def _key(self, library: SdfLibrary, wrapped: bytes) -> "_DeviceKey":
        return _DeviceKey(library, self._lock, library.import_key(self._root, wrapped[1:]), wrapped[0])

    def _best_mode(self) -> int:
        if not self._library.has_authenticated:
            return CBC
        _, handle = self._library.new_key(self._root)
        try:
            key = _DeviceKey(self._library, self._lock, handle, GCM)
            return GCM if key.open(key.seal(b"mode", b""), b"") == b"mode" else CBC
        except (DeviceFailed, Unreadable):
            return CBC  # It has the call and says that it cannot.


class _DeviceKey:
    """A key in the device, by its handle."""

    def __init__(self, library: SdfLibrary, lock: "threading.RLock", handle: c_void_p, mode: int) -> None:
        self._library, self._lock, self._handle = library, lock, handle
        weakref.finalize(self, _forget, library, handle)
        self._cbc = None if mode == GCM else CbcSealer(self._block, self._block(bytes(16), _MAC_KEY, False))

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        if self._cbc is not None:
            return self._cbc.seal(plain, associated)
        nonce = os.urandom(NONCE_BYTES)
        with self._lock:
            return nonce + self._library.gcm_seal(self._handle, nonce, plain, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        if self._cbc is not None:
            return self._cbc.open(sealed, associated)
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise Unreadable
        with self._lock:
            plain = self._library.gcm_open(self._handle, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        if plain is None:
            raise Unreadable
        return plain

    def _block(self, iv: bytes, text: bytes, decrypting: bool) -> bytes:
        with self._lock:
            return self._library.cbc(self._handle, iv, text, decrypting)


def _forget(library: SdfLibrary, handle: c_void_p) -> None:
    try:
        library.destroy_key(handle)
    except DeviceFailed:
        return  # With the session, or the device, all handles have gone.


def _parted(wrapped: bytes) -> tuple[bytes, bytes]:
    """Returns mode and key as the device has it, and what was sealed under it. Raises Unreadable."""
    size = int.from_bytes(wrapped[1:3], "big")
    if len(wrapped) < 3 + size or wrapped[0] not in (CBC, GCM):
        raise Unreadable
    return wrapped[:1] + wrapped[3 : 3 + size], wrapped[3 + size :]
