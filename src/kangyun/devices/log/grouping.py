"""Group commit: what waits while a group is being written goes down together, as the next one. No I/O of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from kangyun.base.errors import Unavailable
from kangyun.devices.log.model import Record

MOST_WAITING = 64_000_000
"""Bytes of payload that wait in a lane."""
RECORD_BYTES = 64
"""What a record costs besides its payload, about."""


class _Group:
    """What goes down together."""

    __slots__ = ("bytes", "done", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.bytes = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Groups:
    """The groups of one lane, written one after the other. write: raises Unavailable where nothing is promised."""

    def __init__(self, write: Callable[[list[Record]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: _Group | None = None
        self._running: asyncio.Task[None] | None = None

    def put(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """Returns what is done when the records are written. Raises Unavailable where too much waits."""
        group = self._waiting
        if group is None:
            group = self._waiting = _Group()
            if self._running is None:
                self._running = asyncio.get_running_loop().create_task(self._run())
        if group.bytes > MOST_WAITING:
            raise Unavailable("base.unavailable")
        group.records.extend(records)
        for record in records:
            group.bytes += len(record.payload) + RECORD_BYTES
        return group.done

    async def close(self) -> None:
        """Waits for what was handed over."""
        while self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while (group := self._waiting) is not None:
                self._waiting = None
                try:
                    await self._write(group.records)
                except Unavailable as error:
                    group.done.set_exception(error)
                    group.done.exception()  # Whoever asks is told; nobody need ask.
                else:
                    group.done.set_result(None)
        finally:
            self._running = None
