"""Opens the intake with its neighbours, in a process of its own."""

import asyncio
from collections.abc import Callable
from functools import partial

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base.crypto import Sealer, derived_key
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.strays import Strays
from kangyun.devices.formats import Context, read
from kangyun.devices.intake.asides import Asides
from kangyun.devices.intake.parts import Judging
from kangyun.devices.intake.running import Intake
from kangyun.devices.intake.taking import Parts
from kangyun.devices.intake.whose import Whose
from kangyun.devices.log import LogReader, open_reader
from kangyun.devices.model import Message, Refusal
from kangyun.devices.register.register import Register, open_register
from kangyun.devices.series.reading import Readings
from kangyun.devices.series.samples import Samples
from kangyun.devices.series.waves import Waves
from kangyun.devices.signals.keeping import Judging as Signals
from kangyun.devices.signals.keeping import read_tables


async def ingest(platform: Platform, stop: asyncio.Event, *, again: bool = False) -> None:
    """Takes in until `stop`. again: first goes back to the oldest records that the log still has."""
    register, log = open_register(platform), open_reader(platform)
    intake = intake_of(platform, log, register, partial(judging_of, platform))
    try:
        if again:
            await intake.begin_again()
        async with asyncio.TaskGroup() as group:
            group.create_task(register.changes.follow(stop))
            group.create_task(intake.run(stop))
    finally:
        await log.close()


def intake_of(platform: Platform, log: LogReader, register: Register, judging: Callable[[], Judging]) -> Intake:
    """Returns the intake of a platform. `register.changes.follow` must run beside it."""
    store = platform.gate.store
    kept = Kept(store)
    limits, _ = read_tables(platform.settings.data)
    alarms = Alarms.of(platform.gate)
    whose = Whose(platform.pool, register.wearers, Readings(kept), limits)
    parts = Parts(
        read_at,
        register.devices,
        register.wearers,
        whose,
        Samples(kept),
        Waves(kept),
        alarms,
        Strays(platform.gate, alarms),
        store.zone,
    )
    return Intake(platform.pool, log, parts, judging, asides_of(platform))


def judging_of(platform: Platform) -> Judging:
    """Returns judging by the region's rules, for one task."""
    store = platform.gate.store
    return Signals.of(platform.settings.data, store.zone, Readings(Kept(store)))


def asides_of(platform: Platform) -> Asides:
    """Returns what puts records aside, and opens them."""
    keys = platform.gate.store.keys
    return Asides(Sealer(derived_key(keys.index_key, "devices put aside"), keys.cipher))


def read_at(format_: str, payload: bytes, received: int, zone: int) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a payload says that was received then, of a device in that zone."""
    return read(format_, payload, Context(received, zone))
