"""What one device says between two instants, as payloads of our own JSON (`plain`), with what devices do wrong. Pure.

Faults: outages, after which everything comes at once and says that it is history; the same message twice; a clock that
is wrong by a constant, which the message shows by its own time of sending; single values far off; a battery that dies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
import numpy as np

from kangyun.simulate.physiology import (
    MINUTE,
    Body,
    Trace,
    battery,
    glucose,
    heart_rate,
    in_bed,
    positions,
    pressure,
    respiratory_rate,
    span,
    spo2,
    steps,
    temperature,
    weight,
)
from kangyun.simulate.physiology.episodes import Episode, Kind, happened, said, strayed
from kangyun.simulate.physiology.span import DAY_MINUTES, ZONE_MINUTES, Span
from kangyun.simulate.telemetry.kit import CONTINUOUS, SAYS, Owned

MICROSECOND = 1_000  # in a millisecond
DAY = DAY_MINUTES * MINUTE
SHORT = {
    "heart-rate": "hr", "spo2": "spo2", "body-temperature": "temp", "steps": "steps", "systolic-home": "sys",
    "diastolic-home": "dia", "glucose": "glu", "weight": "weight", "in-bed": "bed", "respiratory-rate": "rr",
    "latitude": "lat", "longitude": "lon",
}  # fmt: skip
_MAKERS = {
    "heart-rate": heart_rate, "spo2": spo2, "body-temperature": temperature, "steps": steps, "glucose": glucose,
    "weight": weight, "in-bed": in_bed, "respiratory-rate": respiratory_rate,
}  # fmt: skip
EVENTS: dict[str, Kind] = {"button": "sos", "watch": "fall"}
"""Which device says by itself what happened."""
MOST_OF_A_BATCH = 200  # readings


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong. outages: a day; their length is drawn, minutes. Our own choice, unverified."""

    outages: float = 0.5
    shortest: float = 3.0
    longest: float = 60.0
    repeated: float = 0.01
    odd: float = 0.0005
    wrong_clock: float = 0.02
    clock_off: float = 1800.0  # seconds

    @classmethod
    def none(cls) -> "Faults":
        """Returns what never goes wrong."""
        return cls(outages=0.0, repeated=0.0, odd=0.0, wrong_clock=0.0)


