"""Rings when somebody's list in the app has a new line, in the processes that hold the sockets.

Each process looks at the readers that somebody listens for: a line that one process wrote rings in all of them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kangyun.access.messages.outbox.reading import newest
from kangyun.database.pool import TROUBLES, Pool

logger = logging.getLogger(__name__)

LOOK = 0.1  # seconds
NAME = "messages"
"""What a socket binds to hear of its own list."""
Listener = Callable[[str], None]


@dataclass(slots=True)
class NoteBells:
    """Who listens for which readers in this process."""

    pool: Pool
    _listeners: dict[str, set[Listener]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    _looking: "asyncio.Task[None] | None" = None

    async def listen(self, readers: Sequence[str], listener: Listener) -> None:
        """Has a listener called with `messages` whenever one of these has a new line from now on."""
        fresh = [one for one in readers if one not in self._seen]
        if fresh:
            async with self.pool.connection() as connection:
                self._seen |= await newest(connection, fresh)
        for one in readers:
            self._listeners.setdefault(one, set()).add(listener)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    def leave(self, listener: Listener) -> None:
        """Calls a listener no more."""
        for reader in [one for one, listeners in self._listeners.items() if listener in listeners]:
            self._listeners[reader].discard(listener)
            if not self._listeners[reader]:
                del self._listeners[reader]
                self._seen.pop(reader, None)

    def close(self) -> None:
        """Rings no more."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        while self._listeners:
            await asyncio.sleep(LOOK)
            try:
                async with self.pool.connection() as connection:
                    found = await newest(connection, list(self._listeners))
            except TROUBLES as error:
                logger.warning("messages: %s", type(error).__name__)
                continue
            rung = [reader for reader, number in found.items() if number > self._seen.get(reader, number)]
            for listener in {one for reader in rung for one in self._listeners.get(reader, ())}:
                listener(NAME)
            self._seen |= {reader: number for reader, number in found.items() if reader in self._listeners}
