"""`kangyun archive`: follows the database's log onto the backup medium, and takes a base copy whenever one is due.

A part of `kangyun up` where `KANGYUN_BACKUP_FOLDER` is set. What it does and what troubles it stands in `backup.json`
of the data folder and in `/metrics`.
"""

import asyncio
import contextlib
import logging
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from kangyun.access.recovery import reached
from kangyun.base import clock
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli import backup
from kangyun.cli.backup import SPOOL, grown, medium_folder, open_medium, source
from kangyun.cli.children import tie_to_up, wait_for_up
from kangyun.database.backups import base
from kangyun.database.backups.archiving import Archiver, Log
from kangyun.database.backups.medium import Medium, write_whole
from kangyun.database.leases import pause
from kangyun.database.vitals import tell
from kangyun.store.root import root_key

logger = logging.getLogger(__name__)

FILE = "backup.json"
EVERY = 5.0  # seconds
RETRY = 600.0  # seconds after a copy that failed


class Told(msgspec.Struct, frozen=True):
    """What `backup.json` says. copied: the end of the newest base copy. archived: everything that was committed up to
    then is on the medium. trouble, changed: what is wrong, and a file that was changed where it should only grow."""

    told: datetime
    medium: str
    copied: datetime | None
    archived: datetime | None
    trouble: str = ""
    copy_trouble: str = ""
    changed: str = ""


def archive(data: Path | None = None) -> None:
    """Archives until told to stop. Raises Unavailable without a medium or a database that is set."""
    tie_to_up()
    os.umask(0o077)
    settings = read_settings(data=data)
    configure(settings.log_level)
    wait_for_up()
    if not settings.database:
        raise Unavailable("cli.no-database")
    uvloop.run(_archive(settings))


async def _archive(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = medium_folder(settings, None)
    while not stop.is_set():
        try:
            medium = open_medium(settings, folder, may_make=True)
            break
        except (PlatformError, OSError) as error:
            reason = error.issues[0].text if isinstance(error, PlatformError) else type(error).__name__
            logger.warning("archive: %s", reason)
            _write(settings, Told(clock.now(), str(folder), None, None, reason))
            await pause(stop, 1.0)
    if not stop.is_set():
        await _Keeper(settings, medium).keep(stop)


class _Keeper:
    """Keeps a medium up to date."""

    def __init__(self, settings: Settings, medium: Medium) -> None:
        self._settings, self._medium = settings, medium
        self._source = source(settings, settings.database)
        self._archiver = Archiver(
            Log(settings.database, self._source.own, settings.data / SPOOL), medium, lambda: grown(settings), reached
        )
        self._copied: datetime | None = None
        self._copy_trouble = ""
        self._generation, self._root = -1, ""
        self._not_before = clock.now()

    async def keep(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._archiver.run(stop))
            group.create_task(self._tell(stop))
            group.create_task(self._copy(stop))
        self._write()

    async def _copy(self, stop: asyncio.Event) -> None:
        """Takes a copy when one is due: the log must have begun before, so that it goes on from there."""
        hours = timedelta(hours=max(self._settings.backup_hours, 1))
        while not stop.is_set():
            try:
                if self._copied is None:
                    self._copied = max((one.ended for one in await asyncio.to_thread(self._medium.bases)), default=None)
                due = self._copied is None or self._archiver.state.gap or clock.now() - self._copied >= hours
                if due and self._archiver.state.reached and clock.now() >= self._not_before:
                    self._archiver.state.gap = False
                    self._copied = (await base.take(self._source, self._medium)).ended
                    self._copy_trouble = ""
                    self._generation = -1  # The key tables have changed, too.
                    await asyncio.to_thread(self._medium.forget, self._settings.backup_keep)
            except (PlatformError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                reason = error.issues[0].text if isinstance(error, PlatformError) else type(error).__name__
                logger.warning("backup: %s", reason)
                self._copy_trouble, self._not_before = reason, clock.now() + timedelta(seconds=RETRY)
            await pause(stop, 1.0)

    async def _tell(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._write()
            ages = {"backup_age_seconds": self._copied, "archive_lag_seconds": self._archiver.state.reached}
            figures = {name: (clock.now() - at).total_seconds() for name, at in ages.items() if at is not None}
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._settings.database, timeout=10)
                try:
                    await tell(connection, figures)
                    await self._keep_keys(connection)
                finally:
                    await connection.close()
            await pause(stop, EVERY)

    async def _keep_keys(self, connection: asyncpg.Connection) -> None:
        """Follows a renewal of keys: the medium's own go on with the root key, and a copy of the tables comes to it."""
        generation = await connection.fetchval("SELECT generation FROM root_key")
        try:
            root = root_key(backup.root_file(self._settings), may_make=False)
            if root.check_value != self._root:
                await asyncio.to_thread(self._medium.wrap_anew, backup.wrapping(self._settings))
                self._root = root.check_value
            if generation is not None and generation != self._generation:
                await backup.keep_key_tables(self._settings, connection, self._medium)
                self._generation = generation
        except PlatformError as error:
            logger.warning("archive: %s", error.issues[0].text)

    def _write(self) -> None:
        state = self._archiver.state
        _write(
            self._settings,
            Told(
                clock.now(), str(self._medium.folder), self._copied, state.reached, state.trouble, self._copy_trouble,
                state.changed,
            ),
        )  # fmt: skip


def _write(settings: Settings, told: Told) -> None:
    with contextlib.suppress(OSError):  # A full disk is told by others.
        write_whole(settings.data / FILE, msgspec.json.encode(told))
