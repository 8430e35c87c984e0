"""`gateway try`: his row beside ours. The formats run here as they do at the centre; nothing is queued or sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from kangyun.base.errors import Invalid
from kangyun.exchange.entries import Entry, Refusal, is_about_nobody
from kangyun.exchange.gateway.beside import columns_of
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.middle import OURS
from kangyun.exchange.gateway.sources.opening import Session
from kangyun.exchange.tables.mapping import Feed, Mapping, convert, shipped_for
from kangyun.exchange.tables.reading import Row
from kangyun.exchange.tables.reading import Table as Read
from kangyun.exchange.tables.reading import read as read_table
from kangyun.exchange.tables.recognition import recognise

PREFIX = "try"
"""How ids begin here: the real one is the centre's to give."""


@dataclass(slots=True)
class Tried:
    """One row. cells: column and what stands there. made: resources as JSON. refusals: what of it is not taken."""

    number: int
    cells: list[tuple[str, str]]
    made: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def is_aside(self) -> bool:
        return any(refusal.whole for refusal in self.refusals)


def understood(table: Table, names: list[str]) -> tuple[Mapping, str]:
    """Returns the mapping that a table's columns are for, and whose dialect. Raises Invalid where there is none."""
    matches = recognise([name.upper() for name in names], table.title)
    for match in matches:
        mapping = shipped_for(match.table)
        if mapping is not None:
            return mapping, table.dialect or match.dialect
    raise Invalid("exchange.gateway.unknown-table", table=table.title)


def tried(session: Session, table: Table, most: int) -> Iterator[Tried]:
    """Yields the first rows of a table as they would become. Raises SourceFailed, Invalid."""
    columns = columns_of(session, table)
    sent = [place for place, name in enumerate(columns.names) if table.by != "flag" or name not in OURS]
    names = [columns.names[place] for place in sent]
    mapping, dialect = understood(table, names)
    rows = {
        number: Tried(number, [(columns.names[place], cells[place] or "") for place in sent])
        for number, (_, cells) in enumerate(session.rows(table.table, columns, most=most), 1)
    }
    read = Read(
        table.title, "csv", "utf-8", tuple(name.upper() for name in names),
        (Row(number, [cell for _, cell in one.cells]) for number, one in rows.items()),
    )  # fmt: skip
    _converted(rows, read, mapping, dialect)
    yield from rows.values()


def tried_file(path: Path, dialect: str, encoding: str, most: int) -> tuple[str, list[Tried]]:
    """Returns what a dropped file is, and its first rows as they would become. Raises Invalid where it is no table."""
    with path.open("rb") as stream:
        read = read_table(stream, path.name, encoding=encoding or None)
        matches = recognise(list(read.header), path.stem)
        match = next((one for one in matches if shipped_for(one.table)), None)
        mapping = shipped_for(match.table) if match else None
        if match is None or mapping is None:
            raise Invalid("exchange.gateway.unknown-table", table=path.name)
        told = list(islice(read.rows, most))
    first = [one for one in told if isinstance(one, Row)]
    rows = {row.number: Tried(row.number, list(zip(read.header, row.cells, strict=False))) for row in first}
    for one in told:
        if isinstance(one, Refusal) and one.place.row is not None:
            rows.setdefault(one.place.row, Tried(one.place.row, [])).refusals.append(one)
    _converted(rows, replace(read, rows=iter(first)), mapping, dialect or match.dialect)
    return f"{mapping.title} {dialect or match.dialect}", list(rows.values())


def _converted(rows: dict[int, Tried], read: Read, mapping: Mapping, dialect: str) -> None:
    for one in convert(read, mapping, Feed(PREFIX, f"Organization/{PREFIX}", PREFIX, dialect)):
        place = one.origin if isinstance(one, Entry) else one.place
        if place.row not in rows:
            raise Invalid("exchange.gateway.unknown-table", table=read.source)
        if isinstance(one, Entry):
            rows[place.row].made.append(json.dumps(one.resource, ensure_ascii=False, default=str))
            if one.acts == "store" and is_about_nobody(one.resource):
                rows[place.row].refusals.append(Refusal(one.origin, "exchange.gateway.about-nobody"))
        else:
            rows[place.row].refusals.append(one)
