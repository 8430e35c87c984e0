"""From a SearchParameter resource to a parameter that can be searched: noticed in the feed, built by a job.

The feed's reader adds what is new and retires what was taken back; the job `reindex` builds, and makes active what is
complete. Both may run twice.
"""

from collections.abc import Sequence

import asyncpg
import msgspec

from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.jobs import Handler, Jobs, Running, under_way
from kangyun.database.pool import Pool
from kangyun.fhir.json import encode
from kangyun.store.feed import Change, Event
from kangyun.store.model import DELETED
from kangyun.store.reader import Reader
from kangyun.store.registry import Registry, is_ours
from kangyun.store.reindex import Progress, Reindexer
from kangyun.store.statements import statement

FEED_NAME = "search-parameters"
FEED_TYPES = ("SearchParameter",)
JOB = "reindex"


class Task(msgspec.Struct, frozen=True):
    """What a reindexing is for: these types, and the parameter that asks for it."""

    types: list[str]
    url: str


class Place(msgspec.Struct, frozen=True):
    """Where an interrupted one goes on. edition: the one that stood when it began, by which all is at least."""

    res: int
    done: int
    edition: int


class ParameterWatch:
    """Notices SearchParameters in the feed."""

    def __init__(self, pool: Pool, reader: Reader, registry: Registry, jobs: Jobs) -> None:
        self._pool = pool
        self._reader = reader
        self._registry = registry
        self._jobs = jobs

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with the SearchParameters among the changes. Raises Invalid or Conflict where one of them cannot be."""
        await self._deal_with(_changes(events))

    async def handle_again(self, events: Sequence[Event]) -> None:
        """Deals with those of them that stand as they did: what changed since came in an event of its own."""
        changes = _changes(events)
        async with self._pool.connection() as connection:
            versions = [change.res for change in changes], [change.version for change in changes]
            standing = {tuple(row) for row in await connection.fetch(statement("standing"), *versions)}
        await self._deal_with([change for change in changes if (change.res, change.version) in standing])

    async def _deal_with(self, changes: Sequence[Change]) -> None:
        failure: PlatformError | None = None
        for change in changes:
            try:
                await self._changed(change.res, change.version, change.action)
            except (Unavailable, Throttled):
                raise
            except PlatformError as error:
                failure = failure or error
        if failure:
            raise failure

    async def _changed(self, res: int, version: int, action: bytes) -> None:
        async with self._pool.connection() as connection:
            before = await self._reader.version(connection, res, version if action != DELETED else version - 1)
            if before is None:
                return
            resource = before.resource
            await self._registry.refresh(connection)
            if action == DELETED or not is_ours(resource):
                await self._registry.retire(connection, resource.get("url", ""))
                await self._registry.refresh(connection)
                return
            # One that cannot be compiled, or whose code the type has already, is parked by the reader of the feed until
            # it is mended: the doctor tells of it. A search by it says that there is no such parameter.
            added = await self._registry.add(connection, resource)
        if added:
            task = Task([type_ for type_, _ in added], resource["url"])
            await self._jobs.ask(JOB, "search-parameters", msgspec.json.encode(task))


async def abandoned(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Returns code and URL of the parameters that are building although no job builds them (any more)."""
    jobs = [msgspec.json.decode(job.asked, type=Task).url for job in await under_way(connection, JOB)]
    rows = await connection.fetch(statement("building_parameters"))
    return [(row["code"], row["url"]) for row in rows if row["url"] not in jobs]


def _changes(events: Sequence[Event]) -> list[Change]:
    return [change for event in events for change in event.changes]


def builder(pool: Pool, reindexer: Reindexer, registry: Registry) -> Handler:
    """Returns the handler of the job `reindex`."""

    async def build(running: Running) -> bytes:
        task = msgspec.json.decode(running.job.asked, type=Task)
        async with pool.connection() as connection:
            await registry.refresh(connection)
        place = msgspec.json.decode(running.kept, type=Place) if running.kept else Place(0, 0, registry.edition)

        async def tell(progress: Progress) -> None:
            so_far = place.done + progress.done
            kept = msgspec.json.encode(Place(progress.res, so_far, place.edition))
            await running.save(kept, f"{so_far}/{so_far + progress.left}")

        done = place.done + await reindexer.run(task.types, tell, place.res)
        async with pool.connection() as connection:
            await registry.complete(connection, task.types, place.edition)
        return encode({"resources": done})

    return build
