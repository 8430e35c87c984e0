"""How fast and when: a rate of rows, a window of the day, and a wait that ends when the gateway is to stop."""

import threading
import time
from datetime import datetime, timedelta, timezone

from kangyun.base import clock
from kangyun.exchange.gateway.configuration import is_open

BEIJING = timezone(timedelta(hours=8))
"""Of all times of the sources, and of windows."""


def beijing() -> datetime:
    """Returns what the clock on a hospital's wall shows, naive."""
    return clock.now().astimezone(BEIJING).replace(tzinfo=None)


class Stopping(Exception):
    """The gateway is to end."""


class Closed(Exception):
    """The window has closed."""


class Pace:
    """The pace of one source or of the line. rate: rows a second, 0 for no limit."""

    def __init__(self, stop: threading.Event, rate: int = 0, windows: list[str] | None = None) -> None:
        self.stop, self.rate, self._windows = stop, rate, windows or []
        self._due = 0.0

    @property
    def is_open(self) -> bool:
        return is_open(self._windows, beijing().time())

    def check(self) -> None:
        """Raises Stopping when it is time to end, Closed outside the window."""
        if self.stop.is_set():
            raise Stopping
        if not self.is_open:
            raise Closed

    def took(self, rows: int) -> None:
        """Waits as long as the rate bids after so many rows. Raises Stopping."""
        if not self.rate:
            return
        now = time.monotonic()
        self._due = max(self._due, now) + rows / self.rate
        self.wait(self._due - now)

    def wait(self, seconds: float) -> None:
        """Waits. Raises Stopping when it is time to end."""
        if self.stop.wait(max(0.0, seconds)):
            raise Stopping
