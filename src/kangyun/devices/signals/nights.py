"""The heart rate of each night against the nights before: what raises it for nights running is told. Pure.

Source of the scheme: Alavi A et al. Real-time alerting system for COVID-19 and other stress events using wearable
data. Nat Med 2022;28:175-84, doi:10.1038/s41591-021-01593-2 (NightSignal; 2 nights at 4 beats/min above their median).
It finds stress of any kind: an infection, alcohol, travel, a bad night. Their figures were measured on their people.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from kangyun.devices.signals.model import Floats, Ints
from kangyun.devices.signals.watchtable import Night

State: TypeAlias = Literal["learning", "green", "yellow", "red"]
HOUR = 3_600_000_000  # microseconds


class Judged(NamedTuple):
    """A night. usual: the median of the nights before. running: for how many nights, with this one, it is raised."""

    day: int
    rate: float
    usual: float
    state: State
    running: int


def resting(at: Ints, rate: Floats, walked: Ints, offset: int, table: Night) -> dict[int, float]:
    """Returns the mean heart rate of the still minutes of each night, by the day of its morning since 1970-01-01.

    at, rate: of heart rates. walked: instants with steps. offset: of the region's clock, microseconds.
    """
    local = at + offset
    hour = local // HOUR % 24
    still = ~np.isin(at // 60_000_000, walked // 60_000_000)
    chosen = still & (hour >= table.hours[0]) & (hour < table.hours[1])
    day, rate = (local // (24 * HOUR))[chosen], rate[chosen]
    return {
        int(one): float(rate[day == one].mean()) for one in np.unique(day)
        if int((day == one).sum()) >= table.fewest_minutes
    }  # fmt: skip


def judged(nights: Sequence[tuple[int, float]], table: Night) -> list[Judged]:
    """Returns the nights with their states, in order. A missing night ends what was running."""
    found: list[Judged] = []
    former: list[float] = []
    running, last = 0, None
    for day, rate in sorted(nights):
        usual = float(np.median(former[-table.kept_nights :])) if former else rate
        running = running if last == day - 1 else 0
        above = rate - usual
        running = running + 1 if above >= table.red_above else 0
        state: State = "green"
        if len(former) < table.fewest_nights:
            state, running = "learning", 0
        elif running >= table.running:
            state = "red"
        elif above >= table.yellow_above:
            state = "yellow"
        found.append(Judged(day, rate, usual, state, running))
        former.append(rate)
        last = day
    return found
