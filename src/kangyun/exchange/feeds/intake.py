"""One delivery taken in: read, mapped, stored through the gate as the institution's own, counted, and answered.

What comes of it (the delivery's figures, its refusals, the counts) is written in one transaction behind the entries'
own: after a stop it is taken in again, and what is there already makes no version. A row that came as it is before,
and is stored, is not mapped again; one that a later delivery has brought is left to that.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Done, Record
from kangyun.base.crypto import Unreadable
from kangyun.exchange.cda.reading import Read
from kangyun.exchange.entries import Entry, Place, Refusal
from kangyun.exchange.feeds.contents import Begun, feed_of, opened
from kangyun.exchange.feeds.documents import faults, take
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.returning import BATCH
from kangyun.exchange.feeds.returning import ROW as LINE
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.feeds.storing import row_of
from kangyun.exchange.feeds.taking import SAME, Taking, faults_of
from kangyun.exchange.feeds.tallying import NO_DAY, Counted, Counter, Fields, key_digest
from kangyun.exchange.feeds.understanding import NotUnderstood, Sheet, understood
from kangyun.exchange.protocol import Fate, Rows
from kangyun.exchange.tables.mapping import BadMapping, convert
from kangyun.exchange.tables.reading import Row

ACTOR = Actor("Device/feed", "数据接入", "", "SYSADMIN", administrator=True)
MOST_ATTEMPTS = 10
MOST_REFUSALS = 50_000
"""That are kept of a delivery; beyond them only those that keep a row aside."""
DOCUMENTS = "文档"
COLUMN_MISSING = "exchange.tables.column-missing"
ERASED = "store.erased"
LONGEST_NUMBER = 9  # digits
STORED, REVOKED, REFUSED = b"s", b"v", b"r"


@dataclass(slots=True)
class Outcome:
    """What came of a delivery. counted: rows by their numbers; fates: what became of each."""

    fate: Fate
    sheet: int | None = None
    amounts: Sequence[str] = ()
    rows: int = 0
    unchanged: int = 0
    left_out: int = 0
    counted: dict[int | None, Counted] = field(default_factory=dict)
    fates: dict[int | None, bytes] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    fields: Fields | None = None
    answers: list[tuple[int, int, int]] = field(default_factory=list)
    reason: str = ""
    parameters: dict[str, str | int] = field(default_factory=dict)

    @property
    def aside(self) -> int:
        return sum(fate == REFUSED for fate in self.fates.values())

    @property
    def stored(self) -> int:
        return sum(fate != REFUSED for fate in self.fates.values())

    def refuse(self, refusal: Refusal) -> None:
        """Takes in a refusal."""
        if refusal.whole:
            self.fates[refusal.place.row] = REFUSED
        elif not refusal.taken:
            self.left_out += 1
        if refusal.whole or len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(refusal)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes in deliveries. One for a process."""

    platform: Platform
    kept: Kept

    async def next(self, feed: Source) -> bool:
        """Takes in the next delivery of a feed; returns whether there was one. Raises Unavailable, Throttled: it stays.

        Whoever calls holds the feed's lease.
        """
        async with self.platform.pool.connection() as connection:
            row = await connection.fetchrow(SQL["begin"], feed.id)
        if row is None:
            return False
        begun = Begun(**dict(row))
        if begun.attempts > MOST_ATTEMPTS:
            outcome = _failed(f"{TEXTS}again-and-again", {"times": MOST_ATTEMPTS})
        else:
            outcome = await self._taken(feed, begun)
        await self._settle(feed, begun, outcome)
        return True

    async def _taken(self, feed: Source, begun: Begun) -> Outcome:
        try:
            async with self.platform.pool.connection() as connection:
                delivery, own = await opened(connection, self.kept, feed, begun)
        except Unreadable:
            return _failed(f"{TEXTS}unreadable", {})
        except ValueError:
            return _failed(f"{TEXTS}not-a-delivery", {"member": "-"})
        try:
            found = await asyncio.to_thread(understood, delivery, feed_of(feed), own)
        except NotUnderstood as fault:
            return await self._stopped(feed, begun, fault) if isinstance(delivery, Rows) else _failed_by(fault)
        except BadMapping as fault:
            return _failed(f"exchange.tables.{fault.text}", {"at": fault.at})
        if isinstance(found, Read):
            return await self._take_document(feed, begun, found)
        return await self._take_sheet(feed, begun, found, by_view=isinstance(delivery, Rows))

    async def _stopped(self, feed: Source, begun: Begun, fault: NotUnderstood) -> Outcome:
        """Stops a table that cannot be understood, and no other."""
        outcome = _failed_by(fault)
        if fault.sheet and not begun.trial:
            async with self.platform.pool.connection() as connection:
                sheet = await connection.fetchrow(SQL["sheet"], feed.id, fault.sheet, "")
                parameters = msgspec.json.encode(fault.parameters).decode()
                await connection.execute(SQL["stop"], sheet["id"], fault.text, parameters)
            outcome.sheet = sheet["id"]
        return outcome

    async def _take_sheet(self, feed: Source, begun: Begun, found: Sheet, *, by_view: bool) -> Outcome:
        counter = Counter(found.table.header, found.mapping, found.edition)
        async with self.platform.pool.connection() as connection:
            named = None if by_view else await connection.fetchrow(SQL["sheet_named"], feed.id, found.name)
            name = named["name"] if named else found.name
            sheet = await connection.fetchrow(SQL["sheet"], feed.id, name, found.mapping.title)
            if by_view and not begun.trial:
                if sheet["stopped"]:
                    outcome = _failed(f"{TEXTS}table-stopped", {"table": found.name})
                    outcome.sheet = sheet["id"]
                    return outcome
                gone = [name for name in sheet["columns"] if name not in found.table.header]
                if gone:
                    columns = {"table": found.name, "columns": "、".join(gone)}
                    return await self._stopped(
                        feed, begun, NotUnderstood(f"{TEXTS}columns-gone", found.name, **columns)
                    )
        outcome = Outcome("tried" if begun.trial else "taken", sheet["id"], counter.amounts)
        # Apart: who else works in this process goes on meanwhile.
        rows = await asyncio.to_thread(self._read, found, counter, outcome)
        fresh = rows if begun.trial else await self._fresh(sheet["id"], begun.number, rows, outcome)
        table = replace(found.table, rows=iter(fresh))
        told = self._made(convert(table, found.mapping, found.feed), outcome, begun.trial)
        made = await asyncio.to_thread(list, told)
        missing = next((one for one in made if isinstance(one, Refusal) and one.text == COLUMN_MISSING), None)
        if missing is not None:
            fault = NotUnderstood(missing.text, found.name, **missing.parameters)
            return await self._stopped(feed, begun, fault) if by_view else _failed_by(fault)
        await self._store(feed, begun, made, outcome)
        if not begun.trial and by_view:
            async with self.platform.pool.connection() as connection:
                about = (list(found.table.header), list(counter.keys), counter.day, list(counter.amounts))
                await connection.execute(SQL["describe"], sheet["id"], *about)
        return outcome

    def _read(self, found: Sheet, counter: Counter, outcome: Outcome) -> list[Row | Refusal]:
        """Returns the rows, each counted. Those that cannot be read count by where they stand."""
        header = found.table.header
        batch, line = (header.index(name) if name in header else -1 for name in (BATCH, LINE))
        rows = list(found.table.rows)
        for row in rows:
            if isinstance(row, Row):
                outcome.counted[row.number] = counter.count(row.cells)
                if batch >= 0 and line >= 0 and (answers := _numbers_of(row.cells[batch], row.cells[line])):
                    outcome.answers.append((row.number, *answers))
            elif row.whole and row.place.row is not None:
                outcome.counted[row.place.row] = _of_place(row.place)
        outcome.rows = len(outcome.counted)
        outcome.fields = Fields(header)
        return rows

    async def _fresh(
        self, sheet: int, number: int, rows: Sequence[Row | Refusal], outcome: Outcome
    ) -> list[Row | Refusal]:
        """Returns the rows that are not in the record as they are, or by a later delivery."""
        keys = [one.key for one in outcome.counted.values()]
        async with self.platform.pool.connection() as connection:
            known = {row["key"]: row for row in await connection.fetch(SQL["known_rows"], sheet, keys)}
        fresh: list[Row | Refusal] = []
        changed: set[int] = set()
        assert outcome.fields is not None
        for row in rows:
            one = outcome.counted[row.number] if isinstance(row, Row) else None
            if one is None or not isinstance(row, Row):
                fresh.append(row)
                continue
            before = known.get(one.key)
            stands = before is not None and _stands(before, one)
            if before is not None and (
                before["delivery"] > number or (stands and not before["anew"] and one.key not in changed)
            ):
                outcome.fates[row.number] = before["outcome"]
                outcome.unchanged += 1
            else:
                changed.add(one.key)
                # Else it is replayed, or looked at anew because somebody was erased.
                if before is None or not (before["delivery"] == number or (stands and before["anew"])):
                    outcome.fields.add(row.number, one.day, row.cells)
                fresh.append(row)
        return fresh

    @staticmethod
    def _made(made: Iterable[Entry | Refusal], outcome: Outcome, trial: bool) -> Iterator[Entry | Refusal]:
        for one in made:
            if isinstance(one, Refusal) and not trial and outcome.fields is not None:
                outcome.fields.fault(one)
            yield one

    async def _take_document(self, feed: Source, begun: Begun, read: Read) -> Outcome:
        """Takes in a document, whole or not at all; it counts by its number."""
        async with self.platform.pool.connection() as connection:
            sheet = await connection.fetchrow(SQL["sheet"], feed.id, read.kind or DOCUMENTS, DOCUMENTS)
        outcome = Outcome("tried" if begun.trial else "taken", sheet["id"], rows=1)
        outcome.counted[None] = _of_document(read, begun)
        outcome.fates[None] = STORED
        told: Sequence[Any] = faults(read)
        if not told and not begun.trial:
            (told,) = await take(await self._record(feed), [read])
            outcome.unchanged = int(all(one.status in SAME for one in told if isinstance(one, Done)))
        for one in (*told, *(one for one in read.refusals if not one.whole)):
            if isinstance(one, Refusal):
                outcome.refuse(replace(one, place=replace(one.place, row=None)))
        return outcome

    async def _store(self, feed: Source, begun: Begun, made: Sequence[Entry | Refusal], outcome: Outcome) -> None:
        if begun.trial:
            rows: dict[int | None, list[Entry]] = {}
            for one in made:
                if isinstance(one, Refusal):
                    outcome.refuse(one)
                else:
                    rows.setdefault(row_of(one), []).append(one)
            for number, entries in rows.items():
                outcome.fates.setdefault(number, STORED)
                for fault in faults_of(entries):
                    outcome.refuse(fault)
            return

        def stored(entry: Entry, same: bool) -> None:
            outcome.fates[row_of(entry)] = REVOKED if entry.acts == "revoke" else STORED
            outcome.unchanged += same

        await Taking(await self._record(feed), outcome.refuse, stored).take(made)

    async def _record(self, feed: Source) -> Record:
        """Opens the record, in which what is written is the institution's own."""
        actor = replace(ACTOR, institution=feed.institution)
        return await self.platform.gate.open(actor, Circumstances("feed", "", uuid4().hex, historic=True))

    async def _settle(self, feed: Source, begun: Begun, outcome: Outcome) -> None:
        async with self.platform.pool.connection() as connection, connection.transaction():
            if not await connection.fetchval(SQL["still_kept"], feed.id, begun.number):
                return  # Who had lost the lease, and did not know it, was overtaken.
            await connection.execute(SQL["forget_refusals"], feed.id, begun.number)
            await _refuse(connection, feed.id, begun.number, outcome)
            if outcome.fate == "taken":
                await _count(connection, feed.id, begun.number, outcome)
            elif outcome.fate == "tried":
                await _answer_tried(connection, feed.id, begun.number, outcome)
            await connection.execute(
                SQL["settle"], feed.id, begun.number, outcome.fate, outcome.sheet, outcome.rows, outcome.stored,
                outcome.unchanged, outcome.aside, outcome.left_out, outcome.reason,
                msgspec.json.encode(outcome.parameters).decode(),
            )  # fmt: skip
            if begun.trial or any(one.text == ERASED for one in outcome.refusals):
                await connection.execute(SQL["mark_one"], feed.id, begun.number)


