"""The change feed: finished commits in their one order, read by position.

Readers follow the feed each at its own pace, at least once, and remember how far they came. Only what is in the feed is
read here: the sequencer puts it there (`store.sequencer`). An event that a reader cannot deal with is parked for a
person to see, and the reader goes on; what came later may have mended it, where a reader can look at it again.

A restore of the database begins a new epoch: positions behind its beginning may have been given before, to other
commits, so a reader of the epoch before goes back to where the new one began.

Source: facts/store.md 5.2.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.leases import pause
from kangyun.database.pool import LOST, Pool
from kangyun.database.rounds import make_rounds_alone
from kangyun.store.statements import statement
from kangyun.store.types import TYPE_NAMES, TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, seen

logger = logging.getLogger(__name__)

# A reaction's commit is one deeper than what it reacts to. Reactions to deeper ones than this are a loop.
DEEPEST = 5
MOST_COMMITS = 500
MOST_VERSIONS = 5_000
LOOK = 0.1  # seconds between two looks at an end of the feed
BREATH = 0.02  # seconds between two looks where something came, so that more of it is read at once
ATTEMPTS = 3
BACK_OFF = 0.2  # seconds before the second attempt; doubles
PATIENCE = 5.0  # seconds between two attempts while the database is away


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come: everything up to this position of this epoch."""

    epoch: int
    position: int


