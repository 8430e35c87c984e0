"""A secret in parts, so that so many of them give it back and fewer say nothing of it.

Each byte of the secret is the value at 0 of a polynomial over GF(256) whose other coefficients are random; a share is
its value at 1, 2, 3, … Arithmetic only: what a share stands in, and how it is checked, is the caller's. It is not made
to withstand somebody who measures how long it takes: it runs at a ceremony, not in a service.

Source: Shamir A. How to share a secret. Communications of the ACM 1979;22:612-3. doi:10.1145/359168.359176; the field
is that of FIPS 197, x^8 + x^4 + x^3 + x + 1.
"""

import secrets
from collections.abc import Mapping

MOST_SHARES = 255
_MODULUS, _GENERATOR = 0x11B, 3


def _tables() -> tuple[list[int], list[int]]:
    powers, logarithms, value = [0] * 510, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        doubled = value << 1
        value = (doubled ^ _MODULUS if doubled & 0x100 else doubled) ^ value  # times 3
    return powers, logarithms


_POWERS, _LOGARITHMS = _tables()


def split(secret: bytes, needed: int, shares: int) -> dict[int, bytes]:
    """Returns the shares by number, from 1 on. Raises ValueError unless 2 <= needed <= shares <= MOST_SHARES."""
    if not 2 <= needed <= shares <= MOST_SHARES:
        raise ValueError("2 <= needed <= shares <= 255")
    polynomials = [bytes([byte]) + secrets.token_bytes(needed - 1) for byte in secret]
    return {number: bytes(_value(one, number) for one in polynomials) for number in range(1, shares + 1)}


def joined(shares: Mapping[int, bytes]) -> bytes:
    """Returns the secret of as many shares as are needed; of fewer, or of others, something that is not it.

    Raises ValueError for numbers that no share has, and for shares of different lengths.
    """
    numbers = list(shares)
    if not all(0 < number <= MOST_SHARES for number in numbers) or len({len(one) for one in shares.values()}) != 1:
        raise ValueError("no shares of one secret")
    weights = {number: _weight(number, numbers) for number in numbers}
    secret = bytearray(len(shares[numbers[0]]))
    for number, share in shares.items():
        for place, byte in enumerate(share):
            secret[place] ^= _times(byte, weights[number])
    return bytes(secret)


def _value(polynomial: bytes, at: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = _times(value, at) ^ coefficient
    return value


def _weight(number: int, numbers: list[int]) -> int:
    """Lagrange's basis polynomial of a share, at 0."""
    weight = 1
    for other in numbers:
        if other != number:
            weight = _times(weight, _over(other, other ^ number))
    return weight


def _times(a: int, b: int) -> int:
    return _POWERS[_LOGARITHMS[a] + _LOGARITHMS[b]] if a and b else 0


def _over(a: int, b: int) -> int:
    return _POWERS[_LOGARITHMS[a] - _LOGARITHMS[b] + 255] if a else 0
