"""What a row of a table counts as: its business key, its day, its amounts, and which of its fields are filled. Pure.

Rows are counted by business key, so that what is sent again counts once; a row that says no key counts by what stands
in it. Digests are of 64 bits within one table: of a hundred million rows two are taken for one with a chance of 1 in
4,000.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from kangyun.exchange.entries import Refusal
from kangyun.exchange.tables.mapping import Mapping, renamed
from kangyun.exchange.tables.mapping.model import alternatives
from kangyun.exchange.tables.values import Unfit, figures, moments
from kangyun.exchange.tables.values.cells import said

NO_DAY = date.min
"""The day of what says none. Days are Beijing's."""
SCALE = 10_000
LARGEST = 1 << 62
LARGEST_OF_A_ROW = 10**13
"""A thousand million: what is more stands in the wrong column, and a day of it would not add up in 64 bits."""


class Counted(NamedTuple):
    """A row as it is counted. key, content: digests. amounts: in ten-thousandths. has_key: whether it says its key."""

    key: int
    content: int
    day: date
    amounts: tuple[int, ...]
    has_key: bool


@dataclass(slots=True)
class Field:
    """How a field was filled in the rows of a month. refused: values for which their rows were kept aside."""

    rows: int = 0
    filled: int = 0
    valid: int = 0
    left_out: int = 0
    mended: int = 0
    refused: int = 0


class Counter:
    """Counts rows of one header by one mapping. edition: of all that the rows are made entries by."""

    def __init__(self, header: Sequence[str], mapping: Mapping, edition: bytes) -> None:
        self._edition = edition
        names, _ = renamed(header, mapping)
        places = {name: place for place, name in enumerate(names) if name}

        def place(written: str) -> int:
            return next((places[name] for name in alternatives(written) if name in places), -1)

        self._key = [(place(one.removesuffix("?")), one.endswith("?")) for one in mapping.key]
        self._day = place(mapping.day) if mapping.day else -1
        self._amounts = [at for one in mapping.amounts if (at := place(one)) >= 0]
        self.keys = tuple(header[at] for at, _ in self._key if at >= 0)
        """The columns of the key, as the source has them."""
        self.day = header[self._day] if self._day >= 0 else ""
        self.amounts = tuple(header[at] for at in self._amounts)

    def count(self, cells: Sequence[str]) -> Counted:
        """Returns how a row counts."""
        told = "\x1f".join(cells).encode(errors="surrogatepass")
        content = _digest(self._edition + told)
        key = self._of_key(cells)
        amounts = tuple(_amount(cells[at]) for at in self._amounts)
        return Counted(content if key is None else key, content, self._of_day(cells), amounts, key is not None)

    def _of_key(self, cells: Sequence[str]) -> int | None:
        parts = []
        for at, may_be_empty in self._key:
            if at < 0:
                continue
            try:
                part = figures.key(cells[at])
            except Unfit:
                return None
            if not part and not may_be_empty:
                return None
            parts.append(part)
        return key_digest(parts) if parts else None

    def _of_day(self, cells: Sequence[str]) -> date:
        if self._day < 0:
            return NO_DAY
        try:
            return moments.beijing_day(cells[self._day]) or NO_DAY
        except (Unfit, ValueError):
            return NO_DAY


def key_digest(parts: Sequence[str]) -> int:
    """Returns the digest of a business key: as its columns are read."""
    return _digest("\x1f".join(part.replace("\x1f", " ") for part in parts).encode(errors="surrogatepass"))


def read_key(cells: Sequence[str]) -> int | None:
    """Returns the digest of a business key as a hospital says it, None for what is none."""
    try:
        return key_digest([figures.key(cell) for cell in cells])
    except Unfit:
        return None


def scaled(written: str) -> int:
    """Returns an amount in ten-thousandths. Raises ValueError for what is none."""
    try:
        number = figures.number(written)
    except Unfit:
        raise ValueError("amount") from None
    found = int((number or Decimal(0)) * SCALE)
    if abs(found) > LARGEST:
        raise ValueError("amount")
    return found


def _amount(cell: str) -> int:
    try:
        found = scaled(cell)
    except ValueError:
        return 0
    return found if abs(found) <= LARGEST_OF_A_ROW else 0


def _digest(told: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big", signed=True)


@dataclass(slots=True)
class Fields:
    """How the fields of a table were filled, by month and field."""

    header: Sequence[str]
    found: dict[tuple[date, str], Field] = field(default_factory=dict)
    _rows: dict[date, int] = field(default_factory=dict)
    _filled: dict[date, list[int]] = field(default_factory=dict)
    _cells: dict[int, tuple[date, Sequence[str]]] = field(default_factory=dict)
    _refused: set[tuple[int, str]] = field(default_factory=set)

    def add(self, number: int, day: date, cells: Sequence[str]) -> None:
        """Takes in a row."""
        month = day.replace(day=1)
        self._cells[number] = month, cells
        self._rows[month] = self._rows.get(month, 0) + 1
        filled = self._filled.setdefault(month, [0] * len(self.header))
        for place, cell in enumerate(cells):
            if cell and said(cell):
                filled[place] += 1

    def fault(self, refusal: Refusal) -> None:
        """Takes in what was wrong with a field of a row that was taken in or kept aside; of other rows nothing."""
        number, part = refusal.place.row, refusal.place.part
        if number not in self._cells or not part:
            return
        month, cells = self._cells[number]
        one = self.found.setdefault((month, part), Field())
        if refusal.whole:
            # What is missing is no value, and is not filled either.
            if (number, part) not in self._refused and part in self.header and said(cells[self.header.index(part)]):
                self._refused.add((number, part))
                one.refused += 1
        elif refusal.taken:
            one.mended += 1
        else:
            one.left_out += 1

    def result(self) -> dict[tuple[date, str], Field]:
        """Returns the figures, of every field that has a name."""
        for month, rows in self._rows.items():
            for name, filled in zip(self.header, self._filled[month], strict=True):
                if name:
                    one = self.found.setdefault((month, name), Field())
                    one.rows, one.filled = rows, filled
                    one.valid = max(0, filled - one.left_out - one.refused)
        return {place: one for place, one in self.found.items() if one.rows}
