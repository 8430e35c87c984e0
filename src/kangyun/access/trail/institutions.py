"""Which number stands for which institution, as roots say it: rows of the trail and of the record have the number only.

A chain over all numbers, so that each root can be held against the part that there was. An institution is added and
never changed; who swaps two names in the database makes each see the other's.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import asyncpg

from kangyun.access.trail.roots import Root
from kangyun.base.crypto import sm3

# Nobody has drawn a number and not yet written it while this is held.
_LOCK = "LOCK TABLE institution IN SHARE MODE"
_ALL = "SELECT id, reference FROM institution ORDER BY id"


class Named(NamedTuple):
    """The highest number, and the digest of the chain up to it."""

    highest: int
    digest: bytes


async def named(connection: asyncpg.Connection) -> Named:
    """Returns the institutions as they stand."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        rows = await connection.fetch(_ALL)
    return (chained((row["id"], row["reference"]) for row in rows) or [Named(0, b"")])[-1]


async def differing(connection: asyncpg.Connection, roots: Sequence[Root]) -> list[Root]:
    """Returns the roots that say otherwise than what stands now."""
    rows = await connection.fetch(_ALL) if any(root.institutions for root in roots) else []
    now = {one.highest: one.digest.hex() for one in chained((row["id"], row["reference"]) for row in rows)}
    return [root for root in roots if root.institutions and now.get(root.institutions) != root.named]


def chained(rows: Iterable[tuple[int, str]]) -> list[Named]:
    """Returns the chain, link by link. rows: numbers, rising, with what they stand for. Pure."""
    found: list[Named] = []
    before = b""
    for number, reference in rows:
        before = sm3(b"%s%d\0%s" % (before, number, reference.encode()))
        found.append(Named(number, before))
    return found
