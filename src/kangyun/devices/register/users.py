"""Who is given a device and who hands it back: within the caller's transaction, under the device's lock.

Two people share a device by the key that is pressed; then each must have one. A period begins when the one before has
ended, so that no instant has two users for a device and key.
"""

from collections.abc import Iterable
from typing import Literal

import asyncpg

from kangyun.base.errors import Conflict, RuleBroken
from kangyun.devices.register import rows
from kangyun.devices.register.changes import tell
from kangyun.devices.register.rows import Row

Why = Literal["returned", "broken", "lost", "stolen"]
GONE: frozenset[str] = frozenset({"lost", "stolen"})
"""Then nobody connects as it any more."""
LONGEST_KEY = 16  # characters


async def assign(connection: asyncpg.Connection, device: Row, key: str, holder: int, by: str) -> None:
    """Gives a device to somebody, from now on. Who has it under another key has it under this one from now on.

    Raises Conflict where somebody else has that key, RuleBroken where two would share it and not both by a key, and
    where the device is stopped or revoked.
    """
    if device.state not in ("made", "claimed"):
        raise RuleBroken("devices.register.not-in-use", state=device.state)
    current = await connection.fetch(_CURRENT, device.id)
    others = [row for row in current if row["holder"] != holder]
    if any(row["key"] == key for row in others):
        raise Conflict("devices.register.key-taken" if key else "devices.register.taken")
    if others and (not key or any(not row["key"] for row in others)):
        raise RuleBroken("devices.register.needs-keys")
    if any(row["holder"] == holder and row["key"] == key for row in current):
        return
    await connection.execute(_END, device.id, [row["key"] for row in current if row["holder"] == holder])
    await connection.execute(_BEGIN, device.id, key, holder)
    await connection.execute("UPDATE device SET state = 'claimed' WHERE id = $1", device.id)
    await rows.note(connection, [device.id], "assigned", by)
    await tell(connection, [device.id])


async def hand_back(
    connection: asyncpg.Connection, device: Row, holders: Iterable[int] | None, why: Why, by: str
) -> list[int]:
    """Ends the use of a device by these, by all where none are named; returns who they were.

    Lost or stolen, it is revoked for everybody: its secrets and claim codes are good no more.
    """
    current = await connection.fetch(_CURRENT, device.id)
    leaving = {row["holder"] for row in current} if holders is None or why in GONE else set(holders)
    ended = [row for row in current if row["holder"] in leaving]
    await connection.execute(_END, device.id, [row["key"] for row in ended])
    if len(ended) == len(current) and device.state == "claimed":
        await connection.execute("UPDATE device SET state = 'made' WHERE id = $1", device.id)
    await rows.note(connection, [device.id], why, by)
    if why in GONE:
        await shut(connection, device.id, "revoked")
    await tell(connection, [device.id])
    return sorted({row["holder"] for row in ended})


async def shut(connection: asyncpg.Connection, device: int, state: Literal["stopped", "revoked"]) -> None:
    """Lets a device in no more: for a time, or for good. The caller tells of it."""
    await connection.execute("UPDATE device SET state = $2 WHERE id = $1", device, state)
    if state == "revoked":
        await connection.execute(_END_CREDENTIALS, device)
        await connection.execute(_END_CLAIMS, device)


_CURRENT = "SELECT key, holder FROM device_user WHERE device = $1 AND until IS NULL ORDER BY key"
# A period of no length is none: who is moved twice in one instant had the key in between for nobody.
_END = """
WITH instant AS (SELECT clock_timestamp() AS now)
UPDATE device_user SET until = greatest((SELECT now FROM instant), since + interval '1 microsecond')
WHERE device = $1 AND key = ANY ($2::text[]) AND until IS NULL
"""
_BEGIN = """
INSERT INTO device_user (device, key, holder, since)
SELECT $1, $2, $3, greatest(clock_timestamp(), (SELECT max(until) FROM device_user WHERE device = $1 AND key = $2))
"""
_END_CREDENTIALS = """
UPDATE device_credential SET until = clock_timestamp()
WHERE device = $1 AND (until IS NULL OR until > clock_timestamp())
"""
_END_CLAIMS = """
UPDATE device_claim SET until = clock_timestamp() WHERE device = $1 AND used IS NULL AND until > clock_timestamp()
"""
