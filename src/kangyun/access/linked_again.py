"""What people have said about who is who, in the ledger outside the database, and said again after a restore.

A backup holds links that somebody has parted since: without this a restore would open one person's record to another.
An entry names registrations by their numbers; what was registered after the backup is lost with it. Links that rules
made need no entry: the rules make them again.
"""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from kangyun.access.ledger import Entry, Kind, Ledger
from kangyun.base.errors import Conflict
from kangyun.identity.arriving import MOVE
from kangyun.identity.standing import SQL, new_number, residents_of
from kangyun.identity.stewarding import Witness
from kangyun.store.tokens import bucket_of

KIND: Kind = "linkage"


def witness(ledger: Ledger) -> Witness:
    """Returns who writes down what is said, before it is committed."""

    async def told(what: str, patients: Sequence[int], others: Sequence[int]) -> None:
        detail = {"what": what, "patients": list(patients), "others": list(others)}
        await asyncio.to_thread(ledger.append, KIND, "registrations", detail)

    return told


async def replay(connection: asyncpg.Connection, entry: Entry) -> bool:
    """Parts, or links, again the registrations that the restored database has."""
    sides = [list(map(int, entry.detail[side])) for side in ("patients", "others")]
    async with connection.transaction():
        of = await residents_of(connection, [one for side in sides for one in side])
        patients, others = ([one for one in side if one in of] for side in sides)
        if not patients or not others:
            return False
        act = await connection.fetchval(SQL["new_act"])
        if entry.detail["what"] == "apart":
            theirs = {of[one] for one in others}
            mixed = [one for one in patients if of[one] in theirs]
            own = await new_number(connection) if mixed else 0
            await _move(connection, of, dict.fromkeys(mixed, own))
            await connection.execute(SQL["say_not_same"], patients, others, act)
            return bool(mixed)
        target = of[others[0]]
        moving = {one: target for one in patients if of[one] != target}
        await _move(connection, of, moving)
        await connection.execute(SQL["say_same"], patients, others, act)
        return bool(moving)


async def _move(connection: asyncpg.Connection, of: Mapping[int, int], moving: Mapping[int, int]) -> None:
    if not moving:
        return
    concerned = sorted({*moving.values(), *(of[one] for one in moving)})
    rows = await connection.fetch("SELECT patient FROM resident_link WHERE resident = ANY ($1::int8[])", concerned)
    members = sorted({row["patient"] for row in rows} | set(moving))
    buckets = sorted({bucket_of(one) for one in (*members, *concerned)})
    if not await connection.fetchval(MOVE, list(moving), list(moving.values()), members, buckets):
        raise Conflict  # Somebody else is connected.
