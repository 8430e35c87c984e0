"""The files of bulk jobs: a folder a job, in the data folder, open to nobody else, gone when their time is over.

They hold resources in clear, as the disk's own encryption and these modes protect them (docs/security.md).
"""

import os
import re
import shutil
import struct
import zlib
from pathlib import Path
from uuid import UUID

_JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z]+(\.\d{1,6})?(\.\w+)?\.ndjson")


class Folder:
    """The folder of all bulk jobs."""

    def __init__(self, data: Path) -> None:
        self._root = data / "bulk"

    def of(self, job: UUID) -> Path:
        """Returns a job's folder, making it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / str(job)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def file(self, job: UUID, name: str) -> Path | None:
        """Returns a job's file by the name that a client gives, None where there is none."""
        if not _NAME.fullmatch(name):
            return None
        path = self._root / str(job) / name
        packed = path.with_name(f"{name}.gz")
        return packed if packed.is_file() else path if path.is_file() else None

    def remove(self, job: UUID) -> None:
        """Removes what a job left."""
        shutil.rmtree(self._root / str(job), ignore_errors=True)

    def jobs(self) -> list[UUID]:
        """Returns the jobs that have a folder."""
        names = [entry.name for entry in self._root.iterdir()] if self._root.is_dir() else []
        return [UUID(name) for name in names if _JOB.fullmatch(name)]


class GrowingFile:
    """A file that is only added to, and cut back to what was surely written when a job goes on after a stop."""

    def __init__(self, path: Path, length: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, length)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        self.length = length

    def add(self, data: bytes) -> None:
        """Adds bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.length += len(data)

    def flush(self) -> None:
        """Returns when all of it is on disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


class PlainFile:
    """As PackedFile, without the packing."""

    checksum = 0

    def __init__(self, path: Path, length: int = 0) -> None:
        self._file = GrowingFile(path, length)

    @property
    def length(self) -> int:
        return self._file.length

    @property
    def plain(self) -> int:
        return self._file.length

    def add(self, data: bytes) -> None:
        """Adds a piece."""
        self._file.add(data)

    def flush(self) -> None:
        """Returns when all of it is on disk."""
        self._file.flush()

    def finish(self) -> None:
        """Closes the file; it can be read from now on."""
        self._file.flush()
        self._file.close()

    def close(self) -> None:
        """Closes the file as it is."""
        self._file.close()


class PackedFile:
    """A gzip file that grows by pieces and goes on after a stop: one member, as not every reader takes several.

    Each piece is compressed for itself and ends at the border of a byte, so pieces put together are one deflate stream;
    checksum and length of all of them, which end the file, are kept between (`length`, `checksum`, `plain`).

    Source: RFC 1951 (a stream is blocks one after the other), RFC 1952
    """

    def __init__(self, path: Path, length: int = 0, checksum: int = 0, plain: int = 0) -> None:
        self._file = GrowingFile(path, length)
        self.checksum = checksum
        self.plain = plain
        if not length:
            self._file.add(_GZIP_HEAD)

    @property
    def length(self) -> int:
        return self._file.length

    def add(self, data: bytes) -> None:
        """Adds a piece."""
        machine = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        self._file.add(machine.compress(data) + machine.flush(zlib.Z_FULL_FLUSH))
        self.checksum = zlib.crc32(data, self.checksum)
        self.plain += len(data)

    def flush(self) -> None:
        """Returns when all of it is on disk."""
        self._file.flush()

    def finish(self) -> None:
        """Ends the stream and closes the file; it can be read from now on."""
        self._file.add(_LAST_BLOCK + struct.pack("<II", self.checksum, self.plain & 0xFFFF_FFFF))
        self._file.flush()
        self._file.close()

    def close(self) -> None:
        """Closes the file as it is."""
        self._file.close()


# An empty block that is marked as the last one. And no name, no time: the same content is the same file.
_LAST_BLOCK = b"\x03\x00"
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
LEVEL = 1
