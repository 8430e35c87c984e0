"""`kangyun feed write`: an institution's records of a period as tables, for a platform that is not ours.

Whoever may use this terminal has the root key and the database; who says to act (`--by`) stands in the audit trail,
with the platform that it is for. What that platform may not see is not in the files.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

from kangyun.access.platform import Platform
from kangyun.base.errors import Conflict, Invalid, Unavailable
from kangyun.cli.feed import MOST_TOLD, house_of
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.feeds import giving
from kangyun.exchange.feeds.giving import Given, Sheet
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.tables.mapping import Feed
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.writing import Left, content
from kangyun.exchange.tables.writing.files import inert

ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030"}
LEFT, EMPTY = "left-out.csv", "empty-columns.csv"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line. code: the institution's at the receiver; that of its feeds where empty."""

    folder: Path
    institution: str
    to: str
    dialect: str
    since: date
    until: date
    code: str = ""
    encoding: str = "utf-8"


@dataclass(slots=True)
class _Files:
    """The files under way, and what was counted."""

    folder: Path
    sheets: Mapping[str, Sheet]
    encoding: str
    rows: Counter[str] = field(default_factory=Counter)
    left: Counter[Left] = field(default_factory=Counter)
    _open: dict[str, BinaryIO] = field(default_factory=dict)

    def add(self, name: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Writes rows of a table, the first ones with its header."""
        first = name not in self._open
        if first:
            self._open[name] = _opened(self.folder / f"{name}.csv")
        self._open[name].write(content(list(self.sheets[name].header), rows, self.encoding, headed=first))
        self.rows[name] += len(rows)

    def close(self) -> None:
        """Closes all files."""
        for file in self._open.values():
            file.close()


def write(wish: Wish, data: Path | None, by: str) -> int:
    """Writes the files into a new folder. Returns 0, or 1 where something had no place.

    Raises Conflict where the folder is there, Invalid for what was asked and cannot be.
    """
    house = house_of(wish.institution)
    house_of(wish.to)
    sheets = {one.name: one for one in giving.sheets(wish.dialect)}
    if not sheets:
        known = "、".join(sorted(one for one in {dialect for dialect, _ in tables()} if giving.sheets(one)))
        raise Invalid("cli.feed-no-dialect", dialect=wish.dialect, known=known)
    if wish.encoding not in ENCODINGS:
        raise Invalid("cli.feed-encoding", known="、".join(ENCODINGS))
    if wish.until < wish.since:
        raise Invalid("cli.feed-period")
    if wish.folder.exists():
        raise Conflict("cli.staff-exists", file=str(wish.folder))
    # The folder has its name when all is in it: what was broken off is taken for nothing whole.
    under_way = wish.folder.with_name(f"{wish.folder.name}.partial")
    try:
        under_way.mkdir(mode=0o700)
    except OSError:
        raise Unavailable("cli.staff-not-written", file=str(under_way)) from None
    files = _Files(under_way, sheets, ENCODINGS[wish.encoding])

    async def do(platform: Platform) -> None:
        zone = platform.gate.store.zone
        begins = datetime.combine(wish.since, time(), zone)
        ends = datetime.combine(wish.until + timedelta(days=1), time(), zone)
        code = await Register(platform.pool).code_of(wish.institution)
        feed = Feed(house, wish.institution, code, wish.dialect)
        what = Given(feed, wish.to, await acting(platform, by), begins, ends, wish.code)
        async for rows in giving.given(platform.gate, what):
            for name, some in rows.by_table.items():
                files.add(name, some)
            files.left.update(rows.left)

    try:
        on_platform(data, do)
    finally:
        files.close()
    left = sorted(files.left.items())
    write_new(under_way / LEFT, _sheet("feed-left-header", [
        (one.what, speak(f"exchange.tables.{one.why}"), one.columns, str(count)) for one, count in left
    ], files.encoding))  # fmt: skip
    write_new(under_way / EMPTY, _sheet("feed-empty-header", [
        (sheet.name, column, sheet.header[column]) for sheet in sheets.values() if sheet.name in files.rows
        for column in sheet.empty
    ], files.encoding))  # fmt: skip
    under_way.rename(wish.folder)
    _tell(wish, files, left)
    return 1 if left else 0


def _tell(wish: Wish, files: _Files, left: Sequence[tuple[Left, int]]) -> None:
    for name, count in sorted(files.rows.items()):
        announce(speak("cli.feed-wrote", table=name, count=count, empty=len(files.sheets[name].empty)))
    for one, count in left[:MOST_TOLD]:
        why = speak(f"exchange.tables.{one.why}")
        announce(speak("cli.feed-left", what=one.what, why=why, columns=one.columns, count=count), style="yellow")
    if len(left) > MOST_TOLD:
        announce(speak("cli.audit-more", count=len(left) - MOST_TOLD))
    announce(speak("cli.feed-written", folder=str(wish.folder), left=LEFT, empty=EMPTY))


def _opened(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sheet(header: str, rows: Sequence[Sequence[str]], encoding: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(speak(f"cli.{header}").split("|"))
    writer.writerows([inert(cell) for cell in row] for row in rows)
    return out.getvalue().encode(encoding)
