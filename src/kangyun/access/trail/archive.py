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
from typing import Any, BinaryIO

import msgspec
import zstandard
from cryptography.hazmat.primitives import hashes

from kangyun.access.trail.chain import Place, Row, Seal

FORM = "kangyun trail 1"
FOLDER = Path("trail") / "archive"
LEVEL = 9
LARGEST_FRAME = 64_000_000  # bytes: a seal has 1,000 rows
PIECE = 1_000_000  # bytes
_LENGTH = struct.Struct(">i")
# Each column of a row's content: the oid of its type, its length, its value. Before them their number.
_COLUMN = struct.Struct(">ii")
_COMMIT, _ACTION, _SHAPE, _REQUEST, _DIGEST = 3, 6, 9, 11, 13
_EXPUNGE = b"expunge"
_REGISTER = b"identity-"


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


def commit_of(content: bytes) -> tuple[int, bytes] | None:
    """Returns the commit of a row and the digest of what it wrote, None where the row is of no commit.

    Raises Broken for what is no row's content.
    """
    place, found = _LENGTH.size, b""
    try:
        for column in range(_DIGEST + 1):
            _, length = _COLUMN.unpack_from(content, place)
            value = content[place + _COLUMN.size : place + _COLUMN.size + max(length, 0)]
            if column == _COMMIT:
                if length < 0:
                    return None
                found = value
            place += _COLUMN.size + max(length, 0)
    except struct.error as error:
        raise Broken from error
    return int.from_bytes(found, "big", signed=True), value


def expunges(found: Sequence[Row]) -> set[str]:
    """Returns the requests of the rows that tell of an expunging. Raises Broken for what is no row's content."""
    likely = [_columns(row.content) for row in found if _EXPUNGE in row.content]
    return {(one[_REQUEST] or b"").decode() for one in likely if one[_ACTION] == _EXPUNGE}


def registered(found: Sequence[Row]) -> list[tuple[int, str]]:
    """Returns number and shape of the rows that tell of the register. Raises Broken for what is no row's content."""
    likely = [(row.id, _columns(row.content)) for row in found if _REGISTER in row.content]
    return [(id_, (one[_SHAPE] or b"").decode()) for id_, one in likely if (one[_ACTION] or b"").startswith(_REGISTER)]


def _columns(content: bytes) -> list[bytes | None]:
    """Returns the columns up to the digest, as the server sent them."""
    place, found = _LENGTH.size, []
    try:
        for _ in range(_DIGEST + 1):
            _, length = _COLUMN.unpack_from(content, place)
            place += _COLUMN.size
            found.append(None if length < 0 else content[place : place + length])
            place += max(length, 0)
    except struct.error as error:
        raise Broken from error
    return found
