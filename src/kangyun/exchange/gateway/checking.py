"""连接测试 (`gateway check`): each thing that must be right, tried in turn, and what is wrong with it in words."""

import contextlib
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.beside import columns_of
from kangyun.exchange.gateway.configuration import Centre, Configuration, Source, Table
from kangyun.exchange.gateway.keys import client_key, passwords, sealer
from kangyun.exchange.gateway.line import Line, LineFailed, skew
from kangyun.exchange.gateway.middle import OURS
from kangyun.exchange.gateway.sources.dialects import dialect
from kangyun.exchange.gateway.sources.opening import Session, SourceFailed, open_session
from kangyun.exchange.gateway.trying import understood
from kangyun.exchange.protocol import PATH, FeedState

TEXTS = "exchange.gateway."
BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that shows less is wrong: this program is younger."""
MOST_SKEW = 60  # seconds
SLOW = 5.0  # seconds of a first page: the column has no index
_ROWS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What a trial came to: whether it is well, and the text that says so or what is wrong."""

    what: str
    well: bool
    text: str
    parameters: dict[str, Any] = field(default_factory=dict)


def check(folder: Path, configuration: Configuration) -> Iterator[Found]:
    """Yields what is well and what is wrong, in the order in which one needs the other."""
    yield _machine(folder, configuration)
    if not configuration.diode.folder:
        yield from _centre(folder, configuration)
    configuration = governed(folder, configuration)
    known = passwords(folder)
    for source in configuration.sources:
        yield from _source(source, known.get(source.name, ""), configuration)
    for one in configuration.folders:
        yield _tried(one.folder, partial(_folder, Path(one.folder)))


def _tried(what: str, does: Callable[[], tuple[str, dict[str, Any]]]) -> Found:
    try:
        text, parameters = does()
        return Found(what, True, TEXTS + text, parameters)
    except PlatformError as error:
        issue = error.issues[0]
        return Found(what, False, issue.text, issue.parameters)


def _machine(folder: Path, configuration: Configuration) -> Found:
    def does() -> tuple[str, dict[str, Any]]:
        if datetime.now(UTC) < BUILT:
            raise LineFailed(TEXTS + "cause-clock", seconds=0)
        free = shutil.disk_usage(folder).free >> 20
        if free < configuration.disk.free_mb:
            raise LineFailed(TEXTS + "disk-full", free=free, least=configuration.disk.free_mb)
        try:
            sealer(folder)
            with contextlib.closing(sqlite3.connect(folder / "queue.db", timeout=5)) as db:
                db.execute("PRAGMA user_version")
        except (OSError, sqlite3.Error):
            raise LineFailed(TEXTS + "folder", what=str(folder)) from None
        return "well-machine", {"free": free}

    return _tried(str(folder), does)


def _centre(folder: Path, configuration: Configuration) -> Iterator[Found]:
    centre = configuration.centre
    try:
        line = Line(centre, client_key(folder), folder, passwords(folder).get("proxy", ""))
    except PlatformError as error:
        yield Found(centre.url, False, error.issues[0].text, error.issues[0].parameters)
        return
    with contextlib.closing(line):

        def reached() -> tuple[str, dict[str, Any]]:
            answer = line.plain("GET", "/oauth/jwks")
            ahead = round(skew(answer))
            if abs(ahead) > MOST_SKEW:
                raise LineFailed(TEXTS + "cause-clock", seconds=ahead)
            return "well-line" if centre.url.startswith("https") else "well-line-open", {"seconds": ahead}

        found = _tried(centre.url, reached)
        yield found
        if not found.well:
            return

        def known() -> tuple[str, dict[str, Any]]:
            line.token()
            return "well-client", {}

        found = _tried(centre.client, known)
        yield found
        if not found.well:
            return
        yield from (_tried(feed, partial(_feed, line, feed)) for feed in configuration.feeds)


