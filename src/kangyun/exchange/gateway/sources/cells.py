"""What a driver gives, as the text that it is in the source. Pure.

A number keeps its digits, a time is written as 2026-01-05 08:05:00, an absent value stays absent. Whether a text makes
sense is for the mapping.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from kangyun.exchange.tables.reading.encodings import SEVEN_BITS, from_seven_bits

_WINDOWS = {ord(letter): place for place in range(0x80, 0xA0) if (letter := bytes([place]).decode("cp1252", "ignore"))}
"""MySQL's latin1 is Windows' 1252: what it gives for bytes 80 to 9F, back to these."""
_CODECS = {"gbk": "gb18030", "gb2312": "gb18030", SEVEN_BITS: "gb18030"}


_WALL = timezone(timedelta(hours=8))
_OF_WALLS = (timedelta(hours=8), timedelta(hours=9))
"""Of China; the second in the summers of 1986 to 1991, whose births are written down so."""


def on_the_wall(moment: datetime) -> datetime:
    """Returns an instant as a clock on a hospital's wall showed it, naive."""
    if moment.tzinfo is not None and moment.utcoffset() not in _OF_WALLS:
        moment = moment.astimezone(_WALL)
    return moment.replace(tzinfo=None)


def texts(charset: str) -> Callable[[Sequence[Any]], list[str | None]]:
    """Returns what makes texts of a row. charset: of the source, where its driver does not know it."""
    codec = _CODECS.get(charset.lower(), charset or "utf-8")
    seven_bits = charset.lower() == SEVEN_BITS

    def text(value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, str):
            return _clean(from_seven_bits(value.translate(_WINDOWS)) if seven_bits else value)
        if isinstance(value, datetime):
            return on_the_wall(value).isoformat(" ")
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, int | date):
            return str(value)
        if isinstance(value, float):
            return _plain(Decimal(repr(value)))
        if isinstance(value, Decimal):
            return _plain(value)
        if hasattr(value, "read"):  # a large object of oracledb
            return text(value.read())
        if isinstance(value, bytes | bytearray | memoryview):
            return _clean(bytes(value).decode(codec, "replace"))
        return _clean(str(value))

    return lambda row: [text(value) for value in row]


def joined(row: Sequence[Any], is_text: Sequence[bool]) -> list[Any]:
    """Returns a row of `dialects.seven_bit_columns`, its texts whole again."""
    cells = iter(row)
    made = []
    for whole in is_text:
        first = next(cells)
        if whole:
            second = next(cells)
            made.append(None if first is None else bytes(first) + bytes(second or b""))
        else:
            made.append(first)
    return made


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    written = format(value, "f")
    return written.removesuffix(".0")


def _clean(text: str) -> str:
    # Half characters can stand in no message; NUL is how some drivers fill.
    return text.rstrip("\x00").encode("utf-8", "replace").decode() if not text.isascii() else text.rstrip("\x00")
