"""Functions on numbers.

Results are decimals of 34 digits or integers of 32 bits; what overflows or is not real gives an empty result.

Source: FHIRPath Normative Release (2.0.0), section 5.7, http://hl7.org/fhirpath/N1/#math
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from kangyun.fhir.fhirpath.arithmetic import CONTEXT, checked, whole
from kangyun.fhir.fhirpath.code import Code
from kangyun.fhir.fhirpath.invocation import Invocation, apply, function
from kangyun.fhir.fhirpath.quantity import Quantity
from kangyun.fhir.fhirpath.types import ANY, DECIMAL, INTEGER
from kangyun.fhir.fhirpath.values import Element, as_quantity

_NUMBERS = (int, Decimal)
MAX_PLACES = 28
MAX_EXPONENT = 100_000
"""Of `power`: beyond it only 0 and 1 stay in the range of decimals anyway."""


@function("abs")
def abs_(call: Invocation) -> Code:
    def calculate(item: Any) -> Any:
        if item.__class__ is int:
            return checked(abs(item))
        if item.__class__ is Decimal:
            return item.copy_abs()
        amount = as_quantity(item)
        if amount is None:
            raise call.invalid("focus-type")
        return Quantity(amount.value.copy_abs(), amount.unit)

    return apply(call, (int, Decimal, Quantity, Element), ANY, calculate)


def _to_whole(call: Invocation, rounding: str) -> Code:
    return apply(
        call, _NUMBERS, INTEGER,
        lambda item: item if item.__class__ is int else _rounded_whole(item, rounding),
    )  # fmt: skip


def _rounded_whole(item: Decimal, rounding: str) -> int | None:
    return whole(item.to_integral_value(rounding)) if item.adjusted() < 12 else None


@function("ceiling")
def ceiling(call: Invocation) -> Code:
    return _to_whole(call, ROUND_CEILING)


@function("floor")
def floor(call: Invocation) -> Code:
    return _to_whole(call, ROUND_FLOOR)


@function("truncate")
def truncate(call: Invocation) -> Code:
    return _to_whole(call, ROUND_DOWN)


@function("round", most=1)
def round_(call: Invocation) -> Code:
    def calculate(item: int | Decimal, places: Any = 0) -> Any:
        if places.__class__ is not int or not 0 <= places <= MAX_PLACES:
            raise call.invalid("argument-type")
        number = Decimal(item)
        if -places <= _exponent(number):
            return number
        return checked(CONTEXT.plus(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, CONTEXT))

    return apply(call, _NUMBERS, DECIMAL, calculate)


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _real(call: Invocation, operation: Callable[..., Decimal]) -> Code:
    """Compiles a function whose result is a decimal or, where there is none, empty."""

    def calculate(item: int | Decimal, *arguments: Any) -> Any:
        if any(each.__class__ not in _NUMBERS for each in arguments):
            raise call.invalid("argument-type")
        return checked(operation(Decimal(item), *map(Decimal, arguments)))

    return apply(call, _NUMBERS, DECIMAL, calculate)


@function("exp")
def exp(call: Invocation) -> Code:
    return _real(call, CONTEXT.exp)


@function("ln")
def ln(call: Invocation) -> Code:
    return _real(call, CONTEXT.ln)


@function("sqrt")
def sqrt(call: Invocation) -> Code:
    return _real(call, CONTEXT.sqrt)


@function("log", least=1)
def log(call: Invocation) -> Code:
    def logarithm(item: Decimal, base: Decimal) -> Decimal:
        result = CONTEXT.divide(CONTEXT.ln(item), CONTEXT.ln(base))
        # The quotient of two rounded logarithms misses a whole result by its last digit.
        nearest = result.to_integral_value() if result.is_finite() else result
        return nearest if result.is_finite() and abs(result - nearest) < Decimal("1E-30") else result

    return _real(call, logarithm)


@function("power", least=1)
def power(call: Invocation) -> Code:
    def calculate(item: int | Decimal, exponent: Any) -> Any:
        if exponent.__class__ not in _NUMBERS:
            raise call.invalid("argument-type")
        base, power = Decimal(item), Decimal(exponent)
        if abs(power) > MAX_EXPONENT:
            return None
        result = CONTEXT.power(base, power)
        of_integers = item.__class__ is int and exponent.__class__ is int
        return whole(result) if of_integers and power >= 0 else checked(result)

    return apply(call, _NUMBERS, ANY, calculate)