def _numbers_of(batch: str, line: str) -> tuple[int, int] | None:
    """Returns which row of which delivery a row says that it answers; None where it says none that can be."""
    if any(len(one) > LONGEST_NUMBER or not (one.isascii() and one.isdecimal()) for one in (batch, line)):
        return None
    return int(batch), int(line)


def _failed(reason: str, parameters: dict[str, str | int]) -> Outcome:
    return Outcome("failed", reason=reason, parameters=parameters)


def _failed_by(fault: NotUnderstood) -> Outcome:
    return _failed(fault.text, fault.parameters)


def _of_document(read: Read, begun: Begun) -> Counted:
    """Returns how a document counts: by its number and day, where it has them."""
    named = next((one for one in read.entries if one.resource["resourceType"] == "DocumentReference"), None)
    told = named.resource.get("date", "")[:10] if named is not None else ""
    day = date.fromisoformat(told) if len(told) == 10 else NO_DAY
    key = named.id if named is not None else f"{begun.source}/{begun.number}"
    return Counted(key_digest([key]), begun.number, day, (), named is not None)


def _of_place(place: Place) -> Counted:
    digest = key_digest([place.source, str(place.row)])
    return Counted(digest, 0, NO_DAY, (), False)


def _stands(before: asyncpg.Record, one: Counted) -> bool:
    return before["content"] == one.content and before["outcome"] in (STORED, REVOKED)


