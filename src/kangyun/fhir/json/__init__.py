"""FHIR JSON: bytes to a resource and back, with every digit, every member and its order kept.

`decode` reads what a client sent and refuses what would hurt later: text that is not JSON, nesting over `MAX_DEPTH`,
a member name twice in one object (parsers differ in which one they believe), numbers that no arithmetic should
meet, NUL characters. It is not validation: it knows no element of FHIR.

Source: RFC 8259; https://hl7.org/fhir/R4/json.html; https://hl7.org/fhir/R4/datatypes.html#decimal
"""

from typing import Any

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.json.faults import fault
from kangyun.fhir.json.guards import MAX_DEPTH, MAX_DIGITS, MAX_EXPONENT, check, decimal

__all__ = [
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_EXPONENT",
    "canonical",
    "decode",
    "decode_value",
    "encode",
    "pretty",
]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_read_object = msgspec.json.Decoder(dict[str, Any], float_hook=decimal).decode
_read_value = msgspec.json.Decoder(float_hook=decimal).decode
_write = msgspec.json.Encoder(decimal_format="number").encode
_write_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def decode(data: bytes | bytearray | memoryview) -> Resource:
    """Reads one JSON object; a leading byte order mark is skipped.

    Raises Malformed for what is not JSON in UTF-8 or not an object, with line and column where they are known;
    Invalid for depth, duplicate names, NUL and numbers over MAX_DIGITS digits or MAX_EXPONENT.
    """
    raw = data if type(data) is bytes else bytes(data)
    if raw.startswith(_BYTE_ORDER_MARK):
        raw = raw[3:]
    try:
        resource = _read_object(raw)
        check(raw, resource)
    except (ValueError, RecursionError) as error:
        raise fault(raw, error) from None
    return resource


def decode_value(data: bytes | bytearray | memoryview) -> Any:
    """Reads any JSON value under the same guards as `decode`: a JSON Patch is an array."""
    raw = data if type(data) is bytes else bytes(data)
    if raw.startswith(_BYTE_ORDER_MARK):
        raw = raw[3:]
    try:
        value = _read_value(raw)
        check(raw, value)
    except (ValueError, RecursionError) as error:
        raise fault(raw, error) from None
    return value


def encode(resource: Resource) -> bytes:
    """Writes a resource as compact JSON, its members in their order."""
    return _write(resource)


def canonical(resource: Resource) -> bytes:
    """Writes a resource as compact JSON with sorted names: two resources are equal where these bytes are.

    Digits count: 1.10 is not 1.1.
    """
    return _write_sorted(resource)


def pretty(resource: Resource) -> bytes:
    """Writes a resource as JSON for human eyes, two spaces a level."""
    return msgspec.json.format(_write(resource), indent=2)
