"""`kangyun feed try` and `take`: a file of an institution's tables, as it would be stored, and stored.

Whoever may use this terminal has the root key and the database; who says to act (`--by`) stands in the audit trail, and
what is written is the institution's own.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import uvloop

from kangyun.access.actor import Circumstances
from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.errors import Invalid, Issue
from kangyun.cli.opened import settings_of
from kangyun.cli.reach import reached_database
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, speak
from kangyun.cli.staff import beside, write_new
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.feeds.returning import Returned
from kangyun.exchange.feeds.storing import row_of
from kangyun.exchange.feeds.taking import Taken, Taking, faults_of
from kangyun.exchange.tables.mapping import BadMapping, Feed, Mapping, convert, parse, shipped_for
from kangyun.exchange.tables.reading import Table, read
from kangyun.exchange.tables.recognition import recognise

ABOUT = Circumstances("feed", "", "", historic=True)
MOST_TOLD = 20
SHOWN_CELL = 40


@dataclass(frozen=True, slots=True)
class Sent:
    """A file, and what the agreement with the institution says of it. mapping: a file of its own."""

    file: Path
    institution: str
    dialect: str = ""
    mapping: Path | None = None
    encoding: str | None = None


def try_file(sent: Sent, rows: int) -> int:
    """Shows each of the first rows beside what it would become. Returns 0, or 1 where one would be kept aside."""
    aside = 0
    with _opened(sent) as (stream, source):
        table, mapping, feed = _understood(sent, stream, source)
        returned = Returned(replace(table, rows=islice(table.rows, rows)))
        made: dict[int | None, list[Entry | Refusal]] = {}
        for one in convert(returned.table, mapping, feed):
            made.setdefault(row_of(one), []).append(one)
        announce(speak("cli.feed-understood", title=mapping.title, dialect=feed.dialect or "*"), style="bold")
        for number, parts in made.items():
            entries = [one for one in parts if isinstance(one, Entry)]
            faults = [one for one in parts if isinstance(one, Refusal)] + faults_of(entries)
            aside += any(one.whole for one in faults)
            _show(number, table.header, returned.cells(number), entries, faults)
    announce(speak("cli.feed-tried", rows=len(made), aside=aside))
    return 1 if aside else 0


def take_file(sent: Sent, data: Path | None, by: str) -> int:
    """Takes a file in. Returns 0, or 1 where a row was kept aside; those go to a workbook of mode 0600 beside it."""
    told = beside(sent.file, "returned")
    with _opened(sent) as (stream, source):
        table, mapping, feed = _understood(sent, stream, source)
        if mapping.flag is not None and not (sent.dialect or sent.mapping):
            # A flag that revokes in one region corrects in another, and the header does not tell which.
            raise Invalid("cli.feed-dialect", column=mapping.flag.column, dialect=feed.dialect)
        returned = Returned(table)
        count = 0

        def tell(refusal: Refusal) -> None:
            nonlocal count
            count += 1
            returned.add(refusal, _said(refusal))
            if count <= MOST_TOLD:
                announce(placed(refusal), style=style_of(refusal))

        async def on(database: str) -> Taken:
            platform = await open_platform(settings_of(data), database)
            try:
                actor = replace(ADMINISTRATOR, reference=await acting(platform, by), institution=sent.institution)
                leave_alone_what_is_loaded()
                record = await platform.gate.open(actor, ABOUT)
                # As by its gateway: else the same numbers would stand in two systems, by turns.
                code = await Register(platform.pool).code_of(sent.institution)
                return await Taking(record, tell).take(convert(returned.table, mapping, replace(feed, code=code)))
            finally:
                await platform.close()

        with reached_database(settings_of(data)) as database:
            taken = uvloop.run(on(database))
    if count > MOST_TOLD:
        announce(speak("cli.audit-more", count=count - MOST_TOLD))
    figures = {
        name: getattr(taken, name)
        for name in ("rows", "created", "updated", "unchanged", "aside", "left_out", "put_right")
    }
    announce(speak("cli.feed-taken", title=mapping.title, **figures))
    if len(returned):
        write_new(told, returned.workbook())
        announce(speak("cli.staff-written", file=str(told)))
    return 1 if taken.aside else 0


@contextmanager
def _opened(sent: Sent) -> Iterator[tuple[BinaryIO, str]]:
    try:
        stream = sent.file.open("rb")
    except OSError:
        raise Invalid("cli.wrong-file", file=str(sent.file)) from None
    with stream:
        yield stream, sent.file.name


def _understood(sent: Sent, stream: BinaryIO, source: str) -> tuple[Table, Mapping, Feed]:
    """Returns the table, the mapping for it, and the feed. Raises Invalid where no mapping is for it."""
    house = house_of(sent.institution)
    table = read(stream, source, encoding=sent.encoding)
    matches = recognise(table.header, source)
    dialect = sent.dialect or (matches[0].dialect if matches else "")
    feed = Feed(house, sent.institution, house, dialect)
    if sent.mapping is not None:
        try:
            return table, parse(sent.mapping.read_text("utf-8"), sent.mapping.name), feed
        except OSError:
            raise Invalid("cli.wrong-file", file=str(sent.mapping)) from None
        except BadMapping as error:
            said = Issue("error", Invalid.code, f"exchange.tables.{error.text}", None, {"at": error.at})
            raise Invalid(issues=(said,)) from None
    mapping = next((found for one in matches if (found := shipped_for(one.table)) is not None), None)
    if mapping is None:
        if not table.header:
            for refusal in table.rows:
                announce(placed(refusal), style="red")  # type: ignore[arg-type]
        raise Invalid("cli.feed-unknown", tables="、".join(one.table for one in matches[:5]) or "-")
    return table, mapping, feed


def _show(
    number: int | None, header: Sequence[str], cells: Sequence[str], entries: Sequence[Entry], faults: Sequence[Refusal]
) -> None:
    if number is not None:
        announce(speak("cli.feed-at", row=number), style="bold")
    his = zip(header, cells, strict=False)
    announce(" ".join(f"{name}={cell[:SHOWN_CELL]}" for name, cell in his if name and cell))
    for one in faults:
        announce(f"  {_said(one)}", style=style_of(one))
    for entry in () if any(one.whole for one in faults) else entries:
        announce(f"  {json.dumps(entry.resource, ensure_ascii=False, default=str)}")


def house_of(institution: str) -> str:
    """Returns the id of an institution, as its ids begin. Raises Invalid for what is no `Organization/…`."""
    house = institution.removeprefix("Organization/")
    if not house or house == institution:
        raise Invalid("cli.feed-institution")
    return house


def style_of(refusal: Refusal) -> str:
    """Returns how a refusal is shown: kept aside, left out, or put right."""
    return "red" if refusal.whole else "cyan" if refusal.taken else "yellow"


def _said(refusal: Refusal) -> str:
    shown = f"「{refusal.shown}」" if refusal.shown else ""
    part = f"{refusal.place.part} " if refusal.place.part else ""
    return f"{part}{shown}{speak(refusal.text, **refusal.parameters)}"


def placed(refusal: Refusal) -> str:
    """Returns a refusal with its place, as it is said."""
    row = "" if refusal.place.row is None else speak("cli.feed-at", row=refusal.place.row)
    return f"{refusal.place.source} {row} {_said(refusal)}"
