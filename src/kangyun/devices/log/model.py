"""What the log holds and promises, whichever it is made of.

A *source* is a sequence with one writer: on one disk a writer process's lane. A *position* in it is a number that
only grows: everything before it was taken in. Who reads keeps the positions, in the transaction that takes in.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from kangyun.devices.model import Lane


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message as it came. device: its number in `device`. received: microseconds since 1970 in UTC.

    format: its name in `devices.formats`.
    """

    device: int
    received: int
    format: str
    payload: bytes


class Damage(msgspec.Struct, frozen=True):
    """What cannot be read any more though it had been written. place: file and offset. records: 0 where unknown."""

    place: str
    reason: str
    records: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Records of one source that follow each other. until: the position when they are taken in.

    damage: what lay between, which must be told to somebody when the position moves over it.
    """

    source: str
    until: int
    records: Sequence[Record]
    damage: tuple[Damage, ...] = ()


class Behind(msgspec.Struct, frozen=True):
    """How far the reader is behind in a lane. seconds: since the oldest that waits was received, 0 for none."""

    records: int
    seconds: float


class LogWriter(Protocol):
    """Takes records. One for a process; used by one event loop."""

    def put(self, lane: Lane, records: Sequence[Record]) -> asyncio.Future[None]:
        """Hands over records; the future is done when they are on disk.

        It is shared by all that go to disk together: add a callback to it, or await it under `asyncio.shield`.
        It fails with Unavailable where they may not be on disk: then nothing was promised.
        Raises Unavailable at once where nothing is taken: the disk is full, or too much waits for it; TooLong.
        """
        ...

    async def append(self, lane: Lane, records: Sequence[Record]) -> None:
        """Returns when the records are on disk. Raises Unavailable where they may not be."""
        ...

    async def close(self) -> None:
        """Waits for what was handed over, and lets go."""
        ...


class LogReader(Protocol):
    """Reads what the writers wrote. taken: the positions, by source; one that is not in it begins at its start."""

    async def read(self, lane: Lane, taken: Mapping[str, int], *, most: int, most_bytes: int) -> list[Batch]:
        """Returns what comes next in a lane, at most so many records and so many bytes of payload, or one record."""
        ...

    async def wait(self, lanes: Sequence[Lane], taken: Mapping[str, int], seconds: float) -> None:
        """Returns when a lane has more than was taken, or after so many seconds."""
        ...

    async def behind(self, lane: Lane, taken: Mapping[str, int]) -> Behind:
        """Says how much waits in a lane."""
        ...

    async def release(self, taken: Mapping[str, int]) -> int:
        """Removes what was taken in longer ago than is kept; returns how many bytes."""
        ...

    async def starts(self) -> dict[str, int]:
        """Returns the position of the oldest record that is kept, by source: where a replay begins."""
        ...

    async def close(self) -> None:
        """Lets go."""
        ...
