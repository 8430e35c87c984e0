"""Keeps many devices going: each says what it measured since it last spoke, goes silent in its outages, and comes back.

What somebody measures by hand opens a line, sends and hangs up; what goes on by itself stays connected.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from kangyun.simulate.telemetry.kit import CONTINUOUS
from kangyun.simulate.telemetry.line import Line, Refused
from kangyun.simulate.telemetry.worn import Worn

TICK = 0.05  # seconds
HANG_UP_AFTER = 20.0  # seconds that a device waits for its acknowledgements
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0  # seconds between tries to connect
AT_ONCE = 200  # devices that connect at the same time


@dataclass(slots=True)
class Figures:
    """What became of it, so far."""

    sent: int = 0
    acknowledged: int = 0
    connected: int = 0
    refused: int = 0
    outages: int = 0


@dataclass(slots=True)
class Drive:
    """A device and its line. spoke: until when it has said what it measured, microseconds."""

    worn: Worn
    line: Line
    spoke: int
    was_away: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Driving:
    drives: Sequence[Drive]
    every: int
    now: Callable[[], int]
    stop: asyncio.Event
    figures: Figures
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        rng, start = Random(len(self.drives)), self.now()
        due = [(start + int(rng.random() * self.every), place) for place in range(len(self.drives))]
        heapq.heapify(due)
        while not self.stop.is_set():
            now = self.now()
            while due[0][0] <= now:
                _, place = heapq.heappop(due)
                self._speak(self.drives[place], now)
                heapq.heappush(due, (now + self.every, place))
            self._count()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), TICK)

    def _count(self) -> None:
        self.figures.connected = sum(one.line.is_open for one in self.drives)
        self.figures.acknowledged = sum(one.line.acknowledged for one in self.drives)

    def _speak(self, drive: Drive, now: int) -> None:
        if drive.worn.is_away(now):
            if not drive.was_away:
                self.figures.outages += 1
                drive.line.cut()
            drive.was_away = True
            return
        messages = drive.worn.between(drive.spoke, now, now, history=drive.was_away)
        drive.spoke, drive.was_away = now, False
        for message in messages:
            drive.line.say(message)
        self.figures.sent += len(messages)
        wants_line = drive.worn.owned.key in CONTINUOUS or drive.line.waiting
        if wants_line and not drive.line.is_open and drive.task is None:
            drive.task = asyncio.create_task(self._connect(drive))
            self.tasks.add(drive.task)

    async def _connect(self, drive: Drive) -> None:
        pause = FIRST_PAUSE
        try:
            while not self.stop.is_set():
                try:
                    async with self.gate:
                        await drive.line.open()
                    break
                except (OSError, Refused) as error:
                    self.figures.refused += isinstance(error, Refused)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
            if drive.worn.owned.key not in CONTINUOUS:
                await self._hang_up(drive)
        finally:
            if drive.task is not None:
                self.tasks.discard(drive.task)
            drive.task = None

    @staticmethod
    async def _hang_up(drive: Drive) -> None:
        """Waits until everything is acknowledged, for a time, and ends the connection."""
        for _ in range(int(HANG_UP_AFTER / TICK)):
            if not drive.line.waiting:
                break
            await asyncio.sleep(TICK)
        drive.line.close()


async def drive(
    drives: Sequence[Drive], every: int, now: Callable[[], int], stop: asyncio.Event, figures: Figures
) -> None:  # fmt: skip
    """Has devices send until it is told to stop. every: microseconds between two words of a device. now: as well."""
    driving = _Driving(drives, every, now, stop, figures)
    try:
        await driving.run()
    finally:
        for task in list(driving.tasks):
            task.cancel()
        await asyncio.gather(*driving.tasks, return_exceptions=True)
        for one in drives:
            one.line.close()
