"""Claim codes in the database: given with a device, used once, and wrong ones counted for who tries them.

A code is kept as a keyed digest. It is taken under the device's lock, so of two who scan it at once one has it.
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from kangyun.access.keyed import Digester
from kangyun.base.errors import Gone, NotFound, Throttled
from kangyun.database.pool import Pool
from kangyun.devices.register import codes, rows
from kangyun.devices.register.rows import Row

LASTS = timedelta(days=180)
"""A label is printed long before a device is given out. Our choice."""
KEPT = timedelta(days=400)
"""A code that is over is known as such for so long."""
TRIES = 10
"""Wrong codes that somebody may try within a day."""
_DAY = 86400  # seconds


def digest_of(digests: Digester, code: str) -> bytes:
    """Returns by what a code is known."""
    return digests.of("claim", code)


async def give(connection: asyncpg.Connection, digests: Digester, device: int) -> str:
    """Gives a device a code and returns it; the one before is good no more."""
    return (await give_many(connection, digests, [device]))[0]


async def give_many(connection: asyncpg.Connection, digests: Digester, devices: Sequence[int]) -> list[str]:
    """Gives each device a code and returns these in order; those before are good no more."""
    drawn: dict[bytes, str] = {}
    while len(drawn) < len(devices):  # Of 40 bits, some that are drawn are there already.
        more = [codes.draw() for _ in range(len(devices) - len(drawn))]
        fresh = {digest_of(digests, code): code for code in more}
        there = await connection.fetch("SELECT digest FROM device_claim WHERE digest = ANY ($1::bytea[])", list(fresh))
        drawn |= {digest: code for digest, code in fresh.items() if digest not in {row["digest"] for row in there}}
    await connection.execute(_END, list(devices))
    await connection.execute(_FORGET, KEPT)
    await connection.execute(_GIVE, list(drawn), list(devices), LASTS)
    return list(drawn.values())


async def allow_try(pool: Pool, digests: Digester, who: str) -> None:
    """Counts a try as a wrong one, in a transaction of its own, until `forgive`. Raises Throttled."""
    subject = digests.of("try", who)
    async with pool.connection() as connection:
        count = await connection.fetchval(_TRY, subject, _DAY)
    if count > TRIES:
        raise Throttled("devices.register.too-many-codes")


async def forgive(connection: asyncpg.Connection, digests: Digester, who: str) -> None:
    """Counts the last try no more."""
    await connection.execute("UPDATE device_try SET count = count - 1 WHERE subject = $1", digests.of("try", who))


async def take(connection: asyncpg.Connection, digests: Digester, code: str, by: str) -> Row:
    """Uses a code and returns its device, locked. Raises NotFound for one that is none, Gone for one that is over."""
    digest = digest_of(digests, code)
    device = await connection.fetchval("SELECT device FROM device_claim WHERE digest = $1", digest)
    if device is None:
        raise NotFound("devices.register.no-such-code")
    row = await rows.by_number(connection, device, lock=True)
    if not await connection.fetchval(_USE, digest, by):
        raise Gone("devices.register.code-over")
    return row


_END = """
UPDATE device_claim SET until = clock_timestamp()
WHERE device = ANY ($1::int8[]) AND used IS NULL AND until > clock_timestamp()
"""
_FORGET = "DELETE FROM device_claim WHERE until < clock_timestamp() - $1::interval"
_GIVE = """
INSERT INTO device_claim (digest, device, until)
SELECT digest, device, clock_timestamp() + $3::interval FROM unnest($1::bytea[], $2::int8[]) AS u(digest, device)
"""
_TRY = """
INSERT INTO device_try AS t (subject, count) VALUES ($1, 1)
ON CONFLICT (subject) DO UPDATE SET
    count = CASE WHEN t.began < clock_timestamp() - make_interval(secs => $2::int4) THEN 1 ELSE t.count + 1 END,
    began = CASE WHEN t.began < clock_timestamp() - make_interval(secs => $2::int4) THEN clock_timestamp()
        ELSE t.began END
RETURNING count
"""
_USE = """
UPDATE device_claim SET used = clock_timestamp(), used_by = $2
WHERE digest = $1 AND used IS NULL AND until > clock_timestamp() RETURNING true
"""
