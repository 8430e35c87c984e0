"""What comes back: receipts, answers, what was read. Each is heard once, whatever is replayed, and told to who asked.

Nothing here asks who speaks: a callback's signature, a link's token and a reader's own sign-in are looked at before.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.letters import Letters
from kangyun.access.messages.outbox.model import CHANNELS, Channel
from kangyun.access.messages.outbox.outcomes import Told, tell
from kangyun.access.messages.telephones import checked_phone
from kangyun.base.errors import Invalid

REPLY_HOURS = 12  # our choice
ONCE_FOR = timedelta(seconds=600)
"""A signature is good from 300 seconds before its time to 300 after: longer than that nothing can be replayed."""
Heard = Literal["received", "answered", "refused"]
"""refused: the provider says that it did not arrive, for good."""
_OPEN = ("claimed", "handed", "unknown")
_BEFORE: dict[Heard, tuple[str, ...]] = {
    "received": _OPEN,
    "refused": _OPEN,
    "answered": (*_OPEN, "received", "refused", "failed", "throttled"),
}
"""From which states of an attempt each is news."""


async def find(connection: asyncpg.Connection, channel: Channel, name: str) -> list[int]:
    """Returns the attempts that a provider means by its own reference or by our key; none where it means none."""
    found = [row["id"] for row in await connection.fetch(sql.BY_REFERENCE, channel, name)]
    parts = name.split("-", 3)
    if found or len(parts) != 4 or parts[0] != "ky" or parts[3] != channel:
        return found
    numbers = [part for part in parts[1:3] if part.isascii() and part.isdecimal() and len(part) < 10]
    if len(numbers) != 2:
        return []
    return [row["id"] for row in await connection.fetch(sql.BY_KEY, *map(int, numbers), channel)]


async def find_by_phone(
    connection: asyncpg.Connection, letters: Letters, channel: Channel, phone: str, what: Heard, now: datetime
) -> list[int]:
    """Returns the one attempt that can be meant by who names a telephone only; none where it could be several.

    received, refused: what is on its way there. answered: what is red and waits for an answer from there; of several
    of one asker the newest.
    """
    try:
        digest = letters.digester.of("address", checked_phone(phone))
    except Invalid:
        return []
    since = now - timedelta(hours=REPLY_HOURS)
    statement = sql.AWAITED if what == "answered" else sql.ON_ITS_WAY
    rows = await connection.fetch(statement, digest, channel, since)
    return [row["id"] for row in rows] if len(rows) == 1 else []


async def is_news(connection: asyncpg.Connection, letters: Letters, body: bytes, place: int, now: datetime) -> bool:
    """Whether the receipt at a place of a body is heard for the first time, whatever process heard it before.

    Noted within the caller's transaction: of two that come at once, the second waits for the first. The same body
    with a new time is the same: a provider that tries again does not mean another message.
    """
    digest = letters.digester.of("receipt", str(place), body)
    return await connection.fetchval(sql.HEAR_ONCE, digest, now, now - ONCE_FOR) is not None


async def hear(
    connection: asyncpg.Connection, attempts: Sequence[int], what: Heard, now: datetime, code: str = "",
    person: str = "",
) -> int:  # fmt: skip
    """Notes what became of attempts, within a transaction. Returns how many of them that was news of.

    person: who says so, where he is signed in.
    """
    news = 0
    for attempt in sorted(attempts):
        row = await connection.fetchrow(sql.HEARD, attempt, what, code[:40], now, list(_BEFORE[what]))
        if row is None:
            continue
        news += 1
        if what == "answered":
            await _answered(connection, row["message"], row["reader"], row["channel"], now, person)
            continue
        message = await connection.fetchrow(sql.LOOK_AGAIN, row["message"], now, what == "received")
        if what == "received":
            told = Told(message["asker"], message["key"], "received", row["reader"], row["channel"], person)
            await tell(connection, [told], now)
    return news


async def answer_by_link(connection: asyncpg.Connection, letters: Letters, token: str, now: datetime) -> bool:
    """Answers by the token of a link, once. Returns whether it was good. Within a transaction."""
    row = await connection.fetchrow(sql.USE_TOKEN, letters.digester.of("link", token))
    if row is None:
        return False
    await hear(connection, [row["id"]], "answered", now)
    return True


async def is_good(connection: asyncpg.Connection, letters: Letters, token: str) -> bool:
    """Whether a link can still be answered by. It uses nothing up: what previews a link answers nothing."""
    return await connection.fetchrow(sql.BY_TOKEN, letters.digester.of("link", token)) is not None


async def read_notes(
    connection: asyncpg.Connection, readers: Sequence[str], notes: Sequence[int], now: datetime, *, answered: bool,
    person: str = "",
) -> int:  # fmt: skip
    """Notes that lines of the list in the app were read, or answered, by who they are for. Returns how many anew.

    person: who it is; a desk's lines are several people's.
    """
    rows = await connection.fetch(sql.READ_NOTES, list(readers), list(notes), now, answered)
    for row in sorted(rows, key=lambda row: row["message"]):
        attempts = [one["id"] for one in await connection.fetch(sql.IN_APP, row["message"], row["turn"])]
        if attempts:
            await hear(connection, attempts, "answered" if answered else "received", now, person=person)
        elif answered:  # A line of a list has no attempt of its own.
            await _answered(connection, row["message"], row["reader"], "in-app", now, person)
        else:
            message = await connection.fetchrow(sql.LOOK_AGAIN, row["message"], now, True)
            told = Told(message["asker"], message["key"], "received", row["reader"], "in-app", person)
            await tell(connection, [told], now)
    return len(rows)


async def _answered(
    connection: asyncpg.Connection, message: int, reader: str, channel: str, now: datetime, person: str
) -> None:
    row = await connection.fetchrow(sql.ANSWERED, message, now)
    if row is not None:
        await tell(connection, [Told(row["asker"], row["key"], "answered", reader, channel, person)], now)


def channel_of(name: str) -> Channel | None:
    """Returns the channel of a name, None where there is none."""
    return next((one for one in CHANNELS if one == name), None)
