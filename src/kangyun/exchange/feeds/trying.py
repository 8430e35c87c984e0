"""试传: a file judged as a delivery of a feed would be while it is tested. Nothing of it is stored, counted or kept.

It judges what the row says by itself; what only the record can refuse (a version that somebody else changed) shows
when the row is delivered.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from kangyun.base.errors import Invalid, Issue
from kangyun.base.texts import Language, say
from kangyun.database.pool import Pool
from kangyun.exchange.cda.reading import Read
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.feeds.contents import feed_of
from kangyun.exchange.feeds.documents import faults
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.feeds.returning import Returned
from kangyun.exchange.feeds.storing import row_of
from kangyun.exchange.feeds.taking import faults_of
from kangyun.exchange.feeds.understanding import NotUnderstood, Sheet, understood
from kangyun.exchange.protocol import MOST_ROWS, File
from kangyun.exchange.tables.mapping import BadMapping, Feed, convert

MOST_SHOWN = 500
"""Rows whose refusals are told one by one; the workbook has all."""


@dataclass(slots=True)
class Tried:
    """What would come of a file. table, title: as which it is understood. rows: that were looked at, more: whether not
    all were. aside: rows that would be kept aside. makes: resources by their type. refusals: in the order of the rows.
    """

    table: str
    title: str
    dialect: str = ""
    rows: int = 0
    aside: int = 0
    more: bool = False
    makes: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    returned: Returned | None = None


async def mappings_of(pool: Pool, feed: Source) -> Mapping[str, str]:
    """Returns a feed's own mappings, by name."""
    async with pool.connection() as connection:
        return {row["name"]: row["content"] for row in await connection.fetch(SQL["mappings"], feed.id)}


def tried(file: File, feed: Source, own: Mapping[str, str], language: Language) -> Tried:
    """Returns what would come of a file. Pure. Raises Invalid, in the words that a delivery would be answered with."""
    try:
        found = understood(file, feed_of(feed), own)
    except NotUnderstood as fault:
        raise Invalid(issues=(Issue("error", Invalid.code, fault.text, None, fault.parameters),)) from None
    except BadMapping as fault:
        raise Invalid(f"exchange.tables.{fault.text}", at=fault.at) from None
    return _document(found) if isinstance(found, Read) else _sheet(found, language)


def _document(read: Read) -> Tried:
    told = faults(read)
    made = Tried(read.kind, "", rows=1, aside=int(bool(told)))
    made.makes.update(one.resource["resourceType"] for one in read.entries if not told)
    made.refusals = told + [one for one in read.refusals if not one.whole]
    return made


def _sheet(found: Sheet, language: Language) -> Tried:
    feed: Feed = found.feed
    made = Tried(found.name, found.mapping.title, feed.dialect)
    rows = found.table.rows
    returned = made.returned = Returned(replace(found.table, rows=islice(rows, MOST_ROWS)))
    parts: dict[int | None, tuple[list[Entry], list[Refusal]]] = {}
    for one in convert(returned.table, found.mapping, feed):
        entries, refusals = parts.setdefault(row_of(one), ([], []))
        if isinstance(one, Entry):
            entries.append(one)
        else:
            refusals.append(one)
    for entries, refusals in parts.values():
        refusals += faults_of(entries)
        if any(one.whole for one in refusals):
            made.aside += 1
        else:
            made.makes.update(entry.resource["resourceType"] for entry in entries)
        for one in refusals:
            returned.add(one, say(one.text, language, one.parameters))
        made.refusals += refusals
    made.rows = len(parts)
    made.more = next(rows, None) is not None
    return made
