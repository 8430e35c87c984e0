"""Which resources a condition means: of conditional interactions, and of references that are searches.

Source: https://hl7.org/fhir/R4/http.html#cond-update and #transaction (conditional references)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from urllib.parse import parse_qsl

import asyncpg

from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.search.matching import compile_match
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import All
from kangyun.store.queries import Queries
from kangyun.store.registry import Registry
from kangyun.store.search.named import named_patients, told_patients
from kangyun.store.search.searcher import Searcher
from kangyun.store.visible import EVERYTHING, Sight


@dataclass(frozen=True, slots=True)
class Matching:
    """Answers conditions. One for a process. Each raises Invalid for a condition that names nothing, or cannot be
    read."""

    queries: Queries
    registry: Registry
    searcher: Searcher
    bases: tuple[str, ...]
    zone: tzinfo

    async def in_record(
        self, connection: asyncpg.Connection, type_: str, condition: str, most: int = 2,
        *, sight: Sight = EVERYTHING, named: set[int] | None = None,
    ) -> list[str]:  # fmt: skip
        """Returns the ids of what matches in the record, at most so many. Raises TooCostly as a search.

        named: gets the patients whom the condition names: what becomes of it tells of them.
        """
        node = await self._read(connection, type_, condition)
        ids = await self.searcher.matches(connection, type_, node, most, sight)
        if named is not None:
            query = Query(type_, node)
            named |= await named_patients(connection, self.searcher, self.registry, self.bases, [query], sight, (), {})
            named |= await told_patients(connection, self.searcher, [query], sight, len(ids))
        return ids

    async def at_hand(
        self, connection: asyncpg.Connection, type_: str, condition: str, resources: Mapping[str, Resource]
    ) -> list[str]:
        """Returns the ids of those resources, not written yet, that match. Raises NotSupported for a condition that
        takes more than the resource itself to answer."""
        node = await self._read(connection, type_, condition)
        match = compile_match(type_, node, self.registry.known(type_), self.zone)
        return [id_ for id_, resource in resources.items() if match(resource, id_)]

    async def _read(self, connection: asyncpg.Connection, type_: str, condition: str) -> All:
        pairs = parse_qsl(condition, keep_blank_values=True)
        query = await self.queries.read(type_, pairs, partial(self.registry.refresh, connection), strict=True)
        if not query.node.nodes:
            raise Invalid("store.no-condition")
        return query.node
