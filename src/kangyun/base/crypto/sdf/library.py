"""The calls of a GM/T 0018 library, one method each; what is not 0 is an error.

Source: GM/T 0018-2012, and SDF_AuthEnc and SDF_AuthDec of GM/T 0018-2023; numbers of algorithms GM/T 0006-2012.
"""

import ctypes
from ctypes import byref, c_char, c_char_p, c_ubyte, c_uint, c_void_p, create_string_buffer
from typing import Any

from kangyun.base.crypto.provider import DeviceFailed

SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM4_GCM = 0x401, 0x402, 0x02000400
SGD_SM2_1, SGD_SM3 = 0x20200, 0x1
VERIFY_FAILED = 0x0100000E
GONE = (0x01000003, 0x01000004, 0x01000005, 0x01000006)
"""The way to the device, the device, its opening or its session failed: nothing is said of what was given to it."""
KEY_BITS = 128
LARGEST_WRAPPED = 512
TAG_BYTES = 16
_ECC = 64


class DeviceInfo(ctypes.Structure):
    """DEVICEINFO"""

    _fields_ = (
        ("maker", c_char * 40), ("model", c_char * 16), ("serial", c_char * 16), ("version", c_uint),
        ("standard", c_uint), ("asymmetric", c_uint * 2), ("symmetric", c_uint), ("hash", c_uint), ("buffer", c_uint),
    )  # fmt: skip


class EccPublicKey(ctypes.Structure):
    """ECCrefPublicKey: coordinates stand at the right of their 64 bytes."""

    _fields_ = (("bits", c_uint), ("x", c_ubyte * _ECC), ("y", c_ubyte * _ECC))


class EccSignature(ctypes.Structure):
    """ECCSignature"""

    _fields_ = (("r", c_ubyte * _ECC), ("s", c_ubyte * _ECC))


