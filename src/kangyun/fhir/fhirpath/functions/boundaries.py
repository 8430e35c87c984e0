"""lowBoundary, highBoundary and precision: how far a value of limited precision reaches.

Precision counts digits: decimal places of a decimal, all digits of a date or time (2014-01 has 6).

Source: FHIRPath edition 2.1 and later, http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from kangyun.base import units
from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import quantity, temporal
from kangyun.fhir.fhirpath.code import Code
from kangyun.fhir.fhirpath.invocation import Invocation, apply, function
from kangyun.fhir.fhirpath.quantity import Quantity
from kangyun.fhir.fhirpath.temporal import EARLIEST_ZONE, LATEST_ZONE, Temporal
from kangyun.fhir.fhirpath.types import ANY, BOOLEAN, INTEGER
from kangyun.fhir.fhirpath.values import Element, as_quantity

MAX_PLACES = 28
DEFAULT_PLACES = 8

_DATE_DIGITS = (4, 6, 8, 10, 12, 17)
"""Digits of a date-time by the number of its fields; 14 for seconds without fraction."""

_TIME_DIGITS = (2, 4, 9)

# Wide enough for a decimal of 40 digits and 28 places.
_context = Context(prec=120, Emin=-6143, Emax=6144, traps=[])

_ACCEPTED = (int, Decimal, Quantity, Temporal, Element)


def _boundary(call: Invocation, *, high: bool) -> Code:
    def calculate(item: Any, precision: Any = None) -> Any:
        if precision is not None and precision.__class__ is not int:
            raise call.invalid("argument-type")
        if item.__class__ is Temporal:
            return _of_temporal(item, precision, high=high)
        if item.__class__ in (int, Decimal):
            return _of_number(Decimal(item), precision, high=high)
        amount = as_quantity(item)
        if amount is None:
            raise call.invalid("focus-type")
        bound = _of_number(amount.value, precision, high=high)
        return None if bound is None else Quantity(bound, amount.unit)

    return apply(call, _ACCEPTED, ANY, calculate)


@function("lowBoundary", most=1)
def low_boundary(call: Invocation) -> Code:
    return _boundary(call, high=False)


@function("highBoundary", most=1)
def high_boundary(call: Invocation) -> Code:
    return _boundary(call, high=True)


def _of_number(number: Decimal, places: int | None, *, high: bool) -> Decimal | None:
    places = DEFAULT_PLACES if places is None else places
    exponent = number.as_tuple().exponent
    if not 0 <= places <= MAX_PLACES or not isinstance(exponent, int) or abs(number.adjusted()) > 60 or exponent < -60:
        return None
    half = Decimal(5).scaleb(min(0, exponent) - 1)
    bound = _context.add(number, half if high else -half)
    return bound.quantize(Decimal(1).scaleb(-places), ROUND_CEILING if high else ROUND_FLOOR, _context)


def _of_temporal(value: Temporal, digits: int | None, *, high: bool) -> Temporal | None:
    if value.kind == "Time":
        moment = Temporal("DateTime", (2000, 1, 1, *value.fields))
        fields = temporal.complete(moment.fields, last=high)[3:]
        count = _fields_of(_TIME_DIGITS, 9 if digits is None else digits)
        return None if count is None else Temporal("Time", fields[:count])
    default = 8 if value.kind == "Date" else 17
    count = _fields_of(_DATE_DIGITS, default if digits is None else digits)
    if count is None:
        return None
    given = value.fields
    if len(given) == 4:
        # FHIR has no hour without minutes: T08 is read as T08:00.
        given = (*given, 0)
    fields = temporal.complete(given, last=high)[:count]
    if count <= 3:
        return Temporal(value.kind, fields)
    zone = value.zone if value.zone is not None else LATEST_ZONE if high else EARLIEST_ZONE
    return Temporal("DateTime", fields, zone)


def _fields_of(digits: tuple[int, ...], wanted: int) -> int | None:
    return digits.index(wanted) + 1 if wanted in digits else None


@function("precision")
def precision(call: Invocation) -> Code:
    def calculate(item: Any) -> int:
        if item.__class__ is Temporal:
            return _digits(item)
        exponent = Decimal(item).as_tuple().exponent
        places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        return places if item.__class__ is Decimal else 0

    return apply(call, (int, Decimal, Temporal), INTEGER, calculate)


def _digits(value: Temporal) -> int:
    digits = _TIME_DIGITS if value.kind == "Time" else _DATE_DIGITS
    last = value.fields[-1]
    if len(value.fields) < len(digits) or not isinstance(last, Decimal):
        return digits[len(value.fields) - 1]
    return digits[-1] - 3 + max(0, -int(last.as_tuple().exponent))


@function("comparable", least=1)
def comparable(call: Invocation) -> Code:
    def calculate(item: Any, other: Any) -> bool:
        one, two = as_quantity(item), as_quantity(other)
        if one is None or two is None:
            raise call.invalid("argument-type")
        if quantity.is_variable(one) or quantity.is_variable(two):
            return quantity.is_variable(one) and quantity.is_variable(two)
        try:
            return units.commensurable(quantity.ucum(one.unit), quantity.ucum(two.unit))
        except Invalid:
            return False

    return apply(call, (Quantity, Element), BOOLEAN, calculate)
