"""The door: who comes without a valid credential, or finds no place, is turned away, which leaves an audit row.

Nobody who is nobody may fill the disk: a process writes BURST such rows of each status as they come, then so many a
second, and each says for how many more it stands. What came of a flood last is said when the next one comes; the
figures count all.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

from kangyun.access.actor import Circumstances
from kangyun.access.audit import Auditor, Row
from kangyun.base import clock
from kangyun.base.errors import Unavailable

BURST = 60
PER_SECOND = 1.0
WITHIN = 5.0  # seconds that a row may take
ACTION, NOBODY, NO_INSTITUTION = "sign-in", "nobody", 0
NOT_SIGNED_IN = 401


@dataclass(slots=True)
class _Allowance:
    """How many rows of a status may still be written, and how many requests none has told of."""

    rows: float = field(default_factory=lambda: float(BURST))
    filled: float = field(default_factory=time.monotonic)
    untold: int = 0


class Door:
    """Leaves the rows of those who were turned away. One for a process."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor
        self._allowances: dict[int, _Allowance] = defaultdict(_Allowance)

    async def turn_away(self, about: Circumstances, outcome: int = NOT_SIGNED_IN, action: str = ACTION) -> None:
        """Leaves the row of a request; without a database there is none, and who is turned away is so all the same."""
        now, allowance = time.monotonic(), self._allowances[outcome]
        allowance.rows = min(allowance.rows + (now - allowance.filled) * PER_SECOND, BURST)
        allowance.filled = now
        allowance.untold += 1
        if allowance.rows < 1:
            return
        allowance.rows -= 1
        told, allowance.untold = allowance.untold, 0
        shape = about.shape if told == 1 else f"{about.shape} +{told - 1}"
        row = Row(clock.now(), NO_INSTITUTION, outcome, action, NOBODY, "", shape, about.source, about.request, [])
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(WITHIN):
                await self._auditor.write(row)
            told = 0
        allowance.untold += told
