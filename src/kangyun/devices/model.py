"""What comes from a device, in one form whatever it was written in: readings and events of one message.

Instants are whole microseconds since 1970-01-01T00:00:00Z here, because there are ten thousand of them a second and
they are packed, compared and subtracted; they become aware datetimes where a person or FHIR sees them. A value is in
the unit of its metric (`devices.metrics`). Source of the parts' places: ADR 38.
"""

from enum import IntEnum, IntFlag

import msgspec


class Lane(IntEnum):
    """In which order what is stored is taken in: each lane has its own queue, so that none waits behind another."""

    EVENT = 0
    """SOS, falls, what a device itself calls urgent."""
    LIVE = 1
    BACKFILL = 2
    """Readings that are older than `BACKFILL_AFTER` when they come, and whatever a device says is history."""


BACKFILL_AFTER = 15 * 60 * 1_000_000  # microseconds; our choice
TYPED_LATE_AFTER = 24 * 60 * 60 * 1_000_000
"""The same of what a person typed, which is often some hours after the measurement. Microseconds; our choice."""


class Mark(IntFlag):
    """What must be known of a reading besides its value. Stored with it."""

    NONE = 0
    TYPED = 1
    """By a person: the resident, the family or staff."""
    CLOCK = 2
    """The device's clock was wrong; `at` is corrected."""
    DOUBTED = 4
    """Outside what its metric can be, or not fitting who is said to have measured: kept, shown, judged by nobody."""
    LATE = 8
    """Came by the lane of history: it recomputes, and pages nobody."""
    QUESTION = 16
    """Whose it is has been asked (这次是谁量的？)."""
    ZONE = 32
    """The device gave a time without a zone; the region's was taken."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One value of one metric. metric: its number in `devices.metrics`. at: microseconds. key: which was pressed."""

    metric: int
    at: int
    value: float
    mark: int = 0
    key: str = ""


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, said by the device itself. kind: as in `metrics/data/events.toml`. at: microseconds.

    text: what the device adds, such as a firmware's code: never shown as a diagnosis.
    """

    kind: str
    at: int
    latitude: float | None = None
    longitude: float | None = None
    """Degrees, WGS-84."""
    text: str = ""


class Wave(msgspec.Struct, frozen=True, gc=False):
    """Samples at one period: value = origin + factor x sample. As FHIR's SampledData. period: microseconds."""

    metric: int
    at: int
    period: int
    origin: float
    factor: float
    samples: tuple[int, ...]


class Message(msgspec.Struct, frozen=True, gc=False):
    """What one message, POST or typed line said. sequence: the device's own count, None where it has none.

    zone: minutes east of UTC as the device said it, None where it did not.
    """

    readings: tuple[Reading, ...] = ()
    events: tuple[Event, ...] = ()
    waves: tuple[Wave, ...] = ()
    sequence: int | None = None
    historic: bool = False
    zone: int | None = None
    battery: float | None = None
    """Per cent."""
    offset: int | None = None
    """What was added to the device's times, microseconds: 0 where its clock is right, None where nothing tells."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it could be taken."""
        return not (self.readings or self.events or self.waves) and self.battery is None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a message, or a reading of it, was not taken as it came. text: the id of a text. at: the place, no value."""

    text: str
    at: str = ""
