"""The door: who comes without a valid credential is turned away, which leaves an audit row.

Nobody who is nobody may fill the disk: a process writes BURST such rows as they come, then so many a second, and each
says for how many more it stands. What came of a flood last is said when the next one comes; the figures count all.
"""

import asyncio
import time
from contextlib import suppress

from kangyun.access.actor import Circumstances
from kangyun.access.audit import Auditor, Row
from kangyun.base import clock
from kangyun.base.errors import Unavailable

BURST = 60
PER_SECOND = 1.0
WITHIN = 5.0  # seconds that a row may take
ACTION, NOBODY, NO_INSTITUTION = "sign-in", "nobody", 0


class Door:
    """Leaves the rows of those who were turned away. One for a process."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor
        self._rows, self._filled = float(BURST), time.monotonic()
        self._untold = 0

    async def turn_away(self, about: Circumstances) -> None:
        """Leaves the row of a request; without a database there is none, and who is turned away is so all the same."""
        now = time.monotonic()
        self._rows = min(self._rows + (now - self._filled) * PER_SECOND, BURST)
        self._filled = now
        self._untold += 1
        if self._rows < 1:
            return
        self._rows -= 1
        told, self._untold = self._untold, 0
        shape = about.shape if told == 1 else f"{about.shape} +{told - 1}"
        row: Row = (clock.now(), NO_INSTITUTION, 401, ACTION, NOBODY, "", shape, about.source, about.request, [])
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(WITHIN):
                await self._auditor.write(row)
            told = 0
        self._untold += told
