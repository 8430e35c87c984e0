"""What is delivered taken in, in the background: in the order of its numbers within a feed, several feeds side by side.

A feed is one process's at a time, by a lease that ends with its connection. What was begun and not settled when a
process ended is begun again. A delivery that cannot be read as a whole is put aside with why and stops nothing: what
follows was sent later, and the later wins.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base.errors import NotFound
from kangyun.database.leases import lease, pause
from kangyun.database.pool import TROUBLES
from kangyun.database.rounds import make_rounds
from kangyun.exchange.feeds.intake import Intake
from kangyun.exchange.feeds.register import SQL, Register

logger = logging.getLogger(__name__)

AT_ONCE = 3  # feeds of one process; each holds a connection for its lease and uses one more
LOOK = 0.5  # seconds between two looks for work
AGAIN = 2.0  # seconds until a feed is looked at again whose delivery could not be taken in just now
FORGET_EVERY = 3600.0  # seconds


@dataclass(slots=True)
class Worker:
    """Takes in what is there. One for a process."""

    platform: Platform
    stop: asyncio.Event
    intake: Intake = field(init=False)
    register: Register = field(init=False)

    def __post_init__(self) -> None:
        self.intake = Intake(self.platform, Kept(self.platform.gate.store))
        self.register = Register(self.platform.pool)

    async def run(self) -> None:
        """Takes in deliveries until `stop`. What is under way by then is ended, and begun again elsewhere."""
        running: dict[str, asyncio.Task[None]] = {}
        while not self.stop.is_set():
            running = {name: task for name, task in running.items() if not task.done()}
            try:
                for name in await self._due():
                    if len(running) < AT_ONCE and name not in running:
                        running[name] = asyncio.ensure_future(self._one(name))
            except TROUBLES as error:
                logger.warning("feeds: %s", type(error).__name__)
            await pause(self.stop, LOOK)
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)

    async def _due(self) -> list[str]:
        async with self.platform.pool.connection() as connection:
            return [row["name"] for row in await connection.fetch(SQL["due"])]

    async def _one(self, name: str) -> None:
        """Takes in all that there is of a feed, unless somebody else does."""
        try:
            async with lease(self.platform.pool, f"feed/{name}") as held:
                if held is None:
                    await pause(self.stop, LOOK)
                    return
                feed = await self.register.get(name)
                while not self.stop.is_set() and not held.is_closed() and await self.intake.next(feed):
                    feed = await self.register.get(name)
        except NotFound:
            return
        except TROUBLES as error:
            logger.warning("feed %s: %s", name, type(error).__name__)
            await pause(self.stop, AGAIN)
        except Exception as error:
            # What the exception says may quote a row. The delivery is parked when it has done so again and again.
            logger.error("feed %s: %s", name, type(error).__name__)
            await pause(self.stop, AGAIN)


async def keep_taking(platform: Platform, stop: asyncio.Event) -> None:
    """Takes in deliveries until `stop`."""
    await Worker(platform, stop).run()


async def keep_forgetting(platform: Platform, stop: asyncio.Event) -> None:
    """Drops the content of what was taken in long ago, each hour until `stop`."""

    async def once() -> None:
        async with platform.pool.connection() as connection:
            await connection.execute(SQL["forget_contents"], platform.settings.feed_days)

    await make_rounds("feeds: contents", once, FORGET_EVERY, stop)
