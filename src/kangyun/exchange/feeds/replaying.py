"""What was delivered taken in once more, by the mapping of now; and before that, what would come of it.

So a mapping that was wrong is put right for what came by it, and a corrected year is looked at before it counts: it is
sent while the feed is tested (`testing`), compared, and then replayed. Of each record only what the last delivery said
of it counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from kangyun.access.actor import Circumstances
from kangyun.access.comparing import Comparison
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base.errors import NotFound
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.feeds.contents import sheet_of
from kangyun.exchange.feeds.intake import ACTOR
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.feeds.storing import row_of
from kangyun.exchange.feeds.taking import Taking, faults_of
from kangyun.exchange.feeds.tallying import Counter
from kangyun.exchange.feeds.understanding import Sheet
from kangyun.exchange.tables.mapping import convert, names_of
from kangyun.exchange.tables.reading import Row
from kangyun.exchange.tables.reading.model import column_name

AT_ONCE = 500
"""Resources that are compared at once."""


@dataclass(frozen=True, slots=True)
class Which:
    """Deliveries of a table: from a number on; tried: those as well that were only judged."""

    table: str
    since: int = 1
    tried: bool = False


@dataclass(slots=True)
class Difference:
    """What would come of deliveries. Rows and those kept aside are counted as rows, the rest as resources.

    revoked: of those that are created or updated, the ones that are taken back.
    """

    deliveries: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    revoked: int = 0
    aside: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """Compares and replays. One for a process."""

    platform: Platform
    kept: Kept

    async def compare(
        self, feed: Source, which: Which, by: str, changed: Mapping[str, str] | None = None
    ) -> Difference:
        """Returns what a replay would come to. changed: mappings to be tried, by name. Raises NotFound."""
        sheet = await self._sheet(feed, which.table)
        actor = replace(ACTOR, reference=by, institution=feed.institution)
        record = await self.platform.gate.open(actor, Circumstances("feed", "", uuid4().hex, historic=True))
        found, seen, comparison = Difference(), set[int](), Comparison(record)
        async with self.platform.pool.connection() as connection:
            numbers = await connection.fetch(SQL["replayable"], feed.id, sheet, which.tried, which.since)
        for row in numbers:
            async with self.platform.pool.connection() as connection:
                one = await sheet_of(connection, self.kept, feed, row["number"], changed)
            if one is not None:
                found.deliveries += 1
                rows = await self._own(sheet, row["number"], one, seen)
                await self._compare(comparison, one, rows, found)
        await record.leave_row("feed-compare", 200, [])
        return found

    async def replay(self, feed: Source, which: Which, by: str) -> int:
        """Has deliveries taken in once more by the background work. Returns how many. Raises NotFound."""
        sheet = await self._sheet(feed, which.table)
        async with self.platform.pool.connection() as connection, connection.transaction():
            done: str = await connection.execute(SQL["replay"], feed.id, sheet, which.tried, which.since)
            await connection.execute(SQL["note"], feed.id, "replayed", feed.state, by, which.table)
        return int(done.rpartition(" ")[2])

    async def _sheet(self, feed: Source, table: str) -> int:
        async with self.platform.pool.connection() as connection:
            row = await connection.fetchrow(SQL["sheet_named"], feed.id, column_name(table))
        if row is None:
            raise NotFound(f"{TEXTS}no-table", table=table)
        id_: int = row["id"]
        return id_

    async def _own(self, sheet: int, number: int, one: Sheet, seen: set[int]) -> list[Row | Refusal]:
        """Returns the rows that no later delivery has: of a record the last one of this delivery."""
        counter = Counter(one.table.header, one.mapping, one.edition)
        rows = list(one.table.rows)
        keys = {place: counter.count(row.cells).key for place, row in enumerate(rows) if isinstance(row, Row)}
        async with self.platform.pool.connection() as connection:
            known = await connection.fetch(SQL["known_rows"], sheet, list(keys.values()))
        later = {row["key"] for row in known if row["delivery"] > number} | seen
        last = {key: place for place, key in keys.items()}
        seen.update(last)
        return [
            row
            for place, row in enumerate(rows)
            if place not in keys or (keys[place] not in later and last[keys[place]] == place)
        ]

    async def _compare(
        self, comparison: Comparison, one: Sheet, rows: Sequence[Row | Refusal], found: Difference
    ) -> None:
        made: dict[int | None, list[Entry]] = {}
        aside: set[int | None] = set()
        for part in convert(replace(one.table, rows=iter(rows)), one.mapping, one.feed):
            if isinstance(part, Entry):
                made.setdefault(row_of(part), []).append(part)
            elif part.whole:
                aside.add(row_of(part))
        aside |= {number for number, entries in made.items() if faults_of(entries)}
        aside |= await self._erased(made)
        found.rows += len(made.keys() | aside)
        found.aside += len(aside)
        entries = [entry for number, parts in made.items() if number not in aside for entry in parts]
        taking = Taking(comparison.record, lambda refusal: None)
        for begin in range(0, len(entries), AT_ONCE):
            some = entries[begin : begin + AT_ONCE]
            for entry, effect in zip(some, await comparison.effects(taking.whole(some)), strict=True):
                setattr(found, effect, getattr(found, effect) + 1)
                found.revoked += entry.acts == "revoke" and effect != "unchanged"

    async def _erased(self, made: Mapping[int | None, Sequence[Entry]]) -> set[int | None]:
        """Returns the rows about somebody who was erased: they would be refused."""
        named = {row: {name for one in parts for name in names_of(dict(one.resource))} for row, parts in made.items()}
        async with self.platform.pool.connection() as connection:
            erased = await self.kept.erased(connection, set[tuple[str, str]]().union(*named.values()))
        return {row for row, names in named.items() if not erased.isdisjoint(names)}
