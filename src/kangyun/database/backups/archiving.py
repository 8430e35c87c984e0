"""Follows the log of a server and seals it on the medium as it comes, a second or two behind.

`pg_receivewal` streams the log over a replication slot into a spool folder on the data's own disk, and goes on where it
was; what has come is appended to the segment's file on the medium, so that also the segment that is being written is
there up to the last second. The slot keeps the server from discarding what was not received; where it had to be given
up (the medium was away for too long), or there is a gap, the state says so and a new base copy is due.

Files of the data folder that only grow (the roots of the trail, the ledger) go the same way.
"""

import asyncio
import logging
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg

from kangyun.base.errors import PlatformError, Unavailable
from kangyun.database.backups.clients import client, reaching
from kangyun.database.backups.medium import Medium, Progress, Reached, lsn, lsn_text, segment_begin
from kangyun.database.backups.sealing import Growing
from kangyun.database.leases import pause
from kangyun.database.lifeline import tied

logger = logging.getLogger(__name__)

SLOT = "kangyun_backup"
EVERY = 1.0  # seconds
RETRY = 5.0  # seconds
TOLD_EVERY = 5.0  # seconds between two words on the medium about how far the log has come
HISTORY = ".history"
PARTIAL = ".partial"
_NOW = "SELECT clock_timestamp() AS now, pg_current_wal_flush_lsn()::text AS upto"
_WRITTEN = "SELECT write_lsn::text FROM pg_stat_replication WHERE application_name = $1"
_SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1"
_MAKE_SLOT = "SELECT pg_create_physical_replication_slot($1, true)"
_DROP_SLOT = "SELECT pg_drop_replication_slot($1)"
_FACTS = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
    (SELECT setting::int8 FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes
"""


@dataclass(slots=True)
class State:
    """How the archiving does. reached: everything that was committed up to then is on the medium. gap: the log on the
    medium does not go on from where it was, so a new base copy is due."""

    reached: datetime | None = None
    gap: bool = False
    trouble: str = ""
    changed: str = ""  # a file that should only have grown


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one server. own: it is not the embedded one. spool: where its segments come to first."""

    url: str
    own: bool
    spool: Path


@dataclass(slots=True)
class Archiver:
    """Archives until told to stop. One for a server. grown: files that only grow, by their path in the data folder."""

    log: Log
    medium: Medium
    grown: Callable[[], Iterable[tuple[str, Path]]]
    reached: Callable[[asyncpg.Connection], Awaitable[Reached]]
    state: State = field(default_factory=State)
    _system: str = ""
    _segment_bytes: int = 0
    _sealed: int = 0
    _timeline: int = 0
    _told_at: float = 0.0
    _open: dict[str, Growing] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Archives until `stop`, then what has come by then. What fails is tried again, and stands in `state`."""
        while not stop.is_set():
            try:
                connection = await asyncpg.connect(self.log.url, timeout=30)
                self._open.clear()
                try:
                    await self._follow(connection, stop)
                finally:
                    connection.terminate()
            except PlatformError as error:
                self._complain(error.issues[0].text)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._complain(type(error).__name__)
            await pause(stop, RETRY)

    def _complain(self, reason: str) -> None:
        logger.warning("archive: %s", reason)
        self.state.trouble = reason

    async def _follow(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        facts = await connection.fetchrow(_FACTS)
        self._system, self._segment_bytes = facts["system"], facts["segment_bytes"]
        await self._refuse_other_system()
        await self._have_slot(connection)
        wanted: deque[tuple[datetime, int]] = deque()
        loop = asyncio.get_running_loop()
        async with self._receiver() as receiver:
            while True:
                row = await connection.fetchrow(_NOW)
                if not wanted or lsn(row["upto"]) > wanted[-1][1]:
                    wanted.append((row["now"], lsn(row["upto"])))
                elif self._sealed >= wanted[-1][1]:
                    wanted[-1] = (row["now"], wanted[-1][1])  # Nothing was written since: all of it is here.
                written = await connection.fetchval(_WRITTEN, SLOT)
                reached = await self.reached(connection)
                await asyncio.to_thread(self._seal_all, lsn(written) if written else 0)
                if receiver.poll() is not None:
                    raise Unavailable("database.backups.receiver-ended", status=receiver.returncode)
                while len(wanted) > 1 and wanted[1][1] <= self._sealed:
                    wanted.popleft()
                if wanted[0][1] <= self._sealed:
                    self.state.reached, self.state.trouble = wanted[0][0], ""
                    if stop.is_set() or loop.time() - self._told_at >= TOLD_EVERY:
                        await asyncio.to_thread(self._tell, wanted[0][0], reached)
                        self._told_at = loop.time()
                if stop.is_set():
                    return
                await pause(stop, EVERY)

    async def _refuse_other_system(self) -> None:
        told = self.medium.progress()
        if told is not None and told.system != self._system:
            raise Unavailable("database.backups.other-system", folder=str(self.medium.folder))

    async def _have_slot(self, connection: asyncpg.Connection) -> None:
        status = await connection.fetchrow(_SLOT, SLOT)
        if status is not None and status[0] == "lost":
            await connection.execute(_DROP_SLOT, SLOT)
            status = None
        if status is None:
            await connection.execute(_MAKE_SLOT, SLOT)

    @asynccontextmanager
    async def _receiver(self) -> AsyncIterator[subprocess.Popen[bytes]]:
        spool = self.log.spool
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        url, environment = reaching(self.log.url)
        process = subprocess.Popen(
            [client("pg_receivewal", own=self.log.own), "-d", url, "-D", spool, "-S", SLOT, "-s", "1", "-n", "-w"],
            env=environment | {"PGAPPNAME": SLOT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=tied(signal.SIGTERM),
        )
        try:
            yield process
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)

    def _seal_all(self, written: int) -> None:
        """Seals what has come: whole segments, then of the newest one what is written."""
        for path in sorted(self.log.spool.iterdir()):
            if path.suffix == HISTORY:
                self._seal_history(path)
            elif len(path.name) == 24:
                self._seal_segment(path, path.name, self._segment_bytes)
                path.unlink()
            elif path.suffix == PARTIAL and len(path.stem) == 24:
                size = min(written - segment_begin(path.stem, self._segment_bytes), self._segment_bytes)
                if size > 0:
                    self._seal_segment(path, path.stem, size)
        for name, path in self.grown():
            self._seal_grown(name, path)

    def _seal_history(self, path: Path) -> None:
        sealed = self.medium.segment(path.name)
        if not sealed.is_finished:
            sealed.append(path.read_bytes()[sealed.plain :], last=True)
        path.unlink()

    def _seal_segment(self, path: Path, name: str, size: int) -> None:
        sealed = self._open.pop(name, None) or self.medium.segment(name)
        if not sealed.is_finished:
            self._look_for_gap(name, sealed.chunks)
            with path.open("rb") as source:
                before = sealed.last_chunk()
                source.seek(sealed.plain - len(before))
                if source.read(len(before)) != before:
                    raise Unavailable("database.backups.other-log", segment=name)
                more = source.read(size - sealed.plain) if size > sealed.plain else b""
            whole = sealed.plain + len(more) == self._segment_bytes
            if more or whole:
                sealed.append(more, last=whole)
            if not whole:
                self._open[name] = sealed
        self._sealed = segment_begin(name, self._segment_bytes) + sealed.plain
        self._timeline = int(name[:8], 16)

    def _look_for_gap(self, name: str, chunks: int) -> None:
        """Notes where a new segment does not follow one that is on the medium."""
        if chunks:
            return
        known = [one for one in self.medium.segments() if len(one) == 24 and one != name]
        before = segment_begin(name, self._segment_bytes) - self._segment_bytes
        follows = {before, before + self._segment_bytes}
        if known and not follows & {segment_begin(one, self._segment_bytes) for one in known}:
            self.state.gap = True

    def _seal_grown(self, name: str, path: Path) -> None:
        """Seals the whole lines that have come. A file that was changed is told, and holds up nothing else."""
        sealed = self._open.pop(name, None) or self.medium.grown(name)
        with path.open("rb") as source:
            before = sealed.last_chunk()
            source.seek(sealed.plain - len(before))
            if source.read(len(before)) != before:
                self.state.changed = name
                return
            more = source.read()
        more = more[: more.rfind(b"\n") + 1]
        if more:
            sealed.append(more)
        self._open[name] = sealed

    def _tell(self, instant: datetime, reached: Reached) -> None:
        told = Progress(
            instant=instant, lsn=lsn_text(self._sealed), timeline=self._timeline, system=self._system, reached=reached
        )
        self.medium.tell(told)
