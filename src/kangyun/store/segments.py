"""Numbers for new resources, and the segments that hold them.

Each process takes numbers in blocks, outside of any transaction (taking one assigns a transaction id, which must come
after the locks). A segment is made before the first number of the one before it is given, so no writer waits for one.
"""

import asyncio
from collections import deque

import asyncpg

from kangyun.database.pool import Pool
from kangyun.store.ids import SHARD_BITS
from kangyun.store.statements import statement

SEGMENT_NUMBERS = 2_097_152
"""As segment_numbers() in the schema."""
# Small, so that newest-first stays near to the order of writing although processes take turns.
BLOCK = 64


def segment_of(res: int) -> int:
    """Returns the number of the segment that holds `res`."""
    return (res >> SHARD_BITS) // SEGMENT_NUMBERS


class Numbers:
    """Gives new `res`, over a connection of its own: whoever asks may hold the last one of the pool."""

    def __init__(self, url: str) -> None:
        self._pool = Pool(url, size=1)
        self._free: deque[int] = deque()
        self._made = 1
        self._lock = asyncio.Lock()

    async def take(self, count: int) -> list[int]:
        """Returns `count` new `res`, rising."""
        while count > len(self._free):
            async with self._lock:
                missing = count - len(self._free)
                if missing > 0:
                    async with self._pool.connection() as connection:
                        await self._refill(connection, max(missing, BLOCK))
        return [self._free.popleft() for _ in range(count)]

    async def close(self) -> None:
        """Closes the connection."""
        await self._pool.close()

    async def _refill(self, connection: asyncpg.Connection, count: int) -> None:
        rows = await connection.fetch(statement("numbers"), count)
        newest = rows[-1][0] // SEGMENT_NUMBERS
        while self._made <= newest:
            await connection.execute("SELECT make_segment($1)", self._made + 1)
            self._made += 1
        self._free.extend(row[0] << SHARD_BITS for row in rows)
