"""A seal over a block of audit rows, and what it can say of rows that are found later. Pure.

digest = SM3(digest before ‖ number ‖ for each row: length ‖ content), numbers of 8 and lengths of 4 bytes, big-endian;
32 zeros stand before the first. A row's content is as the server sends it, every column in a form that says where it
ends, with the digest of the versions that its commit wrote.

Source: GB/T 32905-2016 (SM3)
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kangyun.base.crypto import sm3

BEFORE_ALL = bytes(32)


class Place(NamedTuple):
    """Where a row stands in the trail: its transaction, and its number."""

    xid: int
    id: int


START = Place(0, 0)


class Row(NamedTuple):
    """A row as it was read."""

    xid: int
    id: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A block of rows, sealed. ids, marks: of its rows, in order."""

    number: int
    last: Place
    ids: Sequence[int]
    marks: Sequence[int]
    digest: bytes


Kind = Literal["changed", "removed", "inserted", "seal-broken", "seal-missing", "root-differs"]


class Fault(NamedTuple):
    """Something that is not as it was sealed: a row by its number, or a seal (`id` is 0 then)."""

    kind: Kind
    seal: int
    id: int = 0


def sealed(number: int, before: bytes, rows: Sequence[Row]) -> Seal:
    """Returns the seal of a block of rows that follow the seal with the digest `before`."""
    last = rows[-1]
    return Seal(
        number,
        Place(last.xid, last.id),
        [row.id for row in rows],
        [_mark(row.content) for row in rows],
        _digest(number, before, rows),
    )


def faults(seal: Seal, before: bytes, rows: Sequence[Row]) -> list[Fault]:
    """Returns what of a seal's rows is not as it was. `rows`: those that stand in its place now."""
    if _digest(seal.number, before, rows) == seal.digest:
        return []
    then = dict(zip(seal.ids, seal.marks, strict=False))
    now = {row.id: _mark(row.content) for row in rows}
    found = [Fault("removed", seal.number, id_) for id_ in then if id_ not in now]
    found += [Fault("inserted", seal.number, id_) for id_ in now if id_ not in then]
    found += [Fault("changed", seal.number, id_) for id_, mark in now.items() if then.get(id_, mark) != mark]
    # All rows are as the marks say: then it is the seal that was changed, or the one before, or all of it with skill.
    return found or [Fault("seal-broken", seal.number)]


def _digest(number: int, before: bytes, rows: Sequence[Row]) -> bytes:
    parts = [before, number.to_bytes(8, "big")]
    for row in rows:
        parts += (len(row.content).to_bytes(4, "big"), row.content)
    return sm3(b"".join(parts))


def _mark(content: bytes) -> int:
    """Returns the CRC-32 of a row as a signed number, which the database has."""
    return (zlib.crc32(content) ^ 0x80000000) - 0x80000000
