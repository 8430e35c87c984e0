"""`kangyun backup`: takes an encrypted copy of the running installation, and says which copies there are."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from kangyun.access.ledger import FILE as LEDGER
from kangyun.access.ledger import Ledger
from kangyun.access.recovery import reached
from kangyun.access.trail.roots import FILE as ROOTS
from kangyun.base.clock import instant
from kangyun.base.crypto import CipherName, Sealer, derived_key
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, console, speak
from kangyun.database.backups import base
from kangyun.database.backups.medium import Base, Medium, Wrapping
from kangyun.database.embedded import is_embedded
from kangyun.store import keycopy
from kangyun.store.root import root_key

KEY_TABLES = "key-tables"
# Of the data folder: what stands in a copy by itself, is made anew, is kept until it runs out, or must not be together
# with a copy: the root key, the keys of epochs, and the shares of an escrow.
LEFT_OUT = frozenset(
    {
        KEY_TABLES,
        "postgresql",
        "postgresql.new",
        "socket",
        "log",
        "server",
        "bulk",
        "spool",
        "fetching",
        "drill",
        "drill-copy",
        "run",
        "restored.new",
        "keys",
        "escrow",
    }
)
KEYS = ("root.key*", "*.key", "*.share", "*.lock", "restoring.json")
SPOOL = "spool"


def backup(data: Path | None, to: Path | None, keep: int | None) -> None:
    """Takes a copy and removes the oldest. Raises Unavailable, and DamagedFile."""
    settings = read_settings(data=data)
    folder = medium_folder(settings, to)
    os.umask(0o077)
    with reached_database(settings) as database:
        medium = open_medium(settings, folder, may_make=True)
        with bar() as progress:
            task = progress.add_task(speak("cli.backup-copying"), total=None)

            def tell(done: int, size: int) -> None:
                progress.update(task, completed=done, total=max(done, size))

            made = asyncio.run(_take(settings, database, medium, tell))
    announce(speak("cli.backup-made", **shown(made), folder=str(folder)), style="bold")
    for id_ in medium.forget(keep or settings.backup_keep):
        announce(speak("cli.backup-forgotten", id=id_))


def list_backups(data: Path | None, from_: Path | None, root: Path | None) -> None:
    """Says which copies there are, and how far the log goes."""
    settings = read_settings(data=data)
    medium = open_medium(settings, medium_folder(settings, from_), root=root)
    whole, progress = medium.bases(), medium.progress()
    for made in whole:
        announce(speak("cli.backup-line", **shown(made)))
    if not whole:
        announce(speak("cli.backup-no-copies"), style="yellow")
    elif progress is None:
        announce(speak("cli.backup-no-log"), style="yellow")
    else:
        last = max(progress.instant, whole[-1].ended)
        announce(speak("cli.backup-window", first=instant(whole[0].ended), last=instant(last)))
    if medium.locked:
        announce(speak("cli.backup-locked", count=medium.locked), style="yellow")


def rewrap(data: Path | None, from_: Path | None, old: Path) -> None:
    """Lets the present root key open what was made under the one before."""
    settings = read_settings(data=data)
    folder = medium_folder(settings, from_)
    done = open_medium(settings, folder, root=old).wrap_anew(wrapping(settings))
    announce(speak("cli.backup-rewrapped", count=done))


def medium_folder(settings: Settings, given: Path | None) -> Path:
    """Returns the folder of the backups: the one that is given, else that of the settings. Raises Unavailable."""
    if given is None and not settings.backup_folder:
        raise Unavailable("cli.backup-no-folder")
    return given or Path(settings.backup_folder)


def open_medium(settings: Settings, folder: Path, *, root: Path | None = None, may_make: bool = False) -> Medium:
    """Opens a medium with the root key of the installation, or with another. Raises Unavailable."""
    return Medium.open(folder, wrapping(settings, root), cipher(settings), may_make=may_make)


def root_file(settings: Settings) -> Path:
    """Returns where the root key is."""
    return Path(settings.root_key) if settings.root_key else settings.data / "root.key"


def wrapping(settings: Settings, root: Path | None = None) -> Wrapping:
    """Returns what seals the keys of a medium: a key that is the root key's for this purpose alone."""
    found = root_key(root or root_file(settings), may_make=False)

    def at(generation: int) -> Sealer:
        return Sealer(derived_key(found.at(generation).key, f"backups-{settings.cipher}"), cipher(settings))

    return Wrapping(found.generation, at)


async def keep_key_tables(settings: Settings, connection: asyncpg.Connection, medium: Medium) -> None:
    """Puts the newest copy of the key tables on the medium: backups from before a renewal are read by it."""
    copy = settings.data / KEY_TABLES
    try:
        await keycopy.save(connection, copy)
        await asyncio.to_thread(medium.keep, KEY_TABLES, copy)
    finally:
        copy.unlink(missing_ok=True)


async def _take(settings: Settings, database: str, medium: Medium, tell: Callable[[int, int], None]) -> Base:
    made = await base.take(source(settings, database), medium, tell)
    connection = await asyncpg.connect(database, timeout=30)
    try:
        await keep_key_tables(settings, connection, medium)
    finally:
        await connection.close()
    return made


def cipher(settings: Settings) -> CipherName:
    """Returns the cipher of the settings."""
    return "aes" if settings.cipher == "aes" else "sm4"


def source(settings: Settings, database: str) -> base.Source:
    """Returns what a copy is taken of."""
    return base.Source(database, not is_embedded(database), settings.data, lambda: beside(settings), reached)


def beside(settings: Settings) -> Iterator[Path]:
    """Yields the files of the data folder that belong into a copy, the root key never."""
    root = root_file(settings).resolve()
    medium = Path(settings.backup_folder).resolve() if settings.backup_folder else None
    waiting = [one for one in settings.data.iterdir() if one.name not in LEFT_OUT]
    while waiting:
        path = waiting.pop()
        if path.is_symlink() or any(path.match(pattern) for pattern in KEYS) or path.resolve() in (root, medium):
            continue
        if path.is_dir():
            waiting += path.iterdir()
        elif path.is_file():
            yield path


def grown(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yields the files that only grow and that are there: they are on the medium up to the last second."""
    for name in (ROOTS, LEDGER):
        path = grown_path(settings, name.as_posix())
        if path.is_file():
            yield name.as_posix(), path


def grown_path(settings: Settings, name: str) -> Path:
    """Returns where a file that only grows belongs, by its name on the medium."""
    return Ledger.of(settings).path if name == LEDGER.as_posix() else settings.data / name


def shown(made: Base) -> dict[str, str | int]:
    """Returns what is said of a copy."""
    seconds = round((made.ended - made.began).total_seconds())
    return {
        "id": made.id, "ended": instant(made.ended), "seconds": seconds, "size": f"{made.size / 1e6:,.1f}",
        "plain": f"{sum(one.plain for one in made.files) / 1e6:,.1f}", "position": made.reached.position,
    }  # fmt: skip


def bar() -> Progress:
    """Returns a bar of bytes."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console,
        transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip
