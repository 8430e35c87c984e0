"""Drop folders: files that are finished are queued whole, in pieces where they are large, and moved out of the way.

A file is finished when its size and time have not changed for a while and nobody has it open for writing; names that
programs give to unfinished ones are passed over. It moves to `sent` once it is queued, and on to `done` or `returned`
when all of it was answered. The bytes are not touched: a large CSV or DBF is cut between its records.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.configuration import Folder
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Batch, Queue
from kangyun.exchange.protocol import MOST_BYTES, File

PIECE = 4 << 20
"""Bytes of one delivery of a file that can be cut."""
LARGEST = MOST_BYTES * 3 // 4 - 4096
"""Bytes of a file that cannot: in a message it takes a third more."""
SENT, DONE, RETURNED = "sent", "done", "returned"
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".writing", "~")
_LONGEST_QUOTED = 1 << 20
"""Bytes behind which a line end counts as one, quotes or none: a quote is missing, or stands where none opens."""
_DBF_HEAD = 32
_DBF_VERSIONS = (0x02, 0x03, 0x04, 0x30, 0x31, 0x32, 0x83, 0x8B, 0xF5)


@dataclass(slots=True)
class Dropping:
    """Looks after one folder. One thread's. sizes: what was seen of files, and since when it has been so."""

    queue: Queue
    folder: Folder
    pace: Pace
    _sizes: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    _locked: int = 0

    def round(self) -> int:
        """Queues the files that are finished, and puts away those that were answered. Returns how many were queued.

        Raises Full; PlatformError at the end where a file cannot be opened, since somebody has it or keeps it.
        """
        home = Path(self.folder.folder)
        self._locked = 0
        for name in (SENT, DONE, RETURNED):
            (home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._put_away(home)
        taken = 0
        for path in sorted(home.iterdir()):
            self.pace.check()
            if path.is_file() and not path.name.startswith((".", "~")) and not path.name.lower().endswith(UNFINISHED):
                taken += self._is_finished(path) and self._take(home, path)
        if self._locked:
            raise PlatformError("exchange.gateway.locked", files=self._locked)
        return taken

    def _is_finished(self, path: Path) -> bool:
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        now = time.monotonic()
        size, changed, since = self._sizes.get(path.name, (-1, 0.0, now))
        if (size, changed) != (found.st_size, found.st_mtime):
            self._sizes[path.name] = (found.st_size, found.st_mtime, now)
            return self.folder.settle == 0
        return now - since >= self.folder.settle

    def _take(self, home: Path, path: Path) -> bool:
        try:
            # On Windows who writes a file keeps it from being opened so; elsewhere nothing tells but its size.
            with path.open("r+b") as stream:
                content = stream.read()
        except PermissionError:
            self._locked += 1
            return False
        digest = hashlib.sha256(content).hexdigest()
        if self.queue.file(self.folder.place, path.name, digest) is None:
            found = list(pieces(content)) if _is_cut(content) else [(content, 0)]
            if not content or any(len(piece) > LARGEST for piece, _ in found):
                _move(path, home / RETURNED, ".too-large" if content else ".empty")
                return False
            batches = [
                Batch(
                    self.folder.feed, self.folder.place,
                    File(path.name, piece, self.folder.encoding, self.folder.dialect), 0,
                    {"file": path.name, "digest": digest, "skipped": skipped},
                )
                for piece, skipped in found
            ]  # fmt: skip
            self.queue.put(*batches, file=(path.name, digest))
        _move(path, home / SENT, "", digest)
        self._sizes.pop(path.name, None)
        return True

    def _put_away(self, home: Path) -> None:
        for name, digest, count, answered, aside in self.queue.files(self.folder.place):
            if answered < count:
                continue
            with contextlib.suppress(FileNotFoundError):
                _move(home / SENT / _named(name, digest), home / (RETURNED if aside else DONE))
            self.queue.finished(self.folder.place, name, digest)


def pieces(content: bytes, size: int = PIECE) -> Iterator[tuple[bytes, int]]:
    """Yields a file in pieces that are files of its kind, each with how many rows stand before its own."""
    if len(content) <= size:
        yield content, 0
    elif _is_dbf(content):
        yield from _dbf(content, size)
    else:
        yield from _lines(content, size)


def _is_cut(content: bytes) -> bool:
    # Other kinds have no records that could stand alone: workbooks, XML, texts of two bytes a letter.
    return _is_dbf(content) or not (
        content.startswith((b"PK", b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff", b"\xd0\xcf\x11\xe0", b"MSH"))
    )


def _is_dbf(content: bytes) -> bool:
    if len(content) <= _DBF_HEAD or content[0] not in _DBF_VERSIONS:
        return False
    head, record = _dbf_sizes(content)
    return _DBF_HEAD < head <= len(content) and record > 1 and content[head - 1 : head] in (b"\r", b"\x00")


def _dbf_sizes(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[8:10], "little"), int.from_bytes(content[10:12], "little")


def _dbf(content: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    head, record = _dbf_sizes(content)
    told = int.from_bytes(content[4:8], "little")
    there = (len(content) - head) // record
    each = max(1, size // record)
    for first in range(0, there, each):
        count = min(each, there - first)
        # The last piece says as many as the file said, so that one that was cut off is still found to be; and none says
        # more, so that records beyond are, too.
        said = told - first if first + count == there else min(count, told - first)
        body = content[head + first * record : head + (first + count) * record]
        yield content[:4] + max(said, 0).to_bytes(4, "little") + content[8:head] + body + b"\x1a", first


def _lines(content: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    """Cuts at line ends outside quotes. In UTF-8 and GB 18030 neither is ever a part of a character."""
    header = content[: content.index(b"\n") + 1] if b"\n" in content else b""
    start, skipped = len(header), 0
    while start < len(content):
        end = len(content) if start + size >= len(content) else _line_end(content, start, start + size)
        yield header + content[start:end], skipped
        skipped += content.count(b"\n", start, end)
        start = end


def _line_end(content: bytes, start: int, least: int) -> int:
    """Returns behind which line end a piece ends: the first outside quotes, as far as there is one near."""
    first = end = content.find(b"\n", least) + 1 or len(content)
    quotes = content.count(b'"', start, end)
    while quotes % 2:
        if end == len(content) or end - first > _LONGEST_QUOTED:
            return first
        last, end = end, content.find(b"\n", end) + 1 or len(content)
        quotes += content.count(b'"', last, end)
    return end


def _named(name: str, digest: str) -> str:
    return f"{digest[:12]}-{name}"


def _move(path: Path, folder: Path, ending: str = "", digest: str = "") -> None:
    """Moves a file; one of the same name that is there is the same file, or gets out of the way by its time."""
    target = folder / (_named(path.name, digest) if digest else path.name + ending)
    if target.exists() and not digest:
        target = target.with_name(f"{target.stem}-{time.time_ns()}{target.suffix}")
    os.replace(path, target)
