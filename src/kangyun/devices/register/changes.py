"""What changed of devices, told to every process within a quarter of a second: revoked, rotated, given to somebody.

As `access.identities.revocations`, and for the same reason: a row is written in the transaction that changes something,
and all rows of the last WINDOW are read again and again, for a row's number is given before its transaction ends. The
least server has no LISTEN. A process that could not look for longer is told that everything may have changed.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

import asyncpg

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.devices.register.model import Changed

EVERY = 0.25  # seconds
WINDOW = 30  # seconds; no transaction that writes such a row takes nearly as long after it
BLIND = 20.0  # seconds without a look, after which everything may have changed
KEPT = 3600  # seconds


async def tell(connection: asyncpg.Connection, devices: Iterable[int]) -> None:
    """Says that something changed of these, from the end of the caller's transaction on: its last statement."""
    await connection.execute(_TELL, sorted(set(devices)))
    await connection.execute(_FORGET, KEPT)


class Changes:
    """What a process is told. Callbacks must not block: they forget what they hold."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen: set[int] | None = None
        self._looked = time.monotonic()
        self._told: list[Callable[[Changed], object]] = []

    def on(self, told: Callable[[Changed], object]) -> None:
        """Calls this with the devices of which something changed, in the order of the calls of `on`."""
        self._told.append(told)

    async def look(self) -> None:
        """Looks once. Raises as the pool does."""
        asked = time.monotonic()
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_RECENT, WINDOW)
        blind = asked - self._looked > BLIND
        fresh = {row["device"] for row in rows if self._seen is None or row["number"] not in self._seen}
        self._seen, self._looked = {row["number"] for row in rows}, asked
        if blind or fresh:
            changed = None if blind else frozenset(fresh)
            for told in self._told:
                told(changed)

    async def follow(self, stop: asyncio.Event) -> None:
        """Looks until `stop`."""
        await make_rounds("devices: changes", self.look, EVERY, stop)


_TELL = "INSERT INTO device_change (device) SELECT unnest($1::int8[])"
_FORGET = "DELETE FROM device_change WHERE at < clock_timestamp() - make_interval(secs => $1::int4)"
_RECENT = "SELECT number, device FROM device_change WHERE at > clock_timestamp() - make_interval(secs => $1::int4)"
