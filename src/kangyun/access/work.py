"""What runs in the background of an installation, `kangyun work`: it may run several times, each thing is done once.

The sequencer of the feed, the seal of the audit trail, the subscriptions and the new search parameters that follow the
feed, and the keeper of the process that runs bulk jobs.
"""

import asyncio
import logging

import msgspec

from kangyun.access.bulk import worker
from kangyun.access.outbound import Guard, Outbound
from kangyun.access.platform import Platform, open_platform
from kangyun.access.subscriptions import matching
from kangyun.access.subscriptions.delivery import Deliverer
from kangyun.access.subscriptions.matching import Matcher
from kangyun.access.trail import sealing
from kangyun.access.trail.roots import FILE, Roots
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.database.jobs import Jobs
from kangyun.database.leases import pause
from kangyun.store import building
from kangyun.store.building import ParameterWatch
from kangyun.store.feed import Reader
from kangyun.store.sequencer import sequence

logger = logging.getLogger(__name__)

CONNECTIONS = 13
RETRY = 1.0  # seconds


async def work(settings: Settings, stop: asyncio.Event, *, jobs_apart: bool = True) -> None:
    """Does the background work until `stop`. The database is that of the settings; it may come later.

    jobs_apart: bulk jobs run in a process of their own.
    """
    platform = await _opened(msgspec.structs.replace(settings, connections=CONNECTIONS), stop)
    if platform is None:
        return
    jobs = worker.keep_running(settings, platform.pool, stop) if jobs_apart else worker.run(settings, stop, None)
    outbound = Outbound(Guard.of(settings.subscription_hosts, "KANGYUN_SUBSCRIPTION_HOSTS"))
    matcher = Matcher(platform, outbound.guard)
    store = platform.gate.store
    watch = ParameterWatch(platform.pool, store.reader, store.registry, Jobs(platform.pool))
    try:
        # When one of them fails for good, all end: who started this process starts it again.
        async with asyncio.TaskGroup() as group:
            group.create_task(sequence(platform.pool, stop))
            group.create_task(sealing.seal(platform.pool, Roots(settings.data / FILE), stop))
            group.create_task(worker.sweep(settings, platform.pool, stop))
            group.create_task(jobs)
            group.create_task(Reader(platform.pool, matching.READER, matcher.handle, historic=False).follow(stop))
            parameters = Reader(
                platform.pool, building.FEED_NAME, watch.handle,
                from_start=True, types=building.FEED_TYPES, again=watch.handle_again,
            )  # fmt: skip
            group.create_task(parameters.follow(stop))
            group.create_task(Deliverer(platform, outbound).deliver(stop))
    finally:
        outbound.close()
        await platform.close()


async def _opened(settings: Settings, stop: asyncio.Event) -> Platform | None:
    while not stop.is_set():
        try:
            return await open_platform(settings, settings.database)
        except Unavailable as error:
            logger.warning("work: %s", error.issues[0].text)
            await pause(stop, RETRY)
    return None
