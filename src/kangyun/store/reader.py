"""Reading by id and by `res`: rows in, opened resources out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from kangyun.base.errors import Unavailable
from kangyun.store import body
from kangyun.store.ids import IdPermutation
from kangyun.store.keys import KeyRing
from kangyun.store.model import Stored
from kangyun.store.segments import segment_of
from kangyun.store.statements import statement
from kangyun.store.types import TYPE_NAMES
from kangyun.store.visible import EVERYTHING, Sight, can_be_each, seen, visible_each

Name = tuple[str, str]
"""Type and id."""


@dataclass(frozen=True, slots=True)
class Current:
    """A resource as it stands, with what its index row says of whom and when it is about.

    `stored` is None where the name is known but nothing was ever written under it, or nothing that may be seen, or what
    was has been `erased`. institution: that wrote it. labels: of all its versions.
    """

    res: int
    chosen: bool
    stored: Stored | None = None
    patient: int | None = None
    at: datetime | None = None
    until: datetime | None = None
    edition: int = 0
    institution: int = 0
    labels: int = 0
    erased: bool = False


class Reader:
    """Opens rows. One for a process."""

    def __init__(self, keys: KeyRing, ids: IdPermutation) -> None:
        self._keys = keys
        self.ids = ids
        self._locate_each = statement("locate_each").replace("{visible:r}", visible_each("r", "s"))
        # Segments are made in order and stay: those up to one that was seen are there.
        self._newest_seen = -1

    async def locate(
        self, connection: asyncpg.Connection, wanted: Iterable[Name], sight: Sight = EVERYTHING
    ) -> dict[Name, Current]:
        """Finds resources by type and id. What does not exist, or may not be known of, is left out."""
        by_hash: dict[Any, Name] = {}
        by_res: dict[int, str] = {}
        wanted = set(wanted)
        for name in wanted:
            res = self.ids.res_of(name[1])
            if res is None:
                by_hash[UUID(self._keys.hasher.name(*name))] = name
            else:
                by_res[res] = name[1]
        rows = await self._located(connection, list(by_hash), list(by_res), sight)
        await self.bring_keys(connection, [row["key"] for row in rows if row["key"] is not None])
        found = {}
        for row in rows:
            chosen = row["hash"] is not None
            if row["version"] is None:
                if chosen:
                    found[by_hash[row["hash"]]] = Current(row["res"], True, erased=row["erased"])
                elif row["erased"]:
                    id_ = by_res[row["res"]]
                    found |= {name: Current(row["res"], False, erased=True) for name in wanted if name[1] == id_}
                continue
            # An id of ours says which resource it is, whatever the type that somebody asks it of.
            name = by_hash[row["hash"]] if chosen else (TYPE_NAMES[row["type"]], by_res[row["res"]])
            if name in wanted:
                found[name] = self._current(row, chosen)
        return found

    async def locate_each(
        self, connection: asyncpg.Connection, wanted: Sequence[tuple[Collection[Name], Sight]]
    ) -> list[dict[Name, Current]]:
        """Finds resources for several callers, each by a sight of its own; as `locate`.

        Those who see the same ask together where names have to be looked up.
        """
        found: list[dict[Name, Current]] = [{} for _ in wanted]
        within: dict[int, list[tuple[int, int, str]]] = {}
        alike: dict[Sight, list[int]] = {}
        for who, (names, sight) in enumerate(wanted):
            numbers = {name: self.ids.res_of(name[1]) for name in names}
            places = [(name, segment_of(res), res) for name, res in numbers.items() if res is not None]
            here = [(name, segment, res) for name, segment, res in places if segment <= self._newest_seen]
            if len(here) < len(numbers) or not can_be_each(sight):
                alike.setdefault(sight, []).append(who)
                continue
            for name, segment, res in here:
                within.setdefault(segment, []).append((res, who, name[1]))
        for sight, those in alike.items():
            located = await self.locate(connection, {name for who in those for name in wanted[who][0]}, sight)
            for who in those:
                found[who] = {name: located[name] for name in wanted[who][0] if name in located}
        for segment, asked in within.items():
            sql = self._locate_each.replace("{n}", f"_{segment}")
            rows = await connection.fetch(
                sql,
                [res for res, _, _ in asked],
                [who for _, who, _ in asked],
                [wanted[who][1].row for _, who, _ in asked],
            )
            await self.bring_keys(connection, [row["key"] for row in rows])
            ids = {res: id_ for res, _, id_ in asked}
            for row in rows:
                name = (TYPE_NAMES[row["type"]], ids[row["res"]])
                if name in wanted[row["who"]][0]:
                    found[row["who"]][name] = self._current(row, False)
            there = {(row["res"], row["who"]) for row in rows}
            for who in {who for res, who, _ in asked if (res, who) not in there}:  # They may have been erased.
                found[who] = await self.locate(connection, *wanted[who])
        return found

    async def of_residents(
        self, connection: asyncpg.Connection, residents: Sequence[int], sight: Sight
    ) -> dict[int, list[Current]]:
        """Returns the registrations of residents (Patients), those that may be known of."""
        rows = await connection.fetch(*seen(statement("of_residents"), sight, residents))
        return {resident: [] for resident in residents} | await self.opened(connection, rows)

    async def opened(self, connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> dict[int, list[Current]]:
        """Returns the registrations of residents that rows hold, as `of_residents` has them, their data keys last."""
        self._keys.take(tuple(row)[-5:] for row in rows)
        await self.bring_keys(connection, [row["key"] for row in rows])
        found: dict[int, list[Current]] = {}
        for row in rows:
            if self.is_readable(row):
                found.setdefault(row["resident"], []).append(self._current(row, False))
        return found

    def _current(self, row: Mapping[str, Any], chosen: bool) -> Current:
        if not self.is_readable(row):
            return Current(row["res"], chosen, erased=True)
        stored = self.stored(row, row["res"])
        about = row["patient"], row["at"], row["until"], row["edition"], row["institution"], row["labels"]
        return Current(row["res"], chosen, stored, *about)

    async def _located(
        self, connection: asyncpg.Connection, hashes: list[Any], res: list[int], sight: Sight
    ) -> list[Any]:
        within: dict[int, list[int]] = {}
        for one in res:
            within.setdefault(segment_of(one), []).append(one)
        found: list[Any] = []
        absent: list[int] = []
        for segment in [segment for segment in within if segment <= self._newest_seen]:
            sql = statement("locate_within").replace("{n}", f"_{segment}")
            there = await connection.fetch(*seen(sql, sight, within[segment]))
            found += there
            absent += set(within.pop(segment)) - {row["res"] for row in there}  # They may have been erased.
        absent += [one for rest in within.values() for one in rest]
        if hashes or absent:
            elsewhere = await connection.fetch(*seen(statement("locate"), sight, hashes, absent))
            segments = (segment_of(row["res"]) for row in elsewhere if row["version"] is not None)
            self._newest_seen = max(self._newest_seen, *segments, -1)
            found += elsewhere
        return found

    async def names(self, connection: asyncpg.Connection, wanted: Sequence[Name]) -> dict[Name, int]:
        """Returns the `res` of ids that clients chose, where they are known."""
        by_hash = {UUID(self._keys.hasher.name(*name)): name for name in wanted}
        if not by_hash:
            return {}
        rows = await connection.fetch(statement("names"), list(by_hash))
        return {by_hash[row["hash"]]: row["res"] for row in rows}

    async def of_number(self, connection: asyncpg.Connection, res: int) -> Stored | None:
        """Returns the current version of a resource, for the platform itself."""
        row = await connection.fetchrow(statement("current"), res)
        if row is None:
            return None
        await self.bring_keys(connection, [row["key"]])
        return self.stored(row, res)

    async def versions(
        self, connection: asyncpg.Connection, wanted: Iterable[tuple[int, int]]
    ) -> dict[tuple[int, int], Stored]:
        """Returns versions of resources, by `res` and number, for the platform itself; those that are readable."""
        columns = list(zip(*wanted, strict=True))
        rows = await connection.fetch(statement("versions"), *columns) if columns else []
        await self.bring_keys(connection, [row["key"] for row in rows])
        return {(row["res"], row["version"]): self.stored(row, row["res"]) for row in rows if self.is_readable(row)}

    async def exists(self, connection: asyncpg.Connection, res: int) -> bool:
        """Returns whether anything was ever written under a number, whoever may see it."""
        return bool(await connection.fetchval(statement("exists"), res))

    async def version(
        self, connection: asyncpg.Connection, res: int, version: int, sight: Sight = EVERYTHING
    ) -> Stored | None:
        """Returns one version of a resource, None where there is none that may be seen."""
        row = await connection.fetchrow(*seen(statement("vread"), sight, res, version))
        if row is None:
            return None
        await self.bring_keys(connection, [row["key"]])
        return self.stored(row, res) if self.is_readable(row) else None

    async def bring_keys(self, connection: asyncpg.Connection, wanted: Iterable[int]) -> None:
        """Brings into memory the data keys that rows name."""
        await self._keys.bring(connection, wanted)

    def is_readable(self, row: Mapping[str, Any]) -> bool:
        """Whether a version can be opened: not one that was about somebody who was erased, when the resource was."""
        return not self._keys.is_destroyed(row["key"])

    def stored(self, row: Mapping[str, Any], res: int) -> Stored:
        """Opens a row that has version, instant, key, dictionary, action, type and body.

        Raises Unavailable for one that is not readable any more.
        """
        sealer = self._keys.sealer(row["key"])
        if sealer is None and not self.is_readable(row):
            raise Unavailable("store.erased-meanwhile")  # Between the reading of its row and that of its key.
        assert sealer is not None, "bring_keys comes first"
        version = row["version"]
        chosen, rest = body.split_id(body.opened(row["body"], sealer, res, version, row["dictionary"]))
        id_, key = chosen or self.ids.id_of(res), row["key"]
        return Stored(
            *(res, TYPE_NAMES[row["type"]], id_, version, row["instant"], row["action"], rest),
            self._keys.patient_of(key),
        )
