"""`$everything`: all that is in the compartment of a patient or an encounter, and what that refers to.

A page holds members of the compartment, its owners first, then the newest; and what they refer to outside of any
compartment (practitioners, institutions, medications, documents' contents), each once a page.

Source: https://hl7.org/fhir/R4/operation-patient-everything.html, .../operation-encounter-everything.html
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir.definitions import definitions
from kangyun.store.index import Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Current, Name, Reader
from kangyun.store.references import local_target, relative
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen, visible

Kind = Literal["Patient", "Encounter"]
MOST_INCLUDED = 10_000
# So many resources are opened before others get the processor.
SLICE = 100
MOST_ROUNDS = 4
SECONDS = 30.0
FARTHEST = (1 << 63) - 1
# The clinical date of these is a birthday: it says nothing of when they matter.
_BORN = [TYPE_NUMBERS[name] for name in ("Patient", "Person", "RelatedPerson")]
# In the JSON that we write ourselves, this cannot stand inside of a text. An Attachment names a Binary by its url.
_LEADS_TO = re.compile(rb'"(reference|url)":"([^"\\#]{3,512})"')


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a compartment.

    types: None for all. since: written at or after. start, end: whose clinical dates touch [start, end).
    place: where the page before ended.
    """

    types: frozenset[str] | None
    since: datetime | None
    start: datetime | None
    end: datetime | None
    count: int
    place: list[int] | None

    def takes(self, type_: str) -> bool:
        return self.types is None or type_ in self.types


@dataclass(slots=True)
class Part:
    """A page of a compartment. `next` is where the page behind begins."""

    members: list[Stored]
    included: list[Stored]
    next: list[int] | None


