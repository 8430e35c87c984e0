"""`kangyun standby`: follows the embedded database of another data folder; `kangyun promote`: takes its place.

The standby has its own folder, best on another disk. It replays what the primary has committed; with
`KANGYUN_SYNCHRONOUS_STANDBY` on the primary no write is acknowledged before the standby has it on its disk. Files of
the data folder are followed as well (`carrying`); the root key is not: give it to the standby's folder yourself, and
settings where the primary has its own: without them it is not promoted.

Promotion is a person's decision and says once and for all which of the two goes on (fencing): a primary that still runs
is not superseded, and one that is gets a mark in its folder, with which it does not start again.

Source: PostgreSQL 18, 26.2 (log-shipping standby servers), 9.28 (pg_promote).
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from kangyun.access.recovery import reached
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.carrying import KEPT_SETTINGS, carry, lacks_settings
from kangyun.cli.folder import claimed, holder
from kangyun.cli.restore import accepted
from kangyun.cli.speech import announce, speak
from kangyun.cli.stopping import signals
from kangyun.database.backups.clients import client, reaching
from kangyun.database.backups.medium import Reached, furthest, write_whole
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.replication import STANDBY, follows_another, is_following
from kangyun.database.unfinished import FOLLOWS, SUPERSEDED, UNFINISHED

EVERY = 0.5  # seconds
PATIENCE = 60.0  # seconds that a server may take to answer, and to be promoted
TOLD_AFTER = 15.0  # seconds without the primary
_HAS_SLOT = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)"
_MAKE_SLOT = "SELECT pg_create_physical_replication_slot($1, true)"
_PROMOTE = "SELECT pg_promote(true, $1)"


class Follows(msgspec.Struct, frozen=True):
    """What stands in a standby's folder: whom it follows. reached: at least so far the primary had come."""

    of: str
    reached: Reached = Reached()


class Superseded(msgspec.Struct, frozen=True):
    """What stands in the folder of a primary whose place was taken."""

    by: str
    instant: datetime


def standby(data: Path | None, of: Path) -> None:
    """Follows until a signal, or until it is promoted. Raises Unavailable."""
    settings = read_settings(data=data)
    if settings.data.resolve() == of.resolve():
        raise Unavailable("cli.standby-same-folder")
    stopping = signals()
    with claimed(settings.data, f"standby of {of}"):
        primary, server = EmbeddedServer(of), _server(settings.data, of)
        server.end_orphan()
        if not server.exists:
            _copy(settings.data, primary, server)
        elif _follows(settings.data) is None:
            raise Unavailable("cli.restore-living", folder=str(settings.data))
        server.launch()
        try:
            _follow(settings, of, primary, server, stopping)
        finally:
            server.stop()


def promote(data: Path | None, *, fenced: bool) -> None:
    """Lets a standby take the primary's place. Raises Unavailable where the primary still runs.

    fenced: somebody has made sure that the primary cannot come back; asked where its folder cannot be reached.
    """
    settings = read_settings(data=data)
    began = time.monotonic()
    follows = _follows(settings.data)
    if follows is None:
        raise Unavailable("cli.standby-none", folder=str(settings.data))
    if lacks_settings(settings.data):
        raise Unavailable("cli.standby-lacks-settings", folder=str(settings.data))
    _fence(Path(follows.of), settings.data, fenced=fenced)
    write_whole(settings.data / UNFINISHED, msgspec.json.encode({"promoted": follows.of}))
    if holder(settings.data) is not None:
        epoch, newest = asyncio.run(_promote(EmbeddedServer(settings.data).url, settings, follows))
    else:
        with claimed(settings.data, f"process {os.getpid()}"):
            server = _server(settings.data, Path(follows.of))
            server.end_orphan()
            server.launch()
            try:
                _until(server.answers, server)
                epoch, newest = asyncio.run(_promote(server.url, settings, follows))
            finally:
                server.stop()
    (settings.data / UNFINISHED).unlink()
    (settings.data / KEPT_SETTINGS).unlink(missing_ok=True)
    (settings.data / FOLLOWS).unlink()  # Now the process that kept the standby ends.
    while holder(settings.data) is not None and time.monotonic() - began < PATIENCE:
        time.sleep(0.05)
    seconds = f"{time.monotonic() - began:.1f}"
    announce(speak("cli.promoted", newest=newest, epoch=epoch, seconds=seconds), style="bold")
    announce(speak("cli.restore-next", data=str(settings.data)))


def _server(data: Path, of: Path) -> EmbeddedServer:
    place = str(EmbeddedServer(of).socket_folder).replace("\\", "\\\\").replace("'", "\\'")
    conninfo = f"host='{place}' user=kangyun application_name={STANDBY}".replace("'", "''")
    return EmbeddedServer(data, {"primary_conninfo": f"'{conninfo}'", "primary_slot_name": f"'{STANDBY}'"})


