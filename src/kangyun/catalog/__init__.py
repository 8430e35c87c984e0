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
from kangyun.devices.background import BACKGROUND
from kangyun.exchange.federation.answering import keep_answering
from kangyun.exchange.federation.forgetting import keep_forgetting as keep_erased
from kangyun.exchange.federation.sending import keep_told
from kangyun.exchange.feeds.erasing import keep_searching
from kangyun.exchange.feeds.figures import keep_published as keep_figures
from kangyun.exchange.feeds.worker import keep_forgetting as forget_contents
from kangyun.exchange.feeds.worker import keep_taking

__all__ = ["Catalog", "background", "catalog", "catalog_of"]


@cache
def catalog() -> Catalog:
    """Returns the apps of this installation. Raises Invalid, naming each fault, where a declaration is wrong."""
    return catalog_of(found())


def background() -> tuple[Beside, ...]:
    """Returns what feeds, nodes and apps need done beside requests, by `kangyun work`. Raises Invalid as `catalog`."""
    known = catalog()

    async def publishing(platform: Platform, stop: asyncio.Event) -> None:
        await keep_published(platform, known, stop)

    async def reacting(platform: Platform, stop: asyncio.Event) -> None:
        await keep_reacting(platform, known.apps, stop)

    async def by_the_clock(platform: Platform, stop: asyncio.Event) -> None:
        await keep_schedules(platform, known.apps, stop)

    by_apps = (publishing, reacting, by_the_clock)
    by_feeds = (keep_taking, forget_contents, keep_searching, keep_figures)
    by_nodes = (keep_told, keep_answering, keep_erased)
    return (*by_apps, *by_feeds, *by_nodes, *BACKGROUND)
