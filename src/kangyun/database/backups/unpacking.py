"""Brings a copy and the log back: the server's files unsealed into a fresh folder, the log as recovery asks for it.

The log is not unpacked beforehand, it may be larger than the disk: the server's `restore_command` is a few lines of
shell that leave a wish in a folder and wait; the restoring process, which has the key, unseals what is wished for and a
little ahead. The command knows no key, and runs as the server's own user.

Source: PostgreSQL 18, 25.3.5 (recovering using a continuous archive backup), 19.5.5 (recovery_target_*).
"""

import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

from kangyun.base.clock import instant
from kangyun.base.errors import Unavailable
from kangyun.database.backups import sealing
from kangyun.database.backups.medium import Base, Medium, lsn, segment_begin, segment_name
from kangyun.database.embedded import EmbeddedServer

AHEAD = 3  # segments that are unsealed before they are asked for
KEPT = 8  # segments that stay for a moment after they were asked for
# A status above 125 stops the recovery: one that waited in vain must not be taken for the end of the log.
_FETCH = """#!/bin/sh
# Asks the restoring process for file $1 of the log, and copies it to $2.
wish="$(dirname "$0")/$1"
: > "$wish.asked" || exit 200
waited=0
while [ ! -e "$wish.given" ]; do
    [ -e "$wish.none" ] && { rm -f "$wish.none"; exit 1; }
    waited=$((waited + 1))
    [ "$waited" -gt 30000 ] && exit 200
    sleep 0.02
done
cp "$wish.given" "$2" || exit 200
"""


def chosen(medium: Medium, at: datetime | None, id_: str | None = None) -> Base:
    """Returns the copy to begin with: that of the id, else the newest that is old enough. Raises Unavailable."""
    whole = medium.bases()
    if not whole:
        raise Unavailable("database.backups.none", folder=str(medium.folder))
    if id_ is not None:
        whole = [base for base in whole if base.id == id_]
        if not whole:
            raise Unavailable("database.backups.no-such", folder=str(medium.folder), id=id_)
    fitting = [base for base in whole if at is None or base.ended <= at]
    if not fitting:
        raise Unavailable("database.backups.too-early", instant=instant(whole[0].ended))
    return fitting[-1]


def refuse_what_the_log_has_not(medium: Medium, base: Base, at: datetime | None) -> None:
    """Raises Unavailable where the log ends before `at`, or is missing in part."""
    progress = medium.progress()
    last = max(progress.instant, base.ended) if progress else base.ended
    if at is not None and at > last:
        raise Unavailable("database.backups.too-late", instant=instant(last))
    if progress is None or lsn(progress.lsn) <= lsn(base.stop):
        return
    there = {segment_begin(name, base.segment_bytes) for name in medium.segments() if len(name) == 24}
    # What the copy brings itself is not asked for.
    position = lsn(base.stop) // base.segment_bytes * base.segment_bytes
    while position < lsn(progress.lsn):
        if position not in there:
            raise Unavailable(
                "database.backups.log-gap", segment=segment_name(base.timeline, position, base.segment_bytes)
            )
        position += base.segment_bytes


def unpack(
    medium: Medium, base: Base, name: str, target: Path, tell: Callable[[int], None] = lambda done: None
) -> None:
    """Unseals a tar of a copy into a folder that is there; tells how many bytes have come. Raises DamagedFile."""
    chunks = sealing.read(medium.base(base.id) / name, f"{base.id}/{name}", medium.keys)
    before = os.umask(0o077)
    try:
        with tarfile.open(fileobj=_Stream(chunks, tell), mode="r|") as tar:
            # Python before 3.11.4 (Debian 12 has 3.11.2) knows no filters, and does not look at this.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(target, members=_plain(tar))
        for _ in chunks:  # Up to the last chunk: without it the file was cut off.
            pass
    except tarfile.TarError:
        raise sealing.DamagedFile("database.backups.damaged", file=f"{base.id}/{name}") from None
    finally:
        os.umask(before)


def _plain(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Gives the files and folders of a tar as those of who unpacks it. Raises TarError for what leads elsewhere."""
    for member in tar:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise tarfile.TarError
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        yield member


def unpack_grown(medium: Medium, name: str) -> bytes:
    """Returns what is on the medium of a file that grows. Raises DamagedFile."""
    return b"".join(sealing.read(medium.folder / "grown" / name, f"grown/{name}", medium.keys, whole=False))


@contextmanager
def feeding(medium: Medium, base: Base, folder: Path, server: EmbeddedServer) -> Iterator["Feeder"]:
    """Serves a recovering server from the medium until the block ends. `folder`: scratch, which the server's user must
    reach."""
    folder.mkdir(mode=0o700)
    server.give(folder)
    script = folder / "fetch"
    script.write_text(_FETCH, "ascii")
    server.give(script)
    feeder = Feeder(medium, base, folder, server)
    thread = threading.Thread(target=feeder.run)
    thread.start()
    try:
        yield feeder
    finally:
        feeder.stopped.set()
        thread.join()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


class Feeder:
    """Gives the server what it asks for. failed: what kept it from doing so."""

    def __init__(self, medium: Medium, base: Base, folder: Path, server: EmbeddedServer) -> None:
        self._medium, self._base, self._folder, self._server = medium, base, folder, server
        self._names = set(medium.segments())
        self._given: list[str] = []
        self.stopped = threading.Event()
        self.failed: Exception | None = None

    @property
    def command(self) -> str:
        """The server's `restore_command`."""
        script = str(self._folder / "fetch").replace("%", "%%")
        return f'sh "{script}" %f "%p"'.replace("'", "''")

    @property
    def given(self) -> int:
        """How many segments were given so far."""
        return len(self._given)

    def run(self) -> None:
        """Answers wishes until it is stopped."""
        while not self.stopped.is_set():
            asked = sorted(self._folder.glob("*.asked"))
            try:
                for path in asked:
                    # First: as soon as it has an answer the server may ask for the same again.
                    path.unlink()
                    self._answer(path.stem)
            except Exception as error:
                # Without an answer the server waits, and whoever waits for the server looks here.
                self.failed = error
                return
            if not asked:
                time.sleep(0.01)

    def _answer(self, name: str) -> None:
        if name not in self._names:
            (self._folder / f"{name}.none").touch()
            return
        self._give(name)
        if len(name) != 24:
            return
        size = self._base.segment_bytes
        for step in range(1, AHEAD + 1):
            ahead = segment_name(int(name[:8], 16), segment_begin(name, size) + step * size, size)
            if ahead in self._names:
                self._give(ahead)
        for old in self._given[: -KEPT - AHEAD]:
            (self._folder / f"{old}.given").unlink(missing_ok=True)

    def _give(self, name: str) -> None:
        path = self._folder / f"{name}.given"
        if path.exists():
            return
        draft = self._folder / f"{name}.draft"
        segment = len(name) == 24
        with draft.open("wb") as sink:
            for chunk in sealing.read(self._medium.wal / name, f"wal/{name}", self._medium.keys, whole=not segment):
                sink.write(chunk)
            if segment:
                sink.truncate(self._base.segment_bytes)  # The newest one ends where the writer had come.
        self._server.give(draft)
        draft.rename(path)
        if segment:
            self._given.append(name)


class _Stream(io.RawIOBase):
    """Chunks as a stream that can be read once."""

    def __init__(self, chunks: Iterator[bytes], tell: Callable[[int], None]) -> None:
        self._chunks, self._tell = chunks, tell
        self._rest, self._done = memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
            self._done += len(self._rest)
            self._tell(self._done)
        piece = self._rest[: size if size >= 0 else None]
        self._rest = self._rest[len(piece) :]
        return bytes(piece)
