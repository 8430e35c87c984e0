"""What the ledger says of devices, and carrying it out again on a restored database: who was shut out stays out.

An entry names a device by its name, and the instant by the database's clock: what was made later stays. A secret that
took another's place is lost with the restore, and the other one does not come back: the device is given a new one.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final, Literal

import asyncpg

from kangyun.access.ledger import Entry, Ledger
from kangyun.devices.register import erasing as erasing  # Erasures are carried out again, too.

KIND: Final = "device"
What = Literal["revoke", "stop", "resume", "rotate"]


async def tell(
    ledger: Ledger, connection: asyncpg.Connection, name: str, what: What, overlap: timedelta = timedelta()
) -> None:
    """Tells the ledger what was done with a device, as the last of the transaction that does it. Raises Unavailable.

    overlap: of a rotation: for how long former secrets hold still.
    """
    at = await connection.fetchval("SELECT clock_timestamp()")
    detail = {"what": what, "at": at.isoformat(), "until": (at + overlap).isoformat()}
    await asyncio.to_thread(ledger.append, KIND, name, detail)


async def replay(connection: asyncpg.Connection, entry: Entry) -> bool:
    """Carries out an entry of the ledger again; returns whether anything was left to do. Raises KeyError."""
    statement = _AGAIN[entry.detail["what"]]
    at, until = (datetime.fromisoformat(entry.detail[name]) for name in ("at", "until"))
    async with connection.transaction():
        done: int = await connection.fetchval(statement, entry.subject, at, until)
    return done > 0


_THE_ONE = "SELECT id, state FROM device WHERE name = $1 AND made <= $2"
_AGAIN: dict[str, str] = {
    "revoke": f"""
WITH one AS ({_THE_ONE}), shut AS (
    UPDATE device SET state = 'revoked' WHERE id IN (SELECT id FROM one WHERE state <> 'revoked') RETURNING id
), credentials AS (
    UPDATE device_credential SET until = $3 WHERE device IN (SELECT id FROM one) AND since <= $2
        AND (until IS NULL OR until > $3) RETURNING id
), claims AS (
    UPDATE device_claim SET until = $3 WHERE device IN (SELECT id FROM one) AND made <= $2 AND until > $3
        RETURNING device
)
SELECT (SELECT count(*) FROM shut) + (SELECT count(*) FROM credentials) + (SELECT count(*) FROM claims)
""",
    "stop": f"""
WITH one AS ({_THE_ONE}), shut AS (
    UPDATE device SET state = 'stopped' WHERE id IN (SELECT id FROM one WHERE state IN ('made', 'claimed')
        AND $3::timestamptz IS NOT NULL) RETURNING id
) SELECT count(*) FROM shut
""",
    "resume": f"""
WITH one AS ({_THE_ONE}), opened AS (
    UPDATE device AS d SET state = CASE WHEN EXISTS (SELECT FROM device_user AS u WHERE u.device = d.id
        AND u.until IS NULL) THEN 'claimed' ELSE 'made' END
    WHERE d.id IN (SELECT id FROM one WHERE state = 'stopped' AND $3::timestamptz IS NOT NULL) RETURNING d.id
) SELECT count(*) FROM opened
""",
    "rotate": f"""
WITH one AS ({_THE_ONE}), credentials AS (
    UPDATE device_credential SET until = $3 WHERE device IN (SELECT id FROM one) AND kind = 'secret' AND since <= $2
        AND (until IS NULL OR until > $3) RETURNING id
) SELECT count(*) FROM credentials
""",
}
