"""The calls of a PKCS#11 library that we need, one method each; what is not 0 is an error.

Source: OASIS PKCS#11 Cryptographic Token Interface Base Specification 2.40, and its header files for the order of the
function list and the numbers.
"""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p, create_string_buffer
from dataclasses import dataclass
from typing import Any

from kangyun.base.crypto.provider import PINS, DeviceFailed

ALREADY_INITIALIZED, ALREADY_LOGGED_IN = 0x191, 0x100
GONE = (0x30, 0x31, 0x32, 0xB0, 0xB3, 0xE0, 0xE1)  # device failed, out of memory or removed; session; token
TAMPERED = (0x40, 0x41, 0x110, 0x114)  # encrypted data invalid, of wrong length; wrapped key invalid, of wrong length
OS_LOCKING, SESSION, USER = 0x2, 0x4 | 0x2, 1
CLASS, TOKEN, PRIVATE, LABEL, VALUE, KEY_TYPE = 0x0, 0x1, 0x2, 0x3, 0x11, 0x100
SENSITIVE, ENCRYPT, DECRYPT, VALUE_LENGTH, EXTRACTABLE, EC_POINT = 0x103, 0x104, 0x105, 0x161, 0x162, 0x181
PUBLIC_KEY, PRIVATE_KEY, SECRET_KEY = 2, 3, 4
TAG_BITS = 128
LAST_TRY = 0x20000 | 0x40000  # one more wrong PIN locks the token, or it is locked
# Places in the function list.
_INITIALIZE, _SLOTS, _TOKEN_INFO, _OPEN_SESSION, _CLOSE_SESSION, _LOGIN = 0, 4, 6, 12, 13, 18
_DESTROY, _ATTRIBUTES, _FIND_INIT, _FIND, _FIND_FINAL = 22, 24, 26, 27, 28
_ENCRYPT_INIT, _ENCRYPT, _DECRYPT_INIT, _DECRYPT, _DIGEST_INIT, _DIGEST = 29, 30, 33, 34, 37, 38
_SIGN_INIT, _SIGN, _GENERATE_KEY, _WRAP_KEY, _UNWRAP_KEY, _RANDOM = 42, 43, 58, 60, 61, 64
_NAMES = {
    _INITIALIZE: "C_Initialize", _SLOTS: "C_GetSlotList", _TOKEN_INFO: "C_GetTokenInfo", _LOGIN: "C_Login",
    _OPEN_SESSION: "C_OpenSession", _ATTRIBUTES: "C_GetAttributeValue", _FIND_INIT: "C_FindObjectsInit",
    _FIND: "C_FindObjects", _FIND_FINAL: "C_FindObjectsFinal", _ENCRYPT_INIT: "C_EncryptInit", _ENCRYPT: "C_Encrypt",
    _DECRYPT_INIT: "C_DecryptInit", _DECRYPT: "C_Decrypt", _DIGEST_INIT: "C_DigestInit", _DIGEST: "C_Digest",
    _SIGN_INIT: "C_SignInit", _SIGN: "C_Sign", _GENERATE_KEY: "C_GenerateKey", _WRAP_KEY: "C_WrapKey",
    _UNWRAP_KEY: "C_UnwrapKey", _RANDOM: "C_GenerateRandom", _CLOSE_SESSION: "C_CloseSession",
    _DESTROY: "C_DestroyObject",
}  # fmt: skip
FUNCTIONS = 68


class Attribute(ctypes.Structure):
    """CK_ATTRIBUTE"""

    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class Mechanism(ctypes.Structure):
    """CK_MECHANISM"""

    _fields_ = (("number", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class GcmParameters(ctypes.Structure):
    """CK_GCM_PARAMS"""

    _fields_ = (
        ("iv", c_void_p), ("iv_length", c_ulong), ("iv_bits", c_ulong), ("associated", c_void_p),
        ("associated_length", c_ulong), ("tag_bits", c_ulong),
    )  # fmt: skip


class _InitializeArguments(ctypes.Structure):
    _fields_ = (("functions", c_void_p * 4), ("flags", c_ulong), ("reserved", c_void_p))


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * FUNCTIONS))


