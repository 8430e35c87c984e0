"""What is shown of the outbox: a reader's list in the app, what was held back of his, and figures of the whole.

Whoever may see which of it is decided by who asks; the figures have no content.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

MOST_HELD = 1_000


async def notes(
    connection: asyncpg.Connection, readers: Sequence[str], before: int, most: int, *, unread: bool
) -> list[Any]:
    """Returns the lines of some readers, the newest first, as rows with their messages' sealed parts."""
    rows: list[Any] = await connection.fetch(_NOTES, list(readers), before, most, unread)
    return rows


async def count_unread(connection: asyncpg.Connection, readers: Sequence[str]) -> int:
    """Returns how many lines nobody has read."""
    return int(await connection.fetchval(_UNREAD, list(readers)))


async def holders(connection: asyncpg.Connection, readers: Sequence[str], notes: Sequence[int]) -> list[int]:
    """Returns about whom some lines of these readers are, by their numbers."""
    return [row["holder"] for row in await connection.fetch(_HOLDERS, list(readers), list(notes))]


async def held_back(connection: asyncpg.Connection, readers: Sequence[str], since: datetime) -> list[Any]:
    """Returns what was held back of some readers since then, the newest first."""
    rows: list[Any] = await connection.fetch(_HELD, list(readers), since, MOST_HELD)
    return rows


async def newest(connection: asyncpg.Connection, readers: Sequence[str]) -> dict[str, int]:
    """Returns the number of each reader's newest line, 0 where there is none."""
    found = {row["reader"]: row["newest"] for row in await connection.fetch(_NEWEST, list(readers))}
    return {reader: found.get(reader, 0) for reader in readers}


async def figures(connection: asyncpg.Connection, now: datetime) -> dict[str, list[Any]]:
    """Returns counts of the last day: messages by urgency and state, requests by channel, state and code."""
    since = now - timedelta(days=1)
    return {
        "message": await connection.fetch(_MESSAGES, since),
        "request": await connection.fetch(_REQUESTS, since),
        "overdue": await connection.fetch(_OVERDUE, now),
    }


_NOTES = """
SELECT n.id, n.reader, n.message, n.turn, n.times, n.made, n.read, n.answered, m.key, m.urgency, m.template, m.holder,
    m.state, m.sealed
FROM outbox_note AS n JOIN outbox_message AS m ON m.id = n.message
WHERE n.reader = ANY ($1::text[]) AND n.id < $2 AND (n.read IS NULL OR NOT $4) ORDER BY n.id DESC LIMIT $3
"""
_HOLDERS = """
SELECT DISTINCT m.holder FROM outbox_note AS n JOIN outbox_message AS m ON m.id = n.message
WHERE n.reader = ANY ($1::text[]) AND n.id = ANY ($2::int8[]) AND m.holder IS NOT NULL ORDER BY m.holder
"""
_UNREAD = "SELECT count(*) FROM outbox_note WHERE reader = ANY ($1::text[]) AND read IS NULL"
_HELD = """
SELECT id, reader, message, turn, times, made, read, answered, key, urgency, template, holder, state, sealed FROM (
    SELECT id, reader, id AS message, 0 AS turn, 1 AS times, made, NULL::timestamptz AS read,
        NULL::timestamptz AS answered, key, urgency, template, holder, state, sealed
    FROM outbox_message WHERE reader = ANY ($1::text[]) AND state = 'held-back' AND made > $2
) AS h ORDER BY made DESC LIMIT $3
"""
_NEWEST = "SELECT reader, max(id) AS newest FROM outbox_note WHERE reader = ANY ($1::text[]) GROUP BY reader"
_MESSAGES = """
SELECT urgency, state, count(*) AS count FROM outbox_message WHERE made > $1 GROUP BY urgency, state ORDER BY 1, 2
"""
_REQUESTS = """
SELECT channel, state, code, count(*) AS count FROM outbox_attempt WHERE changed > $1 AND channel <> 'in-app'
GROUP BY channel, state, code ORDER BY 1, 2, 3
"""
_OVERDUE = """
SELECT urgency, count(*) AS count, extract(epoch FROM $1 - min(due))::float8 AS seconds FROM outbox_message
WHERE state IN ('waiting', 'climbing') AND due < $1 GROUP BY urgency ORDER BY 1
"""
