"""JSON text as a resource: the decoder, then the guards."""

from typing import Any

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.json.faults import fault
from kangyun.fhir.json.guards import check, decimal

Text = bytes | bytearray | memoryview

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_read_object = msgspec.json.Decoder(dict[str, Any], float_hook=decimal).decode
_read_value = msgspec.json.Decoder(float_hook=decimal).decode


def decode(data: Text) -> Resource:
    """Reads one JSON object; a leading byte order mark is skipped.

    Raises Malformed for what is not JSON in UTF-8 or not an object, with line and column where they are known;
    Invalid for depth, duplicate names, NUL and numbers over MAX_DIGITS digits or MAX_EXPONENT.
    """
    raw = without_mark(data)
    try:
        resource = _read_object(raw)
        check(raw, resource)
    except (ValueError, RecursionError) as error:
        raise fault(raw, error) from None
    return resource


def decode_value(data: Text) -> Any:
    """Reads any JSON value under the same guards as `decode`: a JSON Patch is an array."""
    raw = without_mark(data)
    try:
        value = _read_value(raw)
        check(raw, value)
    except (ValueError, RecursionError) as error:
        raise fault(raw, error) from None
    return value


def without_mark(data: Text) -> bytes:
    """Returns the text as bytes without its byte order mark."""
    raw = data if type(data) is bytes else bytes(data)
    return raw[3:] if raw.startswith(_BYTE_ORDER_MARK) else raw
