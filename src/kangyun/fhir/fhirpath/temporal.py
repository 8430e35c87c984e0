"""Dates, date-times and times of FHIRPath: partial precision, comparison that may be undecided, calendar arithmetic.

A value keeps the precision in which it was written: @2014 is a year, not its first instant. Comparing two values whose
order their precision or a missing time zone leaves open gives None. There is no clock and no zone database here.

Source: FHIRPath Normative Release (2.0.0), sections 4.1 (literals), 6.1, 6.2 (equality, comparison) and 6.6.7, 6.6.8
(date arithmetic), http://hl7.org/fhirpath/N1/
"""

import calendar
import re
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from typing import Literal

from kangyun.base.errors import Invalid

Kind = Literal["Date", "DateTime", "Time"]

_PATTERN = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
    r"(?P<t>T(?:(?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:\.[0-9]{1,9})?))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?)?",
    re.ASCII,
)
_TIME = re.compile(r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,9})?))?)?", re.ASCII)

UNIT_FIELDS = {"year": 0, "month": 1, "week": 2, "day": 2, "hour": 3, "minute": 4, "second": 5, "millisecond": 5}
"""The field of a date-time that a calendar unit changes."""

EARLIEST_ZONE, LATEST_ZONE = 14 * 60, -12 * 60
"""The zones, in minutes east of UTC, where a day begins first and last: what is open when no zone is given."""

MAX_AMOUNT = 10**15
"""Of any unit, milliseconds included: more leaves the calendar in every case."""

_SECONDS = {
    "week": Decimal(604800),
    "day": Decimal(86400),
    "hour": Decimal(3600),
    "minute": Decimal(60),
    "second": Decimal(1),
    "millisecond": Decimal("0.001"),
}
_CENTURIES_400_DAYS = 146097


class Temporal:
    """A Date, DateTime or Time, immutable.

    fields: (year, month, day, hour, minute, second) as far as given; a Time has (hour, minute, second) only.
            Seconds are Decimal with their fraction, the rest int.
    zone:   minutes east of UTC, None where none is given.
    """

    __slots__ = ("_text", "fields", "kind", "zone")

    def __init__(
        self, kind: Kind, fields: tuple[int | Decimal, ...], zone: int | None = None, text: str | None = None
    ) -> None:
        self.kind: Kind = kind
        self.fields = fields
        self.zone = zone
        self._text = text

    def __str__(self) -> str:
        return self._text or self._write()

    def __repr__(self) -> str:
        return f"@{'T' if self.kind == 'Time' else ''}{self}"

    def __eq__(self, other: object) -> bool:
        """True for values that compare as equal for certain."""
        return isinstance(other, Temporal) and identity(self) == identity(other)

    def __hash__(self) -> int:
        return hash(identity(self))

    def _write(self) -> str:
        if self.kind == "Time":
            return ":".join(map(_two, self.fields))
        parts = [f"{self.fields[0]:04}", *map(_two, self.fields[1:])]
        text = "-".join(parts[:3])
        if len(parts) <= 3:
            return text
        return f"{text}T{':'.join(parts[3:])}{_zone_text(self.zone)}"


def _two(part: int | Decimal) -> str:
    if isinstance(part, int):
        return f"{part:02}"
    whole, dot, fraction = f"{part:f}".partition(".")
    return f"{whole:0>2}{dot}{fraction}"


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    hours, minutes = divmod(abs(zone), 60)
    return f"{'-' if zone < 0 else '+'}{hours:02}:{minutes:02}"


@lru_cache(maxsize=8192)
def read(text: str) -> Temporal | None:
    """Returns the Date or DateTime of a FHIR date, dateTime or instant, or of a literal without `@`, else None.

    A text without `T` is a Date.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        return None
    fields = _numbers(*found.group("year", "month", "day", "hour", "minute", "second"))
    if found["hour"] is not None and found["day"] is None:
        return None
    zone = _zone(found["zone"])
    if not _real(fields) or (zone is not None and abs(zone) > EARLIEST_ZONE):
        return None
    return Temporal("Date" if found["t"] is None else "DateTime", fields, zone, text)


@lru_cache(maxsize=1024)
def read_time(text: str) -> Temporal | None:
    """Returns the Time of a FHIR time or of a literal without `@T`; None if it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    fields = _numbers(*found.groups())
    return Temporal("Time", fields, None, text) if _real_time(fields) else None


