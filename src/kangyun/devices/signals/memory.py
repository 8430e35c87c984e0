"""What is remembered of persons between groups: a bounded number of figures each, as columns. Pure; no database.

All of it follows from what is stored: limits, rhythm, the newest samples. So it can be dropped and read again at any
time (`state`), and what comes out is the same.
"""

import numpy as np
from numpy.typing import NDArray

from kangyun.devices.metrics import metrics
from kangyun.devices.signals.limits import JUDGED, SIX, Facts, Limit, LimitTable, Side, reached
from kangyun.devices.signals.model import Floats, Group, Ints, Level

RINGED = tuple(
    name for name in JUDGED if metrics()[name].kind == "episodic"
)  # What is measured by hand: few, so that the last ones can be kept.
KEPT = 16
"""How many of the last readings by hand are kept: a week of two a day."""
STEPS, LATITUDE, LONGITUDE = len(JUDGED), len(JUDGED) + 1, len(JUDGED) + 2
COLUMNS = len(JUDGED) + 3
NEVER = np.iinfo(np.int64).min // 4
FIRST = 256  # places at first; doubled when they are used up


def _columns() -> Ints:
    known = metrics()
    table = np.full(max(one.number for one in known.values()) + 1, -1, np.int64)
    for place, name in enumerate((*JUDGED, "steps", "latitude", "longitude")):
        table[known[name].number] = place
    return table


COLUMN = _columns()
"""The column of a metric by its number; -1 for what no rule looks at."""
NUMBERS = np.array([metrics()[name].number for name in (*JUDGED, "steps", "latitude", "longitude")])
"""The number of the metric of a column."""
RING = np.array([RINGED.index(name) if name in RINGED else -1 for name in JUDGED] + [-1] * 3)
"""The place of a column among those that are ringed."""
BY_HAND = RING >= 0


