"""`kangyun audit verify`: whether the audit trail is as it was sealed, and if not, where."""

import asyncio
from pathlib import Path

import asyncpg
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from kangyun.access.trail.roots import FILE, Roots
from kangyun.access.trail.verifying import Progress, verify
from kangyun.base.settings import read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, console, speak

MOST_TOLD = 100  # faults that are said one by one


def verify_trail(data: Path | None, roots: Path | None) -> int:
    """Looks through the whole trail and says what it found. Returns 0 when nothing is wrong, else 1.

    roots: a copy of the file of roots that was kept elsewhere; by default that of the data folder. Raises Unavailable
    without the database, Malformed for a file of roots that cannot be read.
    """
    settings = read_settings(data=data)
    kept = Roots(roots or settings.data / FILE)
    with reached_database(settings) as database:
        return asyncio.run(_verify(database, kept))


async def _verify(database: str, kept: Roots) -> int:
    connection = await asyncpg.connect(database)
    faults = 0
    reached = Progress()
    try:
        with Bar(TextColumn("{task.description}"), TextColumn("{task.completed:,}"), console=console) as bar:
            task = bar.add_task(speak("cli.audit-verifying"), total=None)

            def tell(progress: Progress) -> None:
                nonlocal reached
                reached = progress
                bar.update(task, completed=progress.rows)

            async for fault in verify(connection, kept, tell):
                faults += 1
                if faults <= MOST_TOLD:
                    announce(speak(f"cli.audit-{fault.kind}", seal=fault.seal, id=fault.id), style="red")
    finally:
        await connection.close()
    text = "cli.audit-broken" if faults else "cli.audit-whole"
    figures = {"rows": reached.rows, "seals": reached.seals, "waiting": reached.waiting, "faults": faults}
    announce(speak(text, **figures), style="bold red" if faults else "bold")
    return 1 if faults else 0
