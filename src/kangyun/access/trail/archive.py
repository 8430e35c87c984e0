"""A part of the trail in a file: its seals, each with the rows that it holds, as they were sealed.

The file is a zstd stream of frames, each its length (4 bytes, big-endian) and a MessagePack array: first the head
[form, number, first seal, digest of the seal before], then for each seal [number, xid, id, ids, marks, body, digest,
[[xid, id, content] of each row]]. Its name tells its SM3. Nothing in it is encrypted, as little as in the database: it
holds no value of a patient in clear (ADR 24), and an assessor verifies it without a key.

Files only: no database.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import zstandard
from cryptography.hazmat.primitives import hashes

from kangyun.access.trail.chain import Place, Row, Seal
from kangyun.store.digests import Place as Gone
from kangyun.store.digests import gone_by

FORM = "kangyun trail 1"
FOLDER = Path("trail") / "archive"
LEVEL = 9
LARGEST_FRAME = 64_000_000  # bytes: a seal has 1,000 rows
PIECE = 1_000_000  # bytes
_LENGTH = struct.Struct(">i")
# Each column of a row's content: the oid of its type, its length, its value. Before them their number.
_COLUMN = struct.Struct(">ii")
_INSTANT, _COMMIT, _INSTITUTION, _OUTCOME, _ACTION, _ACTOR, _PURPOSE, _SHAPE = 2, 3, 4, 5, 6, 7, 8, 9
_DIGEST, _DETAIL = 13, 19
_EXPUNGE, _REGISTER, _DONE = b"expunge", b"identity-", 200


class Broken(Exception):
    """The file is no archive of the trail, or not whole."""


@dataclass(frozen=True, slots=True)
class Block:
    """A seal with its rows."""

    seal: Seal
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Head:
    """What an archive begins with. before: the digest of the seal before its first one."""

    number: int
    first_seal: int
    before: bytes


class Told(NamedTuple):
    """What a row says of the commit that it is of. instant: microseconds since the year 2000, as the server has it."""

    commit: int
    instant: int
    institution: int
    actor: str
    purpose: str
    digest: bytes


class Writing:
    """An archive that is being written: under a name of its own until it is whole."""

    def __init__(self, folder: Path, head: Head) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._head = folder, head
        self._draft = folder / f".trail-{head.number:06}-{os.getpid()}"
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._packed = zstandard.ZstdCompressor(LEVEL, write_checksum=True).stream_writer(self._file, closefd=False)
        self._add([FORM, head.number, head.first_seal, head.before])

    def add(self, seal: Seal, rows: Sequence[Row]) -> None:
        """Adds a seal with its rows."""
        lists = [list(seal.ids), list(seal.marks)]
        self._add([seal.number, *seal.last, *lists, seal.body, seal.digest, [list(row) for row in rows]])

    def finish(self) -> tuple[Path, bytes]:
        """Makes it whole; it is on disk when this returns. Returns the file and its SM3. Raises OSError."""
        self._packed.close()  # type: ignore[no-untyped-call]
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = sm3_of(self._draft)
        path = self._folder / f"trail-{self._head.number:06}-{digest.hex()}.zst"
        self._draft.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path, digest

    def give_up(self) -> None:
        """Leaves nothing behind."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _add(self, frame: Any) -> None:
        data = msgspec.msgpack.encode(frame)
        self._packed.write(_LENGTH.pack(len(data)) + data)


def sm3_of(path: Path) -> bytes:
    """Returns the SM3 of a file. Raises OSError."""
    digest = hashes.Hash(hashes.SM3())
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.finalize()


def read(path: Path) -> Iterator[Head | Block]:
    """Yields the head of an archive, then its blocks. Raises OSError, and Broken where it cannot be read further."""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            head = _frame(plain)
            if not isinstance(head, list) or len(head) != 4 or head[0] != FORM:
                raise Broken
            yield Head(*head[1:])
            while (frame := _frame(plain)) is not None:
                yield _block(frame)
    except (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError, struct.error) as error:
        raise Broken from error


def _frame(plain: Any) -> Any:
    length = _exactly(plain, _LENGTH.size)
    if not length:
        return None
    (size,) = _LENGTH.unpack(length)
    if not 0 < size <= LARGEST_FRAME:
        raise Broken
    return msgspec.msgpack.decode(_exactly(plain, size))


def _exactly(plain: Any, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := plain.read(size)):
        parts.append(part)
        size -= len(part)
    if size and parts:
        raise Broken
    return b"".join(parts)


def _block(frame: Any) -> Block:
    number, xid, id_, ids, marks, body, digest, rows = frame
    if len(ids) != len(marks) or not all(isinstance(one, int) for one in (number, xid, id_, *ids, *marks)):
        raise Broken
    return Block(Seal(number, Place(xid, id_), ids, marks, body, digest), [Row(*row) for row in rows])


def told_of(content: bytes) -> Told | None:
    """Returns what a row says of the commit that it is of, None where it is of none.

    Raises Broken for what is no row's content.
    """
    columns = _columns(content)
    if columns[_COMMIT] is None:
        return None
    commit, instant, institution = (_number(columns[place]) for place in (_COMMIT, _INSTANT, _INSTITUTION))
    actor, purpose = ((columns[place] or b"").decode() for place in (_ACTOR, _PURPOSE))
    return Told(commit, instant, institution, actor, purpose, columns[_DIGEST] or b"")


def expunged(found: Sequence[Row]) -> Iterator[Gone]:
    """Gives the versions that rows say were expunged. Raises Broken for what is no row's content."""
    for columns in [_columns(row.content) for row in found if _EXPUNGE in row.content]:
        done = columns[_ACTION] == _EXPUNGE and _number(columns[_OUTCOME]) == _DONE
        if done and len(columns) > _DETAIL:
            try:
                yield from gone_by(columns[_DETAIL] or b"")
            except ValueError as error:
                raise Broken from error


def _number(column: bytes | None) -> int:
    return int.from_bytes(column or b"", "big", signed=True)


def registered(found: Sequence[Row]) -> list[tuple[int, str]]:
    """Returns number and shape of the rows that tell of the register. Raises Broken for what is no row's content."""
    likely = [(row.id, _columns(row.content)) for row in found if _REGISTER in row.content]
    return [(id_, (one[_SHAPE] or b"").decode()) for id_, one in likely if (one[_ACTION] or b"").startswith(_REGISTER)]


def _columns(content: bytes) -> list[bytes | None]:
    """Returns the columns of a row, as the server sent them."""
    place, found = _LENGTH.size, list[bytes | None]()
    try:
        (count,) = _LENGTH.unpack_from(content)
        for _ in range(count):
            _, length = _COLUMN.unpack_from(content, place)
            place += _COLUMN.size
            found.append(None if length < 0 else content[place : place + length])
            place += max(length, 0)
    except struct.error as error:
        raise Broken from error
    if len(found) <= _DIGEST:
        raise Broken
    return found
