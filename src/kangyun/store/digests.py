"""What proves that the versions of a commit are what it wrote: a digest over them, which the audit trail seals. Pure.

digest = 0x02 ‖ SM3(for each version, in the order of the commit: res ‖ version ‖ patient ‖ type ‖ action ‖ body)

Numbers big-endian, of 8, 4, 8 and 2 bytes, the action 1, the body as it is sealed; the patient is 0 for none. Those of
the first edition have 32 bytes and no 0x02: they are without type and action.

Source: GB/T 32905-2016 (SM3)
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kangyun.base.crypto import sm3
from kangyun.base.crypto.digests import DIGEST_BYTES

EDITION = b"\x02"
_FIRST, _SECOND = struct.Struct(">qiq"), struct.Struct(">qiqhc")
_GONE = struct.Struct(">qqi")
Place = tuple[int, int, int]
"""Where a version stood: the commit that wrote it, its resource, its number."""


class Written(NamedTuple):
    """A version as it stands in its row. patient: whose key has sealed it, 0 for an institution's."""

    res: int
    version: int
    patient: int
    type: int
    action: bytes
    body: bytes


def digest_of(written: Sequence[Written]) -> bytes:
    """Returns the digest of what a commit writes."""
    parts: list[bytes] = []
    for one in written:
        parts += (_SECOND.pack(*one[:5]), one.body)
    return EDITION + sm3(*parts)


def proves(digest: bytes, written: Sequence[Written]) -> bool:
    """Whether these are the versions that a commit of this digest wrote, in its order."""
    if len(digest) != DIGEST_BYTES:
        return digest == digest_of(written)
    parts: list[bytes] = []
    for one in written:
        parts += (_FIRST.pack(*one[:3]), one.body)
    return digest == sm3(*parts)


def told_gone(gone: Iterable[Place]) -> bytes:
    """Returns what the audit row of an expunging says of the versions that went, 20 bytes each."""
    return b"".join(_GONE.pack(*one) for one in gone)


def gone_by(told: bytes) -> Iterator[Place]:
    """Gives the versions that a row of `told_gone` names. Raises ValueError for what is none."""
    if len(told) % _GONE.size:
        raise ValueError(len(told))
    return _GONE.iter_unpack(told)
