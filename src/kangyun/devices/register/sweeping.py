"""What the register drops when it is old: refusals that nobody is shown any more, and tries that no longer count."""

import asyncio

from kangyun.access.platform import Platform
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.devices.register.health import REFUSALS_KEPT_DAYS

EVERY = 3600.0  # seconds


async def sweep(pool: Pool) -> None:
    """Drops it once. Raises as the pool does."""
    async with pool.connection() as connection:
        await connection.execute(_REFUSALS, REFUSALS_KEPT_DAYS * 86400)
        await connection.execute(_TRIES, 86400)


async def keep_swept(platform: Platform, stop: asyncio.Event) -> None:
    """Drops it each hour, until `stop`."""
    await make_rounds("devices: sweep", lambda: sweep(platform.pool), EVERY, stop)


_REFUSALS = "DELETE FROM device_refusal WHERE last < clock_timestamp() - make_interval(secs => $1::int4)"
_TRIES = "DELETE FROM device_try WHERE began < clock_timestamp() - make_interval(secs => $1::int4)"
