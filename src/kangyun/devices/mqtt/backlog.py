"""What came in bulk waits its turn: a turn of the loop gives all of it a few milliseconds.

So an SOS that comes meanwhile is not behind a thousand old readings of somebody else.
"""

import asyncio
import time
from collections import deque
from typing import Protocol

A_TURN = 0.004  # seconds


class Worker(Protocol):
    """Who has more to do."""

    def work(self) -> bool:
        """Does a little; returns whether there is more."""


class Backlog:
    """One for a process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Worker] = deque()
        self._scheduled = False

    def add(self, worker: Worker) -> None:
        """Gives a worker its turns until it has nothing more."""
        self._waiting.append(worker)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        until = time.monotonic() + A_TURN  # The clock of uvloop stands still within a turn.
        while self._waiting:
            worker = self._waiting.popleft()
            if worker.work():
                self._waiting.append(worker)
            if time.monotonic() > until:
                break
        if self._waiting:
            self._schedule()
