"""Puts the definitions of apps into the record, where whatever names them finds them: once, when the work begins.

They are the platform's own, tagged with their app. One that stands there already as it is makes no version; those of an
app that is gone are retired, because what was written by them still names them.
"""

import asyncio
import logging

import asyncpg

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.identities.model import PLATFORM
from kangyun.access.platform import Platform
from kangyun.access.record import Operation, Record
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.catalog.definitions import TAG, TYPES
from kangyun.catalog.model import Catalog
from kangyun.database.leases import lease, pause

logger = logging.getLogger(__name__)

PUBLISHER = Actor("Device/catalog", "应用目录", PLATFORM, "SYSADMIN", administrator=True)
ABOUT = Circumstances("publish definitions", "", "catalog")
ACTION = "publish-definitions"
MOST = 1000
RETRY = 2.0  # seconds


async def keep_published(platform: Platform, catalog: Catalog, stop: asyncio.Event) -> None:
    """Publishes as soon as it can be done; of several processes one does it."""
    while not stop.is_set():
        try:
            async with lease(platform.pool, "catalog") as connection:
                if connection is not None:
                    await publish(platform, catalog)
                    return
        except (Unavailable, Throttled, asyncpg.PostgresError, OSError) as error:
            logger.warning("publishing: %s", type(error).__name__)
        except PlatformError as error:  # Somebody else has written under the name of one: a person looks at it.
            logger.error("publishing: %s", error.issues[0].text)
            return
        await pause(stop, RETRY)


async def publish(platform: Platform, catalog: Catalog) -> None:
    """Writes definitions as they are now. Raises what a commit raises."""
    record = await platform.gate.open(PUBLISHER, ABOUT)
    current = [one.resource for one in catalog.definitions]
    operations = [
        record.operation("update", one["resourceType"], id=one["id"], resource=one, full_url="") for one in current
    ]
    operations += await _retired(record, {(one["resourceType"], one["id"]) for one in current})
    if operations:
        await record.commit(operations, ACTION)


async def _retired(record: Record, current: set[tuple[str, str]]) -> list[Operation]:
    pairs = [("_tag", f"{TAG}|"), ("status:not", "retired"), ("_count", str(MOST))]
    found = []
    for type_ in TYPES:
        page = await record.search(await record.read_query(type_, pairs, strict=True))
        found += [one for one in page.matches if (one.type, one.id) not in current]
    return [
        record.operation(
            "update", one.type, id=one.id, resource=one.resource | {"status": "retired"}, if_match=one.version,
            full_url="",
        )
        for one in found
    ]  # fmt: skip
