"""How often something was tried within a day, by a digest of what is counted: for all processes alike."""

import asyncpg


async def count_try(connection: asyncpg.Connection, subject: bytes) -> int:
    """Counts a try and returns how many it makes within the day that began with the first."""
    return int(await connection.fetchval(_TRY, subject))


_TRY = """
INSERT INTO resident_try AS t (subject, began, count) VALUES ($1, clock_timestamp(), 1)
ON CONFLICT (subject) DO UPDATE SET
    count = CASE WHEN t.began < clock_timestamp() - make_interval(secs => 86400) THEN 1 ELSE t.count + 1 END,
    began = CASE WHEN t.began < clock_timestamp() - make_interval(secs => 86400) THEN clock_timestamp() ELSE t.began END
RETURNING count
"""
