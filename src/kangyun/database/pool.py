"""A pool of asyncpg connections that costs nothing per use.

asyncpg's own pool resets a connection by a round trip each time it is given back. Ours does not: the store keeps
no session state on a connection. The last connection given back is the next one taken, so that its caches
are warm. A connection that broke, or whose transaction did not end, is closed and replaced.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import asyncpg

from kangyun.base.errors import PlatformError, TooCostly, Unavailable
from kangyun.database.places import Full, Places

# What an unreachable, stopping, starting or full server raises, a standby that does not write, a disk that does not
# read, and a lock that others keep: the caller may try again later.
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # The server hung up while the connection was idle.
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
TROUBLES = (PlatformError, asyncpg.PostgresError, *LOST)
"""What work in the background meets when the database is away, busy or in its way: it is done later."""
ASK_AGAIN = 0.2  # seconds
# A statement that is kept costs the server's process 0.1 MB: searches come in more shapes than memory has room for.
MOST_STATEMENTS = 300
SERVER_SETTINGS = {
    "application_name": "kangyun",
    "timezone": "UTC",
    # The plans of the store are chosen by the form of its statements (docs/search.md), so a plan is made once.
    "plan_cache_mode": "force_generic_plan",
    # Last resorts, in milliseconds. What a caller may take is bounded by the caller; these free the locks of one that
    # was stopped in the middle, or cut off without a word.
    "lock_timeout": "20000",
    "statement_timeout": "300000",
    "idle_in_transaction_session_timeout": "60000",
    "client_connection_check_interval": "5000",
}


class Pool:
    """At most `size` connections to `url`; callers wait for one at most `patience` seconds."""

    def __init__(
        self,
        url: str,
        *,
        size: int = 10,
        patience: float = 10.0,
        settings: dict[str, str] | None = None,
        prepare: Callable[[asyncpg.Connection], Any] | None = None,
    ) -> None:
        self.url = url
        self._settings = SERVER_SETTINGS | (settings or {})
        self._prepare = prepare
        self._patience = patience
        self._idle: list[asyncpg.Connection] = []
        self._closed = False
        self._places = Places(size, patience)
        self._for_locks = Places(max(size // 2, 1), patience)
        self._lost_until = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def waiting(self) -> int:
        """How many callers wait for a connection."""
        return self._places.waiting + self._for_locks.waiting

    @property
    def in_use(self) -> int:
        return self._places.in_use

    def tell_waits(self, told: Callable[[float], object]) -> None:
        """Tells of each wait for a connection, in seconds."""
        self._places.on_wait = self._for_locks.on_wait = told

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lends a connection. Raises Unavailable when none comes free in time and when the server is lost."""
        await _take(self._places)
        try:
            connection = self._living() or await self._connect()
        except BaseException:
            self._places.give()
            raise
        try:
            yield connection
        except TimeoutError as error:
            connection.terminate()  # Its statement may still be running.
            raise (TooCostly if error.errno is None else Unavailable) from error
        except LOST as error:
            connection.terminate()
            raise Unavailable from error
        except asyncpg.QueryCanceledError as error:
            raise Unavailable("database.too-slow") from error
        except asyncpg.ProgramLimitExceededError as error:  # The statement is too deep or too long to be planned.
            raise TooCostly from error
        except asyncio.CancelledError:
            # Half a statement may be on its way: its answer must not meet the next caller.
            connection.terminate()
            raise
        finally:
            if not connection.is_closed():
                if self._closed or connection.is_in_transaction():
                    connection.terminate()
                else:
                    self._idle.append(connection)
            self._places.give()

    @contextlib.asynccontextmanager
    async def connection_for_locks(self) -> AsyncIterator[asyncpg.Connection]:
        """Lends a connection to one who may wait on it for a lock. They never have more than half of all.

        Else those who want one patient's lock would keep everybody from the database.
        """
        await _take(self._for_locks)
        try:
            async with self.connection() as connection:
                yield connection
        finally:
            self._for_locks.give()

    async def close(self) -> None:
        """Closes the idle connections; those lent out close when they are given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            with contextlib.suppress(*LOST, asyncio.TimeoutError):
                await connection.close(timeout=5)

    def _living(self) -> asyncpg.Connection | None:
        """Returns an idle connection, leaving out those that the server has closed meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self) -> asyncpg.Connection:
        # A server that is away is not asked by every request: that would only fill its log and keep all waiting.
        if time.monotonic() < self._lost_until:
            raise Unavailable
        try:
            connection = await asyncpg.connect(
                self.url,
                timeout=self._patience,
                command_timeout=None,
                statement_cache_size=MOST_STATEMENTS,
                max_cached_statement_lifetime=0,
                server_settings=self._settings,
            )
        except (TimeoutError, *LOST, asyncpg.InvalidCatalogNameError) as error:
            self._lost_until = time.monotonic() + ASK_AGAIN
            raise Unavailable from error
        if self._prepare:
            try:
                await self._prepare(connection)
            except BaseException as error:
                connection.terminate()
                if isinstance(error, (TimeoutError, *LOST)):
                    raise Unavailable from error
                raise
        return connection


async def _take(places: Places) -> None:
    try:
        await places.take()
    except Full:
        raise Unavailable("database.pool-busy") from None
