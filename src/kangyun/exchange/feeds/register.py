"""The register of feeds: one institution's one data set each, how it stands, who may deliver for it, what was agreed.

Words and figures of agreements only: nothing in it is about a person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from kangyun.access.record import Record
from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.database.pool import Pool
from kangyun.database.statements import statements
from kangyun.exchange.feeds.states import TEXTS, Side, check_move, table
from kangyun.exchange.protocol import FeedState, State
from kangyun.exchange.tables.mapping import BadMapping, parse

SQL = statements("exchange.feeds")
HIGHEST_RATE = 1_000_000  # rows a second
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_THUMBPRINT = re.compile(r"(?:[0-9a-f]{64})?")
CHANGEABLE = (
    "title", "agreement", "agreed", "client", "thumbprint", "certificate_ends", "code", "dialect", "widths", "rate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A feed as the register has it. Its members are the columns of `feed_source`.

    client: the application that may deliver. code: the institution's, in names of systems; its id where empty.
    rate: rows a second that its gateway keeps to, 0 for no limit. next: number that the next delivery must have.
    """

    id: int
    name: str
    institution: str
    title: str
    state: State
    since: datetime
    waits: str
    waits_for: str
    waits_since: datetime | None
    why: str
    agreement: str
    agreed: date | None
    client: str
    thumbprint: str
    certificate_ends: datetime | None
    code: str
    dialect: str
    widths: Mapping[str, int]
    rate: int
    next: int

    @property
    def house(self) -> str:
        """The id of the institution, as its ids begin."""
        return self.institution.removeprefix("Organization/")

    @property
    def told(self) -> FeedState:
        """How it stands, as its gateway is told."""
        return FeedState(self.name, self.title, self.state, self.next, self.rate, self.why, self.dialect)


_COLUMNS = ", ".join(f"s.{one.name}" for one in fields(Source))


def read_source(row: asyncpg.Record) -> Source:
    """Returns the feed of a row of `feed_source`."""
    given = {one.name: row[one.name] for one in fields(Source)}
    return Source(**given | {"widths": msgspec.json.decode(row["widths"])})


