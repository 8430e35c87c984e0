"""The one way to the keys that count: the root key, and the platform's own signing key.

A `Provider` is software, or stands before a device (GM/T 0018, PKCS#11) or a server (GM/T 0029) that never lets those
keys out. Ciphers under keys that it has opened for us are `sealing`'s business: no device makes 100,000 calls a second.

Each call may wait for a device: who must not wait calls it in a thread. A provider may be called from several.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from kangyun.base.crypto.schemes import PublicKey, SchemeName
from kangyun.base.crypto.sealing import CipherName
from kangyun.base.errors import PlatformError

BackEnd = Literal["software", "sdf", "pkcs11", "server"]
SCHEMES: dict[CipherName, SchemeName] = {"sm4": "sm2", "aes": "ecdsa"}
"""What is signed by, where bodies are sealed by."""


class DeviceFailed(PlatformError):
    """A cryptographic device or server does not do what it was asked."""

    code = "transient"
    default_text = "base.crypto.device-unavailable"


class PinGuard:
    """Keeps this process from sending a refused PIN again: after a few of them a device locks itself."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()

    def send(self, device: str, pin: str, call: Callable[[], None]) -> None:
        """Sends a PIN by `call`. Raises DeviceFailed, without sending it where it was refused before."""
        if (device, pin) in self._refused:
            raise DeviceFailed("base.crypto.pin-refused")
        try:
            call()
        except DeviceFailed:
            self._refused.add((device, pin))
            raise


PINS = PinGuard()


@dataclass(frozen=True, slots=True)
class Description:
    """What a back end says of itself, for reports. device: maker, model and serial number, empty for software.

    root_key_in_memory: whether this process ever holds it. counts: whether an assessment (密评) takes it into account.
    """

    back_end: BackEnd
    device: str
    sealing: str
    signing: str
    root_key_in_memory: bool
    counts: bool


class OpenedKey(Protocol):
    """A key that is used by handle: it may be in a device."""

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Returns the sealed text."""

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Returns the plain text. Raises Unreadable."""


class Signer(Protocol):
    """What signs for the platform, and says when it was."""

    @property
    def public_key(self) -> PublicKey:
        """The key that its signatures are looked at with."""

    def sign(self, message: bytes) -> bytes:
        """Returns the platform's signature of a message: r and s. Raises DeviceFailed."""

    def verify(self, public: PublicKey, message: bytes, signature: bytes) -> bool:
        """Whether a signature is of this message by that key."""

    def time_stamp(self, message: bytes) -> bytes | None:
        """Returns a time stamp's token of a message, None where nothing gives one. Raises DeviceFailed."""


class Provider(Signer, Protocol):
    """All key operations."""

    @property
    def description(self) -> Description:
        """What it is."""

    def random(self, size: int) -> bytes:
        """Returns random bytes, of the device where there is one."""

    def digest(self, *parts: bytes) -> bytes:
        """Returns the digest, SM3 or SHA-256, of the parts, one after the other."""

    def wrap(self, key: bytes, label: bytes) -> bytes:
        """Returns a key that is in memory, sealed under the root key; `label` must be the same to unwrap it."""

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        """Returns the key. Raises Unreadable where it was not wrapped by this root key and label."""

    def make_key(self) -> bytes:
        """Makes a key and returns it wrapped by the root key, in the device's own form: for `key`."""

    def key(self, wrapped: bytes) -> OpenedKey:
        """Opens what `make_key` gave, to be used by handle. Raises Unreadable."""

    def close(self) -> None:
        """Ends the session with the device."""
