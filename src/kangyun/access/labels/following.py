"""When the rules are not those that the record was labelled by: all is labelled anew, and closed by both meanwhile.

Who opens the record with other rules writes down what these say of the tokens there are (`begun`), and sees each row
by that and by its own labels until the background work has labelled everything (`keep_labelled`, `Following`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import asyncpg

from kangyun.access.labels import Labels
from kangyun.database.leases import lease, pause
from kangyun.database.pool import TROUBLES, Pool
from kangyun.store.index import Indexer
from kangyun.store.relabel import Relabeller

logger = logging.getLogger(__name__)

RETRY = 5.0  # seconds
LOOK = 2.0


async def begun(pool: Pool, relabeller: Relabeller, labels: Labels) -> bool:
    """Begins the edition of these rules, where it is not; returns whether rows are still to be labelled by it.

    A standby begins nothing: what it has is the primary's.
    """
    async with pool.connection() as connection:
        if await connection.fetchval("SELECT pg_is_in_recovery()"):
            return not await _done(connection, labels)
        if await _done(connection, labels):
            return False
        async with connection.transaction():
            await connection.execute("LOCK TABLE label_edition IN SHARE ROW EXCLUSIVE MODE")
            known = await connection.fetchrow(_EDITION)
            if known is None or known["digest"] != labels.digest:
                # An empty record has nothing that other rules have labelled.
                done = known is None and not await connection.fetchval("SELECT EXISTS (SELECT FROM resource)")
                if not done:
                    await relabeller.prepare(connection)
                await connection.execute(_NOTE, labels.digest, done)
        return not await _done(connection, labels)


async def keep_labelled(pool: Pool, indexer: Indexer, labels: Labels, stop: asyncio.Event) -> None:
    """Labels what is there, once, and notes by which rules. Of several processes, the one with the lease does."""
    relabeller = Relabeller(pool, indexer)
    while not stop.is_set():
        try:
            async with lease(pool, "labels") as connection:
                if connection is not None:
                    if await begun(pool, relabeller, labels):
                        done = await relabeller.run()
                        await connection.execute(_FINISH, labels.digest)
                        logger.info("labels: %d resources", done)
                    return
        except TROUBLES as error:
            logger.warning("labels: %s", type(error).__name__)
        await pause(stop, RETRY)


class Following:
    """Has a process see rows by the rules as well, while they are labelled anew. One for a process."""

    def __init__(
        self, pool: Pool, indexer: Indexer, labels: Labels, by_rule: Callable[[tuple[int, ...] | None], None]
    ) -> None:
        """by_rule is told what the rules say of each type, and None when all is labelled."""
        self._pool = pool
        self._relabeller = Relabeller(pool, indexer)
        self._labels = labels
        self._by_rule = by_rule
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks before anything is seen. Raises as the pool does."""
        if await begun(self._pool, self._relabeller, self._labels):
            self._by_rule(self._relabeller.types)
            self._task = asyncio.ensure_future(self._until_done())

    async def close(self) -> None:
        """Looks no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _until_done(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                async with self._pool.connection() as connection:
                    if await _done(connection, self._labels):
                        self._by_rule(None)
                        return
            except TROUBLES as error:
                logger.warning("labels: %s", type(error).__name__)


async def _done(connection: asyncpg.Connection, labels: Labels) -> bool:
    known = await connection.fetchrow(_EDITION)
    return known is not None and known["digest"] == labels.digest and known["done"]


_EDITION = "SELECT digest, done FROM label_edition"
_NOTE = """
INSERT INTO label_edition (digest, done) VALUES ($1, $2)
ON CONFLICT (singleton) DO UPDATE SET digest = excluded.digest, done = excluded.done
"""
_FINISH = "UPDATE label_edition SET done = true WHERE digest = $1"
