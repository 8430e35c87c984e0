"""The form of a file on the medium: chunks, each packed and sealed by itself, so that any size streams and cores share.

file  = MAGIC ‖ id of the key (8 bytes), then chunks
chunk = length of the sealed text (4 bytes, big-endian) ‖ length of the plain text (4) ‖ sealed text

A sealed text is nonce, ciphertext, tag of the chunk packed by zstd. Authenticated with it are the file's name, the
chunk's number, the length of its plain text, and whether it is the last (an empty one): a chunk that was moved,
exchanged, repeated or cut off is found out. A file that grows has no last chunk until it is finished.
"""

import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from kangyun.base.crypto import Sealer, Unreadable, sm3
from kangyun.base.errors import PlatformError

MAGIC = b"KANGYUN1"
CHUNK = 4 << 20  # bytes of plain text
LARGEST = 2 * CHUNK  # bytes of a sealed chunk
KEY_ID = 8  # bytes
HEADER = len(MAGIC) + KEY_ID
_HEAD = struct.Struct(">II")
_LEVEL = 1  # of zstd: ten times as fast as the cipher


class DamagedFile(PlatformError):
    """A file of the backup is not as it was written, or was sealed under another key."""

    code = "exception"
    default_text = "database.backups.broken"


class Written(NamedTuple):
    """What was written. sm3: of the digests of the sealed chunks, one after the other."""

    plain: int
    sealed: int
    sm3: str


class _Piece(NamedTuple):
    head: bytes
    body: bytes
    digest: bytes


class Keys:
    """The keys of a medium. New files are sealed under the newest."""

    def __init__(self, sealers: Mapping[bytes, Sealer]) -> None:
        """`sealers`: by the id of each key, the newest last."""
        self._sealers = dict(sealers)
        self.newest = next(reversed(self._sealers))

    def of(self, id_: bytes, path: Path) -> Sealer:
        """Returns a key. Raises DamagedFile where the medium has none of that id that could be opened."""
        if id_ not in self._sealers:
            raise DamagedFile("database.backups.damaged", file=path.name)
        return self._sealers[id_]

    @property
    def sealer(self) -> Sealer:
        return self._sealers[self.newest]


def write(sink: BinaryIO, name: str, keys: Keys, source: Iterable[bytes]) -> Written:
    """Writes a whole file from chunks of at most CHUNK bytes, sealed on all cores. The sink is on disk afterwards."""
    cores = os.cpu_count() or 1
    plain, sealed, digests, key = 0, HEADER, bytearray(), keys.sealer
    sink.write(MAGIC + keys.newest)

    def put(piece: _Piece) -> None:
        nonlocal sealed
        sink.write(piece.head)
        sink.write(piece.body)
        sealed += len(piece.head) + len(piece.body)
        digests.extend(piece.digest)

    with ThreadPoolExecutor(cores) as workers:
        waiting: deque[Future[_Piece]] = deque()
        count = 0
        for count, chunk in enumerate(source, 1):
            plain += len(chunk)
            waiting.append(workers.submit(_piece, key, name, count - 1, chunk))
            if len(waiting) > cores:
                put(waiting.popleft().result())
        for future in waiting:
            put(future.result())
    put(_piece(key, name, count, b""))
    sink.flush()
    os.fsync(sink.fileno())
    return Written(plain, sealed, sm3(bytes(digests)).hex())


def read(path: Path, name: str, keys: Keys, *, whole: bool = True) -> Iterator[bytes]:
    """Yields the chunks of a file. Raises DamagedFile.

    whole: it has its last chunk; else it ends where the writer had come, and half a chunk at its end is passed over.
    """
    cores = os.cpu_count() or 1
    with path.open("rb") as source, ThreadPoolExecutor(cores) as workers:
        waiting: deque[Future[bytes]] = deque()
        finished = False
        begun = _begun(source, path, whole=whole)
        key = keys.of(begun, path) if begun else keys.sealer
        for number, (plain, body) in enumerate(_chunks(source, path, whole=whole) if begun else ()):
            if finished:
                raise DamagedFile("database.backups.damaged", file=path.name)
            finished = plain == 0
            waiting.append(workers.submit(_open, key, path, name, number, plain, body))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if whole and not finished:
            raise DamagedFile("database.backups.damaged", file=path.name)


