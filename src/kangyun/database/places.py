"""So many at once: places that are taken and given back, first come first served. Within one process."""

import asyncio
import time
from collections import deque
from collections.abc import Callable


class Full(Exception):
    """No place came free in time, or too many wait for one."""


class Places:
    """`size` places; callers wait for one at most `patience` seconds, and at most `queue` of them, if that is given."""

    def __init__(self, size: int, patience: float, queue: int | None = None) -> None:
        self.free = size
        self._size = size
        self._patience = patience
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        # Told of each wait, in seconds.
        self.on_wait: Callable[[float], object] | None = None

    @property
    def in_use(self) -> int:
        return self._size - self.free

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return len(self._waiting)

    async def take(self) -> None:
        """Takes a place, which is to be given back. Raises Full."""
        if self.free > 0:
            self.free -= 1
            return
        if self._queue is not None and len(self._waiting) >= self._queue:
            raise Full
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                await place
        except BaseException as error:
            # The place may have come in the same moment: then it is the next one's.
            if place.done() and not place.cancelled():
                self.give()
            elif place in self._waiting:
                self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise Full from None
            raise
        finally:
            if self.on_wait is not None:
                self.on_wait(time.monotonic() - began)

    def give(self) -> None:
        """Gives a place back: to who has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.free += 1
