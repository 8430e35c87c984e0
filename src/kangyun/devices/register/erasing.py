"""What the register knows of an erased person: that he used devices. The devices stay, and are nobody's."""

from collections.abc import Sequence

import asyncpg

from kangyun.access.erasing import register
from kangyun.devices.register.changes import tell


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Erases who used devices, and what was asked of whose a reading is."""
    rows = await connection.fetch(_FORGET_USERS, list(patients))
    devices = sorted({row["device"] for row in rows})
    await connection.execute(_FORGET_QUESTIONS, list(patients), devices)
    await connection.execute("UPDATE device SET erased = clock_timestamp() WHERE id = ANY ($1::int8[])", devices)
    await connection.execute(_FREE, devices)
    await tell(connection, devices)


register("device users", forget)

_FORGET_USERS = "DELETE FROM device_user WHERE holder = ANY ($1::int8[]) RETURNING device"
# Of who stays, nothing is left that names who goes: a question between the two goes with him.
_FORGET_QUESTIONS = """
DELETE FROM device_question
WHERE holder = ANY ($1::int8[]) OR supposed = ANY ($1::int8[])
    OR device = ANY ($2::int8[]) AND NOT EXISTS (SELECT FROM device_user AS u WHERE u.device = device_question.device)
"""
_FREE = """
UPDATE device SET state = 'made' WHERE id = ANY ($1::int8[]) AND state = 'claimed'
AND NOT EXISTS (SELECT FROM device_user WHERE device = device.id AND until IS NULL)
"""
