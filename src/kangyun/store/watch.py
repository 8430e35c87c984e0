"""What other processes do to keys, noticed within a second: erased patients' keys leave the memory, epochs are renewed.

No answer hangs on it: what was erased is gone from the tables at once, and a write is refused by the database. It sees
that a key which nobody may use any more is not held either.
"""

import asyncio
import contextlib

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.store.keys import KeyRing
from kangyun.store.root import bring_forward
from kangyun.store.statements import statement

EVERY = 0.5  # seconds


class KeyWatch:
    """Keeps the keys of a process as they stand. One for a process."""

    def __init__(self, pool: Pool, keys: KeyRing) -> None:
        self._pool = pool
        self._keys = keys
        self._erasure: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks now, before any key is held, and from then on until `close`. Raises as the pool does."""
        await self.look()
        self._task = asyncio.ensure_future(make_rounds("keys", self.look, EVERY, asyncio.Event()))

    async def close(self) -> None:
        """Looks no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Looks once. Raises as the pool does."""
        async with self._pool.connection() as connection:
            newest, generation, erasure = await connection.fetchrow(statement("keys_as_they_stand"))
            if erasure != self._erasure:
                if self._erasure is not None:
                    rows = await connection.fetch(statement("keys_destroyed_since"), self._erasure)
                    self._keys.forget(key for row in rows for key in row["keys"])
                self._erasure = erasure
            if newest != self._keys.newest_epoch or generation != self._keys.root.generation:
                await self._keys.reload(connection)
                bring_forward(self._keys.root)
