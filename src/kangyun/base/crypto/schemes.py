"""The two ways of signing: SM2 with SM3 of the national set, ECDSA P-256 with SHA-256 of the international one.

A public key is a point (04, x, y), a signature r and s, 32 bytes each, in both.

Source: GB/T 32918.2-2016; FIPS 186-5, by way of OpenSSL in `cryptography`.
"""

from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from kangyun.base.crypto import sm2
from kangyun.base.crypto.digests import DigestName, digest

SchemeName = Literal["sm2", "ecdsa"]
SIGNATURE_BYTES = sm2.SIGNATURE_BYTES
DIGESTS: dict[SchemeName, DigestName] = {"sm2": "sm3", "ecdsa": "sha-256"}
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. point: 04, x, y."""

    scheme: SchemeName
    point: bytes

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature is of this message by this key. What is no signature at all is none."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        if self.scheme == "sm2":
            return sm2.verify(self.point, sm2.digest_of(self.point, message), signature)
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.point)
            key.verify(to_der(signature), message, _ECDSA)
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def fingerprint(self) -> str:
        """The digest of the point, in hexadecimal digits: names the key in reports and in the audit's roots."""
        return digest(DIGESTS[self.scheme], self.point).hex()


class PrivateKey:
    """A private key in memory: of the software back end, and of the demonstration's people."""

    def __init__(self, scheme: SchemeName, secret: bytes) -> None:
        self.scheme = scheme
        self.secret = secret
        self.public = self._public()

    @classmethod
    def new(cls, scheme: SchemeName) -> "PrivateKey":
        """Makes a random one."""
        return cls(scheme, sm2.new_private_key())  # Of 1 to n - 2, which is below P-256's order too.

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message."""
        if self.scheme == "sm2":
            return sm2.sign(self.secret, sm2.digest_of(self.public.point, message))
        return from_der(self._ecdsa().sign(message, _ECDSA))

    def _public(self) -> PublicKey:
        if self.scheme == "sm2":
            return PublicKey("sm2", sm2.public_key(self.secret))
        numbers = self._ecdsa().public_key().public_numbers()
        return PublicKey("ecdsa", b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def _ecdsa(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.secret, "big"), ec.SECP256R1())


def to_der(signature: bytes) -> bytes:
    """Returns a signature as certificates and most devices have it: a sequence of two numbers."""
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def from_der(signature: bytes) -> bytes:
    """Returns r and s of such a sequence. Raises ValueError for what is none."""
    r, s = decode_dss_signature(signature)
    try:
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except OverflowError:
        raise ValueError from None
