"""What listeners tell each other by the database: which session of a device is its last, and their figures.

A session is claimed after the device was let in, many at a time, and not before it is answered: while the database is
away, devices go on sending to listeners that know them. The least server has no LISTEN, so each looks now and then.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.database.vitals import tell
from kangyun.devices.mqtt.listener import Listener
from kangyun.devices.mqtt.session import Session

EVERY = 0.25  # seconds
TELL_EVERY = 5.0  # seconds
OVERLAP = 5
"""Seconds before the last look that are looked at again: a row's time is given before its transaction ends."""
FRESH = 30
"""Seconds after which what a listener told is of one that has ended."""


class Across:
    """One for a process."""

    def __init__(self, pool: Pool, listener: Listener) -> None:
        self._pool = pool
        self._listener = listener
        self._process = uuid4().hex
        self._entered: dict[int, Session] = {}
        self._looked: datetime | None = None
        self._acknowledged = 0
        listener.on_entered = self._enter

    def _enter(self, session: Session) -> None:
        self._entered[session.admitted.device] = session

    async def follow(self, stop: asyncio.Event) -> None:
        """Claims, looks and tells until `stop`."""
        loop = asyncio.get_running_loop()
        told = loop.time()

        async def once() -> None:
            nonlocal told
            await self.claim()
            await self.look()
            if loop.time() - told >= TELL_EVERY:
                await self.tell(loop.time() - told)
                told = loop.time()

        await make_rounds("mqtt: other listeners", once, EVERY, stop)

    async def claim(self) -> None:
        """Says of each device that came in that its session here is the last. Raises as the pool does."""
        entered, self._entered = self._entered, {}
        if not entered:
            return
        try:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(_CLAIM, sorted(entered), self._process)
        except BaseException:
            self._entered = entered | self._entered
            raise
        for row in rows:
            entered[row["device"]].number = row["number"]

    async def look(self) -> None:
        """Ends the sessions of devices that have come to another listener since. Raises as the pool does."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_LOOK, self._process, self._looked, OVERLAP)
        for row in rows:
            self._looked = row["now"]
            session = self._listener.sessions.get(row["device"])
            if session is not None and 0 < session.number < row["number"]:
                self._listener.take_over(session)

    async def tell(self, seconds: float) -> None:
        """Tells this listener's figures, and those of all for `/metrics`. seconds: since the last time."""
        figures = self._listener.figures
        rate = (figures.acknowledged - self._acknowledged) / seconds
        self._acknowledged = figures.acknowledged
        own: Mapping[str, float] = {
            "devices_connections": self._listener.connections,
            "devices_sessions": len(self._listener.sessions),
            "devices_messages_stored": figures.stored,
            "devices_acknowledged_per_second": rate,
            "devices_bytes_waiting": self._listener.groups.waiting,
            **{f"devices_refused_{reason}": count for reason, count in figures.refused.items()},
        }
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_TELL, self._process, list(own), [float(value) for value in own.values()])
            await connection.execute(_FORGET, FRESH)
            rows = await connection.fetch(_SUMS)
            await tell(connection, {row["figure"]: row["value"] for row in rows})


_CLAIM = """
INSERT INTO device_session AS s (device, process) SELECT unnest($1::int8[]), $2
ON CONFLICT (device) DO UPDATE SET number = s.number + 1, process = excluded.process, since = clock_timestamp()
RETURNING device, number
"""
_LOOK = """
SELECT clock_timestamp() AS now, s.device, s.number
FROM (SELECT 0 AS nobody) AS one
LEFT JOIN device_session AS s ON s.process <> $1
    AND s.since > coalesce($2::timestamptz, clock_timestamp()) - make_interval(secs => $3::int4)
"""
_TELL = """
INSERT INTO device_listener (process, figure, value) SELECT $1, * FROM unnest($2::text[], $3::float8[])
ON CONFLICT (process, figure) DO UPDATE SET value = excluded.value, told = clock_timestamp()
"""
_FORGET = "DELETE FROM device_listener WHERE told < clock_timestamp() - make_interval(secs => $1::int4)"
_SUMS = "SELECT figure, sum(value)::float8 AS value FROM device_listener GROUP BY figure ORDER BY figure"
