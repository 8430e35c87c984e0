"""One message as it is taken apart: what a reader found goes in, a `Message` and what was refused come out.

Every format gives its findings here, so that clocks, units, bounds and positions are handled once. Pure.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from kangyun.devices.formats.clocks import Clock, microseconds, offset_between
from kangyun.devices.formats.positions import DATUMS, Datum, to_wgs84
from kangyun.devices.formats.values import Known, Refused, known
from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import BACKFILL_AFTER, Event, Mark, Message, Reading, Refusal, Wave

MILLISECOND: Final = 1000  # microseconds
MOST_READINGS: Final = 10_000
"""Of one message; our choice."""
MOST_SAMPLES: Final = 200_000
MOST_REFUSALS: Final = 100
"""What is told of one message; the rest would say the same."""
ZONES: Final = range(-14 * 60, 14 * 60 + 1)
LONGEST_TEXT: Final = 200
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for bytes that are not what they should be."""
HEARD_AS_NOW: Final = 86400 * 1_000_000
"""A cry for help that is so old by its own clock, microseconds, is of now unless its message says otherwise."""
_ZONE: Final = int(Mark.ZONE)


class Context(msgspec.Struct, frozen=True, gc=False):
    """What is known of a message besides its bytes.

    received: when it came, microseconds. zone: minutes east of UTC, for times without one. place: of its pressures
    where it says none. offset: what to add to the device's times, where that is known from before, microseconds.
    """

    received: int
    zone: int = 480
    place: str = "home"
    offset: int | None = None


