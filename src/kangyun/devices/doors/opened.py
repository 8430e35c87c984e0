"""What the doors of one process share: the log that they write to, and the register that they ask."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from kangyun.access.gate import Gate
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.devices.doors.vendors import Vendors
from kangyun.devices.formats import Context, read
from kangyun.devices.formats.clocks import microseconds
from kangyun.devices.lanes import lane_of
from kangyun.devices.log import LogWriter, Record, open_writer
from kangyun.devices.model import Message, Refusal
from kangyun.devices.register.health import Refused, note_refused
from kangyun.devices.register.register import Register, open_register

_open: dict[Path, "Doors"] = {}
"""Those of this process, by the data folder of their installation: an operation has no other way to them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message: its readings, events and waves that are on disk, and what was refused."""

    message: Message
    refusals: tuple[Refusal, ...]

    @property
    def count(self) -> int:
        """How many readings, events and waves were taken."""
        return len(self.message.readings) + len(self.message.events) + len(self.message.waves)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it was taken, so that nothing was stored."""
        return self.message.is_empty


@dataclass(slots=True)
class Doors:
    """The doors of one process."""

    platform: Platform
    register: Register
    vendors: Vendors
    _stop: asyncio.Event
    _following: asyncio.Task[None]
    _log: LogWriter | None = None

    @property
    def log(self) -> LogWriter:
        """The log, opened when something first goes there. Raises Unavailable."""
        if self._log is None:
            try:
                self._log = open_writer(self.platform)
            except OSError:
                raise Unavailable from None
        return self._log

    async def keep(self, device: int, format_: str, zone: int, payload: bytes, received: int | None = None) -> Taken:
        """Stores a message of a device as it came, on disk when this returns. Raises Unavailable.

        received: microseconds; now where it is not said. A message of which nothing can be taken is not stored.
        """
        received = received or microseconds(clock.now())
        message, refusals = read(format_, payload, Context(received, zone))
        taken = Taken(message, refusals)
        if taken.is_empty:
            await self._tell_owner(device, taken.refusals)
        else:
            await self.log.append(lane_of(message, received), [Record(device, received, format_, payload)])
        return taken

    async def _tell_owner(self, device: int, refusals: tuple[Refusal, ...]) -> None:
        """Notes what was refused before the log, which the intake will never see."""
        now = clock.now()
        told = [Refused(device, one.text, now, one.at) for one in refusals]
        async with self.platform.pool.connection() as connection, connection.transaction():
            await note_refused(connection, told, now.astimezone(self.platform.gate.store.zone).date())

    async def close(self) -> None:
        """Waits for what was handed over, and lets go."""
        _open.pop(self.platform.settings.data, None)
        self._stop.set()
        await self._following
        if self._log is not None:
            await self._log.close()


def open_doors(platform: Platform) -> Doors:
    """Opens the doors of this process. Raises Invalid for a vendor's file that is wrong."""
    register, stop = open_register(platform), asyncio.Event()
    vendors = Vendors.read(platform.settings.data)
    doors = Doors(platform, register, vendors, stop, asyncio.ensure_future(register.changes.follow(stop)))
    _open[platform.settings.data] = doors
    return doors


def doors_of(gate: Gate) -> Doors:
    """Returns the doors of the process that a request came to. Raises Unavailable where it has none."""
    found = _open.get(gate.settings.data)
    if found is None:
        raise Unavailable
    return found