def check(path: Path) -> Written:
    """Returns what a whole file is, without any key. Raises DamagedFile where it cannot be read to its end."""
    plain, sealed, digests = 0, HEADER, bytearray()
    with path.open("rb") as source:
        _begun(source, path, whole=True)
        for length, body in _chunks(source, path, whole=True):
            plain, sealed = plain + length, sealed + _HEAD.size + len(body)
            digests.extend(sm3(body))
    return Written(plain, sealed, sm3(bytes(digests)).hex())


class Growing:
    """A file that grows by what is appended to something elsewhere. One writer at a time.

    What a loss of power left of its last chunk is cut off when it is opened.
    """

    def __init__(self, path: Path, name: str, keys: Keys) -> None:
        self._path, self._name, self._key = path, name, keys.sealer
        self.plain, self.chunks, self.is_finished, end = 0, 0, False, 0
        self._last: tuple[int, bytes] = (0, b"")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0)
            begun = _begun(file, path, whole=False)
            if begun:
                self._key, end = keys.of(begun, path), HEADER
            for plain, body in _chunks(file, path, whole=False) if begun else ():
                self.plain, self.chunks, self.is_finished = self.plain + plain, self.chunks + 1, plain == 0
                self._last, end = (plain, body), file.tell()
            if not end:
                file.truncate(0)
                file.write(MAGIC + keys.newest)
            elif file.seek(0, os.SEEK_END) != end:
                file.truncate(end)

    def last_chunk(self) -> bytes:
        """Returns the plain text of the last chunk: what stands before `plain` in the original. Raises DamagedFile."""
        plain, body = self._last
        return _open(self._key, self._path, self._name, self.chunks - 1, plain, body) if self.chunks else b""

    def append(self, more: bytes, *, last: bool = False) -> None:
        """Appends, and finishes the file with `last`. It is on disk when this returns. Raises OSError."""
        pieces = [more[begin : begin + CHUNK] for begin in range(0, len(more), CHUNK)] + ([b""] if last else [])
        with self._path.open("ab") as file:
            for piece in pieces:
                made = _piece(self._key, self._name, self.chunks, piece)
                file.write(made.head + made.body)
                self.plain, self.chunks, self.is_finished = self.plain + len(piece), self.chunks + 1, not piece
                self._last = (len(piece), made.body)
            file.flush()
            os.fsync(file.fileno())


def _begun(source: BinaryIO, path: Path, *, whole: bool) -> bytes:
    """Returns the id of the key that a file names; nothing where its writer was stopped before it had one."""
    head = source.read(HEADER)
    if len(head) == HEADER and head.startswith(MAGIC):
        return head[len(MAGIC) :]
    if whole or len(head) == HEADER or head[: len(MAGIC)] != MAGIC[: len(head)]:
        raise DamagedFile("database.backups.damaged", file=path.name)
    return b""


def _chunks(source: BinaryIO, path: Path, *, whole: bool) -> Iterator[tuple[int, bytes]]:
    while head := source.read(_HEAD.size):
        if len(head) == _HEAD.size:
            length, plain = _HEAD.unpack(head)
            if length > LARGEST or plain > CHUNK:
                raise DamagedFile("database.backups.damaged", file=path.name)
            body = source.read(length)
            if len(body) == length:
                yield plain, body
                continue
        if whole:
            raise DamagedFile("database.backups.damaged", file=path.name)
        return


def _piece(key: Sealer, name: str, number: int, plain: bytes) -> _Piece:
    body = key.seal(zstandard.ZstdCompressor(_LEVEL).compress(plain), _associated(name, number, len(plain)))
    return _Piece(_HEAD.pack(len(body), len(plain)), body, sm3(body))


def _open(key: Sealer, path: Path, name: str, number: int, plain: int, body: bytes) -> bytes:
    try:
        packed = key.open(body, _associated(name, number, plain))
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=CHUNK)
    except (Unreadable, zstandard.ZstdError):
        raise DamagedFile("database.backups.damaged", file=path.name) from None


def _associated(name: str, number: int, plain: int) -> bytes:
    # An empty chunk is the last one: no other is empty.
    return f"{name}\n{number}\n{plain}".encode()
