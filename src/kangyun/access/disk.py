"""The disk of the data folder: near its end nothing new is taken in, so that what is there can still be read.

A database whose disk is full stops altogether, even for reading, as each read leaves an audit row.
"""

import shutil
import time
from pathlib import Path

from kangyun.base.errors import Unavailable

LOOK_EVERY = 1.0  # seconds


class Disk:
    """Watches the disk of a folder. One for a process."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._free = 0
        self._seen = -LOOK_EVERY

    @property
    def free(self) -> int:
        """Bytes that are free, as of a second ago or less."""
        now = time.monotonic()
        if now - self._seen >= LOOK_EVERY:
            self._seen = now
            self._free = shutil.disk_usage(self._folder).free
        return self._free

    @property
    def has_room(self) -> bool:
        return self.free >= self._reserve

    def check(self) -> None:
        """Raises Unavailable where the reserve is all that is left."""
        if not self.has_room:
            raise Unavailable("access.disk-full")
