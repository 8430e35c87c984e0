"""How far the seal of the audit trail is behind its rows: for `/metrics` and `doctor`."""

import asyncpg

from kangyun.database.vitals import Vitals

_TRAIL = """
SELECT s.number::float8 AS seals, coalesce(extract(epoch FROM clock_timestamp() - (
    SELECT min(a.instant) FROM audit AS a WHERE a.xid >= s.xid AND (a.xid > s.xid OR a.id > s.id)
)), 0)::float8 AS lag
FROM (SELECT number, xid, id FROM audit_seal UNION ALL SELECT 0, 0, 0 ORDER BY number DESC LIMIT 1) AS s
"""


async def trail_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how many seals there are, and how old the oldest row is that none holds."""
    row = await connection.fetchrow(_TRAIL)
    return [
        ("kangyun_audit_seals", "Seals of the audit trail.", row["seals"]),
        ("kangyun_audit_seal_lag_seconds", "Age of the oldest audit row that is not sealed.", row["lag"]),
    ]
