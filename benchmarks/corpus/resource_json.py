"""JSON of resources with the digits of decimals kept."""

from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes) -> Any:
    """Reads JSON; numbers with a point become Decimal."""
    return _decoder.decode(data)


def encode(value: Any) -> bytes:
    """Writes compact JSON."""
    return _encoder.encode(value)
