"""How many alerts wait for somebody, and how far the looking is behind the seal: for `/metrics` and `doctor`."""

import asyncpg

from kangyun.database.vitals import Vitals

_ALERTS = """
SELECT (SELECT count(*) FROM audit_alert WHERE state = 'open')::float8 AS open,
    (SELECT count(*) FROM audit_alert WHERE state = 'looked-at')::float8 AS looked_at,
    coalesce(extract(epoch FROM clock_timestamp() - (
        SELECT min(a.instant) FROM audit AS a WHERE a.xid >= w.xid AND (a.xid > w.xid OR a.id > w.id)
    )), 0)::float8 AS lag
FROM (SELECT xid, id FROM audit_watch UNION ALL SELECT 0, 0 ORDER BY xid DESC LIMIT 1) AS w
"""


async def alert_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how many alerts there are to look at, and how old the oldest row is that was not looked at."""
    row = await connection.fetchrow(_ALERTS)
    return [
        ("kangyun_audit_alerts_open", "Alerts on odd behaviour that nobody has looked at.", row["open"]),
        ("kangyun_audit_alerts_looked_at", "Alerts that were looked at and not closed.", row["looked_at"]),
        ("kangyun_audit_alerts_lag_seconds", "Age of the oldest audit row not looked at for alerts.", row["lag"]),
    ]
