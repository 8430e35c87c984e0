"""Finds the apps and checks their declarations: `catalog()` is the whole of what this installation can do by apps.

An app is one folder below `care`, `oversight` or `research`, and is registered nowhere: it is found. What is wrong with
one is said when a process starts, all of it at once, and the process does not start.
"""

import asyncio
from functools import cache

from kangyun.access.apps.reacting import keep_reacting
from kangyun.access.apps.scheduling import keep_schedules
from kangyun.access.platform import Platform
from kangyun.access.work import Beside
from kangyun.catalog.finding import found
from kangyun.catalog.model import Catalog, catalog_of
from kangyun.catalog.publishing import keep_published
from kangyun.exchange.feeds.worker import keep_forgetting, keep_taking
from kangyun.exchange.federation.answering import keep_answering
from kangyun.exchange.federation.forgetting import keep_forgetting
from kangyun.exchange.federation.sending import keep_told

__all__ = ["Catalog", "background", "catalog", "catalog_of"]


@cache
def catalog() -> Catalog:
    """Returns the apps of this installation. Raises Invalid, naming each fault, where a declaration is wrong."""
    return catalog_of(found())


def background() -> tuple[Beside, ...]:
    """Returns what feeds and apps need done in the background, for `kangyun work`. Raises Invalid as `catalog`."""
    """Returns what apps and nodes need done in the background, for `kangyun work`. Raises Invalid as `catalog`."""
    known = catalog()

    async def publishing(platform: Platform, stop: asyncio.Event) -> None:
        await keep_published(platform, known, stop)

    async def reacting(platform: Platform, stop: asyncio.Event) -> None:
        await keep_reacting(platform, known.apps, stop)

    async def by_the_clock(platform: Platform, stop: asyncio.Event) -> None:
        await keep_schedules(platform, known.apps, stop)

    return (publishing, reacting, by_the_clock, keep_taking, keep_forgetting)
    return (publishing, reacting, by_the_clock, keep_told, keep_forgetting)
    return (publishing, reacting, by_the_clock, keep_told, keep_answering, keep_forgetting)
