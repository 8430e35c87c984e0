"""Compares a value with the fixed value or the pattern of a profile, as JSON values.

Source: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_ and .pattern_x_
"""

from decimal import Decimal
from typing import Any


def is_exactly(value: Any, fixed: Any) -> bool:
    """Accepts the same value: the same members and items, no more and no fewer; 1.0 is 1.00."""
    if type(fixed) is dict:
        return (
            type(value) is dict and value.keys() == fixed.keys() and all(is_exactly(value[k], fixed[k]) for k in fixed)
        )
    if type(fixed) is list:
        return (
            type(value) is list
            and len(value) == len(fixed)
            and all(is_exactly(v, f) for v, f in zip(value, fixed, strict=True))
        )
    return _same(value, fixed)


def fits(value: Any, pattern: Any) -> bool:
    """Accepts a value that has at least what the pattern has; each item of an array must be met by some item."""
    if type(pattern) is dict:
        return type(value) is dict and all(k in value and fits(value[k], pattern[k]) for k in pattern)
    if type(pattern) is list:
        return type(value) is list and all(any(fits(v, p) for v in value) for p in pattern)
    return _same(value, pattern)


def _same(value: Any, expected: Any) -> bool:
    # True is 1 to Python and not to JSON.
    if type(value) in (int, Decimal) and type(expected) in (int, Decimal):
        return bool(value == expected)
    return type(value) is type(expected) and bool(value == expected)