def feeds_of(folder: Path, centre: Centre) -> list[FeedState]:
    """Returns the feeds that the centre has for us. Raises LineFailed, saying why it does not say."""
    line = Line(centre, client_key(folder), folder, passwords(folder).get("proxy", ""))
    with contextlib.closing(line):
        answer = line.ask("GET", PATH)
    try:
        return msgspec.json.decode(answer.body, type=list[FeedState])
    except msgspec.DecodeError:
        raise LineFailed(TEXTS + "cause-no-platform", status=answer.status) from None


def governed(folder: Path, configuration: Configuration) -> Configuration:
    """Returns what was told with the dialects that are agreed with the centre, by which it reads the rows.

    What the columns look like may be another's. As it was told where the centre cannot be asked.
    """
    if configuration.diode.folder:
        return configuration
    try:
        agreed = {state.feed: state.dialect for state in feeds_of(folder, configuration.centre) if state.dialect}
    except LineFailed:
        return configuration
    tables, folders = (
        [msgspec.structs.replace(one, dialect=agreed.get(one.feed, one.dialect)) for one in some]
        for some in (configuration.tables, configuration.folders)
    )
    return msgspec.structs.replace(configuration, tables=tables, folders=folders)


def _feed(line: Line, feed: str) -> tuple[str, dict[str, Any]]:
    answer = line.ask("GET", f"{PATH}/{feed}")
    if answer.status != 200:
        raise LineFailed(
            TEXTS + ("cause-feed" if answer.status in (403, 404) else "cause-centre"), status=answer.status
        )
    try:
        state = msgspec.json.decode(answer.body, type=FeedState)
    except msgspec.DecodeError:
        raise LineFailed(TEXTS + "cause-no-platform", status=answer.status) from None
    return f"well-feed-{state.state}", {"title": state.title, "why": state.why}


def _source(source: Source, password: str, configuration: Configuration) -> Iterator[Found]:
    sessions: list[Session] = []

    def opened() -> tuple[str, dict[str, Any]]:
        _reach(source)
        sessions.append(open_session(source, password))
        return "well-source", {"kind": dialect(source.kind).title}

    try:
        found = _tried(source.name, opened)
        yield found
        if found.well:
            for table in configuration.tables:
                if table.source == source.name:
                    yield _tried(table.place, partial(_table, sessions[0], table))
    finally:
        for session in sessions:
            session.close()


def _reach(source: Source) -> None:
    """Tries the address itself, so that a driver's own words for it need not be known. Raises SourceFailed."""
    port = source.port or dialect(source.kind).port
    if not source.host or source.host.startswith("/") or not port:
        return
    try:
        socket.create_connection((source.host, port), timeout=10).close()
    except socket.gaierror:
        raise SourceFailed(TEXTS + "cause-name", what=source.host, number="-") from None
    except ConnectionRefusedError:
        raise SourceFailed(TEXTS + "cause-port", what=f"{source.host}:{port}", number="-") from None
    except OSError:
        raise SourceFailed(TEXTS + "cause-timeout", what=f"{source.host}:{port}", number="-") from None


def _table(session: Session, table: Table) -> tuple[str, dict[str, Any]]:
    columns = columns_of(session, table)
    wanted = [table.column, *table.key, table.business, *table.sums, *(OURS if table.by == "flag" else ())]
    missing = [name for name in wanted if name and name not in columns.names]
    if missing:
        raise SourceFailed(TEXTS + "column-missing", columns="、".join(missing))
    began = time.monotonic()
    rows = [cells for _, cells in session.rows(table.table, columns, order=table.column, most=_ROWS)]
    seconds = time.monotonic() - began
    if any(cell and "\ufffd" in cell for row in rows for cell in row):
        raise SourceFailed(TEXTS + "cause-charset", what="", number="-")
    mapping, region = understood(table, [name for name in columns.names if table.by != "flag" or name not in OURS])
    text = "well-table-slow" if seconds > SLOW else "well-table"
    return text, {"title": mapping.title, "dialect": region, "rows": len(rows), "seconds": round(seconds)}


def _folder(path: Path) -> tuple[str, dict[str, Any]]:
    trial = path / ".kangyun"
    try:
        trial.write_bytes(b"")
        trial.unlink()
    except OSError:
        raise SourceFailed(TEXTS + "folder", what=str(path)) from None
    return "well-folder", {}
