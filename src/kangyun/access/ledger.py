"""The ledger outside the database: what a restore from a backup must not bring back.

An erasure, the withdrawal of a consent, the end of a session, an identity or an application: each is a line here, on
disk before whoever asked is answered, and before the database commits it. So a crash between the two leaves an entry of
something that was decided and not done, never something done that a restore undoes. `access.replaying` carries the
entries out again.

    {"n":2,"instant":"…","kind":"erasure","subject":"Patient/…","detail":{…},"digest":"…"}

A line's digest is SM3 over the digest before it (of the first line: over nothing) and the line's other members as
canonical JSON; so a line that was changed, removed, inserted or moved shows. That lines were cut off at the end shows
by what the database knows of its last one (`kangyun keys check`), and against a copy kept elsewhere. Several processes
may append at once. No entry holds a person's data: subjects are references and numbers.

It is a file to be kept like a backup: copy it off the machine as it grows.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from kangyun.base import clock
from kangyun.base.crypto import sm3
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.settings import Settings

FILE = Path("ledger") / "ledger.ndjson"
Kind = Literal["erasure", "withdrawal", "revocation", "linkage", "device"]
_TAIL = 1 << 16


class Entry(msgspec.Struct, frozen=True):
    """One line."""

    n: int
    instant: datetime
    kind: Kind
    subject: str
    detail: dict[str, Any]
    digest: str

    def digest_after(self, before: str) -> str:
        """Returns the digest that this entry has behind one whose digest is `before`."""
        told = msgspec.to_builtins(self)
        del told["digest"]
        return sm3(before.encode(), msgspec.json.encode(told, order="deterministic")).hex()


class LedgerBroken(PlatformError):
    """A line of the ledger is not what was written."""

    code = "exception"
    default_text = "access.ledger-wrong"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file of an installation. Its methods wait for the disk: call them in a thread where others wait."""

    path: Path

    @classmethod
    def of(cls, settings: Settings) -> "Ledger":
        """Returns the ledger that the settings name."""
        return cls(Path(settings.ledger) if settings.ledger else settings.data / FILE)

    def append(self, kind: Kind, subject: str, detail: dict[str, Any]) -> Entry:
        """Appends an entry, which is on disk when this returns. Raises Unavailable: then there is none."""
        try:
            self._make_folder()
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                return self._appended(file, kind, subject, detail)
            finally:
                os.close(file)
        except OSError:
            raise Unavailable("access.ledger-not-written", file=str(self.path)) from None

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """Gives the entries behind number `since`, oldest first. Raises LedgerBroken at the first that is not whole."""
        before, last, torn = "", 0, False
        for number, line in self._lines():
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError:
                torn = True  # Of an append that a loss of power broke off: whoever it was for was not answered.
                continue
            if entry.n != last + 1 or entry.digest != entry.digest_after(before):
                raise LedgerBroken("access.ledger-broken", file=str(self.path), line=number)
            before, last, torn = entry.digest, entry.n, False
            if entry.n > since:
                yield entry
        if torn and not self._ends_torn():
            raise LedgerBroken("access.ledger-broken", file=str(self.path), line=last + 1)

    def verify(self) -> int:
        """Returns how many entries there are. Raises LedgerBroken where one was changed, removed, inserted or moved."""
        count = 0
        for entry in self.entries():
            count = entry.n
        return count

    def _appended(self, file: int, kind: Kind, subject: str, detail: dict[str, Any]) -> Entry:
        end = os.fstat(file).st_size
        last = _last_entry(file, end)
        entry = Entry((last.n if last else 0) + 1, clock.now(), kind, subject, detail, "")
        entry = msgspec.structs.replace(entry, digest=entry.digest_after(last.digest if last else ""))
        line = msgspec.json.encode(entry) + b"\n"
        if end and os.pread(file, 1, end - 1) != b"\n":
            line = b"\n" + line  # Behind what a loss of power has left of the last one.
        if os.pwrite(file, line, end) < len(line):
            os.ftruncate(file, end)
            raise OSError("the disk is full")
        os.fsync(file)
        if not end:
            _sync(self.path.parent)
        return entry

    def _make_folder(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self.path.open("rb") as source:
                for number, line in enumerate(source, 1):
                    if line.strip():
                        yield number, line
        except FileNotFoundError:
            return
        except OSError:
            raise Unavailable("access.ledger-unreadable", file=str(self.path)) from None

    def _ends_torn(self) -> bool:
        """Whether the last line has no end: then it is the torn one, and not one that was made unreadable."""
        with self.path.open("rb") as source:
            source.seek(-1, os.SEEK_END)
            return source.read(1) != b"\n"


def _last_entry(file: int, end: int) -> Entry | None:
    """Returns the last whole entry, reading from the end."""
    size = _TAIL
    while True:
        begin = max(end - size, 0)
        lines = os.pread(file, end - begin, begin).split(b"\n")
        for line in reversed(lines if begin == 0 else lines[1:]):
            try:
                return msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError:
                continue
        if begin == 0:
            return None
        size *= 4


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
