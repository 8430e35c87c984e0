"""One `kangyun up` for each data folder: a lock that names its holder, and ends with it however it ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from kangyun.base.errors import Unavailable

LOCK = "kangyun.lock"


class Holder(NamedTuple):
    """Who holds a folder. `url` is where it serves."""

    process: int
    url: str


@contextlib.contextmanager
def claimed(folder: Path, url: str) -> Iterator[bool]:
    """Holds the folder, made where it is missing, until the block ends or the process is killed.

    url: where this process serves, for whoever wants to know.
    Gives whether the one who held it before was killed: what that one had started may still be ending.

    Raises Unavailable when another process holds it or it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not truncated before the lock is ours: it holds the number of whoever has it.
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        raise Unavailable("database.folder-not-writable", folder=str(folder)) from None
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            process, url = _read(lock.read())
            raise Unavailable("cli.folder-in-use", folder=str(folder), process=process, url=url) from None
        was_killed = bool(lock.read())
        _write(lock, f"{os.getpid()} {url}\n")
        try:
            yield was_killed
        finally:
            _write(lock, "")


def _write(lock: TextIO, text: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(text)
    lock.flush()


def holder(folder: Path) -> Holder | None:
    """Returns who holds the folder, None when nobody does."""
    with contextlib.suppress(OSError), (folder / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(lock.read())
    return None


def _read(text: str) -> Holder:
    process, _, url = text.strip().partition(" ")
    return Holder(int(process) if process.isdigit() else 0, url)
