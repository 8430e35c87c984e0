"""What deliveries, messages kept aside and serial numbers hold of a resident who was erased, taken out.

The transaction that erases drops the serial numbers (nobody can say whose they are) and marks the rest: it may be
millions of rows that have to be opened, which the background work does afterwards, by the ids that rows come to, those
that were kept aside as well. Of a delivery of rows the cells of his rows go; of a file, which nobody here could write
anew, and of a document the whole content goes. What waits for its turn is searched when it has had it.

Looked through are the feeds of the institutions that wrote what is erased. No other feed has a row that is about it:
what rows come to is stored as their feed's institution, under ids that its own house is part of.

Not found is who stands in what nobody can read: a parked delivery, which is searched when it could be taken in after
all, and a message that does not say whose it is, which is dropped after its time.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from kangyun.access.erasing import register_mark
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base.crypto import Unreadable
from kangyun.database.leases import lease
from kangyun.database.rounds import make_rounds
from kangyun.exchange.cda.reading import Read
from kangyun.exchange.feeds.contents import Begun, feed_of, opened
from kangyun.exchange.feeds.deliveries import pack_kept, place_of
from kangyun.exchange.feeds.register import SQL, Register, Source
from kangyun.exchange.feeds.understanding import NotUnderstood, understood
from kangyun.exchange.protocol import Delivery, Rows
from kangyun.exchange.tables.mapping import BadMapping, named, names_of

EVERY = 60.0  # seconds
AT_ONCE = 5_000  # names that are looked up together
Names = frozenset[tuple[str, str]]


async def forget(connection: asyncpg.Connection, institutions: Sequence[str] | None) -> None:
    """Marks what is to be looked through, and drops what cannot be; None: of all institutions, as after a restore."""
    of = None if institutions is None else list(institutions)
    for name in ("mark_all", "anew", "forget_asked", "forget_settled", "mark_messages"):
        await connection.execute(SQL[name], of)


register_mark("feeds", forget)


@dataclass(frozen=True, slots=True)
class Search:
    """Looks through what is kept. One for a process."""

    platform: Platform
    kept: Kept

    async def all(self, stop: asyncio.Event) -> None:
        """Looks through all that is marked; a feed that is taken in just now has its turn the next time."""
        async with self.platform.pool.connection() as connection:
            feeds = [row["name"] for row in await connection.fetch(SQL["to_search"])]
        for name in feeds:
            async with lease(self.platform.pool, f"feed/{name}") as held:
                while held is not None and not held.is_closed() and not stop.is_set() and await self._next(name):
                    pass

    async def _next(self, name: str) -> bool:
        feed = await Register(self.platform.pool).get(name)
        async with self.platform.pool.connection() as connection:
            number = await connection.fetchval(SQL["next_to_search"], feed.id)
            row = None if number is None else await connection.fetchrow(SQL["delivery"], feed.id, number)
        if row is None:
            return False
        if row["content"] is None or not await self._taken_out(feed, Begun(**dict(row))):
            async with self.platform.pool.connection() as connection:
                await connection.execute(SQL["searched"], feed.id, number)
        return True

    async def _taken_out(self, feed: Source, begun: Begun) -> bool:
        """Takes out of a delivery what is of somebody who was erased; returns whether there was any."""
        try:
            async with self.platform.pool.connection() as connection:
                delivery, own = await opened(connection, self.kept, feed, begun)
            found = await asyncio.to_thread(_named, delivery, feed, own)
        except (Unreadable, ValueError, NotUnderstood, BadMapping):
            return False
        gone = await self._erased(found)
        if not gone:
            return False
        content = None
        if isinstance(delivery, Rows):
            content = self.kept.seal_by(
                begun.key, pack_kept(_without(delivery, gone)), place_of(feed.name, begun.number)
            )
        async with self.platform.pool.connection() as connection, connection.transaction():
            key = None if content is None else begun.key
            await connection.execute(SQL["take_out"], feed.id, begun.number, content, key)
            rows = None if None in gone else sorted(row for row in gone if row is not None)
            await connection.execute(SQL["forget_shown"], feed.id, begun.number, rows)
        return True

    async def _erased(self, found: Sequence[tuple[int | None, Names]]) -> set[int | None]:
        """Returns the rows that are about somebody who was erased."""
        wanted = sorted({name for _, names in found for name in names})
        erased: set[tuple[str, str]] = set()
        async with self.platform.pool.connection() as connection:
            for begin in range(0, len(wanted), AT_ONCE):
                erased |= await self.kept.erased(connection, wanted[begin : begin + AT_ONCE])
        return {row for row, names in found if not erased.isdisjoint(names)}


def _named(delivery: Delivery, feed: Source, own: Mapping[str, str]) -> list[tuple[int | None, Names]]:
    """Returns what each row of a delivery is about; None for the row of a document."""
    found = understood(delivery, feed_of(feed), own)
    if isinstance(found, Read):
        return [(None, frozenset(name for one in found.entries for name in names_of(dict(one.resource))))]
    return list(named(found.table, found.mapping, found.feed))


def _without(delivery: Rows, gone: set[int | None]) -> Rows:
    nothing = [None] * len(delivery.columns)
    rows = [nothing if number in gone else row for number, row in enumerate(delivery.rows, 1)]
    emptied = sorted({*delivery.emptied, *(number for number in gone if number is not None)})
    return msgspec.structs.replace(delivery, rows=rows, emptied=emptied)


async def keep_searching(platform: Platform, stop: asyncio.Event) -> None:
    """Looks through what is marked until `stop`."""
    search = Search(platform, Kept(platform.gate.store))
    await make_rounds("feeds: erased", lambda: search.all(stop), EVERY, stop)
