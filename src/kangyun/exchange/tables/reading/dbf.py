"""DBF as hospitals' programs write it: dBase III and FoxPro tables, without their memos. A reader of ours.

Text is GBK whatever the header says, unless it says Big5 or the bytes are UTF-8. A text that a fixed width cut within a
character loses that half, and says so. A record that is marked as deleted is a refusal: it is told, and not taken.

Source: dBase III+ and Visual FoxPro table structure (public descriptions of the header, the field descriptors and the
types C, D, F, I, B, L, N, T, Y). Records are counted as a spreadsheet shows them: the first is row 2.
"""

import struct
from collections.abc import Callable
from datetime import date, timedelta
from io import SEEK_END
from typing import BinaryIO, NamedTuple

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.tables.reading.encodings import Encoding, declared, detected
from kangyun.exchange.tables.reading.model import MOST_COLUMNS, TEXTS, Row, Rows, Table, header_of, unreadable

_VERSIONS = frozenset((0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0xCB, 0xF5, 0xFB))
_HEAD = struct.Struct("<BBBBIHH")
_FIELD = struct.Struct("<11sc4xBB14x")
_BIG5 = (0x78, 0x58)  # code page byte: Taiwan
_END, _DELETED = 0x0D, 0x2A
_STATES = (b" ", b"*")
_BLOCK = 262_144  # bytes
_JULIAN = date(1970, 1, 1).toordinal() - 2_440_588  # days from a Julian day to Python's ordinal
_FLAGS = b"0"
_MEMOS = "MGPQVW"


class _Field(NamedTuple):
    name: str
    type: str
    start: int
    end: int


def is_dbf(head: bytes) -> bool:
    """Whether the first 16 bytes of a file are the header of a DBF."""
    if len(head) < 12:
        return False
    version, _, month, day, _, header, record = _HEAD.unpack(head[:12])
    return version in _VERSIONS and month <= 12 and day <= 31 and header >= 33 and record > 1


def read(stream: BinaryIO, source: str, encoding: str | None) -> Table:
    """Returns the table of a DBF."""
    head = stream.read(32)
    if len(head) < 32:
        return unreadable(source, "cut-off")
    *_, count, header_size, record_size = _HEAD.unpack(head[:12])
    described = stream.read(header_size - 32)
    if len(described) < header_size - 32:
        return unreadable(source, "cut-off")
    fields = _fields(described, record_size)
    if not fields:
        return unreadable(source, "not-a-table")
    sample = stream.read(_BLOCK)
    stream.seek(header_size)
    used = declared(encoding) if encoding else _encoding(sample, head[29])
    if used is None:
        return unreadable(source, "encoding-unknown", encoding=encoding or "")
    header, refusals = header_of(source, [field.name for field in fields])
    memos = [field.name.upper() for field in fields if field.type in _MEMOS]
    refusals += [Refusal(Place(source, 1, name), TEXTS + "memo", whole=False) for name in memos]
    return Table(source, "dbf", used.name, header, _rows(stream, source, fields, record_size, count, used, refusals))


def _encoding(sample: bytes, page: int) -> Encoding:
    if page in _BIG5:
        return Encoding("big5", "cp950")
    found = detected(sample, whole=False)
    return found if found.codec == "utf-8" else Encoding("gb18030", "gb18030")


def _fields(described: bytes, record_size: int) -> list[_Field]:
    """Returns the fields; none where they do not fit the records."""
    found: list[tuple[str, str, int, int]] = []
    for start in range(0, len(described) - 31, 32):
        if described[start] == _END:
            break
        name, type_, length, decimals = _FIELD.unpack(described[start : start + 32])
        text = name.partition(b"\x00")[0].decode("gb18030", "replace")
        found.append((text, type_.decode("latin-1").upper(), length, decimals))
    # Some programs write the length of a long text into the place of its decimals, too.
    for wide in (False, True):
        fields, end = [], 1
        for name_, kind, length, decimals in found:
            start, end = end, end + length + (256 * decimals if wide and kind == "C" else 0)
            if kind != _FLAGS.decode():
                fields.append(_Field(name_, kind, start, end))
        if end == record_size and len(fields) <= MOST_COLUMNS:
            return fields
    return []