class Taking:
    """What has been found of one message so far."""

    __slots__ = (
        "battery", "behind", "clock", "context", "events", "historic", "names", "offset", "readings", "refusals",
        "sequence", "waves", "zone",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.context = context
        self.clock = Clock(context.received, context.offset)
        self.names = known(context.place)
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        self.waves: list[Wave] = []
        self.refusals: list[Refusal] = []
        self.sequence: int | None = None
        self.historic = False
        self.zone: int | None = None
        self.battery: float | None = None
        self.offset: int | None = None
        self.behind: int | None = None

    def refuse(self, text: str, where: str) -> None:
        """Notes what was not taken."""
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(Refusal(text, where))

    def result(self) -> tuple[Message, tuple[Refusal, ...]]:
        """Returns the message and what was refused of it."""
        message = Message(
            tuple(self.readings), tuple(self.events), tuple(self.waves), self.sequence, self.historic, self.zone,
            self.battery, self.offset,
        )  # fmt: skip
        if not (self.readings or self.events or self.waves or self.refusals or self.battery is not None):
            self.refuse("devices.formats.empty", "$")
        return message, tuple(self.refusals)

    # --- times

    def sent(self, at: int) -> None:
        """Takes what the device's clock said as it sent, microseconds: how wrong it is."""
        self.behind = self.context.received - at
        self.clock.offset = offset_between(at, self.context.received)
        self.offset = self.clock.offset or 0

    def instant(self, said: datetime) -> tuple[int, int]:
        """Returns a time as microseconds by the device's clock, not yet corrected, and its mark."""
        if said.tzinfo is None:
            minutes = self.context.zone if self.zone is None else self.zone
            mark = _ZONE if self.zone is None else 0
            return microseconds(said.replace(tzinfo=UTC)) - minutes * 60_000_000, mark
        if self.zone is None and said.tzinfo is not UTC:
            self.zone = _minutes(said.utcoffset())
        return microseconds(said), 0

    def corrected(self, at: int, mark: int, where: str) -> tuple[int, int]:
        """Returns when something was and its mark; (0, 0), noted, where that cannot be known."""
        when, clock = self.clock.corrected(at)
        if not when:
            self.refuse(self.clock.why_not(at), where)
            return 0, 0
        return when, mark | clock

    # --- what was found

    def reading(self, name: str, value: float, unit: str | None, at: int, mark: int, key: str, where: str) -> None:
        """Takes one value of a metric by its name or short name, at an instant that is corrected already."""
        one = self.names.get(name)
        if one is None:
            self.refuse("devices.formats.unknown-metric", where)
            return
        self.known_reading(one, value, unit, at, mark, key, where)

    def known_reading(
        self, one: Known, value: float, unit: str | None, at: int, mark: int, key: str, where: str
    ) -> None:
        """Takes one value of a metric."""
        try:
            stored, doubted = one.taken(value, unit)
        except Refused as why:
            self.refuse(why.text, where)
            return
        if len(self.readings) >= MOST_READINGS:
            self.refuse("devices.formats.too-many", where)
            return
        self.readings.append(Reading(one.number, at, stored, mark | doubted, key))

    def position(self, latitude: float, longitude: float, datum: str, at: int, mark: int, key: str, where: str) -> None:
        """Takes a position: degrees by a datum, kept as WGS-84."""
        try:
            latitude, longitude = placed(latitude, longitude, datum)
        except Refused as why:
            self.refuse(why.text, where)
            return
        for name, value in (("latitude", latitude), ("longitude", longitude), ("datum", DATUMS.index(datum))):
            self.known_reading(self.names[name], value, None, at, mark, key, where)

    def zoned(self, zone: int | None, where: str) -> None:
        """Takes the zone that a message says, minutes east of UTC; None: it says none."""
        if zone is None:
            return
        if zone in ZONES:
            self.zone = zone
        else:
            self.refuse("devices.formats.zone", where)

    def event(
        self, kind: str, at: int | None, where: str, spot: tuple[float, float, str] | None = None, text: str = ""
    ) -> None:
        """Takes an event. at: by the device's clock; None: now. spot: latitude, longitude and datum.

        A cry for help is never refused for its clock or its position: it is of now, and of nowhere.
        """
        kind = kind_of(kind)
        if kind not in event_kinds():
            self.refuse("devices.formats.unknown-event", where)
            return
        when = self.context.received
        if at is not None:
            when = self.clock.corrected(at)[0]
            if not when:
                self.refuse(self.clock.why_not(at), where)
                when = self.context.received
            elif event_kinds()[kind].urgent:
                when, text = self._heard(when, text)
        latitude = longitude = None
        if spot is not None:
            try:
                latitude, longitude = placed(*spot)
            except Refused as why:
                self.refuse(why.text, where)
        self.events.append(Event(kind, when, latitude, longitude, text))

    def _heard(self, at: int, text: str) -> tuple[int, str]:
        """Returns when a cry for help is taken to be, and its text with its own time where that is left.

        A slow clock must not make it history: a send time shows how slow; without one, help comes rather too often.
        """
        received = self.context.received
        if self.historic or received - at <= BACKFILL_AFTER:
            return at, text
        if self.behind is not None:
            slow = self.behind if self.clock.offset is None else 0
            return min(at + max(slow, 0), received), text
        if received - at > HEARD_AS_NOW:
            return at, text
        own = datetime.fromtimestamp(at // 1_000_000, UTC)
        return received, f"t={own:%Y-%m-%dT%H:%M:%SZ} {text}".strip()[:LONGEST_TEXT]

    def note(self, kind: str, at: int, text: str) -> None:
        """Takes an event without a place, at an instant that is corrected already."""
        self.events.append(Event(kind, at, text=text[:LONGEST_TEXT]))

    def charge(self, per_cent: float, where: str) -> None:
        """Takes what is left in the battery."""
        if 0 <= per_cent <= 100:
            self.battery = per_cent
        else:
            self.refuse("devices.formats.battery", where)

    def wave(self, wave: Wave, where: str) -> None:
        """Takes samples at one period."""
        if not wave.samples or len(wave.samples) > MOST_SAMPLES or len(self.waves) >= MOST_READINGS:
            self.refuse("devices.formats.too-many" if wave.samples else "devices.formats.empty", where)
            return
        self.waves.append(wave)


def kind_of(said: str) -> str:
    """Returns the kind of an event as ours are written, whatever the case of its letters."""
    return said if said in event_kinds() else said.strip().lower()


def is_urgent(said: object) -> bool:
    """Whether what stands for a kind is a cry for help."""
    known = event_kinds().get(kind_of(said)) if isinstance(said, str) else None
    return known is not None and known.urgent


def placed(latitude: float, longitude: float, datum: str) -> tuple[float, float]:
    """Returns a position in WGS-84. Raises Refused where there is no such place or datum."""
    if datum not in DATUMS:
        raise Refused("devices.formats.unknown-datum")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise Refused("devices.formats.no-such-place")
    if latitude == longitude == 0:  # What a receiver without a fix says.
        raise Refused("devices.formats.no-fix")
    return to_wgs84(latitude, longitude, Datum(datum))


def zoned(minutes: int) -> timezone:
    """Returns a zone by its minutes east of UTC."""
    return timezone(timedelta(minutes=minutes))


def _minutes(offset: timedelta | None) -> int | None:
    return None if offset is None else int(offset.total_seconds() // 60)
