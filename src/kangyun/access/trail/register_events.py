"""Looks whether the events of the register are what its audit rows sealed. Reads only.

A row about an identity names its event and the digest of it: what was done, by whom, and the sealed detail that says
which role was given and why. The row is in the chain (`verifying`), the event is not: it is held against the row here,
also where the row stands in an archive.
Events go with the identity of who is erased.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

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


async def verify_events(
    connection: asyncpg.Connection, archived: Sequence[tuple[int, str]] = ()
) -> AsyncIterator[EventFault]:
    """Yields each fault, in the order of the rows.

    archived: number and shape of the register's rows in archives (`Progress.registered`).
    """
    there = [(row, shape) for row, shape in archived if _SHAPE.fullmatch(shape)]
    for begin in range(0, len(there), _AT_ONCE):
        ids, shapes = zip(*there[begin : begin + _AT_ONCE], strict=True)
        for fault in _faults(await connection.fetch(_ARCHIVED, ids, shapes)):
            yield fault
    last = 0
    while rows := await connection.fetch(_ROWS, last, _AT_ONCE):
        last = rows[-1]["id"]
        for fault in _faults(rows):
            yield fault


def _faults(rows: Iterable[Any]) -> list[EventFault]:
    found = []
    for row in rows:
        _, _, identity, event, told = row["shape"].split("/")
        if row["detail"] is None:
            wrong = row["stands"]
        else:
            wrong = told != digest(int(identity), row["what"], row["by"], row["detail"])
        if wrong:
            found.append(EventFault(row["id"], int(event)))
    return found


_SHAPE = re.compile(r"/identity/[0-9]{1,18}/[0-9]{1,18}/[0-9a-f]{64}")
_HELD = """
SELECT a.id, a.shape, e.what, e.by, e.detail, i.id IS NOT NULL AS stands
FROM (
    SELECT id, shape, split_part(shape, '/', 3)::int8 AS identity, split_part(shape, '/', 4)::int8 AS event
    FROM {rows}
) AS a LEFT JOIN identity_event AS e ON e.id = a.event AND e.identity = a.identity
LEFT JOIN identity AS i ON i.id = a.identity ORDER BY a.id
"""
_ROWS = _HELD.format(
    rows=f"audit WHERE id > $1 AND action LIKE 'identity-%' AND shape ~ '^{_SHAPE.pattern}$' ORDER BY id LIMIT $2"
)
_ARCHIVED = _HELD.format(rows="unnest($1::int8[], $2::text[]) AS n(id, shape)")
