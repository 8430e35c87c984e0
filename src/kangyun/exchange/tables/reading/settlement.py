"""Settlement lists of insurance (4101, 4101A) as JSON, read as rows: a message is a row, its lists numbered columns.

`setlinfo.mdtrt_id` is the column MDTRT_ID, the second row of `diseinfo` gives DISEINFO.2.DIAG_CODE. A file is one
envelope (`infno`, `input` …), a list of them, or one a line. They are read only: nothing here is sent to anybody.

Source: data/SOURCE.md (interface V1.0).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from kangyun.base.numbers.fillers import narrow
from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.tables.reading.model import LONGEST_CELL, TEXTS, Row, Rows, Table, column_name, unreadable

LARGEST = 64 * 1024 * 1024
"""Bytes of a file, which is in memory as a whole."""
MOST_OF_A_LIST = 100
MOST_COLUMNS = 5_000
MAIN = "setlinfo"
_KNOWN = ("4101", "4101A")
_STARTS = (b"{", b"[")

Cells = Mapping[str, str]


def is_json(head: bytes) -> bool:
    """Whether a file begins as JSON does."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_STARTS)


def read(stream: BinaryIO, source: str) -> Table:
    """Returns the table of a file of settlement lists."""
    raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        return unreadable(source, "json-too-large", most=LARGEST)
    text = _decoded(raw)
    if text is None:
        return unreadable(source, "json-characters")
    messages = _messages(text)
    if isinstance(messages, tuple):
        return unreadable(source, "json-broken", line=messages[0], column=messages[1])
    rows = [_row(source, number, message) for number, message in messages]
    header = list(dict.fromkeys(name for row in rows if isinstance(row, tuple) for name in row[1]))
    if not header:
        refusals = [row for row in rows if isinstance(row, Refusal)]
        return Table(source, "", "", (), iter(refusals)) if refusals else unreadable(source, "json-empty")
    if len(header) > MOST_COLUMNS:
        return unreadable(source, "json-too-many-columns", most=MOST_COLUMNS)
    return Table(source, "json", "utf-8", tuple(header), _rows(rows, header))


def _rows(rows: Sequence[tuple[int, Cells] | Refusal], header: Sequence[str]) -> Rows:
    for row in rows:
        yield row if isinstance(row, Refusal) else Row(row[0], [row[1].get(name, "") for name in header])


def _decoded(raw: bytes) -> str | None:
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def _messages(text: str) -> list[tuple[int, Any]] | tuple[int, int]:
    """Returns the messages with their numbers, or the line and column where the text is no JSON."""
    try:
        whole = _loaded(text)
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].rstrip().endswith("}"):
            return error.lineno, error.colno
        found: list[tuple[int, Any]] = []
        for number, line in lines:
            try:
                found.append((number, _loaded(line)))
            except (json.JSONDecodeError, RecursionError):
                found.append((number, None))
        return found
    except RecursionError:
        return 1, 1
    return list(enumerate(whole, 1)) if isinstance(whole, list) else [(1, whole)]


def _loaded(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _row(source: str, number: int, message: Any) -> tuple[int, Cells] | Refusal:
    """Returns a message as cells by column, or why it is none."""
    place = Place(source, number)
    if not isinstance(message, dict):
        return Refusal(place, TEXTS + "json-no-message")
    infno = message.get("infno")
    if infno is not None and str(infno) not in _KNOWN:
        return Refusal(Place(source, number, "infno"), TEXTS + "settlement-other", None, {"known": "、".join(_KNOWN)})
    body = message.get("input", message)
    main = body.get(MAIN) if isinstance(body, dict) else None
    if not isinstance(main, dict):
        return Refusal(Place(source, number, MAIN), TEXTS + "settlement-missing", None, {"section": MAIN})
    cells: dict[str, str] = {}
    for section, prefix, fields in _sections(body, main):
        if not isinstance(fields, dict) or (prefix.count(".") and int(prefix.split(".")[1]) > MOST_OF_A_LIST):
            told: dict[str, str | int] = {"section": section, "most": MOST_OF_A_LIST}
            return Refusal(Place(source, number, section), TEXTS + "settlement-list", None, told)
        for name, value in fields.items():
            said = _text(value)
            if said is None:
                return Refusal(Place(source, number, f"{section}.{name}"[:80]), TEXTS + "settlement-value")
            if len(said) > LONGEST_CELL:
                place = Place(source, number, f"{section}.{name}"[:80])
                return Refusal(place, TEXTS + "cell-too-long", None, {"limit": LONGEST_CELL})
            cells[prefix + column_name(name)] = said
    return number, cells


def _sections(body: Mapping[str, Any], main: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yields name, beginning of columns and fields of each section, each row of a list for itself."""
    yield MAIN, "", main
    for section, rows in body.items():
        if section == MAIN or rows in (None, "", []):
            continue
        several = rows if isinstance(rows, list) else [rows]
        for nth, fields in enumerate(several, 1):
            yield section, f"{column_name(section)}.{nth}.", fields


def _text(value: Any) -> str | None:
    """Returns a value as a cell; None for what is no plain value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    return narrow(value) if isinstance(value, str) else None
