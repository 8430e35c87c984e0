"""What devices need done beside requests, by `kangyun work`: each part declares its own, here they come together."""

import asyncio

from kangyun.access.platform import Platform
from kangyun.access.work import Beside
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.flags import keep_flagged
from kangyun.devices.alarms.watching import keep_climbing
from kangyun.devices.doors.pushes import keep_forgetting_pushes
from kangyun.devices.intake import asides as asides  # An erasure of a person reaches what was put aside, too.
from kangyun.devices.register.sweeping import keep_swept
from kangyun.devices.series.background import SERIES_BACKGROUND
from kangyun.devices.signals.nightly import keep_learning
from kangyun.devices.signals.watching import keep_watching


async def _learn(platform: Platform, stop: asyncio.Event) -> None:
    await keep_learning(platform, Alarms.of(platform.gate).raise_, stop)


async def _watch(platform: Platform, stop: asyncio.Event) -> None:
    await keep_watching(platform, Alarms.of(platform.gate).raise_, stop)


BACKGROUND: tuple[Beside, ...] = (
    keep_climbing,
    _learn,
    _watch,
    keep_flagged,
    keep_forgetting_pushes,
    keep_swept,
    *SERIES_BACKGROUND,
)
