"""Who follows this server, whether a commit waits for them, whether it follows another: for `/metrics` and `doctor`."""

import asyncpg

from kangyun.database.vitals import Vitals

STANDBY = "kangyun_standby"
"""The name by which a standby of ours follows."""
_FOLLOWERS = """
SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))::float8 AS synchronous,
    count(*) FILTER (WHERE sync_state IN ('async', 'potential'))::float8 AS asynchronous,
    coalesce(max(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn)), 0)::float8 AS behind,
    (current_setting('synchronous_standby_names') <> '')::int::float8 AS wanted
FROM pg_stat_replication WHERE state = 'streaming' AND application_name <> 'kangyun_backup'
"""
_FOLLOWS = "SELECT pg_is_in_recovery()"
_FOLLOWING = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')"


async def follows_another(connection: asyncpg.Connection) -> bool:
    """Whether this server is a standby: it replays another's log, and nothing is written here."""
    found: bool = await connection.fetchval(_FOLLOWS)
    return found


async def is_following(connection: asyncpg.Connection) -> bool:
    """Whether a standby gets the log now."""
    found: bool = await connection.fetchval(_FOLLOWING)
    return found


async def replication_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how many standbys follow, synchronously or not, and how far they are behind."""
    row = await connection.fetchrow(_FOLLOWERS)
    return [
        ("kangyun_standbys_synchronous", "Standbys that each commit waits for.", row["synchronous"]),
        ("kangyun_standbys_asynchronous", "Standbys that may lack the newest commits.", row["asynchronous"]),
        ("kangyun_standby_wanted", "Whether a commit waits for a standby, be there one or not.", row["wanted"]),
        ("kangyun_standby_lag_bytes", "Log that the standby furthest behind has not on its disk.", row["behind"]),
    ]
