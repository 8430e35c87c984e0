"""Looks whether the events of the register are what its audit rows sealed. Reads only.

A row about an identity names its event and the digest of it: what was done, by whom, and the sealed detail that says
which role was given and why. The row is in the chain (`verifying`), the event is not: it is held against the row here.
Events go with the identity of who is erased.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg

from kangyun.base.crypto import sm3

_AT_ONCE = 2_000  # rows


class EventFault(NamedTuple):
    """An event (`event`) that its audit row (`row`) tells otherwise, or that is not there."""

    row: int
    event: int


def digest(identity: int, what: str, by: str, sealed: bytes) -> str:
    """Returns the digest of an event, as its audit row has it."""
    return sm3(f"{identity}\0{what}\0{by}\0".encode(), sealed).hex()


async def verify_events(connection: asyncpg.Connection) -> AsyncIterator[EventFault]:
    """Yields each fault, in the order of the rows."""
    last = 0
    while rows := await connection.fetch(_ROWS, last, _AT_ONCE):
        last = rows[-1]["id"]
        for row in rows:
            _, _, identity, event, told = row["shape"].split("/")
            if row["detail"] is None:
                if row["stands"]:
                    yield EventFault(row["id"], int(event))
            elif told != digest(int(identity), row["what"], row["by"], row["detail"]):
                yield EventFault(row["id"], int(event))


_ROWS = """
SELECT a.id, a.shape, e.what, e.by, e.detail, i.id IS NOT NULL AS stands
FROM (
    SELECT id, shape, split_part(shape, '/', 3)::int8 AS identity, split_part(shape, '/', 4)::int8 AS event
    FROM audit WHERE id > $1 AND action LIKE 'identity-%' AND shape ~ '^/identity/[0-9]{1,18}/[0-9]{1,18}/[0-9a-f]{64}$'
    ORDER BY id LIMIT $2
) AS a LEFT JOIN identity_event AS e ON e.id = a.event AND e.identity = a.identity
LEFT JOIN identity AS i ON i.id = a.identity ORDER BY a.id
"""
