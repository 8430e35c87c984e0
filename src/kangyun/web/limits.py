"""How many requests of each class a process works on at once. Beyond that a request waits a moment, then is sent away.

interactive: one resource or a search.  feed: bundles.  bulk: $export and $import.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from kangyun.base.errors import Throttled

Kind = Literal["interactive", "feed", "bulk"]
# A queue longer than this many times the limit would only grow old.
QUEUE = 4
PATIENCE = {"interactive": 5.0, "feed": 20.0, "bulk": 0.1}  # seconds


class Limits:
    """The places of a process."""

    def __init__(self, **most: int) -> None:
        self._most = most
        self._places = {kind: asyncio.Semaphore(count) for kind, count in most.items()}
        self.waiting = dict.fromkeys(most, 0)

    @contextlib.asynccontextmanager
    async def place(self, kind: Kind) -> AsyncIterator[None]:
        """Holds a place of a class. Raises Throttled when none comes free in time."""
        places = self._places[kind]
        if places.locked():
            if self.waiting[kind] >= self._most[kind] * QUEUE:
                raise Throttled("web.busy", kind=kind)
            self.waiting[kind] += 1
            try:
                await asyncio.wait_for(places.acquire(), PATIENCE[kind])
            except TimeoutError:
                raise Throttled("web.busy", kind=kind) from None
            finally:
                self.waiting[kind] -= 1
        else:
            await places.acquire()
        try:
            yield
        finally:
            places.release()
