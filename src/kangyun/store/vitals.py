"""How far the change feed is behind the commits, and its readers behind it: for `/metrics` and `/health/ready`."""

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
# What comes next for the reader that is behind longest: nothing for one that is at the end.
_READERS = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(f.instant)), 0)::float8 AS lag,
    (SELECT count(*) FROM parked_event)::float8 AS parked
FROM feed_cursor AS k JOIN feed AS f ON f.position = k.position + 1
"""


async def feed_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns where the feed is, how far it is behind, and how its readers do."""
    row, readers = await connection.fetchrow(_FEED), await connection.fetchrow(_READERS)
    return [
        ("kangyun_feed_position", "The newest position of the change feed.", row["position"]),
        ("kangyun_feed_behind_commits", "Commits that have no position yet.", row["behind"]),
        ("kangyun_feed_lag_seconds", "Age of the oldest commit without a position.", row["lag"]),
        ("kangyun_feed_reader_lag_seconds", "Age of what the slowest reader of the feed has to do.", readers["lag"]),
        ("kangyun_parked_events", "Events that a reader of the feed could not deal with.", readers["parked"]),
    ]


async def is_sequenced(connection: asyncpg.Connection) -> bool:
    """Whether a process does the background work: the one that holds the sequencer's lease."""
    return await is_held(connection, LEASE)
