"""Durable jobs: asked for in one process, run in another, taken over by a third when that one dies.

A worker holds a job by a lease that it renews; who finds a lease run out takes the job over and goes on from what the
job had kept. So a job may be run twice for a moment: whatever it does must bear that, and only the holder of the lease
can write its state. Not a queue for many small things: those are read from the change feed.

Nobody is told by NOTIFY; workers look each second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import asyncpg
import msgspec

from kangyun.base.errors import Issue, PlatformError, Throttled, TooLong, Unavailable
from kangyun.database.leases import pause
from kangyun.database.pool import Pool

logger = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]
LEASE = 20.0  # seconds without a sign of life until a job is taken over
BEAT = 0.5  # seconds between two; what is cancelled goes on for so long at most
LOOK = 1.0  # seconds between two looks for work
MOST_ATTEMPTS = 5  # without getting on in between
BACK_OFF = 2.0  # seconds before the second attempt; doubles
LARGEST_RESULT = 4_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `result` is the handler's when done, the issues as JSON when failed."""

    id: UUID
    kind: str
    owner: str
    asked: bytes
    state: State
    stopping: bool
    progress: str
    made: datetime
    kept: bytes | None
    result: bytes | None
    ended: datetime | None

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Why it failed."""
        return msgspec.json.decode(self.result or b"[]", type=tuple[Issue, ...]) if self.state == "failed" else ()


class Cancelled(Exception):
    """Raised inside a handler when its job was cancelled or taken over by another worker."""


_COLUMNS = "id, kind, owner, asked, state, stopping, progress, made, kept, result, ended"


class Jobs:
    """The job table. One for a process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ask(self, kind: str, owner: str, asked: bytes) -> UUID:
        """Asks for a job and returns its id: it is durable then."""
        number = uuid4()
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO job (id, kind, owner, asked, state) VALUES ($1, $2, $3, $4, 'waiting')",
                *(number, kind, owner, asked),
            )
        return number

    async def look(self, number: UUID) -> Job | None:
        """Returns a job, None where there is none (any more)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM job WHERE id = $1", number)
        return Job(*row) if row else None

    async def unfinished(self) -> int:
        """Returns how many jobs wait or run."""
        async with self._pool.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM job WHERE state IN ('waiting', 'running')"))

    async def cancel(self, number: UUID) -> bool:
        """Cancels a job that has not ended. What runs stops within a third of a lease."""
        async with self._pool.connection() as connection:
            told: str = await connection.execute(
                "UPDATE job SET stopping = true, state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END, "
                "ended = CASE state WHEN 'waiting' THEN clock_timestamp() END "
                "WHERE id = $1 AND state IN ('waiting', 'running')",
                number,
            )
        return told == "UPDATE 1"

    async def forget(self, number: UUID) -> None:
        """Removes a job that has ended."""
        async with self._pool.connection() as connection:
            await connection.execute("DELETE FROM job WHERE id = $1 AND ended IS NOT NULL", number)

    async def sweep(self, kept_for: timedelta) -> list[UUID]:
        """Removes jobs that ended longer ago than that; returns the ids of all others but cancelled ones."""
        async with self._pool.connection() as connection:
            await connection.execute("DELETE FROM job WHERE ended < clock_timestamp() - $1::interval", kept_for)
            return [row["id"] for row in await connection.fetch("SELECT id FROM job WHERE state <> 'cancelled'")]


async def under_way(connection: asyncpg.Connection, kind: str) -> list[Job]:
    """Returns the jobs of a kind that wait or run."""
    return await _jobs(connection, "kind = $1 AND state IN ('waiting', 'running')", kind)


async def failed(connection: asyncpg.Connection) -> list[Job]:
    """Returns the jobs that failed and were not swept yet, the last one first."""
    return await _jobs(connection, "state = 'failed'")


async def newest(connection: asyncpg.Connection, most: int) -> list[Job]:
    """Returns the jobs that are kept, those that wait or run first, then the newest; without what they keep or made."""
    columns = _COLUMNS.replace("asked,", "''::bytea AS asked,").replace("kept,", "NULL::bytea AS kept,")
    columns = columns.replace("result,", "CASE state WHEN 'failed' THEN result END AS result,")
    rows = await connection.fetch(
        f"SELECT {columns} FROM job ORDER BY ended DESC NULLS FIRST, made DESC LIMIT $1", most
    )
    return [Job(*row) for row in rows]


async def _jobs(connection: asyncpg.Connection, condition: str, *values: object) -> list[Job]:
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM job WHERE {condition} ORDER BY ended DESC", *values)
    return [Job(*row) for row in rows]


class Running:
    """A job in the hands of its handler."""

    def __init__(self, pool: Pool, job: Job, worker: UUID) -> None:
        self._pool = pool
        self._worker = worker
        self.job = job
        self.kept = job.kept

    async def save(self, kept: bytes, progress: str) -> None:
        """Keeps from where to go on, and says how far it is. Raises Cancelled when the job is no longer ours."""
        got_on = "attempts = CASE WHEN kept IS DISTINCT FROM $3 THEN 0 ELSE attempts END,"
        await self._write(f"kept = $3, progress = $4, {got_on}", kept, progress)
        self.kept = kept

    async def live(self) -> None:
        """Renews the lease. Raises Cancelled."""
        await self._write("")

    async def _write(self, change: str, *values: object) -> None:
        async with self._pool.connection() as connection:
            stopping = await connection.fetchval(
                f"UPDATE job SET {change} due = clock_timestamp() + make_interval(secs => {LEASE}) "
                "WHERE id = $1 AND worker = $2 AND state = 'running' RETURNING stopping",
                *(self.job.id, self._worker, *values),
            )
        if stopping is not False:
            raise Cancelled

    async def end(self, state: State, result: bytes | None = None, wait: float | None = None) -> None:
        """Writes what became of it: ended, or `waiting` again for so many seconds. No word when it is not ours."""
        async with self._pool.connection() as connection:
            await connection.execute(
                "UPDATE job SET state = $3, result = $4, worker = NULL, "
                "ended = CASE WHEN $5::float8 IS NULL THEN clock_timestamp() END, "
                "due = clock_timestamp() + make_interval(secs => coalesce($5::float8, 0)) "
                "WHERE id = $1 AND worker = $2 AND state = 'running'",
                *(self.job.id, self._worker, state, result, wait),
            )


Handler = Callable[[Running], Awaitable[bytes]]
"""Does a job and returns its result. Raises PlatformError for what a repetition cannot mend."""

_CLAIM = f"""
UPDATE job SET state = 'running', worker = $1, attempts = attempts + 1,
    due = clock_timestamp() + make_interval(secs => {LEASE})
