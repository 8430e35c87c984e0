"""The `gateway` command: `kangyun gateway` in an installation of the platform, `gateway` in the small one.

By the standard library alone, so that the small install has nothing beside it. Chinese, or English by KANGYUN_LANG=en.
"""

import argparse
import contextlib
import getpass
import json
import logging
import logging.handlers
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kangyun.base.errors import Invalid, PlatformError
from kangyun.base.logging import Formatter
from kangyun.base.texts import Language, say
from kangyun.exchange.gateway import configuration as told
from kangyun.exchange.gateway import ddl
from kangyun.exchange.gateway.asking import Asking
from kangyun.exchange.gateway.checking import check, governed
from kangyun.exchange.gateway.configuration import Configuration, Table
from kangyun.exchange.gateway.keys import PUBLIC, client_key, passwords, sealer
from kangyun.exchange.gateway.pace import BEIJING
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.gateway.running import STATUS, Gateway, is_running
from kangyun.exchange.gateway.sources.opening import open_session
from kangyun.exchange.gateway.trying import Tried, tried, tried_file
from kangyun.exchange.tables.recognition import tables

TEXTS = "exchange.gateway."
LOG_BYTES, LOG_FILES = 10 << 20, 5
_CELL = 40
TABLES = (".csv", ".txt", ".dbf", ".xlsx")
"""Files of a drop folder that `try` shows the rows of."""


def language() -> Language:
    """Returns the language of the terminal: KANGYUN_LANG, else Chinese."""
    return "en" if os.environ.get("KANGYUN_LANG", "zh").lower().startswith("en") else "zh"


def speak(text: str, **parameters: str | int) -> str:
    """Returns a text in the terminal's language; a bare key is one of this package."""
    return say(text if "." in text else TEXTS + text, language(), parameters)


def tell(text: str, **parameters: str | int) -> None:
    """Shows a text."""
    show(speak(text, **parameters))


def show(line: str) -> None:
    """Shows a line; a terminal that has no such character shows another."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. Returns the exit status: 0 all is well, 1 something is not."""
    given = _parser().parse_args(arguments)
    try:
        status: int = given.does(given)
        return status
    except PlatformError as error:
        for issue in error.issues:
            sys.stderr.write(speak(issue.text, **issue.parameters) + "\n")
        return 1
    except (KeyboardInterrupt, EOFError):
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description=speak("about"))
    parser.add_argument(
        "--folder", type=Path, default=Path(os.environ.get("KANGYUN_GATEWAY", ".")), help=speak("option-folder")
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, does: Any) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=speak(f"command-{name}"), description=speak(f"command-{name}"))
        made.set_defaults(does=does)
        return made

    command("init", _init).add_argument("--pairing", type=Path, help=speak("option-pairing"))
    command("add", _add)
    command("check", _check)
    trial = command("try", _try)
    trial.add_argument("table", nargs="?", default="", help=speak("option-table"))
    trial.add_argument("--rows", type=int, default=10, help=speak("option-rows"))
    script = command("ddl", _ddl)
    script.add_argument("--dialect", choices=ddl.dialects(), required=True, help=speak("option-dialect"))
    script.add_argument("--region", default="shanghai-hub-2026", help=speak("option-region"))
    script.add_argument("table", nargs="*", help=speak("option-tables"))
    command("run", _run)
    command("status", _status)
    command("accept", _accept).add_argument("table", help=speak("option-table"))
    command("again", _again).add_argument("table", help=speak("option-table"))
    command("service", _service).add_argument("--windows", action="store_true", default=os.name == "nt")
    return parser


def _asking(folder: Path) -> Asking:
    return Asking(folder, lambda text: input(f"{text} ").strip(), lambda text: getpass.getpass(f"{text} "), tell, speak)


def _init(given: Any) -> int:
    given.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (given.folder / told.FILE).exists():
        raise Invalid(TEXTS + "there-already", file=str(given.folder / told.FILE))
    path = told.write(given.folder, _asking(given.folder).begin(given.pairing))
    tell("init-done", file=str(path), public=str(given.folder / PUBLIC))
    return 0


def _add(given: Any) -> int:
    path = told.write(given.folder, _asking(given.folder).add(told.read(given.folder)))
    tell("init-done", file=str(path), public=str(given.folder / PUBLIC))
    return 0


def _check(given: Any) -> int:
    wrong = 0
    for found in check(given.folder, told.read(given.folder)):
        wrong += not found.well
        mark = speak("mark-well" if found.well else "mark-wrong")
        show(f"{mark} {found.what}  {speak(found.text, **found.parameters)}")
    tell("check-done", wrong=wrong)
    return 1 if wrong else 0


