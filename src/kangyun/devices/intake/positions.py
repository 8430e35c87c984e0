"""How far each source of the log was taken in, as the database has it."""

from collections.abc import Mapping, Sequence

from kangyun.database.pool import Pool
from kangyun.devices.intake.asides import SQL
from kangyun.devices.log import Batch
from kangyun.devices.model import Lane


class Positions:
    """The positions of one intake. Only a transaction that was committed moves them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.taken: dict[str, int] = {}
        self.furthest: dict[str, int] = {}

    async def read(self) -> None:
        """Reads what the database has."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(SQL["positions"])
        self.taken = {row["source"]: row["taken"] for row in rows}
        self.furthest = {row["source"]: row["furthest"] for row in rows}

    async def know(self, lane: Lane, sources: Sequence[str]) -> None:
        """Makes rows for sources that are new."""
        new = [source for source in sources if source not in self.taken]
        if not new:
            return
        async with self._pool.connection() as connection:
            await connection.execute(SQL["new_positions"], new, int(lane))
        self.taken |= dict.fromkeys(new, 0)

    def moved(self, batches: Sequence[Batch]) -> None:
        """Notes what was taken in."""
        for batch in batches:
            self.taken[batch.source] = batch.until
            self.furthest[batch.source] = max(batch.until, self.furthest.get(batch.source, 0))

    async def begin_again(self, starts: Mapping[str, int]) -> None:
        """Moves the positions back to what the log still has; for who replays while no intake runs."""
        async with self._pool.connection() as connection:
            await connection.execute(SQL["back"], list(starts), list(starts.values()))
