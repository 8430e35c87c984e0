"""Arithmetic on numbers, quantities, strings and dates.

Integers are of 32 bits, decimals of 34 digits; what overflows, and division by zero, gives an empty result.

Source: FHIRPath Normative Release (2.0.0), section 6.6, http://hl7.org/fhirpath/N1/#math
"""

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import quantity, temporal
from kangyun.fhir.fhirpath.quantity import CALENDAR_UNITS, DEFINITE_UNITS, Quantity
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.values import as_quantity, type_of

CONTEXT = decimal.Context(prec=34, Emin=-6143, Emax=6144, traps=[])
"""Of IEEE decimal128. Nothing is trapped: `checked` looks at the result."""

_GREATEST, _LEAST = 2**31 - 1, -(2**31)
_NUMBERS = (int, Decimal)


def checked(number: int | Decimal | None) -> int | Decimal | None:
    """Returns the number, None for one out of the range of its type."""
    if number.__class__ is int:
        return number if _LEAST <= number <= _GREATEST else None
    return number if number is not None and number.is_finite() else None  # type: ignore[union-attr]


def _refused(symbol: str, left: Any, right: Any) -> Invalid:
    return Invalid("fhir.fhirpath.operands", operator=symbol, left=type_of(left)[1], right=type_of(right)[1])


def _both(left: Any, right: Any, types: tuple[type, ...]) -> bool:
    return left.__class__ in types and right.__class__ in types


def add(left: Any, right: Any) -> Any:
    """Returns `left + right`."""
    if _both(left, right, (int,)):
        return checked(left + right)
    if _both(left, right, _NUMBERS):
        return checked(CONTEXT.add(left, right))
    if _both(left, right, (str,)):
        return left + right
    if left.__class__ is Temporal:
        return _moved(left, right, "+")
    return _sum(left, right, "+")


def subtract(left: Any, right: Any) -> Any:
    """Returns `left - right`."""
    if _both(left, right, (int,)):
        return checked(left - right)
    if _both(left, right, _NUMBERS):
        return checked(CONTEXT.subtract(left, right))
    if left.__class__ is Temporal:
        return _moved(left, right, "-")
    return _sum(left, right, "-")


def _moved(value: Temporal, by: Any, symbol: str) -> Temporal | None:
    amount = as_quantity(by) if by.__class__ not in _NUMBERS else None
    if amount is None:
        raise _refused(symbol, value, by)
    unit = CALENDAR_UNITS.get(amount.unit) or DEFINITE_UNITS.get(amount.unit)
    if unit is None:
        # A UCUM month or year is a number of seconds, which no calendar has.
        raise Invalid("fhir.fhirpath.date-unit")
    return temporal.shift(value, amount.value if symbol == "+" else amount.value.copy_negate(), unit)


def _quantities(left: Any, right: Any, symbol: str) -> tuple[Quantity, Quantity]:
    one, other = as_quantity(left), as_quantity(right)
    if one is None or other is None or bool in (left.__class__, right.__class__):
        raise _refused(symbol, left, right)
    return one, other


def _sum(left: Any, right: Any, symbol: str) -> Quantity | None:
    one, other = _quantities(left, right, symbol)
    values: tuple[Decimal, Decimal] | None = (one.value, other.value)
    unit = one.unit
    if one.unit != other.unit:
        values = quantity.on_one_scale(one, other)
        unit = quantity.scale(one)
    if values is None:
        return None
    total = checked(CONTEXT.add(*values) if symbol == "+" else CONTEXT.subtract(*values))
    return None if total is None else Quantity(Decimal(total), unit)


def multiply(left: Any, right: Any) -> Any:
    """Returns `left * right`."""
    if _both(left, right, (int,)):
        return checked(left * right)
    if _both(left, right, _NUMBERS):
        return checked(CONTEXT.multiply(left, right))
    return _finite(quantity.multiply(*_quantities(left, right, "*")))


def divide(left: Any, right: Any) -> Any:
    """Returns `left / right`, a decimal also of integers."""
    if _both(left, right, _NUMBERS):
        return None if right == 0 else checked(CONTEXT.divide(Decimal(left), Decimal(right)))
    return _finite(quantity.divide(*_quantities(left, right, "/")))


def _finite(result: Quantity | None) -> Quantity | None:
    return result if result is not None and result.value.is_finite() else None


def divide_whole(left: Any, right: Any) -> Any:
    """Returns `left div right`, an integer."""
    if not _both(left, right, _NUMBERS):
        raise _refused("div", left, right)
    if right == 0:
        return None
    return whole(CONTEXT.divide_int(Decimal(left), Decimal(right)))


def whole(number: Decimal) -> int | None:
    """Returns a decimal without fraction as an Integer; None where it is none."""
    return int(number) if number.is_finite() and abs(number) <= -_LEAST and checked(int(number)) is not None else None


def modulo(left: Any, right: Any) -> Any:
    """Returns `left mod right`, with the sign of `left`."""
    if not _both(left, right, _NUMBERS):
        raise _refused("mod", left, right)
    if right == 0:
        return None
    rest = CONTEXT.remainder(Decimal(left), Decimal(right))
    return whole(rest) if _both(left, right, (int,)) else checked(rest)


def negate(value: Any) -> Any:
    """Returns `-value`."""
    if value.__class__ is int:
        return checked(-value)
    if value.__class__ is Decimal:
        return value.copy_negate()
    if value.__class__ is bool or (amount := as_quantity(value)) is None:
        raise Invalid("fhir.fhirpath.operand", operator="-")
    return Quantity(amount.value.copy_negate(), amount.unit)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": subtract, "*": multiply, "/": divide, "div": divide_whole, "mod": modulo,
}  # fmt: skip
