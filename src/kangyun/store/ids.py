"""Ids that the server gives: `res` through a keyed permutation of 64 bits, in 13 characters of base 32.

The permutation hides how many resources there are and how near two are; it is no secret that guards anything (the gate
does that). The form decides: an id that decodes to a number is the server's, and a client may not choose one
(of ids of 13 such characters made elsewhere, one in 16 million does; ADR 3).
"""

import hashlib

_MASK = (1 << 64) - 1
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
LENGTH = 13
SHARD_BITS = 12
RESIDENT = 1
"""The shard of numbers that stand for residents: nothing is stored under them, links lead from them (`identity`)."""
# No installation gives more numbers than this; ids that decode to more were not given here.
MOST_NUMBERS = 1 << 40


def is_resident(res: int) -> bool:
    """Whether a number stands for a resident, not for a resource."""
    return res & ((1 << SHARD_BITS) - 1) == RESIDENT


class IdPermutation:
    """Turns `res` into an id and back, under one key."""

    def __init__(self, key: bytes) -> None:
        drawn = hashlib.blake2b(b"ids", key=key, digest_size=32).digest()
        words = [int.from_bytes(drawn[i : i + 8], "big") for i in range(0, 32, 8)]
        self._first, self._second = words[0] | 1, words[1] | 1
        self._before, self._between = words[2], words[3]
        self._first_inverse = pow(self._first, -1, 1 << 64)
        self._second_inverse = pow(self._second, -1, 1 << 64)

    def id_of(self, res: int) -> str:
        """Returns the id that the server gives to `res`."""
        x = ((res ^ self._before) * self._first) & _MASK
        x ^= x >> 32
        x = ((x ^ self._between) * self._second) & _MASK
        x ^= x >> 29
        x = (x * self._first) & _MASK
        pairs = _PAIRS
        return (
            _ALPHABET[x >> 60]
            + pairs[x >> 50 & 1023]
            + pairs[x >> 40 & 1023]
            + pairs[x >> 30 & 1023]
            + pairs[x >> 20 & 1023]
            + pairs[x >> 10 & 1023]
            + pairs[x & 1023]
        )

    def res_of(self, id_: str) -> int | None:
        """Returns the `res` that the id stands for, None for an id that this server cannot have given."""
        if len(id_) != LENGTH:
            return None
        x = 0
        for sign in id_:
            value = _VALUES.get(sign)
            if value is None:
                return None
            x = x << 5 | value
        if x > _MASK:
            return None
        x = (x * self._first_inverse) & _MASK
        x ^= x >> 29 ^ x >> 58
        x = ((x * self._second_inverse) & _MASK) ^ self._between
        x ^= x >> 32
        x = ((x * self._first_inverse) & _MASK) ^ self._before
        number, shard = x >> SHARD_BITS, x & ((1 << SHARD_BITS) - 1)
        return x if shard in (0, RESIDENT) and 0 < number < MOST_NUMBERS else None
