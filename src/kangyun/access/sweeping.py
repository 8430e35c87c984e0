"""Removing in the background what has been over for so long that nobody asks for it: sessions, grants, codes, openings.

What happened stays in the audit trail; these tables only say what is good now, and for a time what was. Some of them
forget sooner by themselves, where they are used; this reaches those that nobody uses any more.

Source of the 180 days: GB/T 22239-2019 8.1.4.3, and article 21 of the Cybersecurity Law (logs for six months at least).
"""

import asyncio

import asyncpg

from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds

KEPT_DAYS = 180
AT_ONCE = 1000
SWEEP_EVERY = 3600.0  # seconds

_LONG_AGO = "clock_timestamp() - make_interval(days => $1::int4)"
# Table: its key, and which rows are over. Grants go before the sessions that they name, codes before grants.
_OVER = {
    "oidc_code": ("digest", f"expires < {_LONG_AGO}"),
    "oidc_refresh": ("digest", f"expires < {_LONG_AGO}"),
    "oidc_launch": ("digest", f"expires < {_LONG_AGO}"),
    "oidc_jti": ("digest", f"expires < {_LONG_AGO}"),
    "oidc_grant": (
        "id",
        f"expires < {_LONG_AGO} OR revoked < {_LONG_AGO}"
        f" OR session IN (SELECT s.id FROM session AS s WHERE s.expires < {_LONG_AGO})",
    ),
    "session": (
        "id",
        f"expires < {_LONG_AGO} AND NOT EXISTS (SELECT FROM oidc_grant AS g WHERE g.session = session.id)",
    ),
    "one_time_code": ("id", f"expires < {_LONG_AGO}"),
    "factor_challenge": ("id", f"expires < {_LONG_AGO}"),
    "opened": ("id", f"ends < {_LONG_AGO}"),
}


async def sweep(connection: asyncpg.Connection, days: int = KEPT_DAYS) -> dict[str, int]:
    """Removes what has been over for so many days, a few rows at a time; returns how many by table."""
    gone: dict[str, int] = {}
    for table, (key, over) in _OVER.items():
        # What two processes sweep at once, one of them leaves out.
        chosen = f"SELECT {key} FROM {table} WHERE {over} LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED"
        done = AT_ONCE
        while done == AT_ONCE:
            said = await connection.execute(f"DELETE FROM {table} WHERE {key} IN ({chosen})", days)
            done = int(said.rpartition(" ")[2])
            gone[table] = gone.get(table, 0) + done
    return gone


async def keep_sweeping(pool: Pool, stop: asyncio.Event) -> None:
    """Sweeps each hour until `stop`."""

    async def once() -> None:
        async with pool.connection() as connection:
            await sweep(connection)

    await make_rounds("sweep", once, SWEEP_EVERY, stop)