def _try(given: Any) -> int:
    configuration = governed(given.folder, told.read(given.folder))
    chosen = [_table(configuration, given.table)] if given.table else configuration.tables
    known = passwords(given.folder)
    aside = 0
    for table in chosen:
        source = configuration.source(table.source)
        with contextlib.closing(open_session(source, known.get(source.name, ""))) as session:
            rows = list(tried(session, table, given.rows))
        show(f"== {table.place} → {table.title} {table.dialect}")
        for one in rows:
            aside += one.is_aside
            _show_row(one)
        tell("try-done", rows=len(rows), aside=sum(one.is_aside for one in rows))
    for folder in () if given.table else configuration.folders:
        files = [file for file in sorted(Path(folder.folder).iterdir()) if file.suffix.lower() in TABLES]
        if not files:
            tell("try-empty", folder=folder.folder)
        for file in files:
            title, rows = tried_file(file, folder.dialect, folder.encoding, given.rows)
            show(f"== {file.name} → {title}")
            for one in rows:
                aside += one.is_aside
                _show_row(one)
            tell("try-done", rows=len(rows), aside=sum(one.is_aside for one in rows))
    return 1 if aside else 0


def _show_row(one: Tried) -> None:
    bad = {refusal.place.part for refusal in one.refusals if not refusal.taken}
    tell("try-row", row=one.number)
    show("  " + "  ".join(f"{'✗' if name in bad else ''}{name}={cell[:_CELL]}" for name, cell in one.cells if cell))
    for refusal in one.refusals:
        mark = speak("try-aside" if refusal.whole else "try-taken" if refusal.taken else "try-left-out")
        show(
            f"  {mark} {refusal.place.part or ''} 「{refusal.shown or ''}」 {speak(refusal.text, **refusal.parameters)}"
        )
    for resource in () if one.is_aside else one.made:
        show(f"  → {resource}")


def _ddl(given: Any) -> int:
    names = [name.upper() for name in given.table] or sorted(
        table for region, table in tables() if region == given.region
    )
    for name in names:
        show(ddl.script(given.dialect, given.region, name))
    return 0


def _run(given: Any) -> int:
    gateway = Gateway(given.folder)
    _log_to(given.folder)
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGTERM)):
        signal.signal(number, lambda *_: gateway.stop.set())
    threading.excepthook = lambda found: logging.getLogger("kangyun").critical("uncaught", exc_info=found.exc_value)
    gateway.run()
    return 0


def _log_to(folder: Path) -> None:
    """Writes the log of this process to files that take turns: what happened where, and never what stood in a row."""
    place = folder / "logs"
    place.mkdir(mode=0o700, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        place / "gateway.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _status(given: Any) -> int:
    configuration = told.read(given.folder)
    state: dict[str, Any]
    try:
        state = json.loads((given.folder / STATUS).read_text("utf-8"))
    except (OSError, ValueError):
        state = {"faults": {}}
    alive = is_running(given.folder)
    tell("status-runs" if alive else "status-stands", at=_wall(state.get("at", "")))
    with contextlib.closing(_queue(given.folder, configuration)) as queue:
        waiting = queue.waiting()
        for feed in configuration.feeds:
            row = queue.feed(feed)
            count, size, rows = waiting.get(feed, (0, 0, 0))
            number, answered, name = row[:3] if row else (0, 0, "")
            state_ = speak(f"state-{name or 'unknown'}")
            said = {"next": number or 0, "answered": answered, "count": count, "mb": size >> 20, "rows": rows}
            tell("status-feed", feed=feed, state=state_, **said)
        stopped = 0
        for table in configuration.tables:
            place = queue.place(table.place)
            text = "status-place" if place.read else "status-place-new"
            tell(text, place=table.place, taken=place.taken, read=_wall(place.read), value=place.value or "-")
            if place.stopped:
                stopped += 1
                show(f"  {speak(place.stopped.text, **place.stopped.parameters)}")
                tell("status-accept", place=table.place)
    for place, (text, parameters, since) in state["faults"].items():
        tell("status-fault", place=place, what=speak(text, **parameters), since=_wall(since))
    return 0 if alive and not stopped and not state["faults"] else 1


def _wall(instant: str) -> str:
    """Returns an instant as the clock on the hospital's wall shows it."""
    return f"{datetime.fromisoformat(instant).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" if instant else "-"


def _accept(given: Any) -> int:
    configuration = told.read(given.folder)
    table = _table(configuration, given.table)
    with contextlib.closing(_queue(given.folder, configuration)) as queue:
        queue.accept(table.place)
    tell("accepted", place=table.place)
    return 0


def _again(given: Any) -> int:
    configuration = told.read(given.folder)
    table = _table(configuration, given.table)
    with contextlib.closing(_queue(given.folder, configuration)) as queue:
        queue.begin_again([table.place])
    tell("again", place=table.place)
    return 0


def _service(given: Any) -> int:
    told.read(given.folder)
    client_key(given.folder)
    folder = str(given.folder.resolve())
    program = os.environ.get("KANGYUN_GATEWAY_PROGRAM") or f"{sys.executable} -m kangyun.exchange.gateway"
    tell("service-windows" if given.windows else "service-systemd", folder=folder, program=program)
    return 0


def _table(configuration: Configuration, name: str) -> Table:
    wanted = name.upper()
    found = [one for one in configuration.tables if wanted in (one.place.upper(), one.table.upper(), one.title.upper())]
    if len(found) != 1:
        raise Invalid(TEXTS + "no-table", table=name, tables="、".join(one.place for one in configuration.tables))
    return found[0]


def _queue(folder: Path, configuration: Configuration) -> Queue:
    try:
        return Queue(folder, sealer(folder), configuration.disk)
    except sqlite3.Error:
        raise Invalid(TEXTS + "folder", what=str(folder)) from None
