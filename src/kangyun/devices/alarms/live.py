"""Alarms as they change, for whoever watches: what a process hears of the database, and gives to its watchers.

While somebody watches, a process looks every `LOOK` seconds for what has changed behind the number where it stopped
(nothing rings it, as the least server has no NOTIFY). The number of a change is that of its transaction, so that what
commits late is not missed: read again from the lowest that was still running. A watcher is given alarms as they stand,
each version once; of an alarm that changes faster than he reads he gets the last. So nothing queues up behind him.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.texts import Language
from kangyun.database.leases import pause
from kangyun.database.pool import TROUBLES, Pool
from kangyun.devices.alarms.raising import SQL, Alarms
from kangyun.devices.alarms.seeing import watch
from kangyun.devices.alarms.showing import Shown, shown

logger = logging.getLogger(__name__)

LOOK = 0.05  # seconds
RETRY = 1.0  # seconds
AT_ONCE = 1_000  # alarms of one look, and of one page of a snapshot
MOST_SHOWN = 2_000  # open alarms of a snapshot: red first
MOST_KNOWN = 50_000  # versions that a watcher remembers
_FIRST = (32_767, (1 << 63) - 1)


@dataclass(eq=False, slots=True)
class Watcher:
    """Somebody who watches: what has changed since he was told."""

    changed: dict[int, Any] = field(default_factory=dict)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0

    def give(self, rows: Iterable[Any], number: int) -> None:
        """Has him told of alarms. number: up to which all is known now."""
        for row in rows:
            self.changed[row["id"]] = row
        self.number = number
        if self.changed:
            self.rung.set()


class Live:
    """What changes, in one process. It looks while somebody watches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watchers: set[Watcher] = set()
        self._following: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._number = 0
        self._sent: dict[int, int] = {}

    async def join(self, watcher: Watcher) -> None:
        """Has a watcher told of what changes from now on."""
        self._watchers.add(watcher)
        if self._following is None or self._following.done():
            self._ready.clear()
            self._following = asyncio.ensure_future(self._follow())
        await self._ready.wait()

    def leave(self, watcher: Watcher) -> None:
        """Tells a watcher no more."""
        self._watchers.discard(watcher)

    def close(self) -> None:
        """Stops looking."""
        self._stop.set()
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        while self._watchers and not self._stop.is_set():
            try:
                async with self._pool.connection() as connection:
                    await self._watch(connection)
            except TROUBLES as error:
                logger.warning("alarms live: %s", type(error).__name__)
                await pause(self._stop, RETRY)

    async def _watch(self, connection: asyncpg.Connection) -> None:
        if not self._number:
            self._number = await connection.fetchval(SQL["horizon"])
        while self._watchers and not self._stop.is_set():
            await self._look(connection)
            self._ready.set()
            await pause(self._stop, LOOK)
        # Who comes now waits for the first look of the next: what changes until then is looked at by nobody.
        self._number = 0
        self._ready.clear()

    async def _look(self, connection: asyncpg.Connection) -> None:
        horizon: int = await connection.fetchval(SQL["horizon"])
        rows = await connection.fetch(SQL["changed"], self._number, None)
        fresh = [row for row in rows if self._sent.get(row["id"], 0) < row["version"]]
        self._number = horizon
        self._sent = {row["id"]: row["version"] for row in rows}
        for watcher in self._watchers:
            watcher.give(fresh, self._number)


class View:
    """Alarms as one actor is shown them, and which versions he has."""

    def __init__(self, pool: Pool, record: Record, alarms: Alarms, language: Language = "zh") -> None:
        self._pool = pool
        self._language = language
        self._record = record
        self._alarms = alarms
        self._known: dict[int, int] = {}
        self._desk: int | None = None

    async def snapshot(self) -> tuple[list[Shown], int]:
        """Returns all open alarms that he sees, and the number from which changes follow. Raises Forbidden."""
        async with self._pool.connection() as connection:
            number: int = await connection.fetchval(SQL["horizon"])
        watching = await watch(self._record, self._alarms, clock.now())
        self._desk = watching.desk
        found: list[Any] = []
        place: tuple[int, int] = _FIRST
        while len(found) < MOST_SHOWN:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(SQL["all_open"], *place, AT_ONCE)
            found += await watching.sees(rows)
            if len(rows) < AT_ONCE:
                break
            place = rows[-1]["level"], rows[-1]["id"]
        self._known.clear()
        return await self._shown(found[:MOST_SHOWN]), number

    async def has_shifted(self) -> bool:
        """Whether his duty has begun or ended since the last snapshot."""
        return (await watch(self._record, self._alarms, clock.now())).desk != self._desk

    async def since(self, number: int) -> tuple[list[Shown], int] | None:
        """Returns what changed behind a number, and the number from which more follows. None where it is not known."""
        async with self._pool.connection() as connection:
            horizon: int = await connection.fetchval(SQL["horizon"])
            rows = await connection.fetch(SQL["changed"], number, AT_ONCE)
        if number > horizon or len(rows) == AT_ONCE:
            return None
        self._desk = (await watch(self._record, self._alarms, clock.now())).desk
        return await self.changes(rows), horizon

    async def changes(self, rows: Iterable[Any]) -> list[Shown]:
        """Returns those alarms that he sees and does not have in this version. Raises Forbidden."""
        new = [row for row in rows if self._known.get(row["id"], 0) < row["version"]]
        watching = await watch(self._record, self._alarms, clock.now())
        return await self._shown(await watching.sees(new))

    async def _shown(self, rows: list[Any]) -> list[Shown]:
        if not rows:
            return []
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known.update({row["id"]: row["version"] for row in rows})
        await self._record.leave_row("alarms-live", 200, sorted({row["holder"] for row in rows}))
        return await shown(self._record, self._alarms, rows, self._language)
