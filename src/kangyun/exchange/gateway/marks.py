"""How far a table has been read: a value of the column that rises, as it is bound, kept and compared. Pure.

Kept as texts that sort as the values do: a time with all its digits, a number of 20 places, a text as it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.exchange.gateway.configuration import By

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
                return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
            if self.by == "number":
                return f"{int(Decimal(_text(value))):0{_PLACES}d}"
        except (ValueError, ArithmeticError):
            raise Invalid("exchange.gateway.wrong-mark", by=self.by) from None
        return _text(value)

    def bound(self, kept: str) -> Any:
        """Returns a kept value as a query compares it."""
        if self.by == "time":
            return datetime.fromisoformat(kept)
        return int(kept) if self.by == "number" else kept

    def earlier(self, kept: str, overlap: int) -> str:
        """Returns the value from which rows may still come late. overlap: minutes; of numbers, as many numbers."""
        if not kept:
            return kept
        if self.by == "number":
            return self.kept(max(0, int(kept) - overlap))
        if self.by == "time":
            return self.kept(datetime.fromisoformat(kept) - timedelta(minutes=overlap))
        try:
            return (datetime.strptime(kept, self.form) - timedelta(minutes=overlap)).strftime(self.form)  # noqa: DTZ007
        except ValueError:
            return kept  # It rises all the same, so what comes behind it is read.

    def moment(self, kept: str) -> datetime | None:
        """Returns the instant that a kept value is, naive, None where it is none."""
        try:
            if self.by == "time":
                return datetime.fromisoformat(kept)
            return datetime.strptime(kept, self.form) if self.by == "text" else None  # noqa: DTZ007
        except ValueError:
            return None

    def at(self, moment: datetime) -> str:
        """Returns a naive instant as a value of the column: a time or a text."""
        return self.kept(moment) if self.by == "time" else moment.strftime(self.form)


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
