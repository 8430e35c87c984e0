"""The list of data sets: each table that is known, whether a mapping takes it in, and a sample row run through it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from kangyun.base.errors import PlatformError
from kangyun.exchange.entries import Entry
from kangyun.exchange.exam.model import Line, digest_of
from kangyun.exchange.exam.running import Scratch
from kangyun.exchange.exam.samples import sample
from kangyun.exchange.feeds.taking import faults_of
from kangyun.exchange.tables.mapping import Feed, convert, shipped
from kangyun.exchange.tables.mapping.model import Mapping as Table
from kangyun.exchange.tables.mapping.model import columns_of
from kangyun.exchange.tables.reading import Row
from kangyun.exchange.tables.reading import Table as Rows
from kangyun.exchange.tables.recognition import tables
from kangyun.fhir import Resource

FEED = Feed("exam", "Organization/exam", "exam")
RAN = "exam-row"


def lines(scratch: Scratch) -> Iterator[Line]:
    """Yields a line for each table: those that mappings are for, then those that are known and not taken in."""
    taken: dict[str, Table] = {name: mapping for mapping in shipped() for name in mapping.tables}
    columns = _columns()
    for name, mapping in sorted(taken.items()):
        line = Line(id=f"table:{name}", list="data-sets", standard="", name=f"{name} {mapping.title}", covered="part")
        used, all_ = columns.get(name, set()) & columns_of(mapping), columns.get(name, set())
        if all_:
            line.remark, line.parameters = "exam-columns", {"used": len(used), "columns": len(all_)}
        _run(line, mapping, scratch)
        yield line
    for name in sorted(columns.keys() - taken.keys()):
        yield Line(id=f"table:{name}", list="data-sets", standard="", name=name, remark="exam-no-mapping")


def sample_record() -> list[Resource]:
    """Returns what the sample rows of all mappings come to: the record of one invented person."""
    made = {
        one.id: dict(one.resource)
        for mapping in shipped()
        for one in convert(_rows(mapping), mapping, FEED)
        if isinstance(one, Entry)
    }
    return list(made.values())


def _rows(mapping: Table) -> Rows:
    header, cells = sample(mapping)
    return Rows(mapping.name, "", "", header, iter([Row(1, cells)]))


def _run(line: Line, mapping: Table, scratch: Scratch) -> None:
    made = list(convert(_rows(mapping), mapping, FEED))
    entries = [one for one in made if isinstance(one, Entry)]
    line.ran, line.count = RAN, len(entries)
    line.digest = digest_of(list(sample(mapping)), [dict(one.resource) for one in entries])
    faults = [one for one in made if not isinstance(one, Entry) and one.whole] + faults_of(entries)
    if faults or not entries:
        line.outcome, line.remark, line.parameters = "failed", "exam-row-refused", {"count": len(faults)}
        return
    try:
        scratch.store([dict(one.resource) for one in entries])
    except PlatformError:
        line.outcome, line.remark, line.parameters = "failed", "exam-not-stored", {}
    else:
        line.outcome = "passed"


def _columns() -> Mapping[str, set[str]]:
    """Returns the columns of each table over all dialects, without columns that have no name."""
    found: dict[str, set[str]] = defaultdict(set)
    for (_, table), columns in tables().items():
        found[table] |= set(columns)
    return found
