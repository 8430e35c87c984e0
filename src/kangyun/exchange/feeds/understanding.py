"""A delivery understood: which table its rows are of, and by which mapping they are read; or the document that it is.

Pure. Rows and files of tables go by recognition and mapping, a feed's own mappings first.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from kangyun.exchange.cda.parsing import looks_like
from kangyun.exchange.cda.reading import Feed as DocumentFeed
from kangyun.exchange.cda.reading import Read
from kangyun.exchange.cda.reading import read as read_document
from kangyun.exchange.entries import Refusal
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.protocol import Delivery, File, Rows
from kangyun.exchange.tables.mapping import Feed, parse, shipped_for
from kangyun.exchange.tables.mapping import Mapping as TableMapping
from kangyun.exchange.tables.reading import Row, Table, read
from kangyun.exchange.tables.reading.model import column_name, header_of
from kangyun.exchange.tables.recognition import is_named, recognise

_HEAD = 4096


class NotUnderstood(Exception):
    """A delivery that cannot be read as a whole. text: a text id; sheet: the table, where that is known."""

    def __init__(self, text: str, sheet: str = "", **parameters: str | int) -> None:
        super().__init__(text)
        self.text, self.sheet, self.parameters = text, sheet, parameters


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of a table. name: of the table, as it is counted. edition: of all that its entries are made by."""

    name: str
    table: Table
    mapping: TableMapping
    feed: Feed
    edition: bytes


def understood(delivery: Delivery, feed: Feed, own: Mapping[str, str]) -> Sheet | Read:
    """Returns what a delivery is. own: the feed's own mappings, TOML by name. Raises NotUnderstood."""
    if isinstance(delivery, File):
        if looks_like(delivery.content[:_HEAD]):
            return read_document(delivery.content, delivery.name, DocumentFeed(feed.prefix, feed.institution))
        table = read(io.BytesIO(delivery.content), delivery.name, encoding=delivery.encoding or None)
        named = ""
    else:
        table, named = _table(delivery), column_name(delivery.table)
    if not table.header:
        fault = next(iter(table.rows), None)
        if isinstance(fault, Refusal):
            raise NotUnderstood(fault.text, named, **fault.parameters)
        raise NotUnderstood(f"{TEXTS}no-columns", named)
    known = list(dict.fromkeys(one.table for one in recognise(table.header, named or table.source)))
    parsed = [parse(text, title) for title, text in own.items()]
    if not named:
        titles = [column_name(name) for one in parsed for name in one.tables]
        known = [name for name in titles if is_named(name, table.source.upper())] + known
    mapping, name = _mapping(parsed, named, known)
    if mapping is None:
        likely = "、".join(known[:5]) or "-"
        raise NotUnderstood(f"{TEXTS}unknown-table", named or table.source, tables=likely)
    dialect = feed.dialect or delivery.dialect
    if mapping.flag is not None and not dialect and mapping not in parsed:
        # A flag that revokes in one region corrects in another, and the header does not tell which.
        raise NotUnderstood(f"{TEXTS}no-dialect", named or name, column=mapping.flag.column)
    feed = Feed(feed.prefix, feed.institution, feed.code, dialect, feed.widths)
    return Sheet(named or name, table, mapping, feed, _edition(mapping, feed))


def _mapping(own: Sequence[TableMapping], named: str, known: Sequence[str]) -> tuple[TableMapping | None, str]:
    """Returns the mapping for a table and the table's name: an own one that names it, or the one that is shipped."""
    for name in [bare(named), *known] if named else known:
        mapping = next((one for one in own if name in map(column_name, one.tables)), None) or shipped_for(name)
        if mapping is not None:
            return mapping, name
    only = [one for one in own if not one.tables]
    return (only[0], only[0].name.upper()) if len(only) == 1 else (None, "")


def bare(name: str) -> str:
    """Returns a table's name without its owner: HIS.TB_X is TB_X."""
    return name.rpartition(".")[2]


def _table(rows: Rows) -> Table:
    header, refusals = header_of(rows.table, rows.columns, 0)
    width, emptied = len(header), frozenset(rows.emptied)

    def cells() -> Iterator[Row | Refusal]:
        yield from refusals
        for number, row in enumerate(rows.rows, 1):
            if number in emptied:
                continue
            yield Row(number, ["" if cell is None else cell for cell in row[:width]])

    return Table(rows.table, "csv", "", header, cells())


def _edition(mapping: TableMapping, feed: Feed) -> bytes:
    """Returns a digest of all that decides what a row becomes."""
    told = msgspec.json.encode([mapping, feed.dialect, feed.code, dict(sorted(feed.widths.items()))], order="sorted")
    return hashlib.blake2b(told, digest_size=8).digest()
