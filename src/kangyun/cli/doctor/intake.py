"""What devices sent and was not taken in yet: how long it waits, and what was put aside."""

from collections.abc import AsyncIterator

import asyncpg

from kangyun.cli.doctor.findings import Finding, good, note, wrong
from kangyun.devices.intake.state import state_of

LATE_AFTER = 60.0  # seconds that a live reading may wait


async def examine(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    """Gives the findings."""
    found = await state_of(connection)
    if found.silent and found.sources:
        yield wrong("intake-silent")
    elif found.seconds > LATE_AFTER:
        yield note("intake-behind", count=found.records, seconds=round(found.seconds))
    elif found.sources:
        yield good("intake-well", count=found.history)
    if found.asides:
        yield note("intake-asides", count=found.asides)
