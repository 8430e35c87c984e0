"""Reading by id and by `res`: rows in, opened resources out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from kangyun.store import body
from kangyun.store.ids import IdPermutation
from kangyun.store.keys import KeyRing
from kangyun.store.model import TYPE_NAMES, Stored
from kangyun.store.segments import segment_of
from kangyun.store.statements import statement
from kangyun.store.visible import with_visibility

Name = tuple[str, str]
"""Type and id."""


@dataclass(frozen=True, slots=True)
class Current:
    """A resource as it stands, with what its index row says of whom and when it is about.

    `stored` is None where the name is known but nothing was ever written under it.
    """

    res: int
    chosen: bool
    stored: Stored | None = None
    patient: int | None = None
    at: datetime | None = None
    until: datetime | None = None
    edition: int = 0


class Reader:
    """Opens rows. One for a process."""

    def __init__(self, keys: KeyRing, ids: IdPermutation) -> None:
        self._keys = keys
        self.ids = ids
        self._locate = with_visibility(statement("locate"))
        self._locate_within = with_visibility(statement("locate_within"))
        # Segments are made in order and stay: those up to one that was seen are there.
        self._newest_seen = -1
        self._vread = with_visibility(statement("vread"))

    async def locate(self, connection: asyncpg.Connection, wanted: Iterable[Name]) -> dict[Name, Current]:
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
        rows = await self._located(connection, list(by_hash), list(by_res))
        await self.bring_keys(connection, [row["key"] for row in rows if row["key"] is not None])
        found = {}
        for row in rows:
            chosen = row["hash"] is not None
            if row["version"] is None:
                if chosen:
                    found[by_hash[row["hash"]]] = Current(row["res"], True)
                continue
            # An id of ours says which resource it is, whatever the type that somebody asks it of.
            name = by_hash[row["hash"]] if chosen else (TYPE_NAMES[row["type"]], by_res[row["res"]])
            if name in wanted:
                stored = self.stored(row, row["res"])
                found[name] = Current(
                    row["res"], chosen, stored, row["patient"], row["at"], row["until"], row["edition"]
                )
        return found

    async def _located(self, connection: asyncpg.Connection, hashes: list[Any], res: list[int]) -> list[Any]:
        within: dict[int, list[int]] = {}
        for one in res:
            within.setdefault(segment_of(one), []).append(one)
        found: list[Any] = []
        for segment in [segment for segment in within if segment <= self._newest_seen]:
            statement_ = self._locate_within.replace("{n}", f"_{segment}")
            found += await connection.fetch(statement_, within.pop(segment))
        if hashes or within:
            elsewhere = await connection.fetch(self._locate, hashes, [one for rest in within.values() for one in rest])
            there = (segment_of(row["res"]) for row in elsewhere if row["version"] is not None)
            self._newest_seen = max(self._newest_seen, *there, -1)
            found += elsewhere
        return found

    async def names(self, connection: asyncpg.Connection, wanted: Sequence[Name]) -> dict[Name, int]:
        """Returns the `res` of ids that clients chose, where they are known."""
        by_hash = {UUID(self._keys.hasher.name(*name)): name for name in wanted}
        if not by_hash:
            return {}
        rows = await connection.fetch(statement("names"), list(by_hash))
        return {by_hash[row["hash"]]: row["res"] for row in rows}

    async def version(self, connection: asyncpg.Connection, res: int, version: int) -> Stored | None:
        """Returns one version of a resource, None where there is none."""
        row = await connection.fetchrow(self._vread, res, version)
        if row is None:
            return None
        await self.bring_keys(connection, [row["key"]])
        return self.stored(row, res)

    async def bring_keys(self, connection: asyncpg.Connection, wanted: Iterable[int]) -> None:
        """Brings into memory the data keys that rows name."""
        missing = {key for key in wanted if self._keys.sealer(key) is None}
        if missing:
            for row in await connection.fetch(statement("data_keys"), list(missing)):
                self._keys.remember(tuple(row))

    def stored(self, row: Mapping[str, Any], res: int) -> Stored:
        """Opens a row that has version, instant, key, dictionary, action, type and body."""
        sealer = self._keys.sealer(row["key"])
        assert sealer is not None, "bring_keys comes first"
        version = row["version"]
        chosen, rest = body.split_id(body.opened(row["body"], sealer, res, version, row["dictionary"]))
        return Stored(
            *(res, TYPE_NAMES[row["type"]], chosen or self.ids.id_of(res), version, row["instant"], row["action"], rest)
        )
