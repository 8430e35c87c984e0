"""`gateway run`: a thread for each source, one for the folders, one for the line; the queue is all they share.

What goes wrong with one table, source or folder is told in `status.json` and tried again; the others go on. A stop
waits for the page that is being read, and loses nothing where it does not.
"""

import contextlib
import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kangyun.base import clock
from kangyun.base.errors import PlatformError
from kangyun.base.texts import say
from kangyun.exchange.gateway import configuration as told
from kangyun.exchange.gateway.answering import Answering
from kangyun.exchange.gateway.batches import write
from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.configuration import Configuration, Source, Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.dropping import Dropping
from kangyun.exchange.gateway.keys import client_key, passwords, sealer
from kangyun.exchange.gateway.line import Line
from kangyun.exchange.gateway.middle import Marking
from kangyun.exchange.gateway.pace import Closed, Pace, Stopping, beijing
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.gateway.sending import Sending
from kangyun.exchange.gateway.sources.opening import Session, open_session

STATUS, LOCK = "status.json", "run.lock"
TOLD = 5.0  # seconds between two writings of the status
IDLE = 2.0
LONGEST_PAUSE = 300.0
COUNT_HOUR = 1
"""Hour of the night from which the day before is counted."""
_log = logging.getLogger(__name__)


class AlreadyRunning(PlatformError):
    """Another gateway runs in this folder."""

    code = "conflict"
    default_text = "exchange.gateway.already-running"


