"""How much room the database takes, by its tables. Figures only: nothing of what stands in it is read."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Size:
    """A table with its partitions, indexes and long values. bytes: all of it. rows: about."""

    table: str
    bytes: int
    rows: int


async def database_size(connection: asyncpg.Connection) -> int:
    """Returns the bytes of the database on its disk."""
    return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


async def table_sizes(connection: asyncpg.Connection) -> list[Size]:
    """Returns the tables, the largest first; a partitioned one is one table."""
    return [Size(*row) for row in await connection.fetch(_SIZES)]


_SIZES = """
WITH RECURSIVE part AS (
    SELECT c.oid, c.oid AS top FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    SELECT h.inhrelid, p.top FROM part AS p JOIN pg_inherits AS h ON h.inhparent = p.oid
)
SELECT t.relname::text, sum(pg_total_relation_size(p.oid))::int8,
    sum(greatest(c.reltuples, 0))::int8
FROM part AS p JOIN pg_class AS c ON c.oid = p.oid JOIN pg_class AS t ON t.oid = p.top
GROUP BY t.relname ORDER BY 2 DESC, 1
"""
