"""Advisory locks of the record: 4,096 buckets, of patients, resources, names, conditions and keys of registrations.

Taken in rising order before anything is read, so that nobody waits in a circle; `record_commits` takes the rest.
"""

from collections.abc import Collection

import asyncpg

MANY = 64
"""Locks, of 4,096: who takes more is in the way of nearly all who do, and waits for his turn before he takes any."""
TURN = 1262642
TAKE_LOCKS = "SELECT pg_advisory_xact_lock(1262638, bucket) FROM unnest($1::int4[]) AS bucket"
TRY_LOCKS = "SELECT bool_and(pg_try_advisory_xact_lock(1262638, bucket)) FROM unnest($1::int4[]) AS bucket"
_WAIT_FOR_TURN = f"SELECT pg_advisory_xact_lock({TURN}, 0)"
_HURRY = "SELECT set_config('lock_timeout', '500ms', true)"


async def take_locks(connection: asyncpg.Connection, locks: Collection[int], *, hurried: bool = False) -> None:
    """Takes the locks of a transaction, which has none yet.

    hurried: for others wait behind it. Raises LockNotAvailableError after half a second.
    """
    if len(locks) > MANY:
        await connection.execute(_WAIT_FOR_TURN)
    if hurried:
        await connection.execute(_HURRY)
    await connection.execute(TAKE_LOCKS, sorted(locks))
