"""One task for each node above, as long as there is one: by one process at a time, which has the lease."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from kangyun.base.errors import PlatformError
from kangyun.database.leases import lease, pause
from kangyun.database.pool import LOST, Pool
from kangyun.exchange.federation.nodes import Node, Nodes

logger = logging.getLogger(__name__)

LOOK_FOR_NODES = 5.0  # seconds
Work = Callable[[str, asyncpg.Connection], Awaitable[None]]
"""What is done for the node of a name, on the connection of its lease, until something about it changes."""


async def keep_each(
    pool: Pool, register: Nodes, leased: str, work: Work, stop: asyncio.Event, *, look: float,
    takes: Callable[[Node], bool] = lambda node: True,
) -> None:  # fmt: skip
    """Works for each node above until `stop`. leased: what its leases are called; look: seconds between two tries."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def one(name: str) -> None:
        while not stop.is_set():
            try:
                async with lease(pool, f"{leased}/{name}") as connection:
                    if connection is not None:
                        await work(name, connection)
            except (PlatformError, asyncpg.PostgresError, *LOST) as error:
                logger.warning("node %s: %s", name, type(error).__name__)
            await pause(stop, look)

    try:
        while not stop.is_set():
            try:
                for node in await register.placed("parent"):
                    if takes(node) and (node.name not in tasks or tasks[node.name].done()):
                        tasks[node.name] = asyncio.create_task(one(node.name))
            except (PlatformError, asyncpg.PostgresError, *LOST) as error:
                logger.warning("nodes: %s", type(error).__name__)
            await pause(stop, LOOK_FOR_NODES)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
