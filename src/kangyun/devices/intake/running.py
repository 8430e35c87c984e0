"""The intake as it runs: one at a time in an installation, with a task for events and one for all else.

Events have connections and a judging of their own, so an SOS waits for nobody's group. Live readings come before
history, which is taken in by small groups and only while nothing live has to wait.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.base.errors import PlatformError, Unavailable
from kangyun.database.leases import lease, pause
from kangyun.database.pool import LOST, TROUBLES, Pool
from kangyun.database.vitals import tell
from kangyun.devices.intake.asides import SQL, Asides
from kangyun.devices.intake.parts import Judging
from kangyun.devices.intake.positions import Positions
from kangyun.devices.intake.taking import Elsewhere, Parts, Taken, Taker
from kangyun.devices.log import Batch, LogReader
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

LEASE = "devices.intake"
RETRY, LOOK_FOR_LEASE = 0.5, 1.0  # seconds
TRIES = 5
"""So often a group of one size is tried that fails for something that may pass, though the database answers."""
FIGURES_EVERY, HOUSEKEEPING_EVERY = 5.0, 600.0  # seconds
ASIDE_DAYS = 90
"""As what institutions delivered; our choice."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How large a group of a lane may be: records, bytes of payload (a reading has some 40)."""

    records: int
    bytes: int


BOUNDS = {
    Lane.EVENT: Bound(50, 16_000),
    Lane.LIVE: Bound(1000, 80_000),
    Lane.BACKFILL: Bound(200, 32_000),
}
LET_PASS = 0.2
"""Seconds that a group waits for events at most: who floods with events does not stop all else."""
LIVE_WITHIN, HISTORY_EVERY = 0.3, 2.0
"""Seconds that a live reading may wait before history stops for it, but for a group now and then."""
PACE = 0.05
"""Seconds between two groups of live readings that are not full: larger groups cost less each."""
BUSY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, PlatformError, *LOST, TimeoutError)


