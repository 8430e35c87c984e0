"""Quantities of FHIRPath: a decimal with a UCUM unit or a calendar unit ("year" ... "millisecond").

Definite units and calendar units are the same up to weeks; a calendar month or year is comparable to other months and
years only, since its length in seconds varies.

Source: FHIRPath Normative Release (2.0.0), sections 4.1.8, 6.1, 6.2 and 6.6, http://hl7.org/fhirpath/N1/
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from kangyun.base import units
from kangyun.base.errors import Invalid

CALENDAR_UNITS = {
    **{unit: unit for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")},
    **{f"{unit}s": unit for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")},
}
"""The words for calendar units, singular and plural, with the singular."""

CALENDAR_UNIT_OF_UCUM = {
    "a": "year", "mo": "month", "d": "day", "h": "hour", "min": "minute", "s": "second",
}  # fmt: skip
"""What the UCUM code of a FHIR Quantity means in FHIRPath: http://hl7.org/fhir/R4/fhirpath.html#quantity."""

DEFINITE_UNITS = {
    "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
}  # fmt: skip
"""UCUM units that may be added to a date or time, with the calendar unit that acts the same."""

_UCUM_OF_DEFINITE = {calendar: code for code, calendar in DEFINITE_UNITS.items()}
_MONTHS = {"year": 12, "month": 1}
_context = Context(prec=34, Emin=-6143, Emax=6144, traps=[])


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit: a UCUM code ("1" for none) or the singular name of a calendar unit."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        if self.unit in CALENDAR_UNITS:
            return f"{self.value:f} {self.unit}{'' if self.value == 1 else 's'}"
        return f"{self.value:f} '{self.unit}'"


def ucum(unit: str) -> str:
    """Returns the UCUM code of a unit that is one, or of a calendar unit up to weeks."""
    return _UCUM_OF_DEFINITE.get(unit, unit)


def is_variable(quantity: Quantity) -> bool:
    """True for calendar months and years."""
    return quantity.unit in _MONTHS


def on_one_scale(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal] | None:
    """Returns both values in one unit; None where their dimensions differ or a unit is unknown."""
    if is_variable(left) or is_variable(right):
        if is_variable(left) and is_variable(right):
            return left.value * _MONTHS[left.unit], right.value * _MONTHS[right.unit]
        return None
    one, other = ucum(left.unit), ucum(right.unit)
    if one == other:
        return left.value, right.value
    try:
        (first, first_unit), (second, second_unit) = (
            units.canonical(left.value, one),
            units.canonical(right.value, other),
        )
    except Invalid:
        # The specification wants an undecided result, not an error, for units that nobody knows.
        return None
    return (first, second) if first_unit == second_unit else None


def scale(value: Quantity) -> str:
    """Returns the unit of the values of `on_one_scale`."""
    return "month" if is_variable(value) else units.parse(ucum(value.unit)).canonical


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """Returns the product, None where a unit is unknown."""
    return _combine(left, right, ".", _context.multiply(left.value, right.value))


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """Returns the quotient, None for a divisor of zero or where a unit is unknown."""
    return None if right.value == 0 else _combine(left, right, "/", _context.divide(left.value, right.value))


def _combine(left: Quantity, right: Quantity, operator: str, value: Decimal) -> Quantity | None:
    if is_variable(left) or is_variable(right):
        return None
    if not value.is_finite():
        return None
    if ucum(right.unit) == "1":
        return Quantity(value, left.unit)
    unit = f"({ucum(left.unit)}){operator}({ucum(right.unit)})"
    try:
        value, unit = units.canonical(value, unit)
    except Invalid:
        return None
    return Quantity(value, unit)