def _numbers(*parts: str | None) -> tuple[int | Decimal, ...]:
    return tuple(
        Decimal(part) if index == len(parts) - 1 else int(part) for index, part in enumerate(parts) if part is not None
    )


def _zone(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _real(fields: tuple[int | Decimal, ...]) -> bool:
    whole = [int(part) for part in fields[:3]]
    year, month, day = whole + [1, 1, 1][len(whole) :]
    is_date = year >= 1 and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)
    return is_date and _real_time(fields[3:])


def _real_time(fields: tuple[int | Decimal, ...]) -> bool:
    # A leap second is written as second 60.
    return all(part < limit for part, limit in zip(fields, (24, 60, 61), strict=False))


def days_in_month(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def to_date(value: Temporal) -> Temporal:
    """Returns the date part of a Date or DateTime."""
    return value if value.kind == "Date" else Temporal("Date", value.fields[:3])


def to_date_time(value: Temporal) -> Temporal:
    """Returns a Date or DateTime as a DateTime of the same precision."""
    return value if value.kind == "DateTime" else Temporal("DateTime", value.fields)


def compare(left: Temporal, right: Temporal) -> int | None:
    """Returns -1, 0 or 1, None where precision or a missing zone leaves the order open.

    Raises Invalid where one is a Time and the other is not.
    """
    if (left.kind == "Time") != (right.kind == "Time"):
        raise Invalid("fhir.fhirpath.not-comparable", left=left.kind, right=right.kind)
    if left.zone is None and right.zone is None:
        return _compare_fields(left.fields, right.fields)
    if left.zone is not None and right.zone is not None:
        return _compare_fields(_in_utc(left), _in_utc(right))
    return _compare_across_zones(left, right)


def _compare_fields(left: tuple[int | Decimal, ...], right: tuple[int | Decimal, ...]) -> int | None:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left) == len(right) else None


def _in_utc(value: Temporal) -> tuple[int | Decimal, ...]:
    """(day number, hour, minute, second) in UTC, as far as the value goes; a value with a zone has hours."""
    fields = value.fields
    minute_of_day = int(fields[3]) * 60 + (int(fields[4]) if len(fields) > 4 else 0) - (value.zone or 0)
    days, minute_of_day = divmod(minute_of_day, 1440)
    # A day before year 1 or after 9999 is a number still, so a shift over the edge of the calendar is harmless.
    return (_day_number(fields) + days, *divmod(minute_of_day, 60), *fields[5:])[: len(fields) - 2]


def _day_number(fields: tuple[int | Decimal, ...]) -> int:
    """Days since 0000-03-01 of the proleptic Gregorian calendar; whole dates only."""
    year, month, day = int(fields[0]), int(fields[1]), int(fields[2])
    if month <= 2:
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1


def _compare_across_zones(left: Temporal, right: Temporal) -> int | None:
    left_low, left_high = _bounds(left)
    right_low, right_high = _bounds(right)
    if left_high < right_low:
        return -1
    return 1 if left_low > right_high else None


def _bounds(value: Temporal) -> tuple[Decimal, Decimal]:
    """The first and last second that the value may mean, as seconds of UTC since 0000-03-01."""
    first, last = (_seconds(complete(value.fields, last=last)) for last in (False, True))
    if value.zone is not None:
        return first - value.zone * 60, last - value.zone * 60
    return first - EARLIEST_ZONE * 60, last - LATEST_ZONE * 60


def _seconds(fields: tuple[int | Decimal, ...]) -> Decimal:
    return Decimal(_day_number(fields)) * 86400 + int(fields[3]) * 3600 + int(fields[4]) * 60 + Decimal(fields[5])


def complete(fields: tuple[int | Decimal, ...], *, last: bool) -> tuple[int | Decimal, ...]:
    """Returns the fields of a Date or DateTime filled up to milliseconds with their least or greatest values."""
    year = int(fields[0])
    month = fields[1] if len(fields) > 1 else (12 if last else 1)
    greatest = (year, month, days_in_month(year, int(month)), 23, 59, Decimal("59.999"))
    least = (year, month, 1, 0, 0, Decimal("0.000"))
    return (*fields, *(greatest if last else least)[len(fields) :])


