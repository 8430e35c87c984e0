"""`kangyun audit verify`: whether the audit trail is as it was sealed, and if not, where."""

import asyncio
from pathlib import Path

import asyncpg
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from kangyun.access.trail.roots import FILE, Root, Roots
from kangyun.access.trail.verifying import Progress, verify
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.settings import read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, complain, console, speak

MOST_TOLD = 100  # faults that are said one by one
WHOLE, BROKEN, NOT_VERIFIED = 0, 1, 2


def verify_trail(data: Path | None, roots: Path | None) -> int:
    """Looks through the whole trail and says what it found. Returns 0, 1 when something is wrong, 2 when it could not.

    roots: a copy of the file of roots that was kept elsewhere; by default that of the data folder.
    """
    try:
        settings = read_settings(data=data)
        kept = _kept(settings.data / FILE, roots)
        with reached_database(settings) as database:
            return asyncio.run(_verify(database, kept))
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        return NOT_VERIFIED


def _kept(usual: Path, given: Path | None) -> list[Root]:
    """Returns the roots; says which lines of the file cannot be read. Raises Unavailable without the file given."""
    path = given or usual
    try:
        if given is not None and not given.is_file():
            raise FileNotFoundError
        found, unreadable = Roots(path).read()
    except OSError:
        raise Unavailable("cli.audit-no-roots", file=str(path)) from None
    for line in unreadable:
        announce(speak("cli.audit-root-unreadable", file=str(path), line=line), style="yellow")
    if not found:
        announce(speak("cli.audit-without-roots", file=str(path)), style="yellow")
    return found


async def _verify(database: str, kept: list[Root]) -> int:
    faults, reached = 0, Progress()
    try:
        connection = await asyncpg.connect(database)
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
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
    if faults > MOST_TOLD:
        announce(speak("cli.audit-more", count=faults - MOST_TOLD), style="red")
    if reached.late:
        announce(speak("cli.audit-late", count=reached.late), style="red")
    wrong = bool(faults or reached.late)
    figures = {"rows": reached.rows, "seals": reached.seals, "waiting": reached.waiting, "roots": len(kept)}
    text = speak("cli.audit-broken" if wrong else "cli.audit-whole", faults=faults, **figures)
    announce(text, style="bold red" if wrong else "bold")
    return BROKEN if wrong else WHOLE
