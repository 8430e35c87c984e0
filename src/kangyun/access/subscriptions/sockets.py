"""The bells of websocket subscriptions, in the processes that hold the sockets.

How often a subscription has matched stands in its row; each process looks at the rows that somebody listens to. So a
change that was found by one process rings in all of them, without a message between them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from kangyun.access.subscriptions import table
from kangyun.database.pool import TROUBLES, Pool

logger = logging.getLogger(__name__)

LOOK = 0.3  # seconds
APPEARS_WITHIN = 5.0  # seconds that a subscription may take to become active after it was asked for
Listener = Callable[[str], None]


@dataclass(slots=True)
class Bells:
    """Who listens to which subscription in this process."""

    pool: Pool
    _listeners: dict[str, set[Listener]] = field(default_factory=dict)
    _counted: dict[str, int] = field(default_factory=dict)
    _looking: "asyncio.Task[None] | None" = None

    async def is_of(self, id_: str, whose: str | None) -> bool:
        """Whether that is a websocket subscription of somebody (None: of anybody), waiting a moment for one that was
        just asked for: for somebody else's as long as for one that there is not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + APPEARS_WITHIN
        while True:
            async with self.pool.connection() as connection:
                owner = await table.owner_of(connection, id_)
            if owner is not None and whose in (owner, None):
                return True
            if loop.time() > deadline:
                return False
            await asyncio.sleep(LOOK)

    async def listen(self, id_: str, listener: Listener) -> None:
        """Has a listener called with the id whenever the subscription matches from now on."""
        if id_ not in self._counted:
            async with self.pool.connection() as connection:
                self._counted |= await table.bells(connection, [id_])
        self._listeners.setdefault(id_, set()).add(listener)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    def leave(self, listener: Listener) -> None:
        """Calls a listener no more."""
        for id_ in [id_ for id_, listeners in self._listeners.items() if listener in listeners]:
            self._listeners[id_].discard(listener)
            if not self._listeners[id_]:
                del self._listeners[id_]
                self._counted.pop(id_, None)

    def close(self) -> None:
        """Rings no more."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        while self._listeners:
            try:
                async with self.pool.connection() as connection:
                    found = await table.bells(connection, list(self._listeners))
            except TROUBLES as error:
                logger.warning("bells: %s", type(error).__name__)
                found = {}
            for id_, count in found.items():
                if count > self._counted.get(id_, count):
                    for listener in list(self._listeners.get(id_, ())):
                        listener(id_)
                self._counted[id_] = count
            await asyncio.sleep(LOOK)
