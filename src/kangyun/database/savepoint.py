"""One of several things that share a transaction or a round: what goes wrong with it is not the others' loss."""

import logging
from collections.abc import Awaitable, Callable

import asyncpg

from kangyun.base.errors import Unavailable
from kangyun.database.pool import LOST

logger = logging.getLogger(__name__)


async def under_savepoint(connection: asyncpg.Connection, what: str, work: Callable[[], Awaitable[object]]) -> bool:
    """Does a work under a savepoint, and returns whether it is done: a defect undoes it alone. what: for the log.

    The database's own troubles raise, for they are everybody's.
    """
    try:
        async with connection.transaction():
            await work()
    except (Unavailable, asyncpg.PostgresError, *LOST):
        raise
    except Exception as error:
        logger.error("%s: %s", what, type(error).__name__)
        return False
    return True
