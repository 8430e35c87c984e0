"""`kangyun keys`: how the keys stand, renewing and changing them, the root key in parts, a copy of the key tables."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import asyncpg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kangyun.access.ledger import Ledger
from kangyun.base import clock
from kangyun.base.crypto import CipherName, Unreadable
from kangyun.base.errors import Conflict, PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, complain, console, speak
from kangyun.database.pool import Pool
from kangyun.store import escrow, keycopy, rotation
from kangyun.store.keys import KeyRing, needs, open_key_ring
from kangyun.store.root import (
    DeviceRoot,
    bring_forward,
    change_root_file,
    make_next_root,
    make_root,
    root_key,
)

GOOD, WRONG = 0, 1
CHUNK = 2_000
Result = TypeVar("Result")
_STATE = "SELECT check_value, generation, escrow, escrowed FROM root_key"
_KEYS = "SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE id > $1 ORDER BY id LIMIT $2"
_ERASURES = "SELECT id, ledger, patients FROM erasure ORDER BY id"


def status(data: Path | None) -> None:
    """Says how the keys stand."""
    settings = read_settings(data=data)

    async def tell(connection: asyncpg.Connection) -> None:
        state = await connection.fetchrow(_STATE)
        if state is None:
            raise Unavailable("cli.keys-none")
        epochs = await rotation.epochs(connection)
        age = clock.now() - epochs.began
        announce(
            speak(
                "cli.keys-root", file=str(file_of(settings)), check=state["check_value"], generation=state["generation"]
            )
        )
        announce(speak("cli.keys-epoch", epoch=epochs.newest, days=age.days, every=settings.key_days))
        announce(speak("cli.keys-data", count=epochs.keys))
        if epochs.epochs > 1:
            announce(speak("cli.keys-moving", count=epochs.moving), style="yellow")
        if state["escrow"] is None:
            announce(speak("cli.keys-no-escrow"), style="yellow")
        else:
            needed, _, shares = state["escrow"].partition("/")
            announce(speak("cli.keys-escrow", needed=needed, shares=shares, day=state["escrowed"].date().isoformat()))

    _with_connection(settings, tell)


def rotate(data: Path | None, *, root: bool) -> None:
    """Renews the epoch key now, or puts another root key in the place of the one that stands."""
    settings = read_settings(data=data)

    async def work(database: str) -> None:
        async with _opened(settings, database) as (pool, keys):
            if root:
                await _change_root(pool, keys)
            else:
                await _renew(pool, keys)

    with reached_database(settings, there=True) as database:
        asyncio.run(work(database))


async def _renew(pool: Pool, keys: KeyRing) -> None:
    with _bar() as bar:
        task = bar.add_task(speak("cli.keys-renewing"), total=None)

        def tell(moved: int, total: int) -> None:
            bar.update(task, completed=moved, total=total)

        moved = await rotation.renew(pool, keys, tell, by=operator())
    announce(speak("cli.keys-renewed", count=moved, epoch=keys.newest_epoch, generation=keys.root.generation))
    if not bring_forward(keys.root):
        announce(speak("cli.keys-file-behind", file=str(keys.root.file)), style="red")


async def _change_root(pool: Pool, keys: KeyRing) -> None:
    file = keys.root.file
    following = make_next_root(file)
    async with pool.connection() as connection:
        if not await needs(connection, following):
            async with connection.transaction():
                await rotation.change_root(connection, keys, following, operator())
    aside = change_root_file(file)
    announce(speak("cli.keys-root-changed", check=following.check_value, file=str(file), aside=str(aside)))


def share_out(data: Path | None, shares: int, needed: int, folder: Path) -> None:
    """Writes the root key in shares to a folder."""
    settings = read_settings(data=data)

    async def work(connection: asyncpg.Connection) -> None:
        ring = await open_key_ring(connection, root_key(file_of(settings), may_make=False), cipher_of(settings))
        if isinstance(ring.root, DeviceRoot):
            raise Unavailable("cli.root-in-device")
        written = escrow.write_shares(folder, escrow.share_out(ring.root, needed, shares))
        async with connection.transaction():
            await escrow.note(connection, needed, shares)
            await rotation.note(connection, operator(), "keys escrow")
        for path in written:
            announce(str(path))
        announce(speak("cli.keys-shared", shares=shares, needed=needed, check=ring.root.check_value))

    _with_connection(settings, work)


def recover(paths: list[Path], file: Path) -> None:
    """Makes the root key file of shares, where there is none."""
    root = escrow.joined([escrow.read_share(path) for path in paths], file)
    if file.exists():
        raise Conflict("cli.keys-file-there", file=str(file))
    try:
        made = make_root(file, root)
    except OSError:
        raise Unavailable("store.root-key-not-written", file=str(file)) from None
    announce(speak("cli.keys-recovered", file=str(file), check=made.check_value, generation=made.generation))


def save(data: Path | None, file: Path) -> None:
    """Writes a copy of the key tables."""

    async def work(connection: asyncpg.Connection) -> None:
        head = await keycopy.save(connection, file)
        announce(speak("cli.keys-saved", file=str(file), count=head.keys, generation=head.generation))

    _with_connection(read_settings(data=data), work)


def load(data: Path | None, file: Path) -> None:
    """Puts a copy of the key tables in the place of older ones."""
    settings = read_settings(data=data)

    async def work(connection: asyncpg.Connection) -> None:
        root = root_key(file_of(settings), may_make=False)
        head = await keycopy.load(connection, root, cipher_of(settings), file)
        await rotation.note(connection, operator(), "keys load")
        announce(speak("cli.keys-loaded", count=head.keys, generation=head.generation))

    _with_connection(settings, work)


def check(data: Path | None) -> int:
    """Opens every key, and holds the erasures of the database against the ledger. Returns 0, or 1 where something is
    wrong."""
    settings = read_settings(data=data)

    async def work(connection: asyncpg.Connection) -> int:
        ring = await open_key_ring(connection, root_key(file_of(settings), may_make=False), cipher_of(settings))
        announce(speak("cli.keys-root-good", check=ring.root.check_value))
        faults = await _unreadable(connection, ring)
        faults += await _unledgered(connection, Ledger.of(settings))
        stands = root_key(file_of(settings), may_make=False).generation
        if stands < ring.root.generation:
            announce(speak("cli.keys-file-behind", file=str(ring.root.file)), style="red")
            faults += 1
        if file_of(settings).stat().st_mode & 0o077:
            announce(speak("cli.keys-file-open", file=str(ring.root.file)), style="red")
            faults += 1
        if await rotation.is_due(connection, timedelta(days=settings.key_days + 1)):
            announce(speak("cli.keys-late", every=settings.key_days), style="red")
            faults += 1
        announce(
            speak("cli.keys-wrong" if faults else "cli.keys-good", count=faults), style="bold red" if faults else "bold"
        )
        return WRONG if faults else GOOD

    return _with_connection(settings, work)


async def _unreadable(connection: asyncpg.Connection, ring: KeyRing) -> int:
    """Tells of data keys that do not open; returns how many."""
    total = await connection.fetchval("SELECT count(*) FROM data_key")
    after, wrong = 0, 0
    with _bar() as bar:
        task = bar.add_task(speak("cli.keys-checking"), total=total)
        while rows := await connection.fetch(_KEYS, after, CHUNK):
            for row in rows:
                try:
                    ring.plain(tuple(row))
                except (Unreadable, KeyError):
                    wrong += 1
                    announce(speak("cli.keys-unreadable", key=row["id"]), style="red")
            after = rows[-1]["id"]
            bar.advance(task, len(rows))
    return wrong


async def _unledgered(connection: asyncpg.Connection, ledger: Ledger) -> int:
    """Tells of erasures that the ledger does not have, and of what is wrong with it; returns how many."""
    try:
        noted = {entry.n: entry.detail.get("patients") for entry in ledger.entries() if entry.kind == "erasure"}
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        return 1
    wrong = 0
    for row in await connection.fetch(_ERASURES):
        if noted.get(row["ledger"]) != list(row["patients"]):
            announce(speak("cli.keys-not-in-ledger", erasure=row["id"], entry=row["ledger"]), style="red")
            wrong += 1
    announce(speak("cli.keys-ledger", count=len(noted), file=str(ledger.path)))
    return wrong


def operator() -> str:
    """Returns who is noted in the audit: the account of the operating system that the command runs as."""
    return f"Device/terminal-{os.getuid()}"


def file_of(settings: Settings) -> Path:
    """Returns where the root key is."""
    return Path(settings.root_key) if settings.root_key else settings.data / "root.key"


def cipher_of(settings: Settings) -> CipherName:
    """Returns the cipher that is set."""
    return "aes" if settings.cipher == "aes" else "sm4"


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _with_connection(settings: Settings, work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    async def run(database: str) -> Result:
        try:
            connection = await asyncpg.connect(database)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
        try:
            return await work(connection)
        finally:
            await connection.close()

    with reached_database(settings, there=True) as database:
        return asyncio.run(run(database))


@asynccontextmanager
async def _opened(settings: Settings, database: str) -> AsyncIterator[tuple[Pool, KeyRing]]:
    async with Pool(database, size=2) as pool:
        async with pool.connection() as connection:
            root = root_key(file_of(settings), may_make=False)
            keys = await open_key_ring(connection, root, cipher_of(settings))
        yield pool, keys
