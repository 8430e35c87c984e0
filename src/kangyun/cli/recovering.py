"""A copy and its log made into a running database again, in a fresh data folder: what `restore` and `drill` share."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.cli.backup import bar, grown_path
from kangyun.cli.speech import speak
from kangyun.database.backups import base as copies
from kangyun.database.backups.medium import Base, Medium
from kangyun.database.backups.unpacking import feeding, unpack, unpack_grown
from kangyun.database.embedded import EmbeddedServer

FETCHING, BESIDE = "fetching", "restored.new"
# What the server says as it gives up: nothing was committed between the end of the log and the instant asked for.
_NOT_REACHED = b"recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: from which copy, up to which instant (None: all there is), along which timeline (None: the
    newest)."""

    base: Base
    at: datetime | None = None
    timeline: int | None = None


@contextmanager
def recovered(settings: Settings, medium: Medium, wish: Wish) -> Iterator[EmbeddedServer]:
    """Makes the database of a copy and gives the server, open for writing, until the block ends. Raises Unavailable.

    Its data folder has no database; what else is in it stays.
    """
    _unpack(settings.data, medium, wish.base, lambda name: grown_path(settings, name))
    data = settings.data
    shutil.rmtree(data / FETCHING, ignore_errors=True)
    server = EmbeddedServer(data)
    with feeding(medium, wish.base, data / FETCHING, server) as feeder:
        following = {
            "restore_command": f"'{feeder.command}'",
            "recovery_target_timeline": f"'{wish.timeline or 'latest'}'",
            "recovery_target_action": "'promote'",
            # Nobody reads meanwhile; and so the other server's settings need not be known.
            "hot_standby": "off",
        }
        target = {"recovery_target_time": f"'{wish.at.isoformat()}'"} if wish.at else {}
        (server.data / "recovery.signal").touch(0o600)
        server.give(server.data / "recovery.signal")
        server = EmbeddedServer(data, following | target)
        try:
            if not _run(server, lambda: feeder.failed, lambda: feeder.given):
                # The log goes on to that instant, as the medium says, and nobody committed anything later in it.
                server = EmbeddedServer(data, following)
                if not _run(server, lambda: feeder.failed, lambda: feeder.given):
                    raise _not_recovered(server, 0)
            yield server
        finally:
            server.stop()


def _run(server: EmbeddedServer, failed: Callable[[], Exception | None], given: Callable[[], int]) -> bool:
    """Runs the recovery to its end. Returns False where the log ended before its target. Raises Unavailable."""
    size = server.log.stat().st_size if server.log.exists() else 0
    server.launch()
    with bar() as progress:
        task = progress.add_task(speak("cli.restore-replaying"), total=None)
        while not server.accepts():
            progress.update(task, completed=given() << 24)
            error = failed()
            if error is not None:
                server.stop()
                raise error
            if server.ended is not None:
                if _NOT_REACHED in _said(server, size):
                    return False
                raise _not_recovered(server, size)
            time.sleep(0.02)
    return True


def _not_recovered(server: EmbeddedServer, since: int) -> Unavailable:
    # A drill takes its folder away, and the log in it; the last line is where a server says why it gave up.
    lines = _said(server, since).decode("utf-8", "replace").splitlines() or ["-"]
    return Unavailable("database.backups.not-recovered", log=str(server.log), said=lines[-1])


def _said(server: EmbeddedServer, since: int) -> bytes:
    with server.log.open("rb") as source:
        source.seek(since)
        return source.read()


def _unpack(data: Path, medium: Medium, base: Base, place: Callable[[str], Path]) -> None:
    server = EmbeddedServer(data)
    fresh, beside = data / "postgresql.new", data / BESIDE
    for folder in (fresh, beside):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    size = sum(one.plain for one in base.files)
    with bar() as progress:
        task = progress.add_task(speak("cli.restore-unpacking"), total=size)
        unpack(medium, base, copies.CLUSTER, fresh, lambda done: progress.update(task, completed=done))
        unpack(medium, base, copies.FOLDER, beside)
    server.give(fresh)
    for path in fresh.rglob("*"):
        server.give(path)
    fresh.rename(server.data)
    for path in sorted(beside.rglob("*")):
        there = data / path.relative_to(beside)
        if path.is_file() and not there.exists():  # What is there may be newer.
            there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.rename(there)
    shutil.rmtree(beside)
    for name in medium.all_grown():
        _grow(place(name), name, unpack_grown(medium, name))


def _grow(path: Path, name: str, kept: bytes) -> None:
    """Lets a file that only grows be the longer one of what is there and what was kept.

    Raises Unavailable where neither goes on from the other.
    """
    there = path.read_bytes() if path.exists() else b""
    if there.startswith(kept):
        return
    if not kept.startswith(there):
        raise Unavailable("cli.restore-apart", file=str(path), name=name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as sink:
        sink.write(kept[len(there) :])
        sink.flush()
        os.fsync(sink.fileno())
