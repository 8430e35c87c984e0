"""One `kangyun up` for each data folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kangyun.base.errors import Unavailable

LOCK = "kangyun.lock"


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds the folder, made where it is missing, until the block ends or the process is killed.

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
            raise Unavailable("cli.folder-in-use", folder=str(folder), process=lock.read().strip() or "?") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def holder(folder: Path) -> int | None:
    """Returns the number of the process that holds the folder, None when nobody does."""
    try:
        with (folder / LOCK).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read().strip() or 0)
    except (OSError, ValueError):
        return None
    return None