class SdfLibrary:
    """A library and one session with its device. Not for two threads at once."""

    def __init__(self, path: str) -> None:
        """Opens device and session. Raises DeviceFailed."""
        try:
            self._library = ctypes.CDLL(path)
        except OSError:
            raise DeviceFailed("base.crypto.no-library", file=path) from None
        self._device, self._session = c_void_p(), c_void_p()
        self.is_closed = False
        self._call("SDF_OpenDevice", byref(self._device))
        try:
            self._call("SDF_OpenSession", self._device, byref(self._session))
        except DeviceFailed:
            self._library.SDF_CloseDevice(self._device)
            raise

    def close(self) -> None:
        """Closes session and device, whatever they say."""
        if not self.is_closed:
            self.is_closed = True
            self._library.SDF_CloseSession(self._session)
            self._library.SDF_CloseDevice(self._device)

    @property
    def has_authenticated(self) -> bool:
        """Whether it has the calls for authenticated ciphers, which came in 2023."""
        return hasattr(self._library, "SDF_AuthEnc") and hasattr(self._library, "SDF_AuthDec")

    def info(self) -> str:
        """Returns maker, model and serial number."""
        info = DeviceInfo()
        self._call("SDF_GetDeviceInfo", self._session, byref(info))
        parts = (info.maker, info.model, info.serial)
        return " ".join(part.decode("gb18030", "replace").strip() for part in parts if part)

    def random(self, size: int) -> bytes:
        """Returns random bytes."""
        buffer = create_string_buffer(size)
        self._call("SDF_GenerateRandom", self._session, c_uint(size), buffer)
        return buffer.raw

    def sm3(self, parts: tuple[bytes, ...]) -> bytes:
        """Returns the SM3 of the parts."""
        self._call("SDF_HashInit", self._session, c_uint(SGD_SM3), None, None, c_uint(0))
        for part in parts:
            self._call("SDF_HashUpdate", self._session, c_char_p(part), c_uint(len(part)))
        buffer, length = create_string_buffer(32), c_uint(32)
        self._call("SDF_HashFinal", self._session, buffer, byref(length))
        return buffer.raw[: length.value]

    def open_private_key(self, index: int, pin: str) -> None:
        """Gets the right to use a private key inside."""
        secret = pin.encode()
        self._call(
            "SDF_GetPrivateKeyAccessRight", self._session, c_uint(index), c_char_p(secret), c_uint(len(secret))
        )  # fmt: skip

    def public_key(self, index: int) -> bytes:
        """Returns the public key of a signing key inside: 04, x, y."""
        key = EccPublicKey()
        self._call("SDF_ExportSignPublicKey_ECC", self._session, c_uint(index), byref(key))
        return b"\x04" + bytes(key.x)[-32:] + bytes(key.y)[-32:]

    def sign(self, index: int, digest: bytes) -> bytes:
        """Returns r and s over a digest by a key inside."""
        made = EccSignature()
        self._call(
            "SDF_InternalSign_ECC", self._session, c_uint(index), c_char_p(digest), c_uint(len(digest)), byref(made)
        )  # fmt: skip
        return bytes(made.r)[-32:] + bytes(made.s)[-32:]

    def verify(self, point: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether r and s are over a digest by the key of a point."""
        pad = bytes(_ECC - 32)
        key = EccPublicKey(256, (c_ubyte * _ECC)(*(pad + point[1:33])), (c_ubyte * _ECC)(*(pad + point[33:])))
        given = EccSignature((c_ubyte * _ECC)(*(pad + signature[:32])), (c_ubyte * _ECC)(*(pad + signature[32:])))
        status = self._status(
            "SDF_ExternalVerify_ECC", self._session, c_uint(SGD_SM2_1), byref(key), c_char_p(digest),
            c_uint(len(digest)), byref(given),
        )  # fmt: skip
        if status not in (0, VERIFY_FAILED):
            raise _failed("SDF_ExternalVerify_ECC", status)
        return status == 0

    def new_key(self, kek: int) -> tuple[bytes, c_void_p]:
        """Makes a key under a key-encryption key inside; returns it wrapped, and its handle."""
        buffer, length, handle = create_string_buffer(LARGEST_WRAPPED), c_uint(LARGEST_WRAPPED), c_void_p()
        self._call(
            "SDF_GenerateKeyWithKEK", self._session, c_uint(KEY_BITS), c_uint(SGD_SM4_ECB), c_uint(kek), buffer,
            byref(length), byref(handle),
        )  # fmt: skip
        return buffer.raw[: length.value], handle

    def import_key(self, kek: int, wrapped: bytes) -> c_void_p:
        """Returns the handle of a wrapped key."""
        handle = c_void_p()
        self._call(
            "SDF_ImportKeyWithKEK", self._session, c_uint(SGD_SM4_ECB), c_uint(kek), c_char_p(wrapped),
            c_uint(len(wrapped)), byref(handle),
        )  # fmt: skip
        return handle

    def destroy_key(self, handle: c_void_p) -> None:
        """Forgets a handle. With its session it has gone already: that is not to be named any more."""
        if not self.is_closed:
            self._call("SDF_DestroyKey", self._session, handle)

    def cbc(self, handle: c_void_p, iv: bytes, text: bytes, decrypting: bool) -> bytes:
        """Encrypts or decrypts whole blocks by SM4-CBC."""
        name = "SDF_Decrypt" if decrypting else "SDF_Encrypt"
        buffer, length = create_string_buffer(len(text) + 16), c_uint(len(text) + 16)
        begin = create_string_buffer(iv, len(iv))  # Written to by some.
        self._call(
            name, self._session, handle, c_uint(SGD_SM4_CBC), begin, c_char_p(text), c_uint(len(text)), buffer,
            byref(length),
        )  # fmt: skip
        return buffer.raw[: length.value]

    def gcm_seal(self, handle: c_void_p, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
        """Returns ciphertext and tag by SM4-GCM."""
        buffer, length = create_string_buffer(len(plain) + 16), c_uint(len(plain) + 16)
        tag, tag_length = create_string_buffer(TAG_BYTES), c_uint(TAG_BYTES)
        self._call(
            "SDF_AuthEnc", self._session, handle, c_uint(SGD_SM4_GCM), c_char_p(nonce), c_uint(len(nonce)),
            c_char_p(associated), c_uint(len(associated)), c_char_p(plain), c_uint(len(plain)), buffer, byref(length),
            tag, byref(tag_length),
        )  # fmt: skip
        return buffer.raw[: length.value] + tag.raw[: tag_length.value]

    def gcm_open(self, handle: c_void_p, nonce: bytes, sealed: bytes, associated: bytes) -> bytes | None:
        """Returns the plain text, None where the device refuses it."""
        text, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        buffer, length, tag_length = create_string_buffer(len(text) + 16), c_uint(len(text) + 16), c_uint(TAG_BYTES)
        status = self._status(
            "SDF_AuthDec", self._session, handle, c_uint(SGD_SM4_GCM), c_char_p(nonce), c_uint(len(nonce)),
            c_char_p(associated), c_uint(len(associated)), c_char_p(tag), byref(tag_length), c_char_p(text),
            c_uint(len(text)), buffer, byref(length),
        )  # fmt: skip
        if status in GONE:
            raise _failed("SDF_AuthDec", status)
        return None if status else buffer.raw[: length.value]

    def _call(self, name: str, *given: Any) -> None:
        status = self._status(name, *given)
        if status:
            raise _failed(name, status)

    def _status(self, name: str, *given: Any) -> int:
        function = getattr(self._library, name, None)
        if function is None:
            raise DeviceFailed("base.crypto.no-function", function=name)
        function.restype = c_uint
        status: int = function(*given)
        return status


def _failed(name: str, status: int) -> DeviceFailed:
    return DeviceFailed("base.crypto.device-failed", function=name, status=f"0x{status:08x}")
