"""Audit rows of reads, and of what was refused: written in groups, and durable before the answer leaves.

A write's row is part of its transaction (`store.writer`). `access.trail` seals them, `access.events` shows them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kangyun.base.errors import Unavailable
from kangyun.database.gathering import Gathering
from kangyun.database.pool import LOST, Pool
from kangyun.store.rows import audit_row

GROUP = 256
PATIENCE = 0.005  # seconds that the first of a group waits for others
# The first of the parties is the bit of the purpose: no hash of a name is as small.
# A statement that is prepared once; COPY is parsed each time, and takes a round trip more.
_INSERT = """
INSERT INTO audit (
    instant, institution, outcome, action, actor, purpose, shape, source, request, patients, role, way, client, about
)
SELECT a.instant, a.institution, a.outcome, a.action, a.actor, a.purpose, a.shape, a.source, a.request, a.patients,
    nullif(a.role, ''), coalesce(nullif(a.way, ''), CASE WHEN a.parties IS NOT NULL THEN (
        SELECT CASE WHEN d.source LIKE 'ticket/%' THEN 'ticket' ELSE d.ground END FROM disclosure AS d
        WHERE d.patient = a.patients[1] AND d.party = ANY (a.parties) AND d.relation
        AND (d.purposes & a.parties[1]) <> 0 AND d.low <= a.instant AND d.high > a.instant
        ORDER BY d.low DESC LIMIT 1
    ) END), nullif(a.client, ''), a.about
FROM unnest($1::audit_row[]) AS a
"""


class Row(NamedTuple):
    """A row. None of it holds a value that the request was about.

    outcome: HTTP status. patients: internal numbers. role, way: of the policy; client: the application; empty for none.
    about:   the one resource that was read, by its internal number.
    parties: the bit of the purpose, and what a disclosure may call the actor. Where they are there, the newest
             disclosure of the row's one patient to them says the way.
    """

    instant: datetime
    institution: int
    outcome: int
    action: str
    actor: str
    purpose: str
    shape: str
    source: str
    request: str
    patients: Sequence[int]
    role: str = ""
    way: str = ""
    client: str = ""
    about: int | None = None
    parties: tuple[int, ...] = ()


class Auditor:
    """Writes audit rows. One for a process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gathering = Gathering(self._store, most=GROUP, patience=PATIENCE)
        # Told of each group, how many rows it has.
        self.on_group: Callable[[int], object] | None = None

    async def write(self, row: Row) -> None:
        """Returns when the row is on disk. Raises Unavailable when it cannot be: then nothing may be shown."""
        try:
            await self._gathering.do(row)
        except (asyncpg.PostgresError, Unavailable, *LOST) as error:
            raise Unavailable("access.audit-not-written") from error

    @staticmethod
    async def write_within(connection: asyncpg.Connection, row: Row) -> None:
        """Writes a row as part of the transaction that `connection` is in: it stands when that does."""
        await _write(connection, [row])

    async def _store(self, rows: Sequence[Row]) -> Sequence[None]:
        if self.on_group is not None:
            self.on_group(len(rows))
        async with self._pool.connection() as connection:
            await _write(connection, rows)
        return [None] * len(rows)


async def _write(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
    packed = [
        audit_row(
            *(one.institution, one.actor, one.purpose, one.role, one.client, one.parties, one.instant, one.outcome),
            *(one.about, one.action, one.shape, one.source, one.request, one.way, one.patients),
        )
        for one in rows
    ]
    await connection.execute(_INSERT, packed)
