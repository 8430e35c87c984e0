"""A group of the log's records as columns: readings, events, what was refused, how devices are. Pure."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from kangyun.devices.intake.parts import Read
from kangyun.devices.log import Record
from kangyun.devices.model import BACKFILL_AFTER, TYPED_LATE_AFTER, Event, Lane, Mark, Message, Wave
from kangyun.devices.register.health import Refused
from kangyun.devices.register.model import Known

logger = logging.getLogger(__name__)

TEXTS = "devices.intake."
DIGEST_BYTES = 16
EVENT_KNOWN, READING_KNOWN = 5 * 60 * 1_000_000, 3600 * 1_000_000
"""Microseconds in which the same message without a time of its own is the same one sent again. Our choice: a second cry
for help must never be taken for the first, and a button that was started anew counts from one again."""
LATE = int(Mark.LATE)


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that cannot be taken in. reason: the id of a text."""

    record: Record
    reason: str


class Health(msgspec.Struct):
    """What messages said of a device itself. heard, reading, offset: microseconds; battery: per cent."""

    heard: int
    reading: int | None = None
    battery: float | None = None
    offset: int | None = None
    """As `Message.offset`."""


@dataclass(slots=True)
class Found:
    """What stands in a group. The columns of readings have one length; `of` is the place of a reading's record."""

    records: Sequence[Record]
    device: list[int] = field(default_factory=list)
    metric: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    mark: list[int] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    of: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    events: list[tuple[int, Record, Event]] = field(default_factory=list)
    """(place of its record, that record, what happened)."""
    waves: list[tuple[int, Record, Wave]] = field(default_factory=list)
    told: dict[tuple[int, int, bytes], list[tuple[int, int, int]]] = field(default_factory=dict)
    """Messages without a time of their own: (device, sequence, digest) -> (place, when received, until when known)."""
    repeated: set[int] = field(default_factory=set)
    """Places of such messages that stand in the group before."""
    health: dict[int, Health] = field(default_factory=dict)
    refusals: list[tuple[int, Refused]] = field(default_factory=list)
    """(place of its record, what)."""
    asides: list[Aside] = field(default_factory=list)

    def refuse(self, place: int, record: Record, text: str, at: str = "") -> None:
        """Notes what was not taken, for the device's owner to see."""
        self.refusals.append((place, Refused(record.device, text, instant_of(record.received), at)))


def instant_of(microseconds: int) -> datetime:
    """Returns an aware instant."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


def decode(found: Found, places: Iterable[int], lane: Lane, known: Mapping[int, Known], read: Read) -> None:
    """Adds what the records at these places say, of one lane and in order. No record stops another."""
    for place in places:
        record = found.records[place]
        device = known.get(record.device)
        if device is None:
            found.asides.append(Aside(record, f"{TEXTS}unknown-device"))
            continue
        try:
            message, refusals = read(record.format, record.payload, record.received, device.zone)
        except Exception as error:  # A fault of ours, whatever it is, must not stop everybody's devices.
            logger.exception("intake: format %s failed: %s", record.format, type(error).__name__)
            found.asides.append(Aside(record, f"{TEXTS}unreadable-by-format"))
            found.refuse(place, record, f"{TEXTS}unreadable-by-format")
            continue
        late = LATE if lane == Lane.BACKFILL or message.historic else 0
        for refusal in refusals:
            found.refuse(place, record, refusal.text, refusal.at)
        for reading in message.readings:
            found.device.append(record.device)
            found.metric.append(reading.metric)
            found.at.append(reading.at)
            found.value.append(reading.value)
            found.mark.append(reading.mark | late)
            found.key.append(reading.key)
            found.of.append(place)
            found.received.append(record.received)
        found.events += [(place, record, event) for event in message.events]
        found.waves += [(place, record, wave) for wave in message.waves]
        if message.readings or message.events or message.waves or message.battery is not None:
            _notice(found, place, record, message)


def marked(found: Found) -> NDArray[np.int16]:
    """Returns the marks of readings; those that were old when they came are late, whatever lane they came by."""
    mark = np.array(found.mark, np.int16)
    allowed = np.where(mark & int(Mark.TYPED), TYPED_LATE_AFTER, BACKFILL_AFTER)
    old = np.array(found.received, np.int64) - np.array(found.at, np.int64) > allowed
    mark[old] |= LATE
    return mark


def _notice(found: Found, place: int, record: Record, message: Message) -> None:
    health = found.health.get(record.device)
    if health is None:
        health = found.health[record.device] = Health(record.received)
    elif record.received > health.heard:
        health.heard = record.received
    if message.battery is not None:
        health.battery = message.battery
    if message.offset is not None:
        health.offset = message.offset
    # Of a message's readings the last few are at its end.
    at, of, received = found.at, found.of, record.received
    number = len(of)
    timeless = False
    while number and of[number - 1] == place:
        number -= 1
        instant = at[number]
        if health.reading is None or instant > health.reading:
            health.reading = instant
        timeless = timeless or instant == received
    if message.sequence is not None:
        event = any(one[0] == place and one[2].at == received for one in found.events[-8:])
        if timeless or event:
            digest = hashlib.blake2b(record.payload, digest_size=DIGEST_BYTES).digest()
            until = received + (EVENT_KNOWN if event else READING_KNOWN)
            before = found.told.setdefault((record.device, message.sequence, digest), [])
            if before and before[-1][1] < received <= before[-1][2]:
                found.repeated.add(place)
            else:
                before.append((place, received, until))
