"""Whether the files of an export may still be given: not when somebody in them was erased, or has said something since.

Files stay for hours, and a withdrawal counts from the next request on. Whom an export met stands in its audit rows. A
Consent about one of them, or about another registration of the same resident, that was written since the export began
holds all of its files back, whatever it says: asked anew, the export is what may be seen now. For who sees everything
Consents do not count, and erasures do.
"""

from datetime import datetime, timedelta

import asyncpg

from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

SLACK = timedelta(minutes=1)
"""Rows of the trail are dated by the process that writes them, jobs by the database."""


async def is_held_back(
    connection: asyncpg.Connection, request: str, made: datetime, ended: datetime, *, bound: bool
) -> bool:
    """Whether the files of an export are to be held back.

    request: of the export, as in its rows. made, ended: of its job. bound: whether Consents bind who asked for it.
    """
    patients = await connection.fetchval(_MET, made - SLACK, ended + SLACK, request)
    if not patients:
        return False
    if await connection.fetchval(_ERASED, patients):
        return True
    return bound and bool(await connection.fetchval(_SAID, patients, made, TYPE_NUMBERS["Consent"]))


_MET = """
SELECT array_agg(DISTINCT p.res) FROM audit AS a CROSS JOIN LATERAL unnest(a.patients) AS p(res)
WHERE a.instant BETWEEN $1 AND $2 AND a.request = $3
"""
_ERASED = "SELECT EXISTS (SELECT FROM erased AS e WHERE e.res = ANY ($1::int8[]))"
_SAID = f"""
SELECT EXISTS (
    SELECT FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
    WHERE r.type = $3 AND v.instant >= $2 AND {visible("r")} AND r.patient IN (
        SELECT unnest($1::int8[])
        UNION SELECT o.patient FROM resident_link AS l JOIN resident_link AS o ON o.resident = l.resident
        WHERE l.patient = ANY ($1::int8[])
    )
)
"""
