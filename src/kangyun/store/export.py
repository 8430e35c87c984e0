"""Everything as it stood at one instant, read in ranges: for `$export`.

Versions are append-only, so what stood at an instant can be read at leisure, range by range, again after a stop, with
no snapshot that keeps a vacuum back. The instant must be one before which nothing can still arrive: the sequencer
knows it (`settled`).

Source: facts/store.md 2.13
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.fhir.definitions import definitions
from kangyun.store.index import Indexer
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen, versions, visible


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: versions that stood at `upto` and, with `since`, that were written after it.

    types:   None for all. patients: only what is in the compartment of some Patient.
    """

    upto: datetime
    since: datetime | None = None
    types: frozenset[str] | None = None
    patients: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """A version, and the `res` of the one Patient it is about."""

    stored: Stored
    patient: int | None


async def settled(connection: asyncpg.Connection, asked: datetime) -> datetime | None:
    """Returns an instant at or after `asked` up to which nothing can still arrive, None while there is none."""
    found: datetime | None = await connection.fetchval("SELECT instant FROM sequencer WHERE instant >= $1", asked)
    return found


async def highest(connection: asyncpg.Connection) -> int:
    """Returns the highest `res` that there is."""
    return int(await connection.fetchval("SELECT coalesce(max(res), 0) FROM resource"))


class Exports:
    """Reads ranges. One for a process."""

    def __init__(self, reader: Reader, indexer: Indexer) -> None:
        self._reader = reader
        self._indexer = indexer

    async def of_range(
        self, connection: asyncpg.Connection, low: int, high: int, scope: Scope, sight: Sight = EVERYTHING
    ) -> list[Exported]:
        """Returns what is in scope of the `res` above `low` up to `high`, by `res`."""
        within = "TRUE"
        arguments: list[Any] = []
        if scope.patients:
            # Most are about one patient; of the others, links tell: a link is a target's res, salted by its parameter.
            arguments = [sorted({salt for salts in self.salts().values() for salt in salts}), TYPE_NUMBERS["Patient"]]
            within = (
                "(r.patient IS NOT NULL OR EXISTS (SELECT FROM unnest(r.tok[1:r.links]) AS l(tok) "
                "CROSS JOIN unnest($6::int8[]) AS s(salt) "
                f"JOIN resource AS o ON o.res = (l.tok # s.salt) WHERE o.type = $7 AND {visible('o', sight)}))"
            )
        sql = _SELECT.format(
            rows="SELECT * FROM resource WHERE res > $4 AND res <= $5",
            within=within,
            visible=f"{visible('r', sight)} AND {versions('v', 'r', sight)}",
        )
        types = self._types(scope)
        rows = await connection.fetch(*seen(sql, sight, types, scope.since, scope.upto, low, high, *arguments))
        return await self._opened(connection, rows)

    async def of_patients(
        self, connection: asyncpg.Connection, patients: Sequence[int], members: Collection[int], scope: Scope,
        sight: Sight = EVERYTHING,
    ) -> list[Exported]:  # fmt: skip
        """Returns what is in the compartments of these patients.

        What belongs to several `members` of a group is given with the first of them only, so that all parts of the
        group together have it once.
        """
        salts = self.salts()
        tokens = [patient ^ salt for patient in patients for salt in {one for some in salts.values() for one in some}]
        sql = _SELECT.format(
            rows="SELECT * FROM resource WHERE patient = ANY ($5) UNION ALL SELECT * FROM resource "
            "WHERE tok && $4::int8[] AND (patient IS NULL OR patient <> ALL ($5))",
            within="TRUE", visible=f"{visible('r', sight)} AND {versions('v', 'r', sight)}",
        )  # fmt: skip
        rows = await connection.fetch(
            *seen(sql, sight, self._types(scope), scope.since, scope.upto, tokens, list(patients))
        )
        rows = await self._readable(connection, rows)
        chosen, own = frozenset(patients), frozenset(members)
        found = await self._opened(connection, rows)
        return [
            one
            for one, row in zip(found, rows, strict=True)
            if one.patient in chosen
            or (
                one.patient not in own
                and min({tok ^ salt for tok in row["links"] for salt in salts[one.stored.type]} & own, default=None)
                in chosen
            )
        ]

    def salts(self) -> dict[str, tuple[int, ...]]:
        """Returns the salts of the parameters that place resources of a type in a Patient's compartment."""
        found = {}
        for type_, codes in definitions().compartments["Patient"].items():
            bound = self._indexer.bound(type_)
            real = {name for code in codes if code in bound for name in bound[code].parameter.alias_of or (code,)}
            found[type_] = tuple(bound[name].salt for name in sorted(real))
        return found

    def _types(self, scope: Scope) -> list[int] | None:
        types = scope.types
        if scope.patients:
            inside = frozenset(definitions().compartments["Patient"]) | {"Patient"}
            types = inside if types is None else inside & types
        return None if types is None else [TYPE_NUMBERS[name] for name in sorted(types)]

    async def _opened(self, connection: asyncpg.Connection, rows: Sequence[Any]) -> list[Exported]:
        return [
            Exported(self._reader.stored(row, row["res"]), row["patient"])
            for row in await self._readable(connection, rows)
        ]

    async def _readable(self, connection: asyncpg.Connection, rows: Sequence[Any]) -> list[Any]:
        await self._reader.bring_keys(connection, {row["key"] for row in rows})
        return [row for row in rows if self._reader.is_readable(row)]


_SELECT = """
SELECT r.res, r.patient, r.tok[1:r.links] AS links,
    v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM ({rows}) AS r CROSS JOIN LATERAL (
    SELECT * FROM version AS w WHERE w.res = r.res AND w.instant <= $3 ORDER BY w.version DESC LIMIT 1
) AS v
WHERE ($1::int2[] IS NULL OR r.type = ANY ($1)) AND ($2::timestamptz IS NULL OR v.instant > $2)
    AND {within} AND {visible}
ORDER BY r.res
"""