class _TokenInfo(ctypes.Structure):
    _fields_ = (
        ("label", c_char * 32), ("maker", c_char * 32), ("model", c_char * 16), ("serial", c_char * 16),
        ("flags", c_ulong), ("rest", c_ubyte * 256),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """Where the keys are: library, label of the token (empty: the first one), and its PIN."""

    library: str
    token: str
    pin: str


class Refused(Exception):
    """The token says that a ciphertext is not what was encrypted."""


class Pkcs11Library:
    """A library and one session with a token of it. Not for two threads at once."""

    def __init__(self, place: Place) -> None:
        """Opens a session and signs in. Raises DeviceFailed."""
        try:
            self._library = ctypes.CDLL(place.library)
            list_ = POINTER(_FunctionList)()
            if self._library.C_GetFunctionList(byref(list_)):
                raise OSError
        except (OSError, AttributeError):
            raise DeviceFailed("base.crypto.no-library", file=place.library) from None
        self._functions = list_.contents.functions
        arguments = _InitializeArguments(flags=OS_LOCKING)
        self._call(_INITIALIZE, byref(arguments), also=(ALREADY_INITIALIZED,))
        slot, self.token = self._slot(place.token)
        self._session = c_ulong()
        self._call(_OPEN_SESSION, c_ulong(slot), c_ulong(SESSION), None, None, byref(self._session))
        self.is_closed = False
        try:
            PINS.send(f"{place.library} {self.token}", place.pin, lambda: self._sign_in(place.pin.encode()))
        except DeviceFailed:
            self.close()
            raise

    def _sign_in(self, pin: bytes) -> None:
        self._call(_LOGIN, self._session, c_ulong(USER), pin, c_ulong(len(pin)), also=(ALREADY_LOGGED_IN,))

    def close(self) -> None:
        """Closes the session, whatever it says."""
        if not self.is_closed:
            self.is_closed = True
            self._status(_CLOSE_SESSION, self._session)

    def _slot(self, label: str) -> tuple[int, str]:
        """Returns the slot of a token, and what the token says that it is."""
        count = c_ulong()
        self._call(_SLOTS, c_ubyte(1), None, byref(count))
        slots = (c_ulong * count.value)()
        self._call(_SLOTS, c_ubyte(1), slots, byref(count))
        for slot in slots[: count.value]:
            info = _TokenInfo()
            self._call(_TOKEN_INFO, c_ulong(slot), byref(info))
            parts = [bytes(part).decode("utf-8", "replace").strip() for part in (info.maker, info.model, info.serial)]
            if label in ("", bytes(info.label).decode("utf-8", "replace").strip()):
                if info.flags & LAST_TRY:
                    raise DeviceFailed("base.crypto.pin-last-try")
                return slot, " ".join(part for part in parts if part)
        raise DeviceFailed("base.crypto.no-key", key=label)

    def random(self, size: int) -> bytes:
        """Returns random bytes."""
        buffer = create_string_buffer(size)
        self._call(_RANDOM, self._session, buffer, c_ulong(size))
        return buffer.raw

    def find(self, kind: int, label: str) -> int:
        """Returns the handle of a key by kind and label. Raises DeviceFailed where there is none."""
        template, kept = _template(((CLASS, _number(kind)), (LABEL, label.encode())))
        self._call(_FIND_INIT, self._session, template, c_ulong(len(template)))
        handle, count = c_ulong(), c_ulong()
        try:
            self._call(_FIND, self._session, byref(handle), c_ulong(1), byref(count))
        finally:
            self._call(_FIND_FINAL, self._session)
        del kept
        if not count.value:
            raise DeviceFailed("base.crypto.no-key", key=label)
        return handle.value

    def point(self, handle: int) -> bytes:
        """Returns the point of a public key, as the token has it: most wrap it in an octet string."""
        buffer = create_string_buffer(256)
        wanted = (Attribute * 1)(Attribute(EC_POINT, ctypes.cast(buffer, c_void_p), 256))
        self._call(_ATTRIBUTES, self._session, c_ulong(handle), wanted, c_ulong(1))
        return buffer.raw[: wanted[0].length]

    def make_key(self, number: int, kind: int) -> int:
        """Makes a key of 16 bytes that may be wrapped, for this session; returns its handle."""
        template, kept = _template((*_session_key(kind), (VALUE_LENGTH, _number(16))))
        handle, mechanism = c_ulong(), Mechanism(number, None, 0)
        self._call(
            _GENERATE_KEY, self._session, byref(mechanism), template, c_ulong(len(template)), byref(handle)
        )  # fmt: skip
        del kept
        return handle.value

    def wrap(self, number: int, by: int, key: int) -> bytes:
        """Returns a key wrapped by another."""
        buffer, length, mechanism = create_string_buffer(256), c_ulong(256), Mechanism(number, None, 0)
        self._call(
            _WRAP_KEY, self._session, byref(mechanism), c_ulong(by), c_ulong(key), buffer, byref(length)
        )  # fmt: skip
        return buffer.raw[: length.value]

    def unwrap(self, number: int, by: int, wrapped: bytes, kind: int) -> int:
        """Returns the handle of a wrapped key. Raises Refused where it is not what was wrapped."""
        template, kept = _template(_session_key(kind))
        handle, mechanism = c_ulong(), Mechanism(number, None, 0)
        self._call(
            _UNWRAP_KEY, self._session, byref(mechanism), c_ulong(by), wrapped, c_ulong(len(wrapped)), template,
            c_ulong(len(template)), byref(handle),
        )  # fmt: skip
        del kept
        return handle.value

    def destroy(self, handle: int) -> None:
        """Forgets a key of this session."""
        if not self.is_closed:
            self._call(_DESTROY, self._session, c_ulong(handle))

    def digest(self, number: int, text: bytes) -> bytes:
        """Returns a digest."""
        self._call(_DIGEST_INIT, self._session, byref(Mechanism(number, None, 0)))
        return self._through(_DIGEST, text, 64)

    def sign(self, number: int, handle: int, digest: bytes) -> bytes:
        """Returns a signature over a digest: r and s."""
        self._call(_SIGN_INIT, self._session, byref(Mechanism(number, None, 0)), c_ulong(handle))
        return self._through(_SIGN, digest, 128)

    def gcm(self, number: int, handle: int, nonce: bytes, text: bytes, associated: bytes, decrypting: bool) -> bytes:
        """Seals, with the tag behind, or opens. Raises Refused for what does not fit."""
        iv, about = create_string_buffer(nonce, len(nonce)), create_string_buffer(associated, max(len(associated), 1))
        given = GcmParameters(
            ctypes.cast(iv, c_void_p), len(nonce), len(nonce) * 8, ctypes.cast(about, c_void_p), len(associated),
            TAG_BITS,
        )  # fmt: skip
        mechanism = Mechanism(number, ctypes.cast(byref(given), c_void_p), ctypes.sizeof(given))
        return self._cipher(mechanism, handle, text, decrypting)

    def cbc(self, number: int, handle: int, iv: bytes, text: bytes, decrypting: bool) -> bytes:
        """Encrypts or decrypts whole blocks."""
        begin = create_string_buffer(iv, len(iv))
        return self._cipher(Mechanism(number, ctypes.cast(begin, c_void_p), len(iv)), handle, text, decrypting)

    def _cipher(self, mechanism: Mechanism, handle: int, text: bytes, decrypting: bool) -> bytes:
        begin, through = (_DECRYPT_INIT, _DECRYPT) if decrypting else (_ENCRYPT_INIT, _ENCRYPT)
        self._call(begin, self._session, byref(mechanism), c_ulong(handle))
        return self._through(through, text, len(text) + 32)

    def _through(self, function: int, text: bytes, room: int) -> bytes:
        buffer, length = create_string_buffer(room), c_ulong(room)
        self._call(function, self._session, text, c_ulong(len(text)), buffer, byref(length))
        return buffer.raw[: length.value]

    def _call(self, function: int, *given: Any, also: tuple[int, ...] = ()) -> None:
        status = self._status(function, *given)
        if status in TAMPERED or (status and function == _DECRYPT and status not in GONE):
            raise Refused
        if status and status not in also:
            raise DeviceFailed("base.crypto.device-failed", function=_NAMES[function], status=f"0x{status:08x}")

    def _status(self, function: int, *given: Any) -> int:
        status: int = ctypes.CFUNCTYPE(c_ulong)(self._functions[function])(*given)
        return status


def _session_key(kind: int) -> tuple[tuple[int, bytes], ...]:
    yes, no = b"\1", b"\0"
    return (
        (CLASS, _number(SECRET_KEY)), (KEY_TYPE, _number(kind)), (TOKEN, no), (PRIVATE, yes), (SENSITIVE, yes),
        (EXTRACTABLE, yes), (ENCRYPT, yes), (DECRYPT, yes),
    )  # fmt: skip


def _template(given: Sequence[tuple[int, bytes]]) -> tuple[Any, list[Any]]:
    """Returns attributes for a call, and what must be kept until it is over."""
    kept = [create_string_buffer(value, len(value)) for _, value in given]
    made = [
        Attribute(type_, ctypes.cast(buffer, c_void_p), len(value))
        for (type_, value), buffer in zip(given, kept, strict=True)
    ]
    return (Attribute * len(made))(*made), kept


def _number(value: int) -> bytes:
    return bytes(c_ulong(value))
