"""SM2 signatures in software. The curve's arithmetic is the `gmalg` package's, the equations stand here.

So that a message's digest is made by OpenSSL, and that a device, which takes a digest and not a message, gets the same
one. About 17 ms for a signature and 25 ms for a look at one: what signs by the thousand has a device. Python's numbers
do not take the same time for every value: who can measure this process to the microsecond is kept off by the machine,
and what counts in an assessment is signed by a device.

Source: GB/T 32918.2-2016 (signature), GB/T 32918.5-2017 (curve), GM/T 0009-2012 (identity).
"""

import secrets
from collections.abc import Callable
from functools import lru_cache

from gmalg.ellipticcurve import ECDLP

from kangyun.base.crypto.digests import sm3

IDENTITY = b"1234567812345678"
"""Who signs, where nothing else was agreed (GM/T 0009-2012, 10)."""
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE = ECDLP(_P, _A, _B, _G, _N)
_PARAMETERS = b"".join(number.to_bytes(32, "big") for number in (_A, _B, *_G))


def private_key(material: bytes) -> bytes:
    """Returns the private key that key material of 40 bytes or more stands for, even over all of them."""
    return (int.from_bytes(material, "big") % (_N - 2) + 1).to_bytes(KEY_BYTES, "big")


def new_private_key() -> bytes:
    """Returns a random private key."""
    return private_key(secrets.token_bytes(40))


def public_key(private: bytes) -> bytes:
    """Returns the public key, a point: 04, x, y."""
    x: int
    y: int
    x, y = _CURVE.kG(int.from_bytes(private, "big"))
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


@lru_cache(maxsize=1024)
def is_public_key(point: bytes) -> bool:
    """Whether these are the bytes of a point of the curve other than infinity."""
    if len(point) != 65 or point[0] != 4:
        return False
    x, y = _coordinates(point)
    return x < _P and y < _P and (y * y - x * x * x - _A * x - _B) % _P == 0


def digest_of(public: bytes, message: bytes, identity: bytes = IDENTITY) -> bytes:
    """Returns what is signed of a message: its SM3 behind that of who signs (Z)."""
    return sm3(identity_digest(public, identity), message)


def identity_digest(public: bytes, identity: bytes = IDENTITY) -> bytes:
    """Returns Z: the digest of the signer's identity, of the curve and of the public key."""
    return sm3((len(identity) * 8).to_bytes(2, "big"), identity, _PARAMETERS, public[1:])


def sign(private: bytes, digest: bytes, draw: Callable[[int], int] = secrets.randbelow) -> bytes:
    """Returns the signature, r and s, of a digest. draw: a random number below a bound; tests know it before."""
    e, d = int.from_bytes(digest, "big"), int.from_bytes(private, "big")
    while True:
        k = draw(_N - 1) + 1
        r: int = (e + _CURVE.kG(k)[0]) % _N
        if r == 0 or r + k == _N:
            continue
        s: int = pow(1 + d, -1, _N) * (k - r * d) % _N
        if s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a signature, r and s, is of this digest by the private key of this public one."""
    if len(signature) != SIGNATURE_BYTES or not is_public_key(public):
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t):
        return False
    point = _CURVE.ec.add(_CURVE.kG(s), _CURVE.ec.mul(t, _coordinates(public)))
    return point != _CURVE.ec.INF and bool((int.from_bytes(digest, "big") + point[0]) % _N == r)


def _coordinates(point: bytes) -> tuple[int, int]:
    return int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