@dataclass(slots=True)
class Worn:
    """One device. every: microseconds between two values of what goes on by itself. rates: episodes of a kind a day."""

    owned: Owned
    every: int
    faults: Faults
    episodes: float = 0.01
    sequence: int = 0
    _day: int = -1
    _span: Span | None = None
    _traces: dict[str, Trace] = field(default_factory=dict)
    _said: list[tuple[str, int]] = field(default_factory=list)
    _away: list[tuple[int, int]] = field(default_factory=list)
    _rng: Random = field(default_factory=Random)
    _clock_off: int = 0

    def __post_init__(self) -> None:
        self._rng = Random(f"{self.owned.serial}:faults")
        wrong = self._rng.random() < self.faults.wrong_clock
        self._clock_off = int(self._rng.uniform(-1, 1) * self.faults.clock_off * 1e6) if wrong else 0

    def is_away(self, now: int) -> bool:
        """Whether the device has no line at an instant, microseconds."""
        self._live(now)
        return any(start <= now < end for start, end in self._away)

    def between(self, start: int, end: int, now: int, *, history: bool = False) -> list[bytes]:
        """Returns the messages about [start, end), microseconds, as they are sent at `now`.

        history: the device had no line then, and says so.
        """
        items: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        while start < end:
            self._live(start)
            stop = min(end, (self._day + 1) * DAY - ZONE_MINUTES * MINUTE)
            items += self._readings(start, stop)
            events += [{"e": kind, "t": at // MICROSECOND} for kind, at in self._said if start <= at < stop]
            start = stop
        messages = [self._message({"e": [one]}, now, history) for one in events]
        for begin in range(0, len(items), MOST_OF_A_BATCH):
            messages.append(self._message({"r": items[begin : begin + MOST_OF_A_BATCH]}, now, history))
        return [again for one in messages for again in self._twice(one)]

    def measured(self, values: Mapping[str, float], now: int) -> bytes:
        """Returns the message about what somebody measures besides, now. values: by the short names of SHORT."""
        return self._message({"r": [{"t": now // MICROSECOND, "v": dict(values)}]}, now, history=False)

    def happened(self, kind: str, now: int) -> bytes:
        """Returns the message about an event besides, that happens now: `sos` of a button, `fall` of a watch."""
        return self._message({"e": [{"e": kind, "t": now // MICROSECOND}]}, now, history=False)

    def _message(self, body: dict[str, Any], now: int, history: bool) -> bytes:
        self.sequence += 1
        said = {"s": self.sequence, **body}
        if history:
            said["h"] = True
        if self._clock_off:
            said["n"] = (now + self._clock_off) // MICROSECOND
            for one in (*body.get("r", ()), *body.get("e", ())):
                one["t"] += self._clock_off // MICROSECOND
        if self._span is not None and self.owned.key in CONTINUOUS:
            said["b"] = _at(self._traces["battery"], now)
        return msgspec.json.encode(said)

    def _twice(self, message: bytes) -> list[bytes]:
        return [message, message] if self._rng.random() < self.faults.repeated else [message]

    def _readings(self, start: int, end: int) -> list[dict[str, Any]]:
        traces = [one for name, one in self._traces.items() if name != "battery"]
        if not traces:
            return []
        if self.owned.key in CONTINUOUS:
            instants = list(range(-(-start // self.every) * self.every, end, self.every))
        else:
            instants = traces[0].at[traces[0].between(start, end)].tolist()
        return [
            {"t": at // MICROSECOND, "v": {SHORT[one.metric]: self._value(one, at) for one in traces}}
            for at in instants
        ]

    def _value(self, trace: Trace, at: int) -> float:
        value = _at(trace, at)
        return value * 3 if self._rng.random() < self.faults.odd else value

    def _live(self, at: int) -> None:
        """Draws the day of an instant, where it is another than the last."""
        day = (at // MINUTE + ZONE_MINUTES) // DAY_MINUTES
        if day == self._day:
            return
        self._day, self._span = day, span(Body.of(self.owned.person), day, 1)
        episodes = self._drawn(self._span)
        self._traces = {name: happened(one, episodes, self._span) for name, one in self._measured(episodes).items()}
        kind = EVENTS.get(self.owned.key)
        self._said = [(name, instant) for name, instant in said(episodes) if name == kind]
        self._away = self._outages(int(self._span.at[0]))

    def _drawn(self, of: Span) -> list[Episode]:
        rng = Random(f"{self.owned.person.seed}:{self.owned.person.number}:{of.day}:episodes")
        kinds: tuple[Kind, ...] = ("hypertensive-crisis", "tachycardia", "hypoxia", "hypoglycaemia", "fall", "sos")
        return [
            Episode(kind, int(of.at[0]) + int(rng.uniform(0, 1) * DAY))
            for kind in kinds
            for _ in range(rng.random() < self.episodes)
        ]

    def _measured(self, episodes: list[Episode]) -> dict[str, Trace]:
        of = self._span
        assert of is not None
        if self.owned.key == "cuff":
            return dict(zip(("systolic-home", "diastolic-home"), pressure(of), strict=True))
        if self.owned.key == "locator":
            traces = dict(zip(("latitude", "longitude"), strayed(*positions(of), episodes, of), strict=True))
        else:
            traces = {name: _MAKERS[name](of) for name in SAYS[self.owned.key]}
        if self.owned.key in CONTINUOUS:
            traces["battery"] = battery(of)
        return traces

    def _outages(self, midnight: int) -> list[tuple[int, int]]:
        if self.owned.key not in CONTINUOUS or self._rng.random() >= self.faults.outages:
            return []
        start = midnight + int(self._rng.uniform(0, 1) * DAY)
        return [(start, start + int(self._rng.uniform(self.faults.shortest, self.faults.longest) * MINUTE))]


def _at(trace: Trace, at: int) -> float:
    """Returns what a trace has at an instant: the value before it that is nearest, at first the first."""
    return float(trace.value[max(int(np.searchsorted(trace.at, at, "right")) - 1, 0)])
