"""FHIR date, dateTime, instant and partial dates as half-open ranges of instants.

A partial date is the whole day, month or year; a time is the second, or the fraction of one, that it names. What has no
zone is read in the region's zone (naive times in China are Beijing time).

Source: https://hl7.org/fhir/R4/search.html#date
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from kangyun.base.errors import Malformed

BEIJING = timezone(timedelta(hours=8))
# Stand for "no bound": an open period, a year beyond what a database instant holds.
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
ABSENT = (EARLIEST, EARLIEST)
"""The range of a resource that has no clinical date."""

Range = tuple[datetime, datetime]

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=65536)
def bounds(text: str, zone: tzinfo = BEIJING) -> Range:
    """Returns [low, high) of a FHIR date, dateTime or instant. Raises Malformed for what is none."""
    try:
        low, high = _bounds(text, zone)
    except (ValueError, OverflowError):
        raise Malformed("fhir.search.not-a-date") from None
    if low.year == 1 or high.year == 9999:
        return _in_reach(low), _in_reach(high)
    return low, high


def _bounds(text: str, zone: tzinfo) -> Range:
    length = len(text)
    if length == 10 and text[4] == text[7] == "-":
        low = datetime(int(text[:4]), int(text[5:7]), int(text[8:]), tzinfo=zone)
        return low, _after(low, timedelta(days=1))
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if month is None:
        low = datetime(int(year), 1, 1, tzinfo=zone)
        return low, LATEST if low.year == 9999 else datetime(low.year + 1, 1, 1, tzinfo=zone)
    if day is None:
        low = datetime(int(year), int(month), 1, tzinfo=zone)
        if low.month < 12:
            return low, low.replace(month=low.month + 1)
        return low, LATEST if low.year == 9999 else datetime(low.year + 1, 1, 1, tzinfo=zone)
    if hour is None:
        low = datetime(int(year), int(month), int(day), tzinfo=zone)
        return low, _after(low, timedelta(days=1))
    if second == "60":  # A leap second is the last second of its minute here.
        second = "59"
    low = datetime(
        *(int(year), int(month), int(day), 0 if hour == "24" else int(hour), int(minute), int(second or 0)),
        int((fraction or "0")[:6].ljust(6, "0")),
        tzinfo=_zone(offset) if offset else zone,
    )
    if hour == "24":
        low = _after(low, timedelta(days=1))
    if second is None:
        return low, _after(low, timedelta(minutes=1))
    if fraction is None:
        return low, _after(low, _SECOND)
    return low, _after(low, timedelta(microseconds=10 ** (6 - min(len(fraction), 6))))


def _in_reach(moment: datetime) -> datetime:
    """Returns the instant in UTC: one that its zone carries out of the calendar is its first or last instant."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == 1 else LATEST


def _after(low: datetime, span: timedelta) -> datetime:
    try:
        return low + span
    except OverflowError:
        return LATEST


@lru_cache(maxsize=256)
def _zone(offset: str) -> tzinfo:
    if offset == "Z":
        return UTC
    span = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return timezone(-span if offset[0] == "-" else span)
