"""How far a table has been read: a value of the column that rises, as it is bound, kept and compared. Pure.

Kept as texts that sort as the values do: a time with all its digits, a number of 20 places, a text without the blanks
behind it that a column of fixed width has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.exchange.gateway.configuration import By
from kangyun.exchange.gateway.sources.cells import on_the_wall

_PLACES = 20


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one table. form: of a text that is a time, as strftime writes it."""

    by: By
    form: str

    def kept(self, value: Any) -> str:
        """Returns a value of the column as it is kept. Raises Invalid for what is no such value."""
        try:
            if self.by == "time":
                moment = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
                return on_the_wall(moment).isoformat(" ", "microseconds")
            if self.by == "number":
                return f"{int(Decimal(_text(value))):0{_PLACES}d}"
        except (ValueError, ArithmeticError):
            raise Invalid("exchange.gateway.wrong-mark", by=self.by) from None
        return _text(value).rstrip()

    def bound(self, kept: str) -> Any:
        """Returns a kept value as a query compares it."""
        if self.by == "time":
            return datetime.fromisoformat(kept)
        return int(kept) if self.by == "number" else kept

    def earlier(self, kept: str, overlap: int) -> str:
        """Returns the value from which rows may still come late. overlap: minutes; of numbers, as many numbers.

        Of a time at most a whole second: SQL Server rounds to 1/300 s and compares what was not rounded, Oracle's
        driver asks without fractions.
        """
        if not kept:
            return kept
        if self.by == "number":
            return self.kept(max(0, int(kept) - overlap))
        moment = self.moment(kept)
        try:
            before = None if moment is None else moment.replace(microsecond=0) - timedelta(minutes=overlap)
        except OverflowError:
            return kept
        # What is no time rises all the same, so what comes behind it is read.
        return kept if before is None else self.at(before)

    def moment(self, kept: str) -> datetime | None:
        """Returns the instant that a kept value is, naive, None where it is none; what stands behind it is left."""
        try:
            if self.by == "time":
                return datetime.fromisoformat(kept)
            return moment_of(kept, self.form) if self.by == "text" else None
        except ValueError:
            return None

    def at(self, moment: datetime) -> str:
        """Returns a naive instant as a value of the column: a time or a text."""
        return self.kept(moment) if self.by == "time" else moment.strftime(self.form)


def moment_of(text: str, form: str) -> datetime:
    """Returns the instant that a text begins with. Raises ValueError for one that begins with none of that form."""
    width = width_of(form)
    if len(text) < width:
        raise ValueError(form)
    return datetime.strptime(text[:width], form)  # noqa: DTZ007


@cache
def width_of(form: str) -> int:
    """Returns how many letters a time of a form has."""
    return len(datetime(2000, 12, 31, 23, 59, 59).strftime(form))  # noqa: DTZ001


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
