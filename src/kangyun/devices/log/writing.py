"""The writer of the log on one disk: group commit to a file a lane, in a folder that this process alone writes to.

All appends of a lane that wait go down together: one write and one fdatasync, in a thread of that lane. A segment whose
fdatasync failed is given up, as the system may say the next time that all is well though pages were lost
(https://wiki.postgresql.org/wiki/Fsync_Errors). A segment is never opened again to write: each start begins new ones,
so no position is used twice, even where the machine lost what was not yet synced and had already been read.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kangyun.base.errors import TooLong, Unavailable
from kangyun.devices.log.frames import PLACES, Sealers, packed, segment_header
from kangyun.devices.log.grouping import Groups
from kangyun.devices.log.layout import cut_torn, identity_of, lane_folder, newest_segment, segment_file, shard_folder
from kangyun.devices.log.model import Record
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 64_000_000
SEGMENT_SECONDS = 6 * 3600
FRAME_RECORDS, FRAME_BYTES = 1000, 8_000_000
"""Of one frame, but that one record is always whole."""
LARGEST_RECORD = 16_000_000  # bytes of payload
MOST_SHARDS = 1 << 16
DAY = 86_400


class DiskWriter:
    """Writes to the first shard that is free. has_room: whether there is more free space than the reserve."""

    def __init__(self, folder: Path, sealers: Sealers, has_room: Callable[[], bool]) -> None:
        identity = identity_of(folder)
        self._shard, self._lock = _claimed(folder)
        self._has_room = has_room
        try:
            self._lanes = {
                lane: _LaneWriter(folder, identity, self._shard, lane, sealers) for lane in Lane
            }  # fmt: skip
        except BaseException:
            os.close(self._lock)
            raise
        self._closed = False

    def put(self, lane: Lane, records: Sequence[Record]) -> asyncio.Future[None]:
        # What is urgent may use the reserve: it is there for that.
        if self._closed or (lane != Lane.EVENT and not self._has_room()):
            raise Unavailable("access.disk-full" if not self._closed else "base.unavailable")
        if any(len(record.payload) > LARGEST_RECORD for record in records):
            raise TooLong
        return self._lanes[lane].put(records)

    async def append(self, lane: Lane, records: Sequence[Record]) -> None:
        await asyncio.shield(self.put(lane, records))

    async def close(self) -> None:
        self._closed = True
        for writer in self._lanes.values():
            await writer.close()
        os.close(self._lock)


class _LaneWriter:
    """One lane of a writer."""

    def __init__(self, folder: Path, identity: bytes, shard: int, lane: Lane, sealers: Sealers) -> None:
        self._folder = lane_folder(folder, shard, lane)
        self._identity, self._shard, self._lane, self._sealers = identity, shard, lane, sealers
        self._thread = ThreadPoolExecutor(1, f"log-{lane.name.lower()}")
        self._groups = Groups(self._written)
        self._file = -1
        self._header = b""
        self._size = self._place = 0
        self._made = 0.0
        self._segment = newest_segment(self._folder)
        if self._segment:
            cut_torn(segment_file(self._folder, self._segment))

    def put(self, records: Sequence[Record]) -> asyncio.Future[None]:
        return self._groups.put(records)

    async def close(self) -> None:
        await self._groups.close()
        self._thread.shutdown()
        self._leave()

    async def _written(self, records: list[Record]) -> None:
        """Returns when a group is on disk. Raises Unavailable."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, records)
        except OSError as error:
            logger.error("log: lane %s cannot be written: %s", self._lane.name, type(error).__name__)
            raise Unavailable("access.disk-full") from None

    def _write(self, records: list[Record]) -> None:
        """Writes a group and waits for the disk. Raises OSError; nothing of it is promised then."""
        if self._file < 0 or self._size >= SEGMENT_BYTES or time.monotonic() - self._made > SEGMENT_SECONDS:
            self._leave()
            self._begin()
        epoch = int(time.time()) // DAY
        sealer = self._sealers.of(epoch)
        frames, place = [], self._place
        for part in _parts(records):
            frames.append(packed(part, place, epoch, sealer, self._header))
            place += len(part)
        data = b"".join(frames)
        try:
            _write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError:
            self._give_up()
            raise
        self._size += len(data)
        self._place = place

    def _begin(self) -> None:
        self._segment += 1
        if self._segment >= PLACES >> 1:
            raise OSError("no segments are left")
        self._header = segment_header(self._identity, self._shard, self._lane, self._segment)
        path = segment_file(self._folder, self._segment)
        # Under a name of its own until its header is there: a reader never meets half of it.
        draft = path.with_suffix(".new")
        self._file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(self._file, self._header)
            os.fdatasync(self._file)
            draft.rename(path)
            _sync_folder(self._folder)
        except OSError:
            self._leave()
            raise
        self._size, self._place, self._made = len(self._header), 0, time.monotonic()

    def _give_up(self) -> None:
        """Leaves a segment whose end is uncertain: what was promised is before it, the rest is cut off."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)
        logger.error("log: segment %s of lane %s is given up", self._segment, self._lane.name)
        self._leave()

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _parts(records: list[Record]) -> Iterator[list[Record]]:
    """Gives the records of one frame after another."""
    part: list[Record] = []
    size = 0
    for record in records:
        if part and (len(part) >= FRAME_RECORDS or size + len(record.payload) > FRAME_BYTES):
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record.payload)
    if part:
        yield part


def _claimed(folder: Path) -> tuple[int, int]:
    """Returns the first shard that no living process has, and the file that holds its lock."""
    for shard in range(MOST_SHARDS):
        place = shard_folder(folder, shard)
        if not place.exists():
            for lane in Lane:
                lane_folder(folder, shard, lane).mkdir(parents=True, exist_ok=True, mode=0o700)
                _sync_folder(lane_folder(folder, shard, lane))
            _sync_folder(place)
            _sync_folder(folder)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        for lane in Lane:  # Another may have ended while it made them.
            lane_folder(folder, shard, lane).mkdir(exist_ok=True, mode=0o700)
        return shard, lock
    raise Unavailable("base.unavailable")


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
