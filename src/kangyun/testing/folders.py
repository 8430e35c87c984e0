"""Where tests keep databases: in memory, where the machine has room there.

A database is some 770 files. On ext4, making files soon after others were deleted costs a look at each of those
(`recently_deleted` of the kernel's fs/ext4/ialloc.c), so that a clone took half a second there and takes 25 ms here.
What a test says of the disk itself (that it is full, that its power fails) it says on a file system of its own.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes that must be free; a worker's server takes some 0.2 GB


@contextmanager
def database_folder(purpose: str) -> Iterator[Path]:
    """Makes an empty folder, and removes it with all that is in it.

    Not in pytest's own: each session shuts that to the database's system user again.
    """
    is_roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    with tempfile.TemporaryDirectory(prefix=f"kangyun-{purpose}-", dir=MEMORY if is_roomy else None) as folder:
        yield Path(folder)