class Memory:
    """Columns by place; `place` gives a person's. One for a process."""

    def __init__(self, limits: LimitTable) -> None:
        self._limits = limits
        self._plain: dict[tuple[object, ...], NDArray[np.float32]] = {}
        self._places: dict[int, int] = {}
        self._free: list[int] = []
        self._shape(0)

    def _shape(self, size: int) -> None:
        self.facts: list[Facts] = [Facts()] * size
        self.owner = np.empty(size, np.int64)
        self.thresholds = np.empty((size, len(JUDGED), SIX), np.float32)
        self.band = np.empty((size, 2, 24), np.float32)
        self.gain = np.empty(size, np.float32)
        self.area = np.empty((size, 3), np.float64)
        self.newest = np.empty((size, COLUMNS), np.int64)
        self.before = np.empty((size, COLUMNS), np.int64)
        self.last = np.empty((size, COLUMNS), np.float32)
        self.active = np.empty((size, COLUMNS), bool)
        self.walked = np.empty(size, np.int64)
        self.ring_at = np.empty((size, len(RINGED), KEPT), np.int64)
        self.ring_value = np.empty((size, len(RINGED), KEPT), np.float32)

    _GROWING = (
        "owner", "thresholds", "band", "gain", "area", "newest", "before", "last", "active", "walked", "ring_at",
        "ring_value",
    )  # fmt: skip

    @property
    def size(self) -> int:
        """How many persons are remembered."""
        return len(self._places)

    @property
    def bytes_each(self) -> float:
        """Returns how much a person takes."""
        whole: int = sum(getattr(self, name).nbytes for name in self._GROWING)
        return whole / max(len(self.gain), 1)

    def holders(self) -> list[int]:
        """Returns who is remembered."""
        return list(self._places)

    def holder(self, place: int) -> int:
        """Returns whose a place is."""
        return int(self.owner[place])

    def knows(self, holder: int) -> bool:
        """Whether a person is remembered."""
        return holder in self._places

    def place(self, holder: int) -> int:
        """Returns the place of a person; who is new is remembered with nothing known of him."""
        found = self._places.get(holder)
        if found is None:
            if not self._free:
                self._grow()
            found = self._places[holder] = self._free.pop()
            self._clear(found)
            self.owner[found] = holder
        return found

    def places(self, holders: Ints) -> Ints:
        """Returns the places of persons, one for each sample."""
        unique, inverse = np.unique(holders, return_inverse=True)
        return np.fromiter(map(self.place, unique.tolist()), np.int64, len(unique))[inverse]

    def forget(self, holder: int) -> int | None:
        """Drops a person, and returns the place that is free now."""
        found = self._places.pop(holder, None)
        if found is not None:
            self._free.append(found)
        return found

    def _grow(self) -> None:
        size = len(self.gain)
        more = max(size, FIRST)
        old = {name: getattr(self, name) for name in self._GROWING}
        facts = self.facts
        self._shape(size + more)
        for name, column in old.items():
            getattr(self, name)[:size] = column
        self.facts[:size] = facts
        self._free.extend(range(size + more - 1, size - 1, -1))

    def _clear(self, place: int) -> None:
        self.learn(place, Facts())
        self.band[place] = np.inf
        self.area[place] = np.nan
        self.newest[place] = self.before[place] = NEVER
        self.last[place] = np.nan
        self.active[place] = False
        self.walked[place] = NEVER
        self.ring_at[place] = NEVER
        self.ring_value[place] = np.nan

    def learn(self, place: int, facts: Facts) -> None:
        """Takes what limits depend on."""
        self.facts[place] = facts
        # Most people have nothing of their own: whole years are what tables go by.
        key = (None if facts.age is None else int(facts.age), facts.conditions, facts.own)
        if key not in self._plain:
            if len(self._plain) > 4096:
                self._plain.clear()
            self._plain[key] = self._limits.thresholds(facts)
        self.thresholds[place] = self._plain[key]
        gain = self.gain_limit(facts)
        self.gain[place] = np.inf if gain is None else gain.value

    def gain_limit(self, facts: Facts) -> Limit | None:
        """Returns by how much a person's weight may rise."""
        return self._limits.gain(facts)

    def stated(self, place: int, column: int, side: Side, level: Level) -> float:
        """Returns a person's limit as it is written; infinite where there is none."""
        first = reached(self.thresholds[place, column], side, level)
        return self._limits.stated(self.facts[place], JUDGED[column], side, level, first)

    def ring(self, place: int, column: int, until: int) -> tuple[Ints, Floats]:
        """Returns the last readings by hand of a metric up to an instant, oldest first."""
        at = self.ring_at[place, RING[column]]
        there = (at != NEVER) & (at <= until)
        return at[there], self.ring_value[place, RING[column]][there].astype(np.float64)

    def insert(self, place: int, column: int, at: int, value: float) -> None:
        """Takes in one reading by hand."""
        one = np.array([place]), np.array([RING[column]])
        self._insert(*one, np.array([at]), np.array([value]))

    def remember(self, places: Ints, columns: Ints, group: Group) -> None:
        """Takes in readings by hand, in any order: the newest are kept."""
        rings = RING[columns]
        chosen = np.flatnonzero(rings >= 0)
        row = places[chosen] * len(RINGED) + rings[chosen]
        order = np.lexsort((group.at[chosen], row))
        chosen, row = chosen[order], row[order]
        while len(chosen):
            # One of each row at a time: the first, then what is left.
            first = np.ones(len(row), bool)
            first[1:] = row[1:] != row[:-1]
            one = chosen[first]
            self._insert(places[one], rings[one], group.at[one], group.value[one])
            chosen, row = chosen[~first], row[~first]

    def _insert(self, places: Ints, rings: Ints, at: Ints, value: Floats) -> None:
        ats = np.concatenate([self.ring_at[places, rings], at[:, None]], axis=1)
        values = np.concatenate([self.ring_value[places, rings], value[:, None].astype(np.float32)], axis=1)
        order = np.argsort(ats, axis=1, kind="stable")
        self.ring_at[places, rings] = np.take_along_axis(ats, order, 1)[:, 1:]
        self.ring_value[places, rings] = np.take_along_axis(values, order, 1)[:, 1:]
