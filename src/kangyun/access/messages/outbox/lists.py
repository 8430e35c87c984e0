"""What waits for its time, told together: one list a reader, no more lines than his number for the day.

What several messages say alike (one template, one resident) is one line. Lines beyond the day's number are held back:
they stand in a list of their own, are counted, and whoever asked is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.box import Outbox
from kangyun.access.messages.outbox.contacts import Contact
from kangyun.access.messages.outbox.letters import Letter
from kangyun.access.messages.outbox.model import Reader, What
from kangyun.access.messages.outbox.outcomes import end
from kangyun.access.messages.outbox.rules import awake, day_of, night_of

MOST_LINES = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """Messages that say the same; the first of `rows` is the newest of the most urgent."""

    rows: tuple[Any, ...]

    @property
    def ids(self) -> list[int]:
        return [row["id"] for row in self.rows]


def lines_of(rows: Sequence[Any]) -> list[Line]:
    """Returns messages as lines, the most urgent and then the oldest first. Pure."""
    alike: dict[tuple[object, ...], list[Any]] = {}
    for row in rows:
        # Two about nobody are not alike: what they are about is not known here.
        about = (row["holder"],) if row["holder"] is not None else (None, row["id"])
        alike.setdefault((row["template"], *about), []).append(row)
    return [Line(tuple(sorted(one, key=lambda row: (row["urgency"], -row["id"])))) for one in alike.values()]


async def gather(connection: asyncpg.Connection, outbox: Outbox, reader: str, contact: Contact, now: datetime) -> None:
    """Takes what waits for a reader and is due: one message goes as it is, several as a list. Within a transaction."""
    rows = await connection.fetch(sql.WAITING, now, reader, MOST_LINES)
    morning = awake(now, night_of(outbox.rules, contact.chosen), outbox.zone)
    if morning > now:
        await connection.execute(sql.PUT_OFF, [row["id"] for row in rows], morning)
        return
    over: dict[int, What] = {row["id"]: "expired" for row in rows if row["not_after"] and row["not_after"] < now}
    rows = [row for row in rows if row["id"] not in over]
    if rows:
        day = day_of(now, outbox.zone)
        letter = outbox.letters.open(rows[0]["key"], rows[0]["sealed"])
        role = letter.readers[0].role
        counted = await connection.fetchrow(sql.DAY, reader, day)
        room = max(outbox.rules.budget.get(role, 0) - counted["told"], 0)
        lines = lines_of(rows)
        told, held = lines[:room], lines[room:]
        over |= {id_: "held-back" for line in held for id_ in line.ids}
        await connection.execute(sql.COUNT, reader, day, len(told), len(held))
        await _tell(connection, outbox, Reader(reader, role), told, counted["held"] + len(held), now)
    await end(connection, over, now)


async def _tell(
    connection: asyncpg.Connection, outbox: Outbox, reader: Reader, lines: Sequence[Line], held: int, now: datetime
) -> None:
    members = [id_ for line in lines for id_ in line.ids]
    if len(members) == 1:
        await connection.execute(sql.CLIMB, members, now)
        return
    if not members:
        return
    key = f"list/{members[0]}"
    letter = Letter((reader,), {"count": str(len(lines)), "held": str(held)})
    urgency = min(row["urgency"] for line in lines for row in line.rows)
    list_ = await connection.fetchval(sql.LIST, key, urgency, reader.reference, outbox.letters.seal(key, letter), now)
    await connection.execute(sql.IN_LIST, members, list_)
    shown = [(reader.reference, line.rows[0]["id"], 0, len(line.rows)) for line in lines]
    await connection.execute(sql.NOTE, now, *(list(column) for column in zip(*shown, strict=True)))
