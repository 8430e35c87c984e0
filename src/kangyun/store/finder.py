"""Finding resources by id for many callers at once: what a read costs most is its message to the database.

Each sees by a sight of its own. Not for who holds a connection already: groups take one of the pool, which has no more
than that many.
"""

from collections.abc import Collection, Sequence

from kangyun.database.gathering import Gathering
from kangyun.database.pool import Pool
from kangyun.store.reader import Current, Name, Reader
from kangyun.store.visible import EVERYTHING, Sight

GROUP = 32
PATIENCE = 0.005  # seconds
MOST_TOGETHER = 8  # names of one caller


class Finder:
    """Finds resources. One for a process."""

    def __init__(self, pool: Pool, reader: Reader) -> None:
        self._pool = pool
        self._reader = reader
        self._gathering = Gathering(self._locate_all, most=GROUP, patience=PATIENCE)

    async def locate(self, wanted: Collection[Name], sight: Sight = EVERYTHING) -> dict[Name, Current]:
        """Finds resources as they stand; see `Reader.locate`."""
        together = len(wanted) <= MOST_TOGETHER
        asked = (wanted, sight)
        return await (self._gathering.do(asked) if together else self._gathering.alone(asked))

    async def _locate_all(self, group: Sequence[tuple[Collection[Name], Sight]]) -> list[dict[Name, Current]]:
        async with self._pool.connection() as connection:
            sights = {sight for _, sight in group}
            if len(sights) > 1:
                return await self._reader.locate_each(connection, group)
            found = await self._reader.locate(connection, {name for wanted, _ in group for name in wanted}, *sights)
        return [{name: found[name] for name in wanted if name in found} for wanted, _ in group]
