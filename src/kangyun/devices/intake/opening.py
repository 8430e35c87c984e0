"""Opens the intake with its neighbours, in a process of its own."""

from collections.abc import Callable

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base.crypto import Sealer, derived_key
from kangyun.devices.alarms import Alarms
from kangyun.devices.formats import Context, read
from kangyun.devices.intake.asides import Asides
from kangyun.devices.intake.parts import Judging
from kangyun.devices.intake.running import Intake
from kangyun.devices.intake.taking import Parts
from kangyun.devices.log import LogReader
from kangyun.devices.model import Message, Refusal
from kangyun.devices.register.register import Register
from kangyun.devices.series.samples import Samples


def intake_of(platform: Platform, log: LogReader, register: Register, judging: Callable[[], Judging]) -> Intake:
    """Returns the intake of a platform. `register.changes.follow` must run beside it."""
    store = platform.gate.store
    kept = Kept(store)
    parts = Parts(read_at, register.devices, register.wearers, Samples(kept), Alarms.of(platform.gate), store.zone)
    return Intake(platform.pool, log, parts, judging, asides_of(platform))


def asides_of(platform: Platform) -> Asides:
    """Returns what puts records aside, and opens them."""
    keys = platform.gate.store.keys
    return Asides(Sealer(derived_key(keys.index_key, "devices put aside"), keys.cipher))


def read_at(format_: str, payload: bytes, received: int, zone: int) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a payload says that was received then, of a device in that zone."""
    return read(format_, payload, Context(received, zone))