def _follows(data: Path) -> Follows | None:
    try:
        return msgspec.json.decode((data / FOLLOWS).read_bytes(), type=Follows)
    except (OSError, msgspec.DecodeError):
        return None


def _copy(data: Path, primary: EmbeddedServer, server: EmbeddedServer) -> None:
    announce(speak("cli.standby-copying", folder=str(primary.folder)))
    asyncio.run(_make_slot(primary.url))
    fresh = data / "postgresql.new"
    shutil.rmtree(fresh, ignore_errors=True)
    url, environment = reaching(primary.url)
    command: list[str | Path] = [
        client("pg_basebackup", own=False),
        "-d",
        url,
        "-D",
        fresh,
        "-X",
        "stream",
        "-c",
        "fast",
        "-w",
    ]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Unavailable("database.backups.copy-failed", status=done.returncode)
    (fresh / "standby.signal").touch(0o600)
    for path in (fresh, *fresh.rglob("*")):
        server.give(path)
    write_whole(data / FOLLOWS, msgspec.json.encode(Follows(str(primary.folder))))
    fresh.rename(server.data)


async def _make_slot(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=30)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
    try:
        if not await connection.fetchval(_HAS_SLOT, STANDBY):
            await connection.execute(_MAKE_SLOT, STANDBY)
    finally:
        await connection.close()


def _follow(
    settings: Settings, of: Path, primary: EmbeddedServer, server: EmbeddedServer, stopping: Callable[[], bool]
) -> None:
    data, primary_settings = settings.data, read_settings(data=of)
    following, carried, last = False, True, time.monotonic()
    _until(server.answers, server, stopping)
    announce(speak("cli.standby-runs", folder=str(of)))
    while not stopping():
        if server.ended is not None:
            announce(speak("cli.database-ended", status=server.ended, log=str(server.log)), style="yellow")
            time.sleep(EVERY)
            server.launch()
            _until(server.answers, server, stopping)
        if server.accepts() and not (data / FOLLOWS).exists() and not (data / UNFINISHED).exists():
            announce(speak("cli.standby-promoted"), style="bold")
            return
        # A promotion wants to be alone with the database.
        now = (data / UNFINISHED).exists() or asyncio.run(_look(data, primary, server))
        last = time.monotonic() if now else last
        if now and not following:
            announce(speak("cli.standby-following"), style="green")
            if lacks_settings(data):
                announce(speak("cli.standby-lacks-settings", folder=str(data)), style="yellow")
            following = True
        elif following and time.monotonic() - last > TOLD_AFTER:
            announce(speak("cli.standby-alone", folder=str(of)), style="yellow")
            following = False
        carried = _carry(settings, primary_settings, told=not carried)
        time.sleep(EVERY)


def _carry(settings: Settings, primary: Settings, *, told: bool) -> bool:
    """Whether the files of the primary's folder are here as they are there; says why not, unless that was told."""
    try:
        carry(settings, primary)
        return True
    except OSError as error:
        if not told:
            announce(speak("cli.standby-not-carried", reason=type(error).__name__), style="red")
        return False


async def _look(data: Path, primary: EmbeddedServer, server: EmbeddedServer) -> bool:
    """Whether the standby gets the log; notes how far the record has come."""
    try:
        connection = await asyncpg.connect(server.url, timeout=10)
        try:
            following = await is_following(connection)
            told = Follows(str(primary.folder), await reached(connection))
            if told != _follows(data) and not (data / UNFINISHED).exists() and (data / FOLLOWS).exists():
                write_whole(data / FOLLOWS, msgspec.json.encode(told))
            return following
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


def _fence(primary: Path, data: Path, *, fenced: bool) -> None:
    """Sees to it that the primary does not come back. Raises Unavailable where it runs, or nobody can know."""
    if not primary.exists():
        if not fenced:
            raise Unavailable("cli.standby-not-fenced", folder=str(primary))
        return
    server = EmbeddedServer(primary)
    with claimed(primary, f"promotion of {data}"):  # Raises where `kangyun up` has it.
        if server.is_running:
            raise Unavailable("database.already-running", folder=str(primary))
        write_whole(primary / SUPERSEDED, msgspec.json.encode(Superseded(str(data.resolve()), clock.now())))


async def _promote(url: str, settings: Settings, follows: Follows) -> tuple[int, str]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        if await follows_another(connection) and not await connection.fetchval(_PROMOTE, int(PATIENCE)):
            raise Unavailable("cli.standby-not-promoted")
    finally:
        await connection.close()
    cut, newest = await accepted(url, settings, f"promoted of={follows.of}", furthest([follows.reached]))
    return cut.epoch, newest


def _until(done: Callable[[], bool], server: EmbeddedServer, stopping: Callable[[], bool] = lambda: False) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done() and not stopping():
        if server.ended is not None or time.monotonic() > deadline:
            raise Unavailable("database.did-not-start", log=str(server.log))
        time.sleep(0.02)
