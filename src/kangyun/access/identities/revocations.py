"""What is no longer good, told to every process: written in the transaction that ends it, looked for all the time.

There is no message between processes and no cursor: a row's number is given before its transaction ends, and a cursor
would pass over late ones. All rows of the last WINDOW are read again and again, and those not seen before are told.
"""

import asyncpg

from kangyun.base.errors import Unavailable

WINDOW = 60  # seconds; no transaction that writes such a row takes nearly as long
KEPT = 3600  # seconds

_REVOKE = "INSERT INTO revocation (subject) SELECT unnest($1::text[])"
_FORGET = "DELETE FROM revocation WHERE at < clock_timestamp() - make_interval(secs => $1::int4)"
_RECENT = "SELECT number, subject FROM revocation WHERE at > clock_timestamp() - make_interval(secs => $1::int4)"


async def revoke(connection: asyncpg.Connection, *subjects: str) -> None:
    """Says that these are no longer good, from the end of the caller's transaction on."""
    await connection.execute(_REVOKE, list(subjects))
    await connection.execute(_FORGET, KEPT)


class Watch:
    """Which revocations a process has seen."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    async def look(self, connection: asyncpg.Connection) -> set[str]:
        """Returns the subjects of revocations that were not seen before. Raises Unavailable."""
        try:
            rows = await connection.fetch(_RECENT, WINDOW)
        except asyncpg.PostgresError as error:
            raise Unavailable from error
        fresh = {row["subject"] for row in rows if row["number"] not in self._seen}
        self._seen = {row["number"] for row in rows}
        return fresh
