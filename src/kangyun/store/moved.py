"""A database that was moved to another server by dump and restore, where transactions are counted from the beginning.

The feed and the seal of the audit trail go by transaction numbers: what is written now must stand behind what was
written there. So numbers are moved by as much as the other server was ahead (`moved_by`), and the feed begins a new
epoch: what was dumped may be older than what its readers have seen.
"""

import asyncpg

from kangyun.base.errors import Unavailable

_BEHIND = """
SELECT moved_by() AS moved,
    greatest(
        s.upto::text::int8, s.ahead::text::int8,
        (SELECT max(c.xid)::text::int8 + 1 FROM commit AS c WHERE c.xid >= s.upto),
        (SELECT max(a.xid) + 1 FROM audit AS a WHERE a.xid >= s.upto::text::int8)
    ) - moved_by() - pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS behind
FROM sequencer AS s
"""
_MOVE = "CREATE OR REPLACE FUNCTION moved_by() RETURNS int8 LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT {}::int8'"
_EPOCH = """
WITH begun AS (UPDATE sequencer SET epoch = epoch + 1 RETURNING epoch)
INSERT INTO feed_epoch (id, reason) SELECT epoch, 'moved to another server' FROM begun
"""


async def refuse_unsettled(connection: asyncpg.Connection) -> None:
    """Raises Unavailable where the database was moved and `settle` was not called: what is written would be lost to
    the feed."""
    if (await connection.fetchrow(_BEHIND))["behind"] > 0:
        raise Unavailable("store.moved")


async def settle(connection: asyncpg.Connection) -> bool:
    """Lets numbers go on where they were, if this server is behind them. Returns whether it was.

    To be called before anything writes.
    """
    async with connection.transaction():
        await connection.execute("LOCK TABLE sequencer")
        row = await connection.fetchrow(_BEHIND)
        if row["behind"] <= 0:
            return False
        await connection.execute(_MOVE.format(row["moved"] + row["behind"]))
        await connection.execute(_EPOCH)
    return True
