"""The store put together: one object a process, opened on a database.

Only `identity`, `access`, `lake`, `cli` and `testing` may touch it; everybody else goes through `access.Record`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import asyncpg

from kangyun.base.crypto import Provider
from kangyun.base.crypto.opening import cipher_of, open_software
from kangyun.base.settings import Settings
from kangyun.database.pool import Pool
from kangyun.fhir.search.query import Query
from kangyun.store.contents import ContentLabels
from kangyun.store.finder import Finder
from kangyun.store.ids import IdPermutation
from kangyun.store.index import Indexer
from kangyun.store.keys import KeyRing, open_key_ring
from kangyun.store.labelling import Labelling
from kangyun.store.matching import Matching
from kangyun.store.medications import MedicationLabels
from kangyun.store.moved import refuse_unsettled
from kangyun.store.profiles import StoredProfiles
from kangyun.store.queries import Queries
from kangyun.store.reader import Reader
from kangyun.store.registry import Registry
from kangyun.store.reindex import Reindexer
from kangyun.store.root import DeviceRoot, bring_forward, root_of
from kangyun.store.run import Check, Parts
from kangyun.store.search.cursor import Cursors
from kangyun.store.search.searcher import Searcher
from kangyun.store.segments import Numbers
from kangyun.store.terminology import StoredTerminology
from kangyun.store.transaction import Transactor
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that reads and writes the record."""

    pool: Pool
    provider: Provider
    keys: KeyRing
    ids: IdPermutation
    indexer: Indexer
    reader: Reader
    finder: Finder
    writer: Writer
    numbers: Numbers
    transactor: Transactor
    searcher: Searcher
    registry: Registry
    queries: Queries
    reindexer: Reindexer
    refresh: Callable[[], Awaitable[bool]]
    zone: ZoneInfo
    bases: tuple[str, ...]
    terminology: StoredTerminology
    profiles: StoredProfiles

    @classmethod
    async def open(
        cls, pool: Pool, settings: Settings, *, check: Check, bases: tuple[str, ...] = (),
        labelling: Labelling | None = None,
    ) -> Self:  # fmt: skip
        """Opens the store on a migrated database. Raises Unavailable when root key and data do not belong together.

        labelling: which security labels resources get.
        check: raises Invalid for a resource that may not be written. bases: own base URLs, each with a slash at its
        end.
        """
        file = Path(settings.root_key) if settings.root_key else settings.data / "root.key"
        async with pool.connection() as connection:
            await refuse_unsettled(connection)
            fresh = not await connection.fetchval("SELECT EXISTS (SELECT FROM key_epoch)")
            root = root_of(settings, file, may_make=fresh)
            keys = await open_key_ring(connection, root, cipher_of(settings))
            bring_forward(keys.root)
            in_device = root.provider if isinstance(root, DeviceRoot) else None
            provider = in_device or open_software(settings, keys.platform_key)
            await _name_types(connection)
        zone = ZoneInfo(settings.time_zone)
        ids = IdPermutation(keys.index_key)
        registry = Registry()
        indexer = Indexer(keys.hasher, zone, registry.known, labelling, bases)
        registry.on_change = indexer.forget_parameters
        queries = Queries(registry, zone)
        reader = Reader(keys, ids)
        finder = Finder(pool, reader)
        writer = Writer(indexer, keys, registry)

        async def refresh() -> bool:
            async with pool.connection() as connection:
                return await registry.refresh(connection)

        async def refresh_all() -> bool:
            async with pool.connection() as connection:
                await keys.reload(connection)
                return await registry.refresh(connection)

        await refresh()
        numbers = Numbers(pool.url)
        cursors = Cursors(keys.index_key)
        terminology = StoredTerminology(reader, bases)
        profiles = StoredProfiles(reader, terminology)
        searcher = Searcher(reader, indexer, cursors, terminology.pairs, bases, settings.search_seconds)

        matching = Matching(queries, registry, searcher, bases, zone)
        parts = Parts(pool, reader, writer, indexer, numbers, bases, matching, profiles, check)
        transactor = Transactor(parts, finder, refresh=refresh_all)
        transactor.followers += [MedicationLabels(indexer), ContentLabels(indexer.labelling, bases)]
        return cls(
            pool=pool,
            provider=provider,
            keys=keys,
            ids=ids,
            indexer=indexer,
            reader=reader,
            finder=finder,
            writer=writer,
            numbers=numbers,
            transactor=transactor,
            searcher=searcher,
            registry=registry,
            queries=queries,
            reindexer=Reindexer(pool, reader, indexer, registry, bases),
            refresh=refresh,
            zone=zone,
            bases=bases,
            terminology=terminology,
            profiles=profiles,
        )

    async def read_query(self, type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool = False) -> Query:
        """Reads a search by the parameters of this installation. Raises as `fhir.search.query.read_query`."""
        return await self.queries.read(type_, pairs, self.refresh, strict=strict)


async def _name_types(connection: asyncpg.Connection) -> None:
    await connection.executemany(
        "INSERT INTO resource_type (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [(number, name) for name, number in TYPE_NUMBERS.items()],
    )
