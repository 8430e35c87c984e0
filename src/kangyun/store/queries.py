"""Searches as they are asked of this installation: by R4's parameters and by those that the region added."""

from collections.abc import Awaitable, Callable, Sequence
from zoneinfo import ZoneInfo

from kangyun.fhir.search.query import Query, read_query
from kangyun.store.registry import Registry

_MAYBE_NEW = ("fhir.search.unknown", "fhir.search.building")


class Queries:
    """Reads searches. What another process added or took back counts from its commit on."""

    def __init__(self, registry: Registry, zone: ZoneInfo) -> None:
        self._registry = registry
        self._zone = zone

    async def read(
        self,
        type_: str,
        pairs: Sequence[tuple[str, str]],
        refresh: Callable[[], Awaitable[bool]],
        *,
        strict: bool = False,
    ) -> Query:
        """Reads a search. Raises as `fhir.search.query.read_query`.

        refresh: brings the registry up to date where the search is by what it may not know; whether it changed.
        """
        query = self._read(type_, pairs)
        doubtful = any(issue.text in _MAYBE_NEW for issue in query.ignored) or self._registry.names_added(pairs)
        if doubtful and await refresh():
            query = self._read(type_, pairs)
        return self._read(type_, pairs, strict=True) if strict and query.ignored else query

    def _read(self, type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool = False) -> Query:
        return read_query(type_, pairs, strict=strict, zone=self._zone, known=self._registry.known)
