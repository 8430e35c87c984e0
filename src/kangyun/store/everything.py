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
from functools import cache
from typing import Any, Literal

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir.definitions import definitions
from kangyun.store.index import Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Current, Name, Reader
from kangyun.store.references import local_target, relative
from kangyun.store.search.values import decides_patient
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
        try:
            if owners:
                rows = await self._of_owners(connection, kind, owners, wish, sight)
            else:
                rows = await self._of_all(connection, kind, self._salts(kind, wish), wish, sight)
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

    def _salts(self, kind: Kind, wish: Wish, *, but: frozenset[tuple[str, str]] = frozenset()) -> list[int]:
        """Returns by which parameters something that is wanted is in a compartment. but: not by these (type, code)."""
        return sorted(
            {
                bound.salt
                for type_, codes in definitions().compartments[kind].items()
                if wish.takes(type_)
                for bound in self._bound(type_, [code for code in codes if (type_, code) not in but])
            }
        )

    async def _of_owners(
        self, connection: asyncpg.Connection, kind: Kind, owners: Sequence[Current], wish: Wish, sight: Sight
    ) -> list[Any]:
        # What is about a patient by the column needs no token of the parameter that says so: of a resident with a dozen
        # registrations these would be a thousand, each to be looked for. OFFSET 0: these indexes give few rows, and
        # nothing else does.
        own = [owner.res for owner in owners]
        decided = decided_by_column() if kind == "Patient" else frozenset()
        salts = self._salts(kind, wish, but=decided)
        about = "m.patient = ANY ($2::int8[]) AND m.type = ANY ($10::int2[])"
        sql = (
            f"{_SELECT} FROM (SELECT m.* FROM resource AS m WHERE {about} AND {visible('m', sight)} OFFSET 0) AS r "
            f"{_VERSION} WHERE {_WANTED} "
            f"UNION ALL {_SELECT} FROM (SELECT m.* FROM resource AS m WHERE m.tok && $1::int8[] "
            f"AND ({about}) IS NOT TRUE AND {visible('m', sight)} OFFSET 0) AS r {_VERSION} "
            f"WHERE NOT r.res = ANY ($2::int8[]) AND {_WANTED} "
            "ORDER BY res DESC LIMIT $9"
        )
        tokens = [res ^ salt for res in own for salt in salts]
        types = sorted({TYPE_NUMBERS[type_] for type_, _ in decided if wish.takes(type_)})
        rows: list[Any] = await connection.fetch(
            *seen(sql, sight, tokens, own, *_arguments(wish), types), timeout=SECONDS
        )
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


@cache
def decided_by_column() -> frozenset[tuple[str, str]]:
    """Returns the parameters (type, code) that say just what the column `patient` does: one implies the other."""
    return frozenset(
        (type_, code)
        for type_, codes in definitions().compartments["Patient"].items()
        for code in codes
        if decides_patient(type_, code)
    )


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
