"""How far the change feed is behind the commits: for `/metrics` and `/health/ready`."""

import asyncpg

from kangyun.database.leases import is_held
from kangyun.database.vitals import Vitals
from kangyun.store.sequencer import LEASE

# Counting stops here: more than so many are "very far behind".
MOST = 100_000
_FEED = f"""
SELECT s.position::float8 AS position, b.count::float8 AS behind,
    coalesce(extract(epoch FROM clock_timestamp() - b.oldest), 0)::float8 AS lag
FROM sequencer AS s CROSS JOIN LATERAL (
    SELECT count(*), min(w.instant) AS oldest
    FROM (SELECT c.instant FROM commit AS c WHERE c.xid >= s.upto LIMIT {MOST}) AS w
) AS b
"""


async def feed_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns where the feed is and how far it is behind."""
    row = await connection.fetchrow(_FEED)
    return [
        ("kangyun_feed_position", "The newest position of the change feed.", row["position"]),
        ("kangyun_feed_behind_commits", "Commits that have no position yet.", row["behind"]),
        ("kangyun_feed_lag_seconds", "Age of the oldest commit without a position.", row["lag"]),
    ]


async def is_sequenced(connection: asyncpg.Connection) -> bool:
    """Whether a process does the background work: the one that holds the sequencer's lease."""
    return await is_held(connection, LEASE)
