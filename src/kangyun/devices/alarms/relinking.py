"""Open alarms follow their registrations: linked, two of one rule become one; parted, one becomes two.

So a person has one open alarm a rule, whoever the index thinks he is, and none is lost by a change of mind. What an
alarm rests on says of which registration it was.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import asyncpg

from kangyun.access.linked import linked
from kangyun.database.statements import statements

SQL = statements("devices.alarms")


class Ladders(Protocol):
    """Sets who is told when."""

    async def set_ladders(self, connection: asyncpg.Connection, rows: Sequence[Any], now: datetime) -> None: ...


class _Share(NamedTuple):
    """What of an alarm is one person's. newest: when the last of it was."""

    holders: list[int]
    number: int
    newest: datetime


async def relink(
    connection: asyncpg.Connection, alarms: Ladders, now: datetime, only: Sequence[int] | None = None
) -> int:
    """Puts open alarms under whose they are, within the caller's transaction; returns how many were not.

    only: these alarms; None: all that are open.
    """
    wrong = await _wrong(connection, only)
    if not wrong:
        return 0
    there = await connection.fetch(
        SQL["open_of"],
        *map(list, zip(*{(person, rule) for _, rule, shares in wrong for person in shares}, strict=True)),
    )
    rows = await connection.fetch(SQL["lock"], sorted({one[0] for one in wrong} | {row["id"] for row in there}))
    # Held now: what was seen before may have changed.
    open_ = {(row["person"], row["rule"]): row for row in rows if row["state"] != "closed"}
    held = {row["id"] for row in open_.values()}
    done = 0
    for id_, _, shares in await _wrong(connection, sorted(held & {one[0] for one in wrong})):
        mine = next(row for row in open_.values() if row["id"] == id_)
        stays = mine["person"] if mine["person"] in shares else max(shares, key=lambda one: shares[one].newest)
        for person, share in shares.items():
            if person != stays:
                await _part(connection, alarms, mine, open_, person, share, now)
        if stays != mine["person"]:
            await _move(connection, alarms, mine, open_, stays, shares[stays], now)
        done += 1
    return done


async def _wrong(
    connection: asyncpg.Connection, only: Sequence[int] | None
) -> list[tuple[int, str, dict[int, _Share]]]:
    """Returns the alarms that are not all of whom they stand under: what of each is whose."""
    rows = await connection.fetch(SQL["holders_of_open"], None if only is None else list(only))
    people = await linked(connection, (row["holder"] for row in rows))
    shares: dict[int, dict[int, _Share]] = defaultdict(dict)
    of = {row["id"]: row for row in rows}
    for row in rows:
        person = people[row["holder"]].person
        before = shares[row["id"]].get(person, _Share([], 0, row["newest"]))
        shares[row["id"]][person] = _Share(
            [*before.holders, row["holder"]], before.number + row["count"], max(before.newest, row["newest"])
        )
    return [(id_, of[id_]["rule"], mine) for id_, mine in shares.items() if set(mine) != {of[id_]["person"]}]


async def _part(
    connection: asyncpg.Connection, alarms: Ladders, mine: Any, open_: dict[tuple[int, str], Any], person: int,
    share: _Share, now: datetime,
) -> None:  # fmt: skip
    """Gives what is another person's to his open alarm, or to a new one that stands as this one does."""
    other = open_.get((person, mine["rule"]))
    if other is None:
        id_ = await connection.fetchval(
            SQL["part"], mine["id"], person, share.holders[-1], share.number, share.newest
        )  # fmt: skip
        await connection.execute(SQL["part_timers"], mine["id"], id_)
        open_[person, mine["rule"]] = (await connection.fetch(SQL["lock"], [id_]))[0]
    else:
        id_ = other["id"]
        await _take_over(connection, alarms, mine, other, share, now)
    await connection.execute(SQL["move_evidence"], mine["id"], id_, share.holders)
    left = await connection.fetchrow(SQL["newest_holder"], mine["id"])
    await connection.execute(SQL["lose"], mine["id"], share.number, left["holder"] if left else mine["holder"])
    came = "parted" if other is None else "take-in"
    said = [str(id_), f"{mine['id']} {mine['state']}" if other is None else str(mine["id"])]
    await connection.execute(SQL["note_events"], [mine["id"], id_], ["part", came], [""] * 2, said)


async def _move(
    connection: asyncpg.Connection, alarms: Ladders, mine: Any, open_: dict[tuple[int, str], Any], person: int,
    share: _Share, now: datetime,
) -> None:  # fmt: skip
    """Puts an alarm under whose it is, or into the open one that he has."""
    other = open_.get((person, mine["rule"]))
    if other is None:
        await connection.execute(SQL["give_to"], mine["id"], person)
        open_[person, mine["rule"]] = open_.pop((mine["person"], mine["rule"]))
        return
    await connection.execute(SQL["join"], mine["id"], other["id"], now)
    await connection.execute(SQL["stop_timers"], [mine["id"]])
    await connection.execute(SQL["move_evidence"], mine["id"], other["id"], share.holders)
    await _take_over(connection, alarms, mine, other, share, now)
    ids = [mine["id"], other["id"]]
    said = [str(one) for one in reversed(ids)]
    await connection.execute(SQL["note_events"], ids, ["join", "take-in"], [""] * 2, said)
    open_.pop((mine["person"], mine["rule"]))


async def _take_over(
    connection: asyncpg.Connection, alarms: Ladders, mine: Any, other: Any, share: _Share, now: datetime
) -> None:
    """Adds to an alarm. It pages again where what comes is still to be answered and goes further than what is there: it
    is of a higher level, or nobody was to be told of this one so far. Its own ladder ends with it.
    """
    unanswered = mine["state"] != "acknowledged" and not mine["quiet"]
    pages = unanswered and (other["quiet"] or mine["level"] > other["level"])
    # What was old when it came makes nothing graver.
    level = other["level"] if mine["quiet"] and not other["quiet"] else mine["level"]
    row = await connection.fetchrow(
        SQL["take_over"], other["id"], share.number, level, pages, share.newest, now
    )  # fmt: skip
    if pages:
        await connection.execute(SQL["note_events"], [other["id"]], ["rise"], [""], [str(mine["level"])])
        await alarms.set_ladders(connection, [row], now)