@dataclass(frozen=True, slots=True)
class Register:
    """Reads and changes the register. One for a process."""

    pool: Pool

    async def add(self, name: str, institution: str, title: str, by: str, **said: Any) -> Source:
        """Registers a feed as `applied`. Raises Invalid, naming the member; Conflict for a name that is taken.

        said: of CHANGEABLE.
        """
        _check({"name": name, "institution": institution, "title": title} | said)
        try:
            async with self.pool.connection() as connection, connection.transaction():
                id_ = await connection.fetchval(SQL["register"], name, institution, title)
                await self._move(connection, id_, "applied", "", by, "registered")
                await _set(connection, id_, said)
        except asyncpg.UniqueViolationError:
            raise Conflict(f"{TEXTS}name-taken", name=name) from None
        return await self.get(name)

    async def get(self, name: str) -> Source:
        """Returns a feed. Raises NotFound."""
        async with self.pool.connection() as connection:
            return await self.within(connection, name)

    async def within(self, connection: asyncpg.Connection, name: str, *, lock: bool = False) -> Source:
        """Returns a feed; lock: nobody else changes it until the transaction ends. Raises NotFound."""
        tail = " FOR NO KEY UPDATE" if lock else ""
        row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM feed_source AS s WHERE s.name = $1{tail}", name)
        if row is None:
            raise NotFound(f"{TEXTS}none")
        return read_source(row)

    async def list(self, institution: str | None = None, client: str | None = None) -> list[Source]:
        """Returns feeds, by their names: all, an institution's, those that a client delivers for."""
        sql = f"""SELECT {_COLUMNS} FROM feed_source AS s
            WHERE ($1::text IS NULL OR s.institution = $1) AND ($2::text IS NULL OR s.client = $2) ORDER BY s.name"""
        async with self.pool.connection() as connection:
            return [read_source(row) for row in await connection.fetch(sql, institution, client)]

    async def code_of(self, institution: str) -> str:
        """Returns the code in whose systems an institution's own numbers stand: of its feeds, else its id."""
        codes = [one.code for one in await self.list(institution) if one.code]
        return codes[0] if codes else institution.removeprefix("Organization/")

    async def move(self, name: str, to: State, side: Side, by: str, why: str = "") -> Source:
        """Moves a feed to another state. Raises NotFound, RuleBroken, Forbidden."""
        async with self.pool.connection() as connection, connection.transaction():
            now = await self.within(connection, name, lock=True)
            known = {one.name for one in fields(Source) if getattr(now, one.name)}
            check_move(now.state, to, side, known)
            await self._move(connection, now.id, to, why, by, "moved")
        return await self.get(name)

    async def change(self, name: str, by: str, **said: Any) -> Source:
        """Changes what was agreed. Raises NotFound, Invalid naming the member."""
        _check(said)
        async with self.pool.connection() as connection, connection.transaction():
            now = await self.within(connection, name, lock=True)
            await _set(connection, now.id, said)
            await connection.execute(SQL["note"], now.id, "changed", now.state, by, ", ".join(sorted(said)))
        return await self.get(name)

    async def wait(self, name: str, side: Side | None, for_: str, by: str) -> Source:
        """Says who has to do what for it to go on; None: nobody. Raises NotFound."""
        async with self.pool.connection() as connection, connection.transaction():
            now = await self.within(connection, name, lock=True)
            await connection.execute(SQL["wait"], now.id, side or "", for_)
            await connection.execute(SQL["note"], now.id, "waits", now.state, by, for_)
        return await self.get(name)

    async def map(self, name: str, content: str, by: str) -> str:
        """Gives a feed a mapping of its own, and returns its name. Raises NotFound, Invalid for a wrong one."""
        try:
            mapping = parse(content)
        except BadMapping as error:
            raise Invalid(f"exchange.tables.{error.text}", at=error.at) from None
        async with self.pool.connection() as connection, connection.transaction():
            now = await self.within(connection, name, lock=True)
            await connection.execute(SQL["map"], now.id, mapping.name, by, content)
            await connection.execute(SQL["note"], now.id, "mapped", now.state, by, mapping.name)
        return mapping.name

    async def history(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Returns what was done with a feed: at, act, state, by, why. Raises NotFound."""
        async with self.pool.connection() as connection:
            now = await self.within(connection, name)
            return [dict(row) for row in await connection.fetch(SQL["history"], now.id)]

    @staticmethod
    async def _move(connection: asyncpg.Connection, id_: int, to: State, why: str, by: str, act: str) -> None:
        state = table().states[to]
        waits_for = f"{TEXTS}{state.for_}" if state.for_ else ""
        await connection.execute(SQL["move"], id_, to, why, state.waits, waits_for)
        await connection.execute(SQL["note"], id_, act, to, by, why)


async def _set(connection: asyncpg.Connection, id_: int, said: Mapping[str, Any]) -> None:
    given = {name: msgspec.json.encode(value).decode() if name == "widths" else value for name, value in said.items()}
    for name, value in given.items():  # A few at most, each of CHANGEABLE.
        await connection.execute(f"UPDATE feed_source SET {name} = $2 WHERE id = $1", id_, value)


async def check_institution(record: Record, institution: str) -> None:
    """Raises Invalid for an institution that is not in the register: nobody's feed would be its own people's to see."""
    type_, _, id_ = institution.partition("/")
    pairs = [("_id", id_ or "-"), ("_summary", "count"), ("_total", "accurate")]
    page = await record.search(await record.read_query("Organization", pairs, strict=True))
    if type_ != "Organization" or not page.total:
        raise Invalid(f"{TEXTS}no-institution", at="institution")


def _check(said: Mapping[str, Any]) -> None:
    """Raises Invalid for the first member that does not fit."""
    house = said.get("institution", "Organization/x")
    faults = {
        "name": not _NAME.fullmatch(said.get("name", "x")),
        "institution": not (house.startswith("Organization/") and len(house) > len("Organization/")),
        "title": not said.get("title", "x").strip() or "\x00" in said.get("title", "x"),
        "thumbprint": not _THUMBPRINT.fullmatch(said.get("thumbprint", "")),
        "rate": not 0 <= said.get("rate", 0) <= HIGHEST_RATE,
        "widths": not all(isinstance(width, int) and width > 0 for width in said.get("widths", {}).values()),
    }
    unknown = said.keys() - {*CHANGEABLE, "name", "institution"}
    for name, wrong in [*faults.items(), *((name, True) for name in sorted(unknown))]:
        if wrong:
            raise Invalid(f"{TEXTS}wrong-member", at=name, member=name)
