"""Numbers of IEEE 11073-20601 as they stand in Bluetooth characteristics: SFLOAT (16 bits) and FLOAT (32 bits). Pure.

A mantissa and a decimal exponent, both signed, least byte first. Five mantissas are no numbers.

Source: ISO/IEEE 11073-20601, annex F.7 and F.8; Bluetooth SIG, Personal Health Devices Transcoding white paper.
"""

from decimal import Decimal
from math import inf, nan
from typing import Final

_SFLOAT_SPECIAL: Final = {0x07FF: nan, 0x0800: nan, 0x0801: nan, 0x07FE: inf, 0x0802: -inf}
_FLOAT_SPECIAL: Final = {0x007FFFFF: nan, 0x00800000: nan, 0x00800001: nan, 0x007FFFFE: inf, 0x00800002: -inf}


def sfloat(raw: int) -> float:
    """Returns the value of 16 bits: NaN also for "not at this resolution" and what is reserved."""
    special = _SFLOAT_SPECIAL.get(raw & 0x0FFF) if raw >> 12 == 0 else None
    return _value(raw & 0x0FFF, 12, raw >> 12, 4) if special is None else special


def float32(raw: int) -> float:
    """Returns the value of 32 bits: NaN also for "not at this resolution" and what is reserved."""
    special = _FLOAT_SPECIAL.get(raw & 0x00FFFFFF) if raw >> 24 == 0 else None
    return _value(raw & 0x00FFFFFF, 24, raw >> 24, 8) if special is None else special


def _value(mantissa: int, mantissa_bits: int, exponent: int, exponent_bits: int) -> float:
    # By Decimal: 365 and -1 is 36.5, as it was written.
    return float(Decimal(_signed(mantissa, mantissa_bits)).scaleb(_signed(exponent, exponent_bits)))


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >> (bits - 1) else raw
