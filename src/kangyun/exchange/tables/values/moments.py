"""Dates and times as hospitals write them, made FHIR's: without a zone they are Beijing's.

Read: 20260105, 20260105080500, 2026-01-05, 2026/1/5 8:05, 2026年1月5日 8时5分, 2026.1.5, 上午 and 下午, times with a
zone, and serial numbers of Excel (1900 system: day 0 is 1899-12-30; a fraction is the time of day, to the second).
Never read: a day before its month, a year of two digits, a month 13 with its parts swapped.

Sentinels (`exchange.conventions`) say that something has not happened: they are absent, never a date.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from kangyun.exchange.conventions import sentinel_instants, sentinels
from kangyun.exchange.tables.values.cells import Unfit, said

ZONE = "+08:00"
_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_YEARS = range(1850, 2100)
_SERIAL = re.compile(r"(?:[1-9]\d{4}|[01])(?:\.\d{1,12})?")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{1,9})?)?)?)?")
_APART = re.compile(
    r"(\d{4})(?P<s>[-/.年])(\d{1,2})(?:(?P=s)|月)(\d{1,2})日?"
    r"(?:[T ]?(?P<half>上午|下午|中午|晚上|凌晨|AM|PM)? ?(\d{1,2})[:时点](\d{1,2})?分?(?::?(\d{1,2})秒?(?:\.\d{1,9})?)?"
    r" ?(?P<after>AM|PM)?)?(?P<zone>Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_LATE = ("下午", "晚上", "PM")


@lru_cache(8192)
def moment(cell: str) -> str:
    """Returns a FHIR date, or a dateTime with its zone; empty where the cell says nothing or is a sentinel."""
    text = said(cell)
    if not text:
        return ""
    found = _read(text)
    if found is None or found[:10] in sentinels() or found[:19] in sentinel_instants():
        return ""
    if int(found[:4]) not in _YEARS:
        raise Unfit("date-out-of-range")
    return found


def day(cell: str) -> str:
    """Returns a FHIR date: of a time the day that it was written with."""
    return moment(cell)[:10]


@lru_cache(8192)
def beijing_day(cell: str) -> date | None:
    """Returns Beijing's day of a day or time, whatever zone it was written with; None where the cell says nothing."""
    found = moment(cell)
    if len(found) <= 10:
        return date.fromisoformat(found) if found else None
    return datetime.fromisoformat(found).astimezone(_BEIJING).date()


@lru_cache(8192)
def at_hour(cell: str, hour: str) -> str:
    """Returns the dateTime of a day and an hour in two columns; the day alone where there is no hour."""
    found, at = moment(cell), said(hour)
    if len(found) != 10 or not at:
        return found
    if not (at.isascii() and at.isdecimal()) or int(at) > 23:
        raise Unfit("hour-wrong", 1)
    return f"{found}T{int(at):02d}:00:00{ZONE}"


@lru_cache(8192)
def instant(cell: str) -> str:
    """Returns a FHIR instant; raises Unfit for a day without a time."""
    found = moment(cell)
    if len(found) == 10:
        raise Unfit("time-wanted")
    return found


def _read(text: str) -> str | None:
    """Returns a date or dateTime of the text, None where it is that of a program's nothing."""
    if _SERIAL.fullmatch(text):
        return _of_serial(text)
    packed = _PACKED.fullmatch(text)
    if packed:
        if packed[1] == "0000" or text[:8] == "00000000":
            return None
        year, month, day_, hour, minute, second = packed.groups()
        return _checked(year, month, day_, hour, minute, second, "")
    apart = _APART.fullmatch(text)
    if apart is None:
        raise Unfit("date-wrong")
    year, _, month, day_, half, hour, minute, second, after, zone = apart.groups()
    if year == "0000":
        return None
    if hour is not None and (half or after):
        hour = str(int(hour) % 12 + (12 if (half or after).upper() in _LATE or half == "中午" else 0))
    return _checked(year, month, day_, hour, minute, second, zone or "")


def _checked(
    year: str, month: str, day_: str, hour: str | None, minute: str | None, second: str | None, zone: str
) -> str:
    try:
        found = date(int(year), int(month), int(day_))
        if hour is None:
            return found.isoformat()
        at = timedelta(hours=int(hour), minutes=int(minute or 0), seconds=int(second or 0))
        if int(hour) > 24 or int(minute or 0) > 59 or int(second or 0) > 59 or at > timedelta(days=1):
            raise Unfit("date-wrong")
        moment_ = datetime(found.year, found.month, found.day, tzinfo=UTC) + at
    except (ValueError, OverflowError):
        raise Unfit("date-wrong") from None
    zone = {"": ZONE, "Z": "Z", "z": "Z"}.get(zone, zone)
    return f"{moment_:%Y-%m-%dT%H:%M:%S}{zone if len(zone) < 5 or ':' in zone else zone[:3] + ':' + zone[3:]}"


def _of_serial(text: str) -> str | None:
    whole, _, fraction = text.partition(".")
    if len(whole) < 5:
        return None  # Excel's 0 and 1 are 1900-01-00 and 1900-01-01
    at = _EPOCH + timedelta(days=int(whole), seconds=round(float(f"0.{fraction}") * 86_400) if fraction else 0)
    return f"{at:%Y-%m-%d}" if not fraction.strip("0") else f"{at:%Y-%m-%dT%H:%M:%S}{ZONE}"
