"""How the database does, in figures that hold nothing of what is in it: for `/metrics`, `/health` and `doctor`."""

from collections.abc import Mapping
from functools import cache

import asyncpg

from kangyun.database.migrations import migrations_of

_TELL = """
INSERT INTO vital (name, value) SELECT * FROM unnest($1::text[], $2::float8[])
ON CONFLICT (name) DO UPDATE SET value = excluded.value, told = clock_timestamp()
"""
_OWN = """
SELECT
    coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS oldest,
    count(*)::float8 AS connections,
    count(*) FILTER (WHERE wait_event_type = 'Lock')::float8 AS waiting
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_JOBS = """
SELECT count(*) FILTER (WHERE state = 'waiting')::float8 AS waiting,
    count(*) FILTER (WHERE state = 'running')::float8 AS running,
    count(*) FILTER (WHERE state = 'failed')::float8 AS failed
FROM job
"""
# What was told longer ago than this is not known.
FRESH_FOR = 60  # seconds
Vitals = list[tuple[str, str, float]]
"""Name, what it means, value."""


async def tell(connection: asyncpg.Connection, figures: Mapping[str, float]) -> None:
    """Tells figures that only this process knows."""
    await connection.execute(_TELL, list(figures), list(figures.values()))


async def vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns the figures of the server and of jobs, and those that processes told."""
    own, jobs = await connection.fetchrow(_OWN), await connection.fetchrow(_JOBS)
    told = await connection.fetch(
        "SELECT name, value FROM vital WHERE told > clock_timestamp() - $1 * interval '1 second'", FRESH_FOR
    )
    return [
        ("kangyun_database_oldest_transaction_seconds", "Age of the oldest running transaction.", own["oldest"]),
        ("kangyun_database_connections", "Connections of all processes.", own["connections"]),
        ("kangyun_database_lock_waits", "Statements that wait for a lock.", own["waiting"]),
        ("kangyun_jobs_waiting", "Jobs that wait for a worker.", jobs["waiting"]),
        ("kangyun_jobs_running", "Jobs that a worker has.", jobs["running"]),
        ("kangyun_jobs_failed", "Jobs that failed and are still kept.", jobs["failed"]),
        *((f"kangyun_{row['name']}", "Told by the background work.", row["value"]) for row in told),
    ]


async def is_current(connection: asyncpg.Connection, packages: tuple[str, ...]) -> bool:
    """Whether the database has the schema that this code needs."""
    done = {tuple(row) for row in await connection.fetch("SELECT package, name, phase FROM migration")}
    return _needed(packages) <= done


@cache
def _needed(packages: tuple[str, ...]) -> frozenset[tuple[str, str, str]]:
    found = [one for package in packages for one in migrations_of(package) if one.phase == "pre"]
    return frozenset((one.package, one.name, one.phase) for one in found)
