"""Numbers for new resources, and the segments that hold them.

Each process takes numbers in blocks, outside of any transaction (taking one assigns a transaction id, which must come
after the locks). A segment is made before the first number of the one before it is given, so no writer waits for one.
"""

import asyncio
from collections import deque

import asyncpg

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
    """Gives new `res`."""

    def __init__(self) -> None:
        self._free: deque[int] = deque()
        self._made = 1
        self._lock = asyncio.Lock()

    async def take(self, connection: asyncpg.Connection, count: int) -> list[int]:
        """Returns `count` new `res`, rising. `connection` must not be in a transaction that has a transaction id."""
        if count > len(self._free):
            async with self._lock:
                if count > len(self._free):
                    await self._refill(connection, max(count - len(self._free), BLOCK))
        return [self._free.popleft() for _ in range(count)]

    async def _refill(self, connection: asyncpg.Connection, count: int) -> None:
        rows = await connection.fetch(statement("numbers"), count)
        newest = rows[-1][0] // SEGMENT_NUMBERS
        while self._made <= newest:
            await connection.execute("SELECT make_segment($1)", self._made + 1)
            self._made += 1
        self._free.extend(row[0] << SHARD_BITS for row in rows)