WHERE id = (
    SELECT id FROM job
    WHERE state IN ('waiting', 'running') AND due <= clock_timestamp() AND kind = ANY ($2)
    ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING {_COLUMNS}, attempts
"""


async def is_asked_for(pool: Pool) -> bool:
    """Whether a job waits for a worker."""
    async with pool.connection() as connection:
        return bool(await connection.fetchval(_DUE))


_DUE = "SELECT EXISTS (SELECT FROM job WHERE state IN ('waiting', 'running') AND due <= clock_timestamp())"


async def work(
    pool: Pool, handlers: Mapping[str, Handler], stop: asyncio.Event, *, at_once: int = 2, idle: float | None = None
) -> None:
    """Runs jobs of the kinds that have a handler until `stop`; those that run then are given back at once.

    idle: ends as well when there was nothing to do for so many seconds.
    """
    running: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    busy = loop.time()
    while not stop.is_set():
        busy = loop.time() if running else busy
        if idle is not None and loop.time() - busy > idle:
            return
        try:
            while len(running) < at_once and (claimed := await _claim(pool, list(handlers))):
                task = asyncio.ensure_future(_run(pool, *claimed, handlers))
                running.add(task)
                task.add_done_callback(running.discard)
        except (PlatformError, asyncpg.PostgresError) as error:
            logger.warning("jobs: %s", type(error).__name__)
        await pause(stop, LOOK)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _claim(pool: Pool, kinds: list[str]) -> tuple[Running, int] | None:
    worker = uuid4()
    async with pool.connection() as connection:
        row = await connection.fetchrow(_CLAIM, worker, kinds)
    if row is None:
        return None
    *columns, attempts = row
    return Running(pool, Job(*columns), worker), attempts


async def _run(pool: Pool, running: Running, attempts: int, handlers: Mapping[str, Handler]) -> None:
    job = running.job
    try:
        if job.stopping:
            await running.end("cancelled")
        elif attempts > MOST_ATTEMPTS:  # It brought down its workers again and again.
            await running.end("failed", _failure(Unavailable("database.job-failed")))
        else:
            await _carry_out(running, attempts, handlers[job.kind])
    except (PlatformError, asyncpg.PostgresError) as error:
        # Its end could not be written: when the lease is over, somebody goes on with it.
        logger.warning("job %s %s: %s", job.kind, job.id, type(error).__name__)


async def _carry_out(running: Running, attempts: int, handler: Handler) -> None:
    """Runs a handler under a beating heart and writes what became of it."""
    handling = asyncio.ensure_future(handler(running))
    heart = asyncio.ensure_future(_beat(running, handling))
    try:
        result = await handling
        if len(result) > LARGEST_RESULT:
            raise TooLong("database.result-too-long", limit=LARGEST_RESULT)
        await running.end("done", result)
    except asyncio.CancelledError:
        if not heart.done():  # This worker stops: the job goes on elsewhere.
            await running.end("waiting", wait=0)
            raise
        await running.end("cancelled")
    except Cancelled:
        await running.end("cancelled")
    except Exception as error:
        await _failed(running, error, attempts)
    finally:
        heart.cancel()


async def _beat(running: Running, handling: "asyncio.Future[bytes]") -> None:
    """Renews the lease while the job runs, and stops it when it was cancelled or lost."""
    loop = asyncio.get_running_loop()
    renewed = loop.time()
    while loop.time() - renewed < LEASE:
        await asyncio.sleep(min(BEAT, LEASE / 4))
        try:
            await running.live()
            renewed = loop.time()
        except Cancelled:
            break
        except (PlatformError, asyncpg.PostgresError):
            continue  # The database may be back before the lease is over.
    handling.cancel()


async def _failed(running: Running, error: Exception, attempts: int) -> None:
    lasting = isinstance(error, PlatformError) and not isinstance(error, Unavailable | Throttled)
    if not lasting:
        logger.error("job %s %s: %s", running.job.kind, running.job.id, type(error).__name__)
    known = error if isinstance(error, PlatformError) else Unavailable("database.job-failed")
    if lasting or attempts >= MOST_ATTEMPTS:
        await running.end("failed", _failure(known))
    else:
        await running.end("waiting", wait=BACK_OFF * 2**attempts)


def _failure(error: PlatformError) -> bytes:
    return msgspec.json.encode(error.issues)