def identity(value: Temporal) -> tuple[object, ...]:
    """Returns a hashable that two values share exactly when they compare as equal."""
    fields = value.fields if value.zone is None else _in_utc(value)
    return ("time" if value.kind == "Time" else "date", value.zone is None, *fields)


def shift(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    """Returns the value moved by an amount of a calendar unit ("year" ... "millisecond"), in the same precision.

    Above seconds the fraction of the amount does not count; an amount finer than the value's precision is first cut to
    it. None where the result leaves the years 1 to 9999.
    """
    if value.kind == "Time":
        return _shift_time(value, amount, unit)
    fields = value.fields
    if abs(amount) > MAX_AMOUNT:
        return None
    whole = amount.to_integral_value(ROUND_DOWN)
    if UNIT_FIELDS[unit] >= len(fields):
        whole, unit = _coarser(whole, unit, len(fields))
        amount = whole
    if unit in ("year", "month"):
        return _shift_months(value, int(whole) * (12 if unit == "year" else 1))
    seconds = (amount if unit in ("second", "millisecond") else whole) * _SECONDS[unit]
    return _shift_seconds(value, seconds)


def _coarser(amount: Decimal, unit: str, precision: int) -> tuple[Decimal, str]:
    """Converts to the unit of the value's last field: 365 days a year, 30 days a month, 12 months a year."""
    if unit == "month":
        return (amount / 12).to_integral_value(ROUND_DOWN), "year"
    target = ("year", "month", "day", "hour", "minute")[precision - 1]
    size = {"year": Decimal(365 * 86400), "month": Decimal(30 * 86400)}.get(target) or _SECONDS[target]
    return (amount * _SECONDS[unit] / size).to_integral_value(ROUND_DOWN), target


def _shift_months(value: Temporal, months: int) -> Temporal | None:
    fields = value.fields
    year, month = divmod(int(fields[0]) * 12 + (int(fields[1]) - 1 if len(fields) > 1 else 0) + months, 12)
    if not 1 <= year <= 9999:
        return None
    moved: list[int | Decimal] = [year, month + 1, *fields[2:]][: len(fields)]
    if len(moved) > 2:
        # The 31st moved into a shorter month becomes that month's last day.
        moved[2] = min(int(moved[2]), days_in_month(year, month + 1))
    return Temporal(value.kind, tuple(moved), value.zone)


def _shift_seconds(value: Temporal, seconds: Decimal) -> Temporal | None:
    fields = value.fields
    start = _seconds((*fields, *(0, 1, 1, 0, 0, Decimal(0))[len(fields) :]))
    day, rest = divmod(start + seconds, 86400)
    if rest < 0:
        day, rest = day - 1, rest + 86400
    date = _date_of(int(day))
    if date is None:
        return None
    minutes, second = divmod(rest, 60)
    hour, minute = divmod(int(minutes), 60)
    places = _places(fields[5]) if len(fields) > 5 else 0
    second = _cut(second, max(places, _places(seconds)))
    moved = (*date, hour, minute, second)[: len(fields)]
    return Temporal(value.kind, moved, value.zone)


def _places(number: int | Decimal) -> int:
    exponent = Decimal(number).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _cut(second: Decimal, places: int) -> Decimal:
    return second.quantize(Decimal(1).scaleb(-min(places, 9)), ROUND_DOWN)


def _date_of(day: int) -> tuple[int, int, int] | None:
    """The inverse of `_day_number`; None outside the years 1 to 9999."""
    era, day_of_era = divmod(day, _CENTURIES_400_DAYS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return (year, month, day_of_year - (153 * shifted + 2) // 5 + 1) if 1 <= year <= 9999 else None


def _shift_time(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    if unit not in ("hour", "minute", "second", "millisecond"):
        raise Invalid("fhir.fhirpath.unit-for-time", unit=unit)
    if abs(amount) > MAX_AMOUNT:
        return None
    # Time goes round the clock: whole days of milliseconds are as well left away.
    moved = shift(Temporal("DateTime", (2000, 1, 1, *value.fields)), amount % (86400 * 1000), unit)
    return None if moved is None else Temporal("Time", moved.fields[3:])
