"""Says where and how a text fails to be JSON.

Off the hot path: only called once the decoder has given up. The decoder's own sentences are not passed on; they
become text ids, with line and column counted from one, columns in characters.
"""

import re

from kangyun.base.errors import Invalid, Malformed, PlatformError
from kangyun.fhir.json.guards import MAX_DEPTH, MAX_DIGITS, MAX_EXPONENT

_reason = re.compile(r"JSON is malformed: (?P<what>.*) \(byte (?P<byte>\d+)\)")

# First words of the decoder's reason -> text id
_TEXTS = (
    ("trailing characters", "fhir.json.trailing-characters"),
    ("trailing comma", "fhir.json.trailing-comma"),
    ("object keys must be strings", "fhir.json.name-expected"),
    ("expected '\"'", "fhir.json.name-expected"),
    ("expected ':'", "fhir.json.colon-expected"),
    ("expected ','", "fhir.json.comma-expected"),
    ("invalid number", "fhir.json.number-form"),
    ("invalid escape", "fhir.json.escape"),
    ("invalid character in unicode escape", "fhir.json.escape"),
    ("unexpected end of hex escape", "fhir.json.escape"),
    ("invalid utf-16 surrogate", "fhir.json.surrogate"),
    ("unexpected end of escaped utf-16", "fhir.json.surrogate"),
)


def fault(raw: bytes, error: Exception) -> PlatformError:
    """Returns what to raise for an exception of the decoder over `raw`."""
    if isinstance(error, RecursionError):
        return Invalid("fhir.json.depth", limit=MAX_DEPTH)
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(raw)
    reason = _reason.match(str(error))
    if reason:
        text = next((text for words, text in _TEXTS if reason["what"].startswith(words)), "fhir.json.syntax")
        line, column = _place(raw, int(reason["byte"]))
        return Malformed(text, line=line, column=column)
    said = str(error)
    if said.startswith("Expected `object`"):
        return Malformed("fhir.json.not-an-object")
    if said.startswith("Integer value out of range"):
        return Invalid("fhir.json.number", digits=MAX_DIGITS, exponent=MAX_EXPONENT)
    return Malformed("fhir.json.truncated")


def _not_utf8(raw: bytes) -> Malformed:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(raw, error.start)
        return Malformed("fhir.json.utf8", line=line, column=column)
    return Malformed("fhir.json.truncated")


def _place(raw: bytes, byte: int) -> tuple[int, int]:
    before = raw[:byte]
    start_of_line = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start_of_line:].decode("utf-8", "replace")) + 1