async def _refuse(connection: asyncpg.Connection, feed: int, number: int, outcome: Outcome) -> None:
    columns: list[Sequence[Any]] = [
        [one.place.row for one in outcome.refusals],
        [one.place.part or "" for one in outcome.refusals],
        [one.text for one in outcome.refusals],
        [msgspec.json.encode(one.parameters).decode() for one in outcome.refusals],
        [one.shown or "" for one in outcome.refusals],
        [one.whole for one in outcome.refusals],
        [_key_of(outcome, one) for one in outcome.refusals],
    ]
    if outcome.refusals:
        await connection.execute(SQL["refuse"], feed, number, outcome.sheet, *columns)


def _key_of(outcome: Outcome, refusal: Refusal) -> int | None:
    counted = outcome.counted.get(refusal.place.row)
    return counted.key if counted else None


async def _answer_tried(connection: asyncpg.Connection, feed: int, number: int, outcome: Outcome) -> None:
    """Has rows that would be stored answer those that were kept aside while testing, and no others."""
    good = [one.key for at, one in outcome.counted.items() if outcome.fates.get(at, REFUSED) != REFUSED]
    mended = [(batch, line) for at, batch, line in outcome.answers if outcome.fates.get(at, REFUSED) != REFUSED]
    batches, lines = [batch for batch, _ in mended], [line for _, line in mended]
    await connection.execute(SQL["answer_tried"], feed, outcome.sheet, number, good, batches, lines)


