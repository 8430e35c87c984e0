"""What was delivered, opened again: to be taken in, looked at, or sent back."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from kangyun.access.kept import Kept
from kangyun.exchange.feeds.deliveries import place_of
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.understanding import NotUnderstood, Sheet, understood
from kangyun.exchange.protocol import Delivery, read_delivery, unpack
from kangyun.exchange.tables.mapping import BadMapping, Feed


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery whose content is kept."""

    number: int
    trial: bool
    key: int
    content: bytes
    attempts: int
    source: str


def feed_of(feed: Source) -> Feed:
    """Returns what the formats have to know of a feed."""
    return Feed(feed.house, feed.institution, feed.code or feed.house, feed.dialect, feed.widths)


async def opened(
    connection: asyncpg.Connection, kept: Kept, feed: Source, begun: Begun
) -> tuple[Delivery, Mapping[str, str]]:
    """Returns a delivery and the feed's own mappings by name. Raises Unreadable, ValueError for what is no delivery."""
    own = {row["name"]: row["content"] for row in await connection.fetch(SQL["mappings"], feed.id)}
    packed = await kept.open(connection, begun.key, begun.content, place_of(feed.name, begun.number))
    return read_delivery(unpack(packed)), own


async def sheet_of(
    connection: asyncpg.Connection, kept: Kept, feed: Source, number: int, changed: Mapping[str, str] | None = None
) -> Sheet | None:
    """Returns the rows of a delivery, None where its content is kept no more or is no table that is understood.

    changed: mappings that are to be tried, in place of the feed's own of the same names.
    """
    row = await connection.fetchrow(SQL["delivery"], feed.id, number)
    if row is None or row["content"] is None:
        return None
    delivery, own = await opened(connection, kept, feed, Begun(**dict(row)))
    try:
        found = understood(delivery, feed_of(feed), {**own, **(changed or {})})
    except (NotUnderstood, BadMapping):
        return None
    return found if isinstance(found, Sheet) else None