class Intake:
    """Takes in while it holds the lease. judging: makes one for each task."""

    def __init__(
        self, pool: Pool, log: LogReader, parts: Parts, judging: Callable[[], Judging], asides: Asides
    ) -> None:
        self._pool, self.log, self.parts = pool, log, parts
        self.positions = Positions(pool)
        self._urgent_judging, self._judging = judging(), judging()
        self._urgent = Taker(pool, parts, self._urgent_judging, asides)
        self.others = Taker(pool, parts, self._judging, asides)
        self._most = {lane: bound.records for lane, bound in BOUNDS.items()}
        self._failed = dict.fromkeys(Lane, 0)
        self._stale: set[int] = set()
        self._calm = asyncio.Event()
        self._calm.set()
        self.on_group: Callable[[Lane, Taken], object] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Takes in until `stop`, whenever no other process does."""
        while not stop.is_set():
            try:
                async with lease(self._pool, LEASE) as held:
                    if held is None:
                        await pause(stop, LOOK_FOR_LEASE)
                        continue
                    await self._hold(held, stop)
            except* Elsewhere:
                logger.warning("intake: another process takes in as well; begins again from its positions")
                await pause(stop, RETRY)
            except* TROUBLES as error:
                logger.warning("intake: %s", type(error.exceptions[0]).__name__)
                await pause(stop, RETRY)

    async def begin_again(self) -> None:
        """Goes back to the oldest records that the log still has; no intake may run."""
        async with lease(self._pool, LEASE) as held:
            if held is None:
                raise Unavailable("devices.intake.running")
            await self.positions.begin_again(await self.log.starts())

    async def _hold(self, held: asyncpg.Connection, stop: asyncio.Event) -> None:
        await self.positions.read()
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._take_events(over)),
                group.create_task(self._take_others(over)),
                group.create_task(self.keep_house(over)),
            ]
            while not stop.is_set() and not held.is_closed() and not any(task.done() for task in tasks):
                await pause(stop, 0.2)
            over.set()

    async def _take_events(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                taken = await self._turn(Lane.EVENT, self._urgent, stop)
            finally:
                self._calm.set()
            if taken is None:
                await self.log.wait([Lane.EVENT], self.positions.taken, 0.5)
                continue
            # The other task's memory does not have these readings, and this one's misses those of the other.
            self._stale |= set(taken.holders)
            self._urgent_judging.forget(taken.holders)

    async def _take_others(self, stop: asyncio.Event) -> None:
        history = 0.0
        while not stop.is_set():
            began = time.monotonic()
            live = await self._turn(Lane.LIVE, self.others, stop)
            behind = live is not None and self._is_behind(live)
            old = None
            if not behind or began - history > HISTORY_EVERY:
                old = await self._turn(Lane.BACKFILL, self.others, stop)
                history = began
            if live is None and old is None:
                await self.log.wait([Lane.LIVE, Lane.BACKFILL], self.positions.taken, 0.5)
            elif old is None and not behind:
                await pause(stop, max(PACE - (time.monotonic() - began), 0))

    def _is_behind(self, live: Taken) -> bool:
        """Whether live readings fill their groups, or waited: then history has to."""
        return live.records >= self._most[Lane.LIVE] or time.time() - live.oldest / 1e6 > LIVE_WITHIN

    async def _turn(self, lane: Lane, taker: Taker, stop: asyncio.Event) -> Taken | None:
        """Takes in a group of a lane. None where there is nothing, and after a failure."""
        most, bound = self._most[lane], BOUNDS[lane]
        batches = await self.log.read(lane, self.positions.taken, most=most, most_bytes=bound.bytes)
        if not batches:
            return None
        if lane == Lane.EVENT:
            self._calm.clear()
        elif not self._calm.is_set():
            # An event is on its way: no group begins beside it, as both share one thread.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._calm.wait(), LET_PASS)
        await self.positions.know(lane, [batch.source for batch in batches])
        if taker is self.others and self._stale:
            self._judging.forget(sorted(self._stale))
            self._stale.clear()
        try:
            taken = await taker.take(lane, batches, self.positions.taken, self.positions.furthest)
        except Elsewhere:
            raise
        except BUSY as error:
            await self._wait_for_database(lane, batches, taker, error, stop)
            return None
        except Exception as error:  # Whatever it is: what made it fail is found and put aside, and stops nobody.
            await self._halve(lane, batches, taker, error)
            return None
        self.positions.moved(batches)
        self._failed[lane] = 0
        self._most[lane] = min(most * 2, bound.records)
        if self.on_group is not None:
            self.on_group(lane, taken)
        return taken

    async def _wait_for_database(
        self, lane: Lane, batches: Sequence[Batch], taker: Taker, error: BaseException, stop: asyncio.Event
    ) -> None:
        logger.warning("intake: a group of lane %s is tried again: %s", lane.name, type(error).__name__)
        try:
            async with self._pool.connection() as connection:
                await connection.fetchval("SELECT 1")
        except Unavailable:
            await pause(stop, RETRY)
            return
        self._failed[lane] += 1
        if self._failed[lane] >= TRIES:
            self._failed[lane] = 0
            await self._halve(lane, batches, taker, error)
            return
        # Two that meet go on at once; what others hold may take longer.
        await pause(stop, min(0.02 * 4 ** self._failed[lane], RETRY))

    async def _halve(self, lane: Lane, batches: Sequence[Batch], taker: Taker, error: BaseException) -> None:
        """Makes the next group of a lane half as large; puts aside what fails alone."""
        records = sum(len(batch.records) for batch in batches)
        logger.error(
            "intake: a group of %s records of lane %s failed: %s", records, lane.name, type(error).__name__,
            exc_info=error if records <= 1 else None,
        )  # fmt: skip
        if records > 1:
            self._most[lane] = max(records // 2, 1)
            return
        await taker.put_aside(batches, self.positions.taken)
        self.positions.moved(batches)
        self._failed[lane] = 0

    async def keep_house(self, stop: asyncio.Event) -> None:
        """Tells how far behind it is, and removes what is over."""
        due = time.monotonic() + FIGURES_EVERY
        while not stop.is_set():
            figures: dict[str, float] = {}
            for lane in Lane:
                behind = await self.log.behind(lane, self.positions.taken)
                figures[f"device_log_{lane.name.lower()}_records"] = behind.records
                figures[f"device_log_{lane.name.lower()}_seconds"] = behind.seconds
            async with self._pool.connection() as connection:
                figures["device_asides"] = await connection.fetchval(SQL["asides"])
                await tell(connection, figures)
                if time.monotonic() >= due:
                    await connection.execute(SQL["forget_told"])
                    await connection.execute(SQL["forget_asides"], ASIDE_DAYS)
            if time.monotonic() >= due:
                due = time.monotonic() + HOUSEKEEPING_EVERY
                await self.log.release(self.positions.taken)
            await pause(stop, FIGURES_EVERY)
