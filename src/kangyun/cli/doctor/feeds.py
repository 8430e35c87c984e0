"""What institutions send: deliveries that were parked or wait, tables that are stopped, certificates that end, and
messages that were refused."""

from collections.abc import AsyncIterator

import asyncpg

from kangyun.cli.doctor.findings import Finding, good, note
from kangyun.exchange.feeds.vitals import condition

LATE_AFTER = 3600.0  # seconds
ENDING_WITHIN = 30  # days
MOST_NAMED = 10


async def examine(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    """Gives the findings."""
    found = await condition(connection, LATE_AFTER, ENDING_WITHIN)
    for what, which in (
        ("feeds-parked", found.parked),
        ("feeds-stopped", found.stopped),
        ("feeds-late", found.late),
        ("feeds-ending", found.ending),
        ("feeds-aside", found.aside),
    ):
        if which:
            names = ", ".join(which[:MOST_NAMED]) + (f", … ({len(which)})" if len(which) > MOST_NAMED else "")
            yield note(what, which=names)
    if not (found.parked or found.stopped or found.late or found.ending or found.aside):
        yield good("feeds-well")
