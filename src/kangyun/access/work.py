"""What runs in the background of an installation, `kangyun work`: it may run several times, each thing is done once.

The sequencer of the feed, the seal of the audit trail and the alerts on what is odd in it, what follows the feed
(subscriptions, new search parameters, relations, leavers), what people are told, the renewal of keys, labels, the
removal of what is long over, and the keeper of the process that runs bulk jobs.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import msgspec

from kangyun.access import linkages, replaced, sweeping
from kangyun.access.alerts.reading import watch_for_odd
from kangyun.access.alerts.rules import read_rules
from kangyun.access.bulk import worker
from kangyun.access.codes.applying import keep_applied
from kangyun.access.codes.counting import keep_counted
from kangyun.access.erasing import keep_sweeping
from kangyun.access.identities.officers import FIRST_SIGN_INS, admit_officers
from kangyun.access.labels.following import keep_labelled
from kangyun.access.outbound import Guard, Outbound
from kangyun.access.platform import Platform, open_platform
from kangyun.access.relations import emergency, following
from kangyun.access.relations.following import Relations
from kangyun.access.replaced import Replaced
from kangyun.access.staff import leavers as staff_leavers
from kangyun.access.staff.leavers import Leavers
from kangyun.access.subscriptions import matching
from kangyun.access.subscriptions.delivery import Deliverer
from kangyun.access.subscriptions.matching import Matcher
from kangyun.access.subscriptions.receivers import read_receivers
from kangyun.access.telling import keep_telling
from kangyun.access.trail import sealing
from kangyun.access.trail.roots import FILE, Roots
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.database.jobs import Jobs
from kangyun.database.leases import pause
from kangyun.identity.catching_up import keep_caught_up
from kangyun.store import building
from kangyun.store.building import ParameterWatch
from kangyun.store.feed import Reader
from kangyun.store.rotation import keep_renewing
from kangyun.store.sequencer import sequence

logger = logging.getLogger(__name__)

CONNECTIONS = 40  # A lease holds one for as long as it is held.
RETRY = 1.0  # seconds


Beside: TypeAlias = Callable[[Platform, asyncio.Event], Coroutine[Any, Any, None]]
"""Work of a layer above: begins when the platform is open, and ends by itself or when it is told to stop."""


async def work(
    settings: Settings, stop: asyncio.Event, *, jobs_apart: bool = True, beside: Sequence[Beside] = ()
) -> None:
    """Does the background work until `stop`. The database is that of the settings; it may come later.

    jobs_apart: bulk jobs run in a process of their own. beside: more that is done by this process.
    """
    rules = read_rules(settings.alert_rules)
    platform = await _opened(msgspec.structs.replace(settings, connections=CONNECTIONS), stop)
    if platform is None:
        return
    async with platform.pool.connection() as connection:
        if await admit_officers(platform.sign_in.identities, connection, settings.data / FIRST_SIGN_INS):
            logger.warning("work: the first sign-ins are in %s of the data folder", FIRST_SIGN_INS)
    jobs = worker.keep_running(settings, platform.pool, stop) if jobs_apart else worker.run(settings, stop, None)
    outbound = Outbound(Guard.of(settings.subscription_hosts, "KANGYUN_SUBSCRIPTION_HOSTS"))
    receivers = read_receivers(settings.data, outbound.guard.inner)
    matcher = Matcher(platform, outbound.guard, receivers)
    store = platform.gate.store
    watch = ParameterWatch(platform.pool, store.reader, store.registry, Jobs(platform.pool))
    try:
        # When one of them fails for good, all end: who started this process starts it again.
        async with asyncio.TaskGroup() as group:
            group.create_task(sequence(platform.pool, stop))
            group.create_task(sealing.seal(platform.pool, Roots(settings.data / FILE, store.provider), stop))
            group.create_task(keep_renewing(platform.pool, store.keys, settings.key_days, stop))
            group.create_task(keep_sweeping(platform.pool, stop))
            group.create_task(sweeping.keep_sweeping(platform.pool, stop))
            group.create_task(watch_for_odd(store, rules, stop))
            group.create_task(worker.sweep(settings, platform.pool, stop))
            group.create_task(jobs)
            group.create_task(Reader(platform.pool, matching.READER, matcher.handle, historic=False).follow(stop))
            parameters = Reader(
                platform.pool, building.FEED_NAME, watch.handle,
                from_start=True, types=building.FEED_TYPES, again=watch.handle_again,
            )  # fmt: skip
            group.create_task(parameters.follow(stop))
            gate = platform.gate
            relations = Relations(platform.pool, store, gate.labels, gate.sights.policy, gate.ledger)
            group.create_task(Reader(platform.pool, following.READER, relations.handle, historic=False).follow(stop))
            group.create_task(keep_labelled(platform.pool, store.indexer, platform.gate.labels, stop))
            group.create_task(keep_caught_up(platform.pool, platform.gate.residents, store.reader, stop))
            merged = Reader(platform.pool, replaced.READER, Replaced(platform.gate).handle, types=replaced.TYPES)
            group.create_task(merged.follow(stop))
            group.create_task(linkages.tell(platform.gate, stop))
            group.create_task(keep_counted(platform.gate, stop))
            group.create_task(keep_applied(platform.gate, stop))
            group.create_task(emergency.tell(platform.gate, stop))
            group.create_task(keep_telling(platform, stop))
            group.create_task(Deliverer(platform, outbound, receivers).deliver(stop))
            for more in beside:
                group.create_task(more(platform, stop))
            if platform.people.register is not None:
                leavers = Leavers(platform.gate, platform.people.register)
                gone = Reader(platform.pool, staff_leavers.READER, leavers.handle, types=staff_leavers.TYPES)
                group.create_task(gone.follow(stop))
                group.create_task(leavers.sweep(stop))
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
