"""One task for each node above, as long as there is one: by one process at a time, which has the lease."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds, make_rounds_alone
from kangyun.exchange.federation.nodes import Node, Nodes

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
        await make_rounds_alone(pool, f"{leased}/{name}", partial(work, name), look, stop)

    async def begin() -> None:
        for node in await register.placed("parent"):
            if takes(node) and (node.name not in tasks or tasks[node.name].done()):
                tasks[node.name] = asyncio.create_task(one(node.name))

    try:
        await make_rounds("nodes", begin, LOOK_FOR_NODES, stop)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
