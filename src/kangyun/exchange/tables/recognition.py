"""Which table a header is of, and in which dialect of which region: by the names of its columns. Pure.

A header says which table it may be, not what its codes mean: two dialects may share all columns and differ in what a
flag means. So every match is given, best first, and where the best two are of one table a person decides.

Source: data/SOURCE.md. Columns of data elements: `elements`.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from kangyun.exchange.tables.elements import DIALECT, is_of_element

_LEAST = 0.6
_FEWEST = 3


class Column(NamedTuple):
    """key: whether it is of the table's key. same: the column of N041 that says the same, of HQMS only."""

    zh: str
    key: bool
    same: str


class Recognised(NamedTuple):
    """A table that a header may be of. known: columns of the header that the table has, of `columns` it has in all."""

    dialect: str
    table: str
    known: int
    columns: int


def recognise(header: Sequence[str], name: str = "") -> tuple[Recognised, ...]:
    """Returns the tables that a header may be of, the likeliest first; none where it is like none.

    header: names in capitals, as `reading` gives them. name: of the file or sheet: a table's name in it counts first.
    """
    # A point is in the columns of lists (DISEINFO.1.DIAG_CODE), which say nothing of which table they stand beside.
    columns = {column for column in header if column and "." not in column}
    if len(columns) < _FEWEST:
        return ()
    elements = sum(1 for column in columns if is_of_element(column))
    if elements >= _LEAST * len(columns):
        return (Recognised(DIALECT, "DE", elements, elements),)
    found = []
    for (dialect, table), has in tables().items():
        known = len(columns & has.keys())
        if known >= max(_FEWEST, _LEAST * len(columns)):
            found.append(Recognised(dialect, table, known, len(has)))
    named = name.upper()
    return tuple(sorted(found, key=lambda one: (not is_named(one.table, named), -one.known, one.columns, one)))


def is_named(table: str, name: str) -> bool:
    """Whether a file's name is that of a table: TB_RIS_REPORT2 is not TB_RIS_REPORT."""
    return re.search(rf"(?<![A-Z]){re.escape(table)}(?![A-Z0-9]|_[A-Z])", name) is not None


@cache
def tables() -> Mapping[tuple[str, str], Mapping[str, Column]]:
    """Returns all tables: columns by dialect and table."""
    found: dict[tuple[str, str], dict[str, Column]] = defaultdict(dict)
    text = files(__package__).joinpath("data", "columns.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        column = Column(row["zh"], bool(row["key"]), row["same"])
        found[row["dialect"], row["table"]][row["column"]] = column
    return found
