"""The newest seals, kept outside the database: one line a minute, in a file that only grows.

Not signed yet: who can write to the database and to this file can hide what he did. Copy it to where he cannot write.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

FILE = Path("trail") / "roots.ndjson"


class Root(msgspec.Struct, frozen=True):
    """A seal as it stood at an instant. sm3: its digest in hexadecimal digits."""

    instant: datetime
    seal: int
    sm3: str

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.sm3)


@dataclass(frozen=True, slots=True)
class Roots:
    """The file of an installation, in its data folder."""

    path: Path

    def add(self, instant: datetime, seal: int, digest: bytes) -> None:
        """Adds a line; it is on disk when this returns. Raises OSError: then the file is as it was."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = msgspec.json.encode(Root(instant, seal, digest.hex())) + b"\n"
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = os.fstat(file).st_size
            if end and os.pread(file, 1, end - 1) != b"\n":
                line = b"\n" + line  # Behind what a loss of power has left of the last one.
            if os.pwrite(file, line, end) < len(line):
                os.ftruncate(file, end)
                raise OSError("the disk is full")
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> tuple[list[Root], list[int]]:
        """Returns what the file says, oldest first, and the numbers of the lines that cannot be read. Raises OSError.

        Nothing where there is no file.
        """
        found: list[Root] = []
        unreadable = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n") if self.path.exists() else (), 1):
            try:
                if line:
                    root = msgspec.json.decode(line, type=Root)
                    bytes.fromhex(root.sm3)
                    found.append(root)
            except (msgspec.DecodeError, ValueError):
                unreadable.append(number)
        return found, unreadable
