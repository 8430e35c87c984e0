"""Writing small commits of many callers in one transaction: what a commit costs most is its message and its flush.

Each stays a commit of its own, with its place in the feed and its audit row. Where one cannot be written, or somebody
holds a lock that one needs, the group comes apart and each is written alone.

Not for who holds a connection already: groups take one of the pool, which has no more than that many.
"""

from collections.abc import Sequence
from datetime import datetime

from kangyun.database.gathering import Apart, Gathering
from kangyun.database.pool import Pool
from kangyun.store.batch import Batch, Stale
from kangyun.store.writer import Writer

GROUP = 32
PATIENCE = 0.003  # seconds
MOST_TOGETHER, MOST_BYTES = 20, 200_000  # versions of one commit, and what their bodies have


class Committer:
    """Writes prepared commits. One for a process."""

    def __init__(self, pool: Pool, writer: Writer) -> None:
        self._pool = pool
        self._writer = writer
        self._gathering = Gathering(self._commit_all, most=GROUP, patience=PATIENCE)

    async def commit(self, batch: Batch) -> datetime:
        """Writes a commit and returns its instant. Raises Stale."""
        together = len(batch.written) <= MOST_TOGETHER and sum(map(len, batch.rows.versions)) <= MOST_BYTES
        return await (self._gathering.do(batch) if together else self._gathering.alone(batch))

    async def _commit_all(self, batches: Sequence[Batch]) -> list[datetime | Exception]:
        """Commits together what can be; the others are told why not."""
        outcomes: list[datetime | Exception] = [Apart() for _ in batches]
        together: dict[int, Batch] = {}
        written: set[int] = set()
        for nth, batch in enumerate(batches):
            if not written.isdisjoint(batch.res):
                outcomes[nth] = Stale(frozenset(batch.buckets))  # It will be, once those before it are written.
            elif batch.edition == batches[0].edition:
                together[nth] = batch
                written |= batch.res
        lending = self._pool.connection_for_locks if len(batches) == 1 else self._pool.connection  # Who is alone waits.
        async with lending() as connection:
            # Who is left over of several is written alone: it may have to wait, and the others are to be told.
            while len(together) > 1 or len(together) == len(batches):
                try:
                    moment = await self._writer.commit(connection, list(together.values()))
                except Stale as stale:
                    gone = [nth for nth, batch in together.items() if not stale.res.isdisjoint(batch.res)]
                    if not gone:
                        raise
                    for nth in gone:
                        outcomes[nth] = Stale(frozenset(together.pop(nth).buckets))
                else:
                    outcomes = [moment if nth in together else outcome for nth, outcome in enumerate(outcomes)]
                    break
        return outcomes
