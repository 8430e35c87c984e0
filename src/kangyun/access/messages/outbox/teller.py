"""The worker of the outbox: claims what is due, says what is next, sends, and notes what became of it.

A claim stands in the database before anything leaves, and its outcome after. Killed in between, the claim is found when
its time is over; whether it left is then unknown, and it goes by the same channel again only where the provider takes a
key once. So a message leaves a channel once for each of its rungs, but for those that promise to take it once.

It looks twenty times a second, by an index: no more than PostgreSQL's plain statements is needed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.box import Outbox
from kangyun.access.messages.outbox.channels import Installed
from kangyun.access.messages.outbox.contacts import Contact, Contacts
from kangyun.access.messages.outbox.deciding import Decided, Decider, Going
from kangyun.access.messages.outbox.ladder import Attempt
from kangyun.access.messages.outbox.letters import Letter
from kangyun.access.messages.outbox.lists import gather
from kangyun.access.messages.outbox.model import Urgency
from kangyun.access.messages.outbox.outcomes import end, tell
from kangyun.access.messages.outbox.rates import Rates
from kangyun.access.messages.outbox.sending import Failed, NotSent, Refused, Sent, Throttled
from kangyun.base import clock
from kangyun.database.gathering import Gathering
from kangyun.database.pool import TROUBLES, Pool
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.database.savepoint import under_savepoint

logger = logging.getLogger(__name__)

LOOK = 0.05  # seconds between two looks where nothing was found
PATIENCE = 1.0  # seconds until somebody else may have given the lease up
MOST = 100  # messages that are decided on together
MOST_READERS = 50
AGAIN_AFTER = timedelta(seconds=30)  # our choice
Audit = Callable[[asyncpg.Connection, Sequence[int]], Awaitable[None]]
"""Leaves the row that says about whom something was told, within a transaction."""


class Result(NamedTuple):
    """What became of an attempt. due: when its message is looked at next."""

    attempt: int
    state: str
    reference: str | None
    code: str
    until: datetime | None
    due: datetime


@dataclass(slots=True)
class Teller:
    """Tells. Of several processes, the one with the lease.

    root: of the addresses that links in messages have. now: the clock.
    """

    pool: Pool
    outbox: Outbox
    installed: Installed
    contacts: Contacts
    audit: Audit
    root: str
    now: Callable[[], datetime] = clock.now
    _rates: Rates = field(init=False)
    _settling: "Gathering[Result, None]" = field(init=False)
    _under_way: "set[asyncio.Task[None]]" = field(default_factory=set)
    _sending: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rates = Rates({channel: sender.rate for channel, sender in self.installed.senders.items()})
        self._settling = Gathering(self._settle, most=MOST, patience=0.002)

    async def keep_telling(self, stop: asyncio.Event) -> None:
        """Tells until `stop`."""

        async def work(connection: asyncpg.Connection) -> None:
            await work_off(connection, self._look, LOOK, stop)

        await make_rounds_alone(self.pool, "outbox", work, PATIENCE, stop)
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def tick(self) -> bool:
        """Does all that is due now, and waits for what it sent. Returns whether there was anything."""
        found = await self._look()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        return found

    async def _look(self) -> bool:
        """Does what is due, red first, and has it sent. Returns whether there may be more."""
        async with self.pool.connection() as connection:
            *climbing, waiting = await connection.fetchrow(sql.ANYTHING, self.now())
        found = 0
        for urgency, due in zip(Urgency, climbing, strict=True):
            if due:
                found += await self._climb(urgency)
        if waiting:
            found += await self._gather_lists()
        return found > 0

    async def _climb(self, urgency: Urgency) -> int:
        now = self.now()
        async with self.pool.connection() as connection, connection.transaction():
            # What this process still has under way is not lost, however long it takes.
            rows = await connection.fetch(sql.DUE, now, MOST, int(urgency), list(self._sending))
            if not rows:
                return 0
            decided = await self._decided(connection, rows, now)
            going = await self._note(connection, decided, now)
        for one in going:
            task = asyncio.ensure_future(self._send(one))
            self._sending.add(one.message)
            self._under_way.add(task)
            task.add_done_callback(partial(self._done, one))
        return len(rows)

    async def _decided(self, connection: asyncpg.Connection, rows: Sequence[Any], now: datetime) -> list[Decided]:
        attempts: dict[int, list[Attempt]] = {row["id"]: [] for row in rows}
        for message, *rest in await connection.fetch(sql.ATTEMPTS, list(attempts)):
            attempts[message].append(Attempt(*rest))
        letters: dict[int, Letter] = {}
        for row in rows:
            with self._apart(row["id"]):
                letters[row["id"]] = self.outbox.letters.open(row["key"], row["sealed"])
        readers = {reader.reference for letter in letters.values() for reader in letter.readers}
        contacts: dict[str, Contact] = await self.contacts.of(connection, readers)
        decider = Decider(self.outbox, self.installed.senders, self._rates, self.root)
        decided = {row["id"]: Decided(row["id"], now + AGAIN_AFTER, row["turn"], row["reader"]) for row in rows}
        for row in rows:
            if row["id"] in letters:
                with self._apart(row["id"]):
                    decided[row["id"]] = decider.decide(row, letters[row["id"]], attempts[row["id"]], contacts, now)
        return list(decided.values())

    @contextlib.contextmanager
    def _apart(self, message: int) -> Iterator[None]:
        """What is wrong with one message, whatever it is, holds up no other: it is tried again later."""
        try:
            yield
        except Exception as error:
            logger.error("outbox: message %d is told later: %s", message, type(error).__name__)

    async def _note(self, connection: asyncpg.Connection, decided: Sequence[Decided], now: datetime) -> list[Going]:
        """Writes down what was decided. Returns what is to be sent once that stands."""
        notes = [note for one in decided for note in one.notes]
        if notes:
            await connection.execute(sql.NOTE, now, *(list(column) for column in zip(*notes, strict=True)))
        going = [one.going for one in decided if one.going is not None]
        claims = [claim for one in decided for claim in one.claims]
        if claims:
            rows = await connection.fetch(sql.CLAIM, now, *(list(column) for column in zip(*claims, strict=True)))
            ids = {(row["message"], row["turn"], row["channel"]): row["id"] for row in rows}
            for one in going:
                one.attempt = ids[one.message, one.turn, one.channel]
        later = [(one.message, one.due, one.turn, one.reader) for one in decided if one.what is None]
        if later:
            await connection.execute(sql.LATER, *(list(column) for column in zip(*later, strict=True)))
        await tell(connection, [told for one in decided for told in one.told], now)
        await end(connection, {one.message: one.what for one in decided if one.what is not None}, now)
        holders = sorted({one.holder for one in going if one.holder is not None})
        if holders:
            await self.audit(connection, holders)
        return going

    async def _gather_lists(self) -> int:
        now = self.now()
        async with self.pool.connection() as connection:
            rows = await connection.fetch(sql.READERS_DUE, now, MOST_READERS * 4)
            readers = [row["reader"] for row in rows][:MOST_READERS]
            if not readers:
                return 0
            contacts = await self.contacts.of(connection, readers)
            for reader in readers:
                making = partial(gather, connection, self.outbox, reader, contacts[reader], now)
                if not await under_savepoint(connection, "outbox: a list is made later", making):
                    await connection.execute(sql.PUT_OFF_ALL, reader, now, now + AGAIN_AFTER)
        return len(readers)

    # --- one request

    def _done(self, one: Going, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._sending.discard(one.message)
        self._rates.give(one.channel)

    async def _send(self, one: Going) -> None:
        if one.delay > 0:
            await asyncio.sleep(one.delay)
        until: datetime | None = None
        reference: str | None = None
        code, receipt = "", 0.0
        try:
            # Whoever may have taken the lease over meanwhile gives the claim up no sooner.
            async with asyncio.timeout(self.outbox.rules.tries.claim):
                sent: Sent = await self.installed.senders[one.channel].send(one.parcel)
            state = "received" if sent.received else "handed"
            reference = sent.reference
            patience = self.outbox.rules.channel[one.channel]
            receipt = patience.answer if sent.received else patience.receipt
        except NotSent as error:
            state, code = _state_of(error), error.code
            if error.seconds:
                until = self.now() + timedelta(seconds=error.seconds)
        except TimeoutError:
            state, code = "unknown", "no-answer"
        except Exception as error:  # A defect of an adaptor: whether anything left is not known.
            logger.error("outbox: %s: %s", one.channel, type(error).__name__)
            state, code = "unknown", type(error).__name__
        due = self.now() + timedelta(seconds=receipt if one.urgency is Urgency.RED or state == "handed" else 0)
        try:
            await self._settling.do(Result(one.attempt, state, reference, code, until, due))
        except TROUBLES as error:
            # The claim stands: what became of it is unknown when its time is over.
            logger.warning("outbox: an outcome was not noted: %s", type(error).__name__)

    async def _settle(self, results: Sequence[Result]) -> Sequence[None]:
        async with self.pool.connection() as connection:
            await connection.execute(sql.SETTLE, self.now(), *(list(column) for column in zip(*results, strict=True)))
        return [None] * len(results)


def _state_of(error: NotSent) -> str:
    for kind, state in ((Refused, "refused"), (Throttled, "throttled"), (Failed, "failed")):
        if isinstance(error, kind):
            return state
    return "unknown"
