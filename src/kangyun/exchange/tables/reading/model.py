"""What every kind of file comes to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from kangyun.base.numbers.fillers import narrow
from kangyun.exchange.entries import Place, Refusal

TEXTS = "exchange.tables."
LONGEST_CELL = 1_000_000
"""Characters of a cell; a longer one is refused with its row."""
MOST_COLUMNS = 2_000


class Row(NamedTuple):
    """A row of a table. number: counted from 1, the header is row 1. cells: as many as the header has columns."""

    number: int
    cells: Sequence[str]


Rows: TypeAlias = Iterator[Row | Refusal]


@dataclass(frozen=True, slots=True)
class Table:
    """A file as rows. `rows` is read once, while the file is open.

    form: what kind of file it is, empty where it is none that can be read. header: names of columns in capitals, of
    one width; empty with an unreadable file, whose `rows` is the one refusal that says why.
    """

    source: str
    form: Literal["csv", "dbf", "xlsx", "json", ""]
    encoding: str
    header: tuple[str, ...]
    rows: Rows


def unreadable(source: str, text: str, **parameters: str | int) -> Table:
    """Returns the table of a file that cannot be read."""
    return Table(source, "", "", (), iter([Refusal(Place(source), TEXTS + text, None, parameters)]))


def column_name(written: str) -> str:
    """Returns the name of a column as it is compared."""
    return narrow(written.replace("\x00", "").strip("\ufeff \"'`[]")).upper()


def header_of(source: str, cells: Sequence[str], row: int = 1) -> tuple[tuple[str, ...], list[Refusal]]:
    """Returns the names of columns, and a refusal for each that stands there twice: the first one counts."""
    names: list[str] = []
    refusals = []
    for cell in cells:
        name = column_name(cell)
        if name and name in names:
            refusals.append(Refusal(Place(source, row, name), TEXTS + "column-twice", whole=False))
            name = ""
        names.append(name)
    filled = max((place for place, cell in enumerate(cells, 1) if column_name(cell)), default=0)
    return tuple(names[:filled]), refusals
