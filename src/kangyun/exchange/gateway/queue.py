"""The queue on disk: deliveries until the centre has kept them, and how far each place has been read. One SQLite file.

A delivery is written in the same transaction that moves the position of what it was read from, so that a stop at any
instant neither loses a row nor sends one twice. What is sealed in it is: contents, and whose rows they are. One
connection a thread; SQLite keeps the writers apart.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from kangyun.base import clock
from kangyun.base.crypto.sealing import Sealer
from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.configuration import Disk
from kangyun.exchange.protocol import Delivery, FeedState, pack

FILE = "queue.db"
REMEMBERED = timedelta(days=30)
"""How long a delivery that was answered is remembered, should the centre have to be given it again."""
_BUSY = 60  # seconds
_SPARE_PAGES, _PAGES_AT_ONCE = 16_384, 2_048
"""Of 4 KiB: what the file keeps for what comes next, and what it gives back at once."""


class Full(PlatformError):
    """The queue has what it may have of the disk: nothing more is read until something was sent."""

    code = "transient"
    default_text = "exchange.gateway.no-room"


class Unnumbered(PlatformError):
    """The centre has not said yet which number comes next."""

    code = "transient"
    default_text = "exchange.gateway.unnumbered"


class SetBack(Exception):
    """A place was set back while it was read, so that it is to be read again from where it stands now."""


class Stopped(NamedTuple):
    """Why a place is not read: a text id with its parameters."""

    text: str
    parameters: dict[str, str | int]


class Place(NamedTuple):
    """How a place stands. value: how far it was read. stopped: why it is not read, None where it goes on.

    since: from where on it is known which rows were sent: nothing before it is read.
    """

    value: str
    since: str
    columns: Sequence[str]
    stopped: Stopped | None
    taken: int
    read: str


class Waiting(NamedTuple):
    """A delivery that waits."""

    number: int
    place: str
    rows: int
    content: bytes
    digest: str


class Kept(NamedTuple):
    """A delivery that the centre has kept, and whose rows it was."""

    place: str
    rows: int
    about: dict[str, Any]


@dataclass(slots=True)
class Batch:
    """What becomes one delivery.

    about: what is needed when it is answered. value: the place's position with it. seen: rows that must not be sent
    again, with their values. held: where the place stood for who read this, None where it does not matter.
    """

    feed: str
    place: str
    delivery: Delivery
    rows: int
    about: dict[str, Any]
    value: str = ""
    seen: Sequence[tuple[bytes, str]] = field(default_factory=list)
    held: str | None = None


class Queue:
    """The queue of one gateway, as one thread has it."""

    def __init__(self, folder: Path, sealer: Sealer, disk: Disk) -> None:
        self._folder, self._sealer, self._disk = folder, sealer, disk
        self._db = sqlite3.connect(folder / FILE, timeout=_BUSY, isolation_level=None)
        self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there is any table
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA cache_size = -2000")
        self._db.executescript(files(__package__).joinpath("queue.sql").read_text("utf-8"))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._undo()
            if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                raise Full from None
            raise
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # Feeds

    def feed(self, feed: str) -> sqlite3.Row | None:
        """Returns next, answered, state, rate and said of a feed, None before the centre has said anything of it."""
        row: sqlite3.Row | None = self._db.execute(
            "SELECT next, answered, state, rate, said FROM feed WHERE feed = ?", (feed,)
        ).fetchone()
        return row

    def begin(self, feed: str, number: int = 1) -> None:
        """Lets a feed begin by itself, where no centre can be asked."""
        with self._writing() as db:
            db.execute("INSERT INTO feed (feed, next) VALUES (?, ?) ON CONFLICT DO NOTHING", (feed, number))

    def meet(self, told: FeedState, places: Sequence[str] = (), *, conflict: bool = False) -> int:
        """Takes in how a feed stands at the centre, which says the first number of a new one. Returns the shift.

        places: of the feed; once what comes is stored, they begin again if anything of it was only judged. Where the
        centre has more than was sent, this queue was lost or is an old copy: what waits gets the numbers that come next
        there. Where it has less, the centre is an old copy: what it lost is read again. 0: nothing to do.
        """
        with self._writing() as db:
            self._begin_what_was_tried(db, told, places)
            said = json.dumps([told.title, told.why])
            db.execute(
                "INSERT INTO feed (feed, next, answered, state, rate, said) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (feed) DO UPDATE SET state = excluded.state, rate = excluded.rate, said = excluded.said",
                (told.feed, told.next, told.next - 1, told.state, told.rate, said),
            )
            ours, first = self._numbers(db, told.feed)
            shift = told.next - first
            if shift > 0 and first < ours and not conflict:
                return 0  # The answer was lost on the way, or this is an old copy: the centre knows what it has.
            if shift < 0:
                self._read_again(db, told.feed, told.next, first)
            if shift:
                self._renumber(db, told.feed, first, shift)
            return shift

    def _numbers(self, db: sqlite3.Connection, feed: str) -> tuple[int, int]:
        """Returns the number that is given next, and the first that waits, the same where none does."""
        (ours,) = db.execute("SELECT next FROM feed WHERE feed = ?", (feed,)).fetchone()
        (first,) = db.execute(
            "SELECT min(number) FROM delivery WHERE feed = ? AND content IS NOT NULL", (feed,)
        ).fetchone()
        return ours, ours if first is None else first

    def begin_again(self, places: Sequence[str]) -> None:
        """Lets places be read from their start."""
        with self._writing() as db:
            self._begin_again(db, places)

    def _begin_again(self, db: sqlite3.Connection, places: Sequence[str]) -> None:
        for place in places:
            db.execute("UPDATE place SET value = '', since = '' WHERE place = ?", (place,))
            db.execute("DELETE FROM seen WHERE place = ?", (place,))

    def _begin_what_was_tried(self, db: sqlite3.Connection, told: FeedState, places: Sequence[str]) -> None:
        """Notes that what is sent is only judged (联调), however long; ends that once it is stored."""
        before = db.execute("SELECT state FROM feed WHERE feed = ?", (told.feed,)).fetchone()
        if "testing" in (told.state, before and before[0]):
            db.execute("INSERT INTO tested VALUES (?) ON CONFLICT DO NOTHING", (told.feed,))
        if told.state in ("trial", "live") and db.execute("DELETE FROM tested WHERE feed = ?", (told.feed,)).rowcount:
            self._begin_again(db, places)

    def _read_again(self, db: sqlite3.Connection, feed: str, since: int, before: int) -> None:
        lost = db.execute(
            "SELECT place, before, number FROM delivery WHERE feed = ? AND number >= ? AND number < ?"
            " ORDER BY number DESC",
            (feed, since, before),
        ).fetchall()
        for place, value, _ in lost:
            again = "" if value == "read" else value  # a middle table's rows are marked: from its start
            db.execute("UPDATE place SET value = ?, since = '' WHERE place = ?", (again, place))
            db.execute("DELETE FROM seen WHERE place = ? AND at >= ? AND at < ?", (place, since, before))
        db.execute("DELETE FROM delivery WHERE feed = ? AND number >= ? AND content IS NULL", (feed, since))

    def _renumber(self, db: sqlite3.Connection, feed: str, first: int, shift: int) -> None:
        if shift > 0:
            # Remembered deliveries keep their numbers only below where we stand; what is above is not ours.
            db.execute("DELETE FROM delivery WHERE feed = ? AND number >= ? AND content IS NULL", (feed, first))
        waiting = db.execute(
            "SELECT number FROM delivery WHERE feed = ? AND number >= ? ORDER BY number", (feed, first)
        ).fetchall()
        for (number,) in reversed(waiting) if shift > 0 else waiting:
            db.execute(
                "UPDATE delivery SET number = ?, fate = '' WHERE feed = ? AND number = ?",
                (number + shift, feed, number),
            )
        places = "SELECT DISTINCT place FROM delivery WHERE feed = ? AND number >= ?"
        db.execute(
            f"UPDATE seen SET at = at + ? WHERE at >= ? AND place IN ({places})",
            (shift, first, feed, first + min(shift, 0)),
        )
        db.execute(
            "UPDATE feed SET next = next + ?, answered = min(answered, ?) WHERE feed = ?",
            (shift, first + shift - 1, feed),
        )

    # Places

    def place(self, place: str) -> Place:
        """Returns how a place stands, one that was never read with empty members."""
        row = self._db.execute(
            "SELECT value, since, columns, stopped, taken, read FROM place WHERE place = ?", (place,)
        ).fetchone()
        if row is None:
            return Place("", "", (), None, 0, "")
        value, since, columns, stopped, taken, read = row
        why = Stopped(*json.loads(stopped)) if stopped else None
        return Place(value, since, json.loads(columns) if columns else (), why, taken, read)

    def know(self, place: str, columns: Sequence[str], value: str = "") -> None:
        """Writes down which columns a place has, and lets it go on; value: from where, if it was never read."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO place (place, value, columns) VALUES (?, ?, ?)"
                " ON CONFLICT (place) DO UPDATE SET columns = excluded.columns, stopped = ''",
                (place, value, json.dumps(columns)),
            )

    def stop(self, place: str, text: str, **parameters: str | int) -> None:
        """Lets nothing more be read of a place until `know`."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO place (place, stopped) VALUES (?, ?)"
                " ON CONFLICT (place) DO UPDATE SET stopped = excluded.stopped",
                (place, json.dumps([text, parameters])),
            )

    def accept(self, place: str) -> None:
        """Lets a stopped place go on, with the columns that it has then."""
        with self._writing() as db:
            db.execute("UPDATE place SET columns = '', stopped = '' WHERE place = ?", (place,))

    def was_seen(self, place: str, digests: Sequence[bytes]) -> set[bytes]:
        """Returns which of these rows were sent already."""
        found: set[bytes] = set()
        for start in range(0, len(digests), 500):
            some = digests[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT digest FROM seen WHERE place = ? AND digest IN ({marks})", (place, *some))
            found.update(digest for (digest,) in rows)
        return found

    def passed(self, place: str, value: str, oldest: str, held: str) -> None:
        """Moves the position without a delivery, and forgets rows that no reading comes to any more.

        held: where the place stood for who read it. Raises SetBack.
        """
        with self._writing() as db:
            self._check_held(db, place, held)
            db.execute(
                "INSERT INTO place (place, value, since, read) VALUES (?, ?, ?, ?) ON CONFLICT (place) DO UPDATE"
                " SET value = excluded.value, since = max(since, excluded.since), read = excluded.read",
                (place, value, oldest, clock.now().isoformat()),
            )
            db.execute("DELETE FROM seen WHERE place = ? AND value < ?", (place, oldest))

    def _check_held(self, db: sqlite3.Connection, place: str, held: str | None) -> str:
        row = db.execute("SELECT value FROM place WHERE place = ?", (place,)).fetchone()
        value: str = row[0] if row else ""
        if held is not None and value != held:
            raise SetBack
        return value

    # Deliveries

    def put(
        self, *batches: Batch, file: tuple[str, str] | None = None, asked: tuple[str, int, bytes] | None = None
    ) -> None:
        """Queues deliveries, all or none. Raises Full, Unnumbered, SetBack.

        file: name and digest of the one that they are all the pieces of. asked: feed, id and answer of what the centre
        asked for and is hereby done.
        """
        self.check_room()
        packed = [pack(batch.delivery) for batch in batches]
        sealed = [(self._seal(content), digest) for content, digest in packed]
        with self._writing() as db:
            for batch, (content, digest) in zip(batches, sealed, strict=True):
                self._insert(db, batch, content, digest)
            if file is not None:
                name, digest = file
                db.execute("INSERT INTO file VALUES (?, ?, ?, ?, 0, 0)", (batches[0].place, name, digest, len(batches)))
            if asked is not None:
                feed, id_, answer = asked
                db.execute("UPDATE asked SET answer = ? WHERE feed = ? AND id = ?", (self._seal(answer), feed, id_))

    def _insert(self, db: sqlite3.Connection, batch: Batch, content: bytes, digest: str) -> None:
        row = db.execute("UPDATE feed SET next = next + 1 WHERE feed = ? RETURNING next - 1", (batch.feed,)).fetchone()
        if row is None:
            raise Unnumbered(feed=batch.feed)
        before = self._check_held(db, batch.place, batch.held)
        about = self._seal(json.dumps(batch.about, ensure_ascii=False).encode())
        now = clock.now().isoformat()
        db.execute(
            "INSERT INTO delivery (feed, number, place, before, rows, size, digest, made, about, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (batch.feed, row[0], batch.place, before, batch.rows, len(content), digest, now, about,
             content),
        )  # fmt: skip
        db.execute(
            "INSERT INTO place (place, value, taken, read) VALUES (?, ?, ?, ?) ON CONFLICT (place) DO UPDATE SET"
            " value = iif(excluded.value = '', value, excluded.value), taken = taken + excluded.taken,"
            " read = excluded.read",
            (batch.place, batch.value, batch.rows, now),
        )
        db.executemany(
            "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            ((batch.place, digest, value, row[0]) for digest, value in batch.seen),
        )

    def check_room(self) -> None:
        """Raises Full where nothing more may be queued."""
        waiting = sum(size for _, size, _ in self.waiting().values())
        free = shutil.disk_usage(self._folder).free
        if waiting >= self._disk.queue_mb << 20:
            raise Full("exchange.gateway.full", waiting=waiting >> 20, most=self._disk.queue_mb)
        if free < self._disk.free_mb << 20:
            raise Full("exchange.gateway.disk-full", free=free >> 20, least=self._disk.free_mb)

    def waiting(self) -> dict[str, tuple[int, int, int]]:
        """Returns how much waits, by feed: deliveries, bytes, rows."""
        rows = self._db.execute(
            "SELECT feed, count(*), sum(size), sum(rows) FROM delivery INDEXED BY delivery_waiting"
            " WHERE content IS NOT NULL GROUP BY feed"
        )
        return {feed: (count, size, lines) for feed, count, size, lines in rows}

    def first(self, feed: str) -> Waiting | None:
        """Returns the delivery of a feed that is to be sent next."""
        row = self._db.execute(
            "SELECT number, place, rows, content, digest FROM delivery WHERE feed = ? AND content IS NOT NULL"
            " ORDER BY number LIMIT 1", (feed,),
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        number, place, rows, content, digest = row
        return Waiting(number, place, rows, self._sealer.open(content, _CONTENT), digest)

    def kept(self, feed: str, number: int) -> None:
        """Drops the content of a delivery that the centre has kept."""
        with self._writing() as db:
            db.execute(
                "UPDATE delivery SET content = NULL, size = 0, fate = 'kept' WHERE feed = ? AND number = ?",
                (feed, number),
            )
        # After an outage of days the disk gets its room back, a little with each delivery.
        if self._db.execute("PRAGMA freelist_count").fetchone()[0] > _SPARE_PAGES:
            self._db.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()

    def kept_one(self, feed: str, number: int) -> Kept | None:
        """Returns a delivery that was kept, None where it is not remembered."""
        row = self._db.execute(
            "SELECT place, rows, about FROM delivery WHERE feed = ? AND number = ?", (feed, number)
        ).fetchone()
        if row is None:
            return None
        place, rows, about = row
        return Kept(place, rows, {} if about is None else json.loads(self._sealer.open(about, _CONTENT)))

    def answered(
        self, feed: str, number: int, fate: str, verdicts: Sequence[tuple[str, str, bytes, str, str, str]], aside: int,
        file: tuple[str, str, str] | None = None,
    ) -> None:  # fmt: skip
        """Writes down what became of a delivery, and what is written back: place, row, digest, flag, code, text."""
        with self._writing() as db:
            fresh = db.execute(
                "UPDATE feed SET answered = ? WHERE feed = ? AND answered < ?", (number, feed, number)
            ).rowcount
            db.execute("UPDATE delivery SET fate = ?, about = NULL WHERE feed = ? AND number = ?", (fate, feed, number))
            db.executemany("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?)", verdicts)
            if file is not None and fresh:
                db.execute(
                    "UPDATE file SET answered = answered + 1, aside = aside + ?"
                    " WHERE place = ? AND name = ? AND digest = ?", (aside, *file),
                )  # fmt: skip
            oldest = (clock.now() - REMEMBERED).isoformat()
            db.execute("DELETE FROM delivery WHERE feed = ? AND made < ? AND about IS NULL", (feed, oldest))

    # What is written back, and files

    def verdicts(self, place: str, most: int) -> list[tuple[str, bytes, str, str, str]]:
        """Returns what is to be written back into a place: row, digest, flag, code, text."""
        return self._db.execute(
            "SELECT row, digest, flag, code, text FROM verdict WHERE place = ? LIMIT ?", (place, most)
        ).fetchall()

    def newest(self, place: str, rows: Sequence[str]) -> dict[str, bytes]:
        """Returns the digest of what was queued last of rows of a middle table, by row."""
        found: dict[str, bytes] = {}
        for row in rows:
            for (digest,) in self._db.execute(
                "SELECT digest FROM seen WHERE place = ? AND value = ? ORDER BY at", (place, row)
            ):
                found[row] = digest
        return found

    def written_back(self, place: str, rows: Sequence[tuple[str, bytes]]) -> None:
        """Drops what was written back, and knows the rows no more, so that they may come again."""
        with self._writing() as db:
            db.executemany(
                "DELETE FROM verdict WHERE place = ? AND row = ? AND digest = ?",
                ((place, row, digest) for row, digest in rows),
            )
            db.executemany("DELETE FROM seen WHERE place = ? AND digest = ?", ((place, digest) for _, digest in rows))

    def file(self, place: str, name: str, digest: str) -> tuple[int, int, int] | None:
        """Returns pieces, answered and kept-aside rows of a file, None where it is not known."""
        row: tuple[int, int, int] | None = self._db.execute(
            "SELECT pieces, answered, aside FROM file WHERE place = ? AND name = ? AND digest = ?",
            (place, name, digest),
        ).fetchone()
        return row

    def files(self, place: str) -> list[tuple[str, str, int, int, int]]:
        """Returns the files of a folder that are on their way: name, digest, pieces, answered, rows kept aside."""
        return self._db.execute(
            "SELECT name, digest, pieces, answered, aside FROM file WHERE place = ?", (place,)
        ).fetchall()

    def finished(self, place: str, name: str, digest: str) -> None:
        """Drops a file that was put away."""
        with self._writing() as db:
            db.execute("DELETE FROM file WHERE place = ? AND name = ? AND digest = ?", (place, name, digest))

    # What the centre asks

    def ask(self, feed: str, id_: int, asked: bytes) -> None:
        """Writes down what the centre asks, once."""
        with self._writing() as db:
            db.execute("INSERT INTO asked VALUES (?, ?, ?, NULL) ON CONFLICT DO NOTHING", (feed, id_, asked.decode()))

    def asked(self, feed: str, done: bool) -> list[tuple[int, bytes, bytes]]:
        """Returns what was asked and is done, or is not: id, question, answer."""
        rows = self._db.execute(
            "SELECT id, asked, answer FROM asked WHERE feed = ? AND (answer IS NOT NULL) = ?", (feed, done)
        )
        return [
            (id_, asked.encode(), self._sealer.open(answer, _CONTENT) if answer else b"") for id_, asked, answer in rows
        ]

    def done(self, feed: str, id_: int, answer: bytes) -> None:
        """Writes down the answer to what was asked."""
        with self._writing() as db:
            db.execute("UPDATE asked SET answer = ? WHERE feed = ? AND id = ?", (self._seal(answer), feed, id_))

    def told(self, feed: str, id_: int) -> None:
        """Drops what the centre knows to be done."""
        with self._writing() as db:
            db.execute("DELETE FROM asked WHERE feed = ? AND id = ?", (feed, id_))

    def count(self, place: str, day: str, told: str) -> None:
        """Writes down what the hospital counts of a place and day; the centre is told where that is news."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO counted VALUES (?, ?, ?, 0) ON CONFLICT (place, day) DO UPDATE"
                " SET told = excluded.told, known = 0 WHERE told <> excluded.told",
                (place, day, told),
            )

    def counted(self, places: Sequence[str]) -> list[tuple[str, str, str]]:
        """Returns the counts that the centre was not told: place, day, and what."""
        marks = ",".join("?" * len(places))
        return self._db.execute(
            f"SELECT place, day, told FROM counted WHERE known = 0 AND place IN ({marks}) LIMIT 1000", tuple(places)
        ).fetchall()

    def known(self, counts: Sequence[tuple[str, str, str]]) -> None:
        """Notes that the centre was told."""
        with self._writing() as db:
            db.executemany("UPDATE counted SET known = 1 WHERE place = ? AND day = ? AND told = ?", counts)

    def _seal(self, plain: bytes) -> bytes:
        return self._sealer.seal(plain, _CONTENT)


_CONTENT = b"queue"
