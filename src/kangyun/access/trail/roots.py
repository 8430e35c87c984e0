"""The newest seals, kept outside the database: one line a minute, in a file that only grows.

Not signed yet: who can write to the database and to this file can hide what he did. Copy it to where he cannot write.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from kangyun.base.errors import Malformed

FILE = Path("trail") / "roots.ndjson"


class Root(msgspec.Struct, frozen=True):
    """A seal as it stood at an instant. digest: SM3, in hexadecimal digits in the file."""

    instant: datetime
    seal: int
    digest: bytes


class _Line(msgspec.Struct, frozen=True):
    instant: datetime
    seal: int
    sm3: str


@dataclass(frozen=True, slots=True)
class Roots:
    """The file of an installation, in its data folder."""

    path: Path

    def add(self, root: Root) -> None:
        """Adds a line; it is on disk when this returns. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = msgspec.json.encode(_Line(root.instant, root.seal, root.digest.hex())) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)

    def __iter__(self) -> Iterator[Root]:
        """Yields the lines, oldest first; none where there is no file. Raises Malformed, naming the line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as source:
            for number, line in enumerate(source, 1):
                try:
                    read = msgspec.json.decode(line, type=_Line)
                    yield Root(read.instant, read.seal, bytes.fromhex(read.sm3))
                except (msgspec.DecodeError, ValueError):
                    raise Malformed("access.trail.root-unreadable", file=str(self.path), line=number) from None
