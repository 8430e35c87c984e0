"""`kangyun audit`: whether the audit trail is as it was sealed, and if not, where; taking old parts of it to files."""

import asyncio
from pathlib import Path

import asyncpg
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from kangyun.access.erasing import erased_resources
from kangyun.access.ledger import Ledger
from kangyun.access.recovery import cuts, explained
from kangyun.access.trail.archive import FOLDER
from kangyun.access.trail.archiving import MONTH, Archived, archive_next
from kangyun.access.trail.register_events import verify_events
from kangyun.access.trail.roots import CERTIFICATE, FILE, Root, Roots, Standing, standing
from kangyun.access.trail.rows import last_seal
from kangyun.access.trail.signatures import examine
from kangyun.access.trail.verifying import Progress, verify
from kangyun.access.trail.versions import Seen, verify_versions
from kangyun.base import clock
from kangyun.base.clock import instant
from kangyun.base.crypto.certificates import read_all
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, complain, console, speak
from kangyun.database.replication import follows_another

MOST_TOLD = 100  # faults that are said one by one
WHOLE, BROKEN, NOT_VERIFIED = 0, 1, 2


def verify_trail(
    data: Path | None, roots: Path | None, certificate: Path | None = None, archives: Path | None = None,
    *, trail_only: bool = False,
) -> int:  # fmt: skip
    """Looks through the whole trail, and the versions of the record unless `trail_only`, and says what it found.

    Returns 0, 1 when something is wrong, 2 when it could not.

    roots: a copy of the file of roots that was kept elsewhere; by default that of the data folder. archives: the folder
    of the parts in files, where it is not the one of the settings.
    certificate: of the key that signs them, kept elsewhere; by default what stands beside the roots.
    """
    try:
        settings = read_settings(data=data)
        kept = _kept(settings.data / FILE, roots)
        wrong = _tell_signatures(settings.data / FILE, roots, certificate) if kept else 0
        with reached_database(settings, there=True) as database:
            ledger = None if trail_only else Ledger.of(settings)
            found = asyncio.run(_verify(database, kept, archives or archive_folder(settings), ledger))
            return BROKEN if wrong else found
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        return NOT_VERIFIED


def _kept(usual: Path, given: Path | None) -> list[Root]:
    """Returns the roots; says which lines of the file cannot be read.

    Raises Unavailable where a file was given and is not there, or holds no root, or lines that cannot be read: nobody
    brings a copy to hear that all agrees with what was not compared.
    """
    path = given or usual
    try:
        if given is not None and not given.is_file():
            raise FileNotFoundError
        found, unreadable = Roots(path).read()
    except OSError:
        raise Unavailable("cli.audit-no-roots", file=str(path)) from None
    for line in unreadable:
        announce(speak("cli.audit-root-unreadable", file=str(path), line=line), style="yellow")
    if given is not None and (unreadable or not found):
        raise Unavailable("cli.audit-no-roots", file=str(path))
    if not found:
        announce(speak("cli.audit-without-roots", file=str(path)), style="yellow")
    return found


def _tell_signatures(usual: Path, roots: Path | None, certificate: Path | None) -> int:
    """Says whether the roots are signed as they should be. Returns how many are not. Raises Unavailable, Invalid."""
    path = roots or usual
    beside = [one.with_name(CERTIFICATE) for one in (path, usual)]
    file = certificate or next((one for one in beside if one.is_file()), beside[0])
    try:
        found = read_all(file.read_bytes()) if certificate or file.is_file() else []
        examination = examine(Roots(path).lines(), found)
    except OSError:
        raise Unavailable("cli.audit-no-certificate", file=str(file)) from None
    for fault in examination.faults[:MOST_TOLD]:
        announce(speak(f"cli.audit-{fault.kind}", line=fault.line), style="red")
    if examination.signed:
        figures = {"signed": examination.signed, "unsigned": examination.unsigned, "stamped": examination.stamped}
        announce(speak("cli.audit-signatures", **figures, faults=len(examination.faults)))
        for key in sorted(examination.keys):
            announce(speak("cli.audit-key", key=key, file=str(file)))
    else:
        announce(speak("cli.audit-unsigned", file=str(path)), style="yellow")
    return len(examination.faults)


async def _cuts(connection: asyncpg.Connection, held: Standing) -> int:
    """Says which restores there were, and returns how many of them only the roots tell of."""
    unknown = 0
    for cut in held.given_up:
        announce(speak("cli.audit-cut-given-up", instant=instant(cut.instant), epoch=cut.cut), style="yellow")
    for cut in held.cuts:
        shape = await explained(connection, cut.cut)
        shown: dict[str, str | int] = {"instant": instant(cut.instant), "seal": cut.seal, "epoch": cut.cut}
        unknown += shape is None
        if shape is None:
            announce(speak("cli.audit-cut-unknown", **shown), style="red")
        else:
            announce(speak("cli.audit-cut", **shown, shape=shape), style="yellow")
    for epoch in sorted(set(await cuts(connection)) - {cut.cut for cut in held.cuts}):
        announce(speak("cli.audit-cut-untold", epoch=epoch), style="yellow")
    return unknown


async def _arrived(connection: asyncpg.Connection, held: Standing) -> Standing:
    """Leaves out the roots of seals that have not come to a standby yet, and says how many: the file is faster."""
    newest = await last_seal(connection)
    roots = [root for root in held.roots if newest and root.seal <= newest.number]
    announce(speak("cli.audit-standby", ahead=len(held.roots) - len(roots)))
    return held._replace(roots=roots)


