"""How many requests a provider is sent: so many a second, each at its turn, and so many at once. One process has the
lease, so it counts for all.

What finds no place is not claimed yet: a process that is killed leaves no more behind than was on its way.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping

PLACES, FOR_RED = 32, 64
"""Requests at once by a channel, and for what is red: a provider that hangs with the others does not keep it."""
FULL = 0.05  # seconds after which is looked again where no place was free


class Rates:
    """Turns and places by channel. rates: a second; 0 for no bound."""

    def __init__(self, rates: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._free: dict[str, float] = {}
        self._at_once: Counter[str] = Counter()
        self._now = now

    def delay(self, channel: str, *, red: bool) -> float:
        """Returns the seconds until there may be a turn and a place; what is red takes its turn whenever it comes."""
        if self._at_once[channel] >= (FOR_RED if red else PLACES):
            return FULL
        return 0.0 if red else max(self._free.get(channel, 0.0) - self._now(), 0.0)

    def take(self, channel: str) -> float:
        """Takes a place and a turn, and returns the seconds until that comes."""
        self._at_once[channel] += 1
        rate = self._rates.get(channel, 0.0)
        if rate <= 0:
            return 0.0
        at = max(self._free.get(channel, 0.0), self._now())
        self._free[channel] = at + 1 / rate
        return at - self._now()

    def give(self, channel: str) -> None:
        """Gives a place back."""
        self._at_once[channel] -= 1
