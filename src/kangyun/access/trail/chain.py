"""A seal over a block of audit rows, and what it can say of rows that are found later. Pure.

body = SM3(for each row: length ‖ content)
digest = SM3(digest before ‖ number ‖ place of the last row ‖ count ‖ ids ‖ marks ‖ body)

Numbers have 8 bytes, lengths, counts and marks 4, big-endian; 32 zeros stand before the first. A row's content is as
the server sends it, every column in a form that says where it ends, with the digest of the versions that its commit
wrote.

Source: GB/T 32905-2016 (SM3)
"""

import struct
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


START = Place(-(1 << 63), -(1 << 63))


class Row(NamedTuple):
    """A row as it was read."""

    xid: int
    id: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A block of rows, sealed. ids, marks: of its rows, in order; empty where what was read are no such lists."""

    number: int
    last: Place
    ids: Sequence[int]
    marks: Sequence[int]
    body: bytes
    digest: bytes


Kind = Literal[
    "changed", "removed", "inserted", "rows-differ", "seal-broken", "seal-missing", "root-differs", "rows-before",
    "archive-missing", "archive-changed", "archive-broken", "archive-differs", "commit-differs",
    "institutions-differ",
]  # fmt: skip


class Fault(NamedTuple):
    """Something that is not as it was sealed: a row by its number, a seal (`id` is 0, or the last one missing), or an
    archive by its number."""

    kind: Kind
    seal: int
    id: int = 0


def sealed(number: int, before: bytes, rows: Sequence[Row]) -> Seal:
    """Returns the seal of a block of rows that follow the seal with the digest `before`."""
    last = Place(rows[-1].xid, rows[-1].id)
    ids, marks, body = [row.id for row in rows], [_mark(row.content) for row in rows], _body(rows)
    return Seal(number, last, ids, marks, body, _digest(before, number, last, ids, marks, body))


def faults(seal: Seal, before: bytes, rows: Sequence[Row]) -> list[Fault]:
    """Returns what of a seal and its rows is not as it was. `rows`: those that stand in its place now."""
    differ = [] if _body(rows) == seal.body else [Fault("rows-differ", seal.number)]
    if _digest(before, seal.number, seal.last, seal.ids, seal.marks, seal.body) != seal.digest:
        return [Fault("seal-broken", seal.number), *differ]  # What it says of its rows means nothing any more.
    if not differ:
        return []
    then = dict(zip(seal.ids, seal.marks, strict=True))
    now = {row.id: _mark(row.content) for row in rows}
    found = [Fault("removed", seal.number, id_) for id_ in then if id_ not in now]
    found += [Fault("inserted", seal.number, id_) for id_ in now if id_ not in then]
    found += [Fault("changed", seal.number, id_) for id_, mark in now.items() if then.get(id_, mark) != mark]
    return found or differ  # Twice the same row, or another of the same CRC.


def _body(rows: Sequence[Row]) -> bytes:
    parts: list[bytes] = []
    for row in rows:
        parts += (len(row.content).to_bytes(4, "big"), row.content)
    return sm3(b"".join(parts))


def _digest(before: bytes, number: int, last: Place, ids: Sequence[int], marks: Sequence[int], body: bytes) -> bytes:
    head = struct.pack(">qqqi", number, *last, len(ids))
    lists = struct.pack(f">{len(ids)}q{len(marks)}i", *ids, *marks)
    return sm3(before, head, lists, body)


def _mark(content: bytes) -> int:
    """Returns the CRC-32 of a row as a signed number, which the database has."""
    return (zlib.crc32(content) ^ 0x80000000) - 0x80000000
