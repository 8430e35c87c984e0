"""The reader of the log on one disk: whole frames, while others are written behind them.

What cannot be read though it had been written is given as `Damage` beside the records around it, never passed over in
silence. An unfinished frame at the end of a segment that still grows is waited for; writers cut such an end off when
they start again.
"""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.layout import identity_of, lane_folder, shard_folder
from kangyun.devices.log.model import Batch, Behind
from kangyun.devices.log.source import Source
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

LOOK_EVERY, IDLE_EVERY = 0.004, 0.02  # seconds
IDLE_AFTER = 1.0  # seconds


class DiskReader:
    """Reads all shards of a folder. keep: seconds that what was taken in is kept."""

    def __init__(self, folder: Path, sealers: Sealers, keep: float) -> None:
        self._folder, self._sealers, self._keep = folder, sealers, keep
        self._identity = identity_of(folder)
        self._sources: dict[Lane, list[Source]] = {lane: [] for lane in Lane}
        self._shards: set[int] = set()
        self._seen = -1
        self._turn = 0
        self._found: dict[tuple[Lane, ...], float] = {}
        """When there was last something, by who asked for what: after a while without it is looked less often."""

    async def read(self, lane: Lane, taken: Mapping[str, int], *, most: int, most_bytes: int) -> list[Batch]:
        self._look()
        sources = self._sources[lane]
        self._turn += 1
        found = []
        for number in range(len(sources)):
            if most <= 0 or most_bytes <= 0:
                break
            # Another shard is the first each time, so that none waits for one that always has more.
            source = sources[(number + self._turn) % len(sources)]
            batch = source.next(taken.get(source.name, 0), most, most_bytes)
            if batch is not None:
                found.append(batch)
                most -= len(batch.records)
                most_bytes -= sum(len(record.payload) for record in batch.records)
        return found

    async def wait(self, lanes: Sequence[Lane], taken: Mapping[str, int], seconds: float) -> None:
        asked, until = tuple(lanes), time.monotonic() + seconds
        while True:
            self._look()
            now = time.monotonic()
            if any(
                source.has_more(taken.get(source.name, 0)) for lane in lanes for source in self._sources[lane]
            ):  # fmt: skip
                self._found[asked] = now
                return
            if now >= until:
                return
            often = now - self._found.get(asked, 0.0) < IDLE_AFTER
            await asyncio.sleep(min(LOOK_EVERY if often else IDLE_EVERY, until - now))

    async def behind(self, lane: Lane, taken: Mapping[str, int]) -> Behind:
        self._look()
        records, oldest = 0, None
        for source in self._sources[lane]:
            position = taken.get(source.name, 0)
            waiting = await asyncio.to_thread(source.count_from, position)
            if waiting:
                records += waiting
                first = source.peek(position)
                oldest = first if oldest is None or (first is not None and first < oldest) else oldest
        return Behind(records, max(time.time() - oldest / 1e6, 0.0) if oldest is not None else 0.0)

    async def release(self, taken: Mapping[str, int]) -> int:
        self._look()
        return await asyncio.to_thread(self._release, dict(taken))

    async def starts(self) -> dict[str, int]:
        self._look()
        return {source.name: source.start() for sources in self._sources.values() for source in sources}

    async def close(self) -> None:
        for sources in self._sources.values():
            for source in sources:
                source.close()

    def _look(self) -> None:
        """Finds new shards. Making one changes the folder's own time."""
        seen = os.stat(self._folder).st_mtime_ns
        if seen == self._seen:
            return
        complete = True
        for name in sorted(os.listdir(self._folder)):
            if not name.isdigit() or int(name) in self._shards:
                continue
            shard = int(name)
            if not all(lane_folder(self._folder, shard, lane).is_dir() for lane in Lane):
                complete = False  # Half made.
                continue
            self._shards.add(shard)
            for lane in Lane:
                self._sources[lane].append(Source(self._folder, self._identity, shard, lane, self._sealers))
        if complete:
            self._seen = seen

    def _release(self, taken: dict[str, int]) -> int:
        before, freed = time.time() - self._keep, 0
        for sources in self._sources.values():
            for source in sources:
                freed += source.release(taken.get(source.name, 0), before)
                if self._is_left(source.shard):
                    freed += source.empty(taken.get(source.name, 0), before)
        return freed

    def _is_left(self, shard: int) -> bool:
        """Whether no living writer has a shard."""
        handle = os.open(shard_folder(self._folder, shard) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True