async def _verify(database: str, kept: list[Root], archives: Path, ledger: Ledger | None) -> int:
    faults, of_versions, reached = 0, 0, Progress()
    try:
        connection = await asyncpg.connect(database)
        try:
            with Bar(TextColumn("{task.description}"), TextColumn("{task.completed:,}"), console=console) as bar:
                task = bar.add_task(speak("cli.audit-verifying"), total=None)

                def tell(progress: Progress) -> None:
                    nonlocal reached
                    reached = progress
                    bar.update(task, completed=progress.rows)

                held = standing(kept)
                follows = await follows_another(connection)
                if follows:
                    held = await _arrived(connection, held)
                async for fault in verify(connection, held.roots, tell, archives):
                    faults += 1
                    if faults <= MOST_TOLD:
                        announce(speak(f"cli.audit-{fault.kind}", seal=fault.seal, id=fault.id), style="red")
            unknown = await _cuts(connection, held) + await _tell_events(connection, reached)
            if ledger is not None:
                of_versions = await _verify_versions(connection, ledger, reached)
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
    _tell_more(faults)
    late = 0 if follows else reached.late  # Who follows seals nothing: it has what the primary had sealed.
    if late:
        announce(speak("cli.audit-late", count=late), style="red")
    wrong = bool(faults or unknown or late or of_versions)
    # The first seal is told outside at once: where there are seals and none was told, what was told is gone.
    compared = bool(kept) or not reached.seals
    if reached.archives:
        announce(speak("cli.audit-archives", count=reached.archives, folder=str(archives)))
    figures = {"rows": reached.rows, "seals": reached.seals, "waiting": reached.waiting, "roots": len(kept)}
    said = "cli.audit-broken" if wrong else "cli.audit-whole" if compared else "cli.audit-not-compared"
    announce(
        speak(said, faults=faults + unknown + of_versions, **figures),
        style="bold" if said == "cli.audit-whole" else "bold red",
    )
    return BROKEN if wrong else WHOLE if compared else NOT_VERIFIED


async def _tell_events(connection: asyncpg.Connection, trail: Progress) -> int:
    """Says which events of the register are not what their rows sealed, archived ones too; returns how many."""
    faults = 0
    async for fault in verify_events(connection, trail.registered):
        faults += 1
        if faults <= MOST_TOLD:
            announce(speak("cli.audit-event", id=fault.row, event=fault.event), style="red")
    _tell_more(faults)
    return faults


def _tell_more(faults: int) -> None:
    """Says how many faults were not said one by one."""
    if faults > MOST_TOLD:
        announce(speak("cli.audit-more", count=faults - MOST_TOLD), style="red")


async def _verify_versions(connection: asyncpg.Connection, ledger: Ledger, trail: Progress) -> int:
    """Holds the versions of the record against the commits that wrote them; returns the number of faults."""
    faults, seen = 0, Seen()
    with Bar(TextColumn("{task.description}"), TextColumn("{task.completed:,}"), console=console) as bar:
        task = bar.add_task(speak("cli.audit-verifying-versions"), total=None)

        def tell(now: Seen) -> None:
            nonlocal seen
            seen = now
            bar.update(task, completed=now.versions)

        erased = await asyncio.to_thread(erased_resources, ledger)
        async for fault in verify_versions(connection, erased, trail, tell):
            faults += 1
            if faults <= MOST_TOLD:
                places = {"commit": fault.commit, "res": fault.res or "?", "version": fault.version or "?"}
                announce(speak(f"cli.audit-{fault.kind}", **places), style="red")
    _tell_more(faults)
    figures = {"commits": seen.commits, "versions": seen.versions, "gone": seen.gone, "unproven": seen.unproven}
    announce(speak("cli.audit-versions", faults=faults, **figures), style="bold red" if faults else "bold")
    return faults


def archive_folder(settings: Settings) -> Path:
    """Returns the folder that parts of the trail go to."""
    return Path(settings.audit_archive) if settings.audit_archive else settings.data / FOLDER


def archive_trail(data: Path | None) -> int:
    """Takes all parts of the trail to files that are old enough, and says which. Returns 0, 2 when it could not."""
    try:
        settings = read_settings(data=data)
        with reached_database(settings, there=True) as database:
            count = asyncio.run(_archive(database, settings))
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        return NOT_VERIFIED
    if not count:
        announce(speak("cli.audit-nothing-to-archive", months=settings.audit_months))
    return WHOLE


async def _archive(database: str, settings: Settings) -> int:
    before, folder, count = clock.now() - MONTH * settings.audit_months, archive_folder(settings), 0
    try:
        connection = await asyncpg.connect(database)
        try:
            with Bar(TextColumn("{task.description}"), TextColumn("{task.completed:,}"), console=console) as bar:
                task = bar.add_task(speak("cli.audit-archiving"), total=None)
                while part := await archive_next(connection, folder, before, lambda rows: bar.advance(task, rows)):
                    count += 1
                    _tell(part)
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
    return count


def _tell(part: Archived) -> None:
    span = {"oldest": f"{part.oldest:%Y-%m-%d}", "newest": f"{part.newest:%Y-%m-%d}"}
    announce(speak("cli.audit-archived", file=str(part.file), rows=part.rows, seals=part.seals, **span))