@dataclass(frozen=True, slots=True)
class Change:
    """A version that a commit wrote. `action` is CREATED, UPDATED or DELETED of `store.model`."""

    res: int
    version: int
    type: str
    action: bytes
    patient: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """A commit at its place in the feed."""

    place: Place
    commit: int
    instant: datetime
    institution: int
    historic: bool
    depth: int
    actor: str
    purpose: str
    origin: str | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a reader could not deal with, and why. It holds no more than the feed does."""

    reader: str
    reason: str
    place: Place


async def parked(connection: asyncpg.Connection) -> list[Parked]:
    """Returns what waits for a person, in the order of the feed."""
    rows = await connection.fetch(statement("parked_events"))
    return [Parked(row["name"], row["reason"], Place(row["epoch"], row["position"])) for row in rows]


async def at(connection: asyncpg.Connection, place: Place, types: Sequence[str] | None = None) -> list[Event]:
    """Returns the event at a place, with its changes of these types; none where there is none any more."""
    events, _ = await read(connection, Place(place.epoch, place.position - 1), most=1, types=types)
    return events


async def read(
    connection: asyncpg.Connection, after: Place, *, most: int = MOST_COMMITS, historic: bool = True,
    types: Sequence[str] | None = None,
) -> tuple[list[Event], Place]:  # fmt: skip
    """Returns the commits that follow a place, in order, and the place that they lead to.

    At most so many, and few where they are large; historic ones are passed over when they are not wanted. `types`: of
    their changes only those of these types, all where none are named.
    """
    rows = await connection.fetch(statement("feed_events"), after.position, most, MOST_VERSIONS)
    wanted = [row for row in rows if historic or not row["historic"]]
    changes: dict[int, list[Change]] = {row["commit"]: [] for row in wanted}
    numbers = None if types is None else [TYPE_NUMBERS[type_] for type_ in types]
    feed_changes = seen(statement("feed_changes"), EVERYTHING, list(changes), numbers)
    for row in await connection.fetch(*feed_changes) if wanted else ():
        changes[row["commit"]].append(
            Change(row["res"], row["version"], TYPE_NAMES[row["type"]], row["action"], row["patient"])
        )
    events = [
        Event(
            Place(row["epoch"], row["position"]),
            *(row["commit"], row["instant"], row["institution"], row["historic"], row["depth"]),
            *(row["actor"], row["purpose"], row["origin"], tuple(changes[row["commit"]])),
        )
        for row in wanted
    ]
    return events, Place(rows[-1]["epoch"], rows[-1]["position"]) if rows else after


async def brought(connection: asyncpg.Connection, versions: Sequence[tuple[int, int]]) -> list[int]:
    """Returns the `res` of those (res, version) that come in events of their own, neither historic nor too deep."""
    columns = zip(*versions, strict=True)
    return [row["res"] for row in await connection.fetch(statement("feed_to_come"), *columns, DEEPEST)]


async def last_place(connection: asyncpg.Connection) -> Place:
    """Returns the end of the feed."""
    return Place(*await connection.fetchrow("SELECT epoch, position FROM sequencer"))


async def place_of(connection: asyncpg.Connection, name: str) -> Place | None:
    """Returns how far a reader has come, None for one that never began; after a restore, where that began."""
    row = await connection.fetchrow(statement("feed_place"), name)
    return Place(*row) if row else None


async def remember(connection: asyncpg.Connection, name: str, place: Place) -> None:
    """Writes how far a reader has come."""
    await connection.execute(statement("remember_place"), name, place.epoch, place.position)


Handler = Callable[[Sequence[Event]], Awaitable[None]]
"""Deals with events, in order. May be given the same again, alone or with others."""


class Reader:
    """Follows the feed under a name of its own; of several processes that do, one at a time reads."""

    def __init__(
        self, pool: Pool, name: str, handle: Handler, *, from_start: bool = False, historic: bool = True,
        types: Sequence[str] | None = None, again: Handler | None = None,
    ) -> None:  # fmt: skip
        """`again` deals with a parked event out of its order, after what came later; what goes well is over."""
        self._pool = pool
        self._name = name
        self._handle = handle
        self._again = again
        self._from_start = from_start
        self._historic = historic
        self._types = types
        self._place: Place | None = None

    async def follow(self, stop: asyncio.Event) -> None:
        """Hands events on until `stop`. Holds one connection while it has the lease."""

        async def work(connection: asyncpg.Connection) -> None:
            await self._follow_with_lease(connection, stop)

        await make_rounds_alone(self._pool, f"feed/{self._name}", work, PATIENCE, stop)

    async def _follow_with_lease(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        await self.begin(connection)
        while not stop.is_set():
            came = await self.step(connection)
            if came < MOST_COMMITS:
                await pause(stop, BREATH if came else LOOK)

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Finds its place, for who holds the lease of several readers and steps each."""
        self._place = await self._found_place(connection)
        await self._look_again(connection)

    async def step(self, connection: asyncpg.Connection) -> int:
        """Hands on what has come, once, and returns how many commits that were. It has begun under the same lease."""
        assert self._place is not None
        place = self._place
        events, reached = await read(connection, place, historic=self._historic, types=self._types)
        if events:
            await self._deal_with(connection, events)
            if any(event.changes for event in events):
                await self._look_again(connection)
        if reached != place:
            self._place = reached
            await remember(connection, self._name, reached)
        return reached.position - place.position

    async def _found_place(self, connection: asyncpg.Connection) -> Place:
        place = await place_of(connection, self._name)
        if place is None:
            end = await last_place(connection)
            place = Place(end.epoch, 0) if self._from_start else end
            await remember(connection, self._name, place)
        return place

    async def _deal_with(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Hands the events on together; when that fails, one by one, so that only the poisonous one is parked."""
        try:
            await self._handle(events)
            return
        except Exception as error:
            _raise_if_passing(error)
        for event in events:
            await self._deal_with_one(connection, event)

    async def _deal_with_one(self, connection: asyncpg.Connection, event: Event) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._handle([event])
                return
            except Exception as error:
                _raise_if_passing(error)
                if isinstance(error, PlatformError):  # It says what is wrong with the event: no second attempt helps.
                    reason = error.issues[0].text
                    break
                reason = type(error).__name__
                await asyncio.sleep(BACK_OFF * 2**attempt)
        logger.error("%s: parked position %d: %s", self._name, event.place.position, reason)
        await connection.execute(
            statement("park_event"), self._name, event.place.epoch, event.place.position, reason, attempt + 1
        )

    async def _look_again(self, connection: asyncpg.Connection) -> None:
        for row in await connection.fetch(statement("parked_places"), self._name) if self._again else ():
            place = Place(*row)
            try:
                assert self._again is not None
                await self._again(await at(connection, place, self._types))
            except Exception as error:
                _raise_if_passing(error)
            else:
                logger.info("%s: position %d is parked no longer", self._name, place.position)
                await connection.execute(statement("let_go"), self._name, place.epoch, place.position)


def _raise_if_passing(error: Exception) -> None:
    """Raises what says nothing about the event: the reader keeps its place and tries again later."""
    if isinstance(error, (Unavailable, Throttled, *LOST)):
        raise error