def _rows(
    stream: BinaryIO,
    source: str,
    fields: list[_Field],
    size: int,
    count: int,
    used: Encoding,
    refusals: list[Refusal],
) -> Rows:
    yield from refusals
    number, beyond = 1, b""
    while number <= count:
        block = stream.read(size * max(1, _BLOCK // size))
        for start in range(0, len(block) - size + 1, size):
            number += 1
            yield from _record(block[start : start + size], number, source, fields, used)
            if number > count:
                beyond = block[start + size :]
                break
        if number <= count and (len(block) < size or len(block) % size):
            yield Refusal(Place(source, number + 1), TEXTS + "truncated", None, {"wanted": count, "found": number - 1})
            return
    beyond += stream.read(size)
    if len(beyond) >= size and beyond[:1] in _STATES and beyond[:size].strip(b" \x00\x1a"):
        # Who wrote them was stopped before he wrote how many there are.
        at = stream.tell()
        found = count + (len(beyond) + stream.seek(0, SEEK_END) - at) // size
        yield Refusal(Place(source, number + 1), TEXTS + "more-records", None, {"wanted": count, "found": found})


def _record(record: bytes, number: int, source: str, fields: list[_Field], used: Encoding) -> Rows:
    if record[0] == _DELETED:
        yield Refusal(Place(source, number), TEXTS + "record-deleted")
        return
    cells = []
    for field in fields:
        raw = record[field.start : field.end]
        try:
            cell, cut = _cell(raw, field.type, used)
        except (ValueError, OverflowError, struct.error):
            yield Refusal(Place(source, number, field.name.upper()), TEXTS + "wrong-bytes")
            return
        if cut:
            yield Refusal(
                Place(source, number, field.name.upper()), TEXTS + "cut-in-character", whole=False, taken=True
            )
        cells.append(cell)
    yield Row(number, cells)


def _cell(raw: bytes, type_: str, used: Encoding) -> tuple[str, bool]:
    """Returns what a field says, and whether half a character was cut off. Raises ValueError for what cannot be."""
    binary = _BINARY.get(type_)
    if binary is not None and len(raw) == binary[0]:
        return binary[1](raw), False
    raw = raw.rstrip(b" \x00")
    if type_ == "L":
        return ("" if raw in (b"?", b"") else raw.decode("ascii")), False
    if type_ in _MEMOS:
        return "", False
    try:
        return used.text(raw.decode(used.codec)).strip(), False
    except UnicodeDecodeError as wrong:
        if wrong.end < len(raw) or wrong.start < len(raw) - 3:
            raise
        return used.text(raw[: wrong.start].decode(used.codec)).strip(), True


def _moment(raw: bytes) -> str:
    days, milliseconds = struct.unpack("<ii", raw)
    if not days:
        return ""
    day = date.fromordinal(days + _JULIAN)
    return f"{day.isoformat()} {timedelta(seconds=round(milliseconds / 1000))!s:0>8}"


def _whole(raw: bytes) -> str:
    return str(struct.unpack("<i", raw)[0])


def _double(raw: bytes) -> str:
    return f"{struct.unpack('<d', raw)[0]:.15g}"


def _currency(raw: bytes) -> str:
    units = struct.unpack("<q", raw)[0]
    return f"{'-' if units < 0 else ''}{abs(units) // 10_000}.{abs(units) % 10_000:04d}"


_BINARY: dict[str, tuple[int, Callable[[bytes], str]]] = {
    "T": (8, _moment),
    "I": (4, _whole),
    "B": (8, _double),
    "Y": (8, _currency),
}
