"""Seals audit rows as they come, and lets the newest seal leave the database each minute. One in the installation."""

import asyncio

import asyncpg

from kangyun.access.trail import rows
from kangyun.access.trail.chain import BEFORE_ALL, START, Seal, sealed
from kangyun.access.trail.institutions import Named, named
from kangyun.access.trail.roots import Roots, standing
from kangyun.base import clock
from kangyun.database.leases import pause
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds_alone

LEASE = "audit seal"
BLOCK = 1_000  # rows of a seal at most
MOST = 5_000  # rows that are read at once
EVERY = 0.5  # seconds
RETRY = 1.0  # seconds
ROOT_EVERY = 60.0  # seconds


async def seal(pool: Pool, kept: Roots, stop: asyncio.Event) -> None:
    """Seals until `stop`. Waits while another process does. Holds one connection."""
    await make_rounds_alone(pool, LEASE, lambda connection: _seal_with_lease(connection, kept, stop), RETRY, stop)


async def _seal_with_lease(connection: asyncpg.Connection, kept: Roots, stop: asyncio.Event) -> None:
    last = await rows.last_seal(connection)
    # What was told of a number once is not told otherwise: after a restore the numbers come again, once it is told.
    told = max((root.seal for root in standing(kept.read()[0]).roots), default=0)
    told_at = named_at = -ROOT_EVERY
    names = Named(0, b"")
    loop = asyncio.get_running_loop()
    try:
        while not stop.is_set():
            if loop.time() - named_at >= ROOT_EVERY:
                # Before the seal that is told with them: where that seal has come to, after a restore, they have.
                names, named_at = await named(connection), loop.time()
            made, more = await seal_once(connection, last)
            last = made[-1] if made else last
            if last is not None and last.number > told and loop.time() - told_at >= ROOT_EVERY:
                await asyncio.to_thread(kept.add, clock.now(), last.number, last.digest, 0, 0, *names)
                told, told_at = last.number, loop.time()
            if not more:
                await pause(stop, EVERY)
    finally:
        if last is not None and last.number > told:
            await asyncio.to_thread(kept.add, clock.now(), last.number, last.digest, 0, 0, *names)


async def seal_once(connection: asyncpg.Connection, last: Seal | None) -> tuple[list[Seal], bool]:
    """Seals rows that have come since the last seal. Returns the new ones, and whether more rows wait."""
    found, more = await rows.pending(connection, last.last if last else START, MOST)
    made: list[Seal] = []
    number, before = (last.number, last.digest) if last else (0, BEFORE_ALL)
    for begin in range(0, len(found), BLOCK):
        made.append(sealed(number + 1, before, found[begin : begin + BLOCK]))
        number, before = made[-1].number, made[-1].digest
    if made:
        await rows.write(connection, made)
    return made, more
