"""How many requests a second a provider takes: each has its turn at an even pace. One process has the lease."""

import time
from collections.abc import Callable, Mapping


class Rates:
    """Turns by channel. rates: a second; 0 for no bound."""

    def __init__(self, rates: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._free: dict[str, float] = {}
        self._now = now

    def delay(self, channel: str) -> float:
        """Returns the seconds until the next turn."""
        return max(self._free.get(channel, 0.0) - self._now(), 0.0)

    def take(self, channel: str) -> float:
        """Takes a turn and returns the seconds until it comes."""
        rate = self._rates.get(channel, 0.0)
        if rate <= 0:
            return 0.0
        at = max(self._free.get(channel, 0.0), self._now())
        self._free[channel] = at + 1 / rate
        return at - self._now()
