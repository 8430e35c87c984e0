"""Writing what became of messages: their end, and what who asked is told. Within the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.model import What


class Told(NamedTuple):
    """A line for who asked."""

    asker: str
    key: str
    what: What
    reader: str
    channel: str = ""
    person: str = ""


async def end(connection: asyncpg.Connection, ends: Mapping[int, What], now: datetime) -> None:
    """Ends messages, and with a list all that stands in it; tells who asked."""
    if ends:
        rows = await connection.fetch(sql.END, now, list(ends), list(ends.values()))
        await tell(connection, [Told(*row) for row in rows], now)


async def tell(connection: asyncpg.Connection, told: Sequence[Told], now: datetime) -> None:
    """Tells who asked, where somebody did."""
    heard = [one for one in told if one.asker]
    if heard:
        await connection.execute(sql.TELL, now, *(list(column) for column in zip(*heard, strict=True)))