class Compartments:
    """Reads compartments. One for a process. `bases`: own base URLs, each with a slash at its end."""

    def __init__(self, reader: Reader, indexer: Indexer, bases: tuple[str, ...]) -> None:
        self._reader = reader
        self._indexer = indexer
        self._bases = bases

    async def everything(
        self, connection: asyncpg.Connection, kind: Kind, owners: Sequence[Current], wish: Wish,
        sight: Sight = EVERYTHING,
    ) -> Part:  # fmt: skip
        """Returns a page of one compartment, or of those of a resident's registrations; of all of a kind where there
        are no owners. Raises TooCostly."""
        salts = {
            (type_, bound.salt)
            for type_, codes in definitions().compartments[kind].items()
            for bound in self._bound(type_, codes)
        }
        try:
            if owners:
                rows = await self._of_owners(connection, owners, sorted(salt for _, salt in salts), wish, sight)
            else:
                rows = await self._of_all(connection, kind, sorted(salt for _, salt in salts), wish, sight)
        except TimeoutError:
            raise TooCostly("store.everything-too-costly") from None
        more = len(rows) > wish.count
        rows = rows[: wish.count]
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        members = self._first(owners, wish) if wish.place is None else []
        for number, row in enumerate(rows):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            members.append(self._reader.stored(row, row["res"]))
        following = [rows[-1]["res"]] if more else None
        included = await self._supporting(connection, kind, members, wish, sight)
        return Part(members, included, following)

    def _bound(self, type_: str, codes: Sequence[str]) -> list[Any]:
        bound = self._indexer.bound(type_)
        return [bound[real] for code in codes if code in bound for real in bound[code].parameter.alias_of or (code,)]

    @staticmethod
    def _first(owners: Sequence[Current], wish: Wish) -> list[Stored]:
        found = [owner.stored for owner in owners if owner.stored is not None and not owner.stored.deleted]
        return [one for one in found if wish.takes(one.type) and (wish.since is None or one.instant >= wish.since)]

    async def _of_owners(
        self, connection: asyncpg.Connection, owners: Sequence[Current], salts: list[int], wish: Wish, sight: Sight
    ) -> list[Any]:
        # OFFSET 0: the index on tokens gives few rows, and nothing else does.
        sql = (
            f"{_SELECT} FROM (SELECT * FROM resource WHERE tok && $1::int8[] OFFSET 0) AS r {_VERSION} "
            f"WHERE NOT r.res = ANY ($2::int8[]) AND {_WANTED} AND {visible('r', sight)} ORDER BY r.res DESC LIMIT $9"
        )
        own = [owner.res for owner in owners]
        tokens = [res ^ salt for res in own for salt in salts]
        rows: list[Any] = await connection.fetch(*seen(sql, sight, tokens, own, *_arguments(wish)), timeout=SECONDS)
        return rows

    async def _of_all(
        self, connection: asyncpg.Connection, kind: Kind, salts: list[int], wish: Wish, sight: Sight
    ) -> list[Any]:
        """Rows of the types of the compartment that refer to any owner; the owners themselves included."""
        about_one = "r.patient IS NOT NULL OR " if kind == "Patient" else ""
        sql = (
            f"{_SELECT} FROM resource AS r {_VERSION} WHERE {_WANTED} AND {visible('r', sight)} AND (r.type = $2 OR "
            f"{about_one}EXISTS (SELECT FROM unnest(r.tok[1:r.links]) AS l(tok) "
            "CROSS JOIN unnest($1::int8[]) AS s(salt) "
            f"JOIN resource AS o ON o.res = (l.tok # s.salt) WHERE o.type = $2 AND {visible('o', sight)})) "
            "ORDER BY r.res DESC LIMIT $9"
        )
        kinds = frozenset(definitions().compartments[kind]) | {kind}
        types = kinds if wish.types is None else kinds & wish.types
        arguments = _arguments(wish, types)
        rows: list[Any] = await connection.fetch(
            *seen(sql, sight, salts, TYPE_NUMBERS[kind], *arguments), timeout=SECONDS
        )
        return rows

    # --- what members refer to

    async def _supporting(
        self, connection: asyncpg.Connection, kind: Kind, members: Sequence[Stored], wish: Wish, sight: Sight
    ) -> list[Stored]:
        """Returns what the members refer to, and what that refers to; never into another patient's compartment."""
        inside = definitions().compartments["Patient"].keys() | {"Patient"}
        known = {(member.type, member.id) for member in members}
        found: list[Stored] = []
        newest = members
        for round_ in range(MOST_ROUNDS):
            # An encounter is about a patient, conditions and plans that its compartment does not hold.
            beyond = kind == "Encounter" and round_ == 0
            wanted: set[Name] = set()
            for number, source in enumerate(newest):
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
                wanted |= {name for name in self._targets(source) if beyond or name[0] not in inside}
            wanted -= known
            if not wanted:
                break
            known |= wanted
            located = await self._reader.locate(connection, sorted(wanted), sight)
            newest = [one.stored for one in located.values() if one.stored is not None and not one.stored.deleted]
            found += newest
            if len(found) > MOST_INCLUDED:
                raise TooCostly("store.too-many-included", limit=MOST_INCLUDED)
        return [
            one for one in found if wish.takes(one.type) and (wish.since is None or one.instant >= wish.since)
        ]  # fmt: skip

    def _targets(self, source: Stored) -> set[Name]:
        found = set()
        for member, text in _LEADS_TO.findall(source.rest):
            name = local_target(relative(text.decode(), self._bases))
            if name is not None and (member == b"reference" or name[0] == "Binary"):
                found.add(name)
        return found


_SELECT = "SELECT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body"
_VERSION = "JOIN version AS v ON v.res = r.res AND v.version = r.version"
_WANTED = (
    "NOT r.deleted AND r.res < $3 AND ($4::int2[] IS NULL OR r.type = ANY ($4::int2[])) "
    "AND ($5::timestamptz IS NULL OR v.instant >= $5) "
    "AND (r.until = '-infinity' OR r.type = ANY ($8::int2[]) "
    "OR (($6::timestamptz IS NULL OR r.until > $6) AND ($7::timestamptz IS NULL OR r.at < $7)))"
)


def _arguments(wish: Wish, types: frozenset[str] | None = None) -> tuple[Any, ...]:
    chosen = wish.types if types is None else types
    numbers = None if chosen is None else [TYPE_NUMBERS[name] for name in sorted(chosen)]
    before = wish.place[0] if wish.place else FARTHEST
    return before, numbers, wish.since, wish.start, wish.end, _BORN, wish.count + 1