async def _count(connection: asyncpg.Connection, feed: int, number: int, outcome: Outcome) -> None:
    """Counts the rows, and has them answer what was kept aside before."""
    rows = [(counted, outcome.fates.get(at, REFUSED)) for at, counted in outcome.counted.items()]
    if rows:
        amounts = [f"{{{','.join(map(str, one.amounts))}}}" if one.amounts else None for one, _ in rows]
        await connection.execute(
            SQL["count"], outcome.sheet, number, [one.key for one, _ in rows], [one.content for one, _ in rows],
            [one.day for one, _ in rows], [fate for _, fate in rows], amounts, list(outcome.amounts),
        )  # fmt: skip
    good = [one.key for one, fate in rows if fate != REFUSED]
    await connection.execute(SQL["answer_by_key"], outcome.sheet, number, good)
    mended = [(batch, line) for at, batch, line in outcome.answers if outcome.fates.get(at) in (STORED, REVOKED)]
    if mended:
        before = await connection.fetch(SQL["answer_by_place"], feed, number, *map(list, zip(*mended, strict=True)))
        gone = list({row["key"] for row in before if row["key"] is not None} - {one.key for one, _ in rows})
        for sheet in {row["sheet"] for row in before}:
            await connection.execute(SQL["uncount"], sheet, gone, list(outcome.amounts))
    found = outcome.fields.result() if outcome.fields else {}
    if found:
        places, figures = list(found), list(found.values())
        await connection.execute(
            SQL["fields"], outcome.sheet, [month for month, _ in places], [name for _, name in places],
            *([getattr(one, name) for one in figures] for name in ("rows", "filled", "valid", "left_out", "mended")),
        )  # fmt: skip
