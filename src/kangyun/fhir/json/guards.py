"""What JSON allows and a health record cannot take, found on the hot path of every write.

Each guard first asks a cheap question of the raw bytes whose "no" is proof, and walks the value only after a
"maybe": a resource of the usual size pays for a few scans of its bytes at memory speed. No guard can be talked
into a wrong "no"; the comments say why.
"""

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from kangyun.base.errors import Invalid

MAX_DEPTH = 64
"""Objects and arrays inside one another, the outermost included."""

MAX_DIGITS = 40
MAX_EXPONENT = 400

_write = msgspec.json.Encoder(decimal_format="number").encode
_digits_as_zero = bytes.maketrans(b"0123456789", b"0000000000")
_one_kind_of_bracket = bytes.maketrans(b"[]", b"{}")
_no_marks = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_text_with_brackets = re.compile(rb'"[^"]*"')
_too_many_zeros = b"0" * (MAX_DIGITS + 1)
_element_name = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")


def decimal(text: str) -> Decimal:
    """Reads a number with a fraction or an exponent. Raises Invalid where its size is beyond the limits."""
    if len(text) <= 16 and "e" not in text and "E" not in text:
        return Decimal(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _out_of_bounds() from None
    _, digits, exponent = value.as_tuple()
    if len(digits) > MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        raise _out_of_bounds()
    return value


def check(raw: bytes, value: Any) -> None:
    """Raises Invalid where `raw`, already read as `value`, breaks one of the limits of this module."""
    marks = raw.translate(_one_kind_of_bracket, _no_marks)
    quotes = marks.count(b'"')
    if len(marks) - quotes > 2 * MAX_DEPTH and _deep(raw, marks):
        raise Invalid("fhir.json.depth", limit=MAX_DEPTH)
    # A name that was dropped as a duplicate is missing when the value is written again. Each string gives two quotes
    # and each quote inside it one more on both sides; only a quote sent as \\u0022 counts on one side alone.
    if b"\\" in raw and b"\\u00" in raw:
        _check_escaped(raw, value)
    else:
        written = _write(value)
        if written != raw and written.count(b'"') != quotes:
            raise duplicate(raw)
    # 41 digits in a row cover at least five multiples of eight.
    if b"00000" in raw[::8].translate(_digits_as_zero) and _too_many_zeros in raw.translate(_digits_as_zero):
        _check_integers(value)


def _deep(raw: bytes, marks: bytes) -> bool:
    """Whether brackets outside strings nest beyond the limit; only for what the decoder has read as JSON."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
        marks = raw.translate(_one_kind_of_bracket, _no_marks)
    # Two quotes side by side are an empty string or the border of two: without them, what is inside a string and
    # what is outside stay so, and only strings with a bracket, such as the unit {score}, are left to cut out.
    marks = marks.replace(b'""', b"")
    if b'"' in marks:
        marks = _text_with_brackets.sub(b"", marks)
    for _ in range(MAX_DEPTH):
        marks = marks.replace(b"{}", b"")  # one level, from the inside
        if not marks:
            return False
    return True


def _check_escaped(raw: bytes, value: Any) -> None:
    """Looks for NUL and duplicates where an escape such as \\u0000 or \\u0022 may stand; rare, so by a full reading."""
    if b"\\u0000" in _write(value):
        for text in _strings(value):
            if "\0" in text:
                raise Invalid("fhir.json.nul")
    if _repeated_name(raw) is not None:
        raise duplicate(raw)


def _strings(value: Any) -> list[str]:
    found: list[str] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            found.extend(item)
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return found


def _repeated_name(raw: bytes) -> str | None:
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > 1:
            repeated.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    json.loads(raw, object_pairs_hook=note, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None


def duplicate(raw: bytes) -> Invalid:
    """Returns the fault of a text in which a name stands twice in one object."""
    try:
        name = _repeated_name(raw)
    except (ValueError, RecursionError):
        name = None  # of a bundle, a part that nobody has read yet may be no JSON
    # What is no name of an element may be anything, a patient's name too: it is not said back.
    if name is None or not _element_name.fullmatch(name):
        return Invalid("fhir.json.duplicate")
    return Invalid("fhir.json.duplicate-name", name=name)


def _check_integers(value: Any) -> None:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif type(item) is int and abs(item) >= 10**MAX_DIGITS:
            raise _out_of_bounds()


def _out_of_bounds() -> Invalid:
    return Invalid("fhir.json.number", digits=MAX_DIGITS, exponent=MAX_EXPONENT)
