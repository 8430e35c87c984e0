"""A resource as JSON text. Decimals are written with the digits that they carry: 1.10 stays 1.10."""

import msgspec

from kangyun.fhir import Resource

_write = msgspec.json.Encoder(decimal_format="number").encode
_write_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


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