@dataclass(slots=True)
class Faults:
    """What goes wrong now, by place. Shared by the threads."""

    _found: dict[str, tuple[str, dict[str, Any], str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, place: str, error: PlatformError) -> None:
        """Takes down what goes wrong at a place; a line of the log says when it began."""
        issue = error.issues[0]
        with self._lock:
            before = self._found.get(place)
            if before is None or before[0] != issue.text:
                # Who reads the log reads words; the key stands beside them for who searches it.
                told = {"place": place, "text": issue.text, "said": say(issue.text, "zh", issue.parameters)}
                _log.warning("fault", extra={"fields": told | dict(issue.parameters)})
                self._found[place] = (issue.text, issue.parameters, clock.now().isoformat())

    def over(self, place: str) -> None:
        """Takes down that a place is well again."""
        with self._lock:
            if self._found.pop(place, None):
                _log.info("well again", extra={"fields": {"place": place}})

    def all(self) -> dict[str, tuple[str, dict[str, Any], str]]:
        with self._lock:
            return dict(self._found)


class Gateway:
    """All that runs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration: Configuration = told.read(folder)
        self.stop = threading.Event()
        self.faults = Faults()
        self._sealer = sealer(folder)
        self._passwords: Mapping[str, str] = passwords(folder)

    def run(self) -> None:
        """Runs until `stop` is set. Raises AlreadyRunning."""
        with only_one(self.folder):
            self._open_queue().close()
            works: list[tuple[str, Callable[[], None]]] = [
                (source.name, partial(self._source, source)) for source in self.configuration.sources
            ]
            works += [("folders", self._folders), ("line", self._diode if self._is_diode else self._line)]
            threads = [threading.Thread(target=self._work, args=work, name=work[0]) for work in works]
            _log.info("started", extra={"fields": {"feeds": len(self.configuration.feeds)}})
            for thread in threads:
                thread.start()
            self._tell()
            while not self.stop.wait(TOLD):
                self._tell()
            for thread in threads:
                thread.join()
            self._tell(running=False)
            _log.info("stopped")

    @property
    def _is_diode(self) -> bool:
        return bool(self.configuration.diode.folder)

    def _open_queue(self) -> Queue:
        return Queue(self.folder, self._sealer, self.configuration.disk)

    def _work(self, name: str, work: Callable[[], None]) -> None:
        """Runs a thread's work, again after what nobody foresaw: that is told by type and place only."""
        while not self.stop.is_set():
            try:
                work()
            except (Stopping, Closed):
                continue
            except Exception as error:
                _log.error("unexpected", exc_info=error)
                self.faults.at(name, PlatformError("exchange.gateway.unexpected", what=type(error).__name__))
                self.stop.wait(60)

    # Sources

    def _source(self, source: Source) -> None:
        pace = Pace(self.stop, source.rate, source.window)
        tables = [table for table in self.configuration.tables if table.source == source.name]
        with contextlib.closing(self._open_queue()) as queue:
            readings = [_Reading(queue, table, pace) for table in tables]
            while not self.stop.is_set():
                due = [reading for reading in readings if reading.is_due]
                if due and pace.is_open:
                    self._read(source, due)
                self.stop.wait(IDLE)

    def _read(self, source: Source, due: list["_Reading"]) -> None:
        with contextlib.ExitStack() as stack:
            try:
                sessions = _Sessions(source, self._passwords.get(source.name, ""), stack)
                sessions.of(due[0].table)
            except PlatformError as error:
                self.faults.at(source.name, error)
                for reading in due:
                    reading.later(failed=True)
                return
            self.faults.over(source.name)
            for reading in due:
                try:
                    reading.round(sessions)
                    self.faults.over(reading.table.place)
                    self._unread(reading)
                except (Stopping, Closed):
                    raise
                except Exception as error:  # whatever it is, it is this table's
                    self._failed(reading, error)

    def _unread(self, reading: "_Reading") -> None:
        """Tells of rows that are never read: nobody else would."""
        column = reading.table.column
        place = f"{reading.table.place} {column}"
        if reading.unread:
            self.faults.at(place, PlatformError("exchange.gateway.unread", rows=reading.unread, column=column))
        else:
            self.faults.over(place)

    def _failed(self, reading: "_Reading", error: Exception) -> None:
        if not isinstance(error, PlatformError):
            _log.error("unexpected", exc_info=error)
            error = PlatformError("exchange.gateway.unexpected", what=type(error).__name__)
        self.faults.at(reading.table.place, error)
        reading.later(failed=True)

    # Folders

    def _folders(self) -> None:
        with contextlib.closing(self._open_queue()) as queue:
            looked = [Dropping(queue, folder, Pace(self.stop)) for folder in self.configuration.folders]
            while not self.stop.is_set():
                for one in looked:
                    try:
                        one.round()
                        self.faults.over(one.folder.place)
                    except PlatformError as error:
                        self.faults.at(one.folder.place, error)
                    except OSError as error:
                        self.faults.at(
                            one.folder.place, PlatformError("exchange.gateway.folder", what=type(error).__name__)
                        )
                self.stop.wait(IDLE)

    # The line

    def _line(self) -> None:
        key = client_key(self.folder)
        with contextlib.closing(self._open_queue()) as queue:
            line = Line(self.configuration.centre, key, self.folder, self._passwords.get("proxy", ""))
            with contextlib.closing(line):
                sending = Sending(self.configuration, queue, line, Answering(queue, self.folder), Pace(self.stop))
                failures = 0
                while not self.stop.is_set():
                    try:
                        sent = sending.step()
                        failures = 0
                        self.faults.over("line")
                        for feed in self.configuration.feeds:
                            if (fault := sending.refused.get(feed)) is not None:
                                self.faults.at(feed, fault)
                            else:
                                self.faults.over(feed)
                        if not sent:
                            self.stop.wait(IDLE)
                    except PlatformError as error:
                        self.faults.at("line", error)
                        failures += 1
                        self.stop.wait(pause(failures))

    def _diode(self) -> None:
        key = client_key(self.folder)
        target = Path(self.configuration.diode.folder)
        with contextlib.closing(self._open_queue()) as queue:
            for feed in self.configuration.feeds:
                queue.begin(feed)
            while not self.stop.is_set():
                written = 0
                try:
                    for feed in self.configuration.feeds:
                        waiting = queue.first(feed)
                        if waiting is not None:
                            write(target, feed, waiting, key)
                            queue.kept(feed, waiting.number)
                            written += 1
                    self.faults.over("line")
                except OSError as error:
                    self.faults.at("line", PlatformError("exchange.gateway.folder", what=type(error).__name__))
                if not written:
                    self.stop.wait(IDLE)

    def _tell(self, *, running: bool = True) -> None:
        """Writes what `gateway status` shows beside what the queue says."""
        told_ = {
            "running": running, "process": os.getpid(), "at": clock.now().isoformat(),
            "faults": {place: list(fault) for place, fault in self.faults.all().items()},
        }  # fmt: skip
        fresh = self.folder / f"{STATUS}.new"
        with contextlib.suppress(OSError):  # a full disk must not end the gateway
            fresh.write_text(json.dumps(told_, ensure_ascii=False), "utf-8")
            os.replace(fresh, self.folder / STATUS)


class _Sessions:
    """The connections of one source while its tables are read: one that reads, and one that writes back if needed."""

    def __init__(self, source: Source, password: str, stack: contextlib.ExitStack) -> None:
        self._source, self._password, self._stack = source, password, stack
        self._open: dict[bool, Session] = {}

    def of(self, table: Table) -> Session:
        """Returns a connection for a table. Raises SourceFailed."""
        writes = table.by == "flag"
        if writes not in self._open:
            session = open_session(self._source, self._password, writes=writes)
            self._stack.callback(session.close)
            self._open[writes] = session
        return self._open[writes]


class _Reading:
    """One table's turn. due: when it is read next, on the monotonic clock. unread: rows that are never read."""

    def __init__(self, queue: Queue, table: Table, pace: Pace) -> None:
        self.table, self.due, self._failures, self._queue = table, 0.0, 0, queue
        self._read = Marking(queue, table, pace) if table.by == "flag" else Collecting(queue, table, pace)
        self._counting = Counting(queue, table, pace)
        self._counted, self._stood = "", ""
        self._looked_at = frozenset[int]()
        self.unread = 0

    @property
    def is_due(self) -> bool:
        """Whether its time has come, or nothing stands against it and the centre wants something of it.

        That it begin again, since what was only judged is to be stored now; an answer; or one written back.
        """
        if self.due <= time.monotonic():
            return True
        if self._failures:
            return False
        if self._stood and not self._queue.place(self.table.place).value:
            return True
        if not self._looked_at.issuperset(self._counting.asked()):
            return True
        return isinstance(self._read, Marking) and bool(self._queue.verdicts(self.table.place, 1))

    def round(self, sessions: _Sessions) -> None:
        """Reads what is new, and does what there is to do besides. Raises PlatformError, Stopping, Closed."""
        session = sessions.of(self.table)
        self._read.round(session)
        self.later(failed=False)
        place = self._queue.place(self.table.place)
        self._stood = place.value
        # Also what cannot be answered was looked at: it is tried again when the table is read, and not before.
        self._looked_at = frozenset(self._counting.asked())
        if place.stopped:
            return
        self._counting.answer(session)
        now = beijing()
        if self._counted != f"{now:%Y%m%d}" and now.hour >= COUNT_HOUR:
            self.unread = self._counting.unread(session)
            self._counting.declare(session)
            self._counted = f"{now:%Y%m%d}"

    def later(self, *, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        self.due = time.monotonic() + (pause(self._failures) if failed else self.table.every * 60)


def pause(failures: int) -> float:
    """Returns how many seconds to wait after so many failures in a row: longer each time, and never as others do."""
    return min(LONGEST_PAUSE, 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.5)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the folder for this process. Raises AlreadyRunning. SQLite's lock is one that every system keeps."""
    # Who only looks whether it is held (`is_running`) has it for an instant.
    with contextlib.closing(sqlite3.connect(folder / LOCK, timeout=1, isolation_level=None)) as held:
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise AlreadyRunning from None
        yield


def is_running(folder: Path) -> bool:
    """Whether a gateway runs in a folder, whatever it said last: one that was killed says nothing more."""
    try:
        with only_one(folder):
            return False
    except AlreadyRunning:
        return True
