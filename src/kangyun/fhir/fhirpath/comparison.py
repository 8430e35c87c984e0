"""Equality, equivalence, order and identity of single values.

The functions take comparables: System values, or Elements of complex types (see `values.unboxer`). Collections are
the operators' business.

Source: FHIRPath Normative Release (2.0.0), sections 6.1 and 6.2, http://hl7.org/fhirpath/N1/
"""

from collections.abc import Hashable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from kangyun.base import units
from kangyun.base.errors import Invalid, TooCostly
from kangyun.fhir.fhirpath import quantity, temporal
from kangyun.fhir.fhirpath.quantity import Quantity
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.values import Element, as_quantity, type_of

MAX_UNORDERED = 500
"""Items that are compared without regard to order, which costs the square of their number."""

WIDEST = 100
"""Digits up to which decimals are rounded for equivalence; longer ones have to be equal."""

_context = Context(prec=WIDEST + 2, rounding=ROUND_HALF_UP)
_NUMBERS = (int, Decimal)


def equal(left: Any, right: Any) -> bool | None:
    """Returns `left = right`; None where it is open (precision, zone, units) or a side has no value."""
    if left is None or right is None:
        return None
    one, other = left.__class__, right.__class__
    if one is bool or other is bool or one is str or other is str:
        return one is other and bool(left == right)
    if one in _NUMBERS and other in _NUMBERS:
        return bool(left == right)
    if one is Temporal and other is Temporal:
        return _equal_temporals(left, right)
    if one is Element and other is Element:
        return bool(left.value == right.value) or _equal_quantities(left, right)
    return _equal_quantities(left, right)


def _equal_temporals(left: Temporal, right: Temporal) -> bool | None:
    if (left.kind == "Time") != (right.kind == "Time"):
        return False
    order = temporal.compare(left, right)
    return None if order is None else order == 0


def _equal_quantities(left: Any, right: Any) -> bool | None:
    one, other = as_quantity(left), as_quantity(right)
    if one is None or other is None:
        return False
    values = quantity.on_one_scale(one, other)
    return None if values is None else values[0] == values[1]


def compare(left: Any, right: Any) -> int | None:
    """Returns -1, 0 or 1; None where the order is open or a side has no value.

    Raises Invalid for values of types that have no order between them.
    """
    if left is None or right is None:
        return None
    one, other = left.__class__, right.__class__
    if (one is str and other is str) or (one in _NUMBERS and other in _NUMBERS):
        return -1 if left < right else int(left > right)
    if one is Temporal and other is Temporal:
        return temporal.compare(left, right)
    first, second = as_quantity(left), as_quantity(right)
    if first is None or second is None or one is bool or other is bool:
        raise Invalid("fhir.fhirpath.not-comparable", left=type_of(left)[1], right=type_of(right)[1])
    values = quantity.on_one_scale(first, second)
    return None if values is None else -1 if values[0] < values[1] else int(values[0] > values[1])


def equivalent(left: Any, right: Any) -> bool:
    """Returns `left ~ right`: strings without regard to case and white space, decimals to the lesser precision."""
    if left is None or right is None:
        return left is right
    one, other = left.__class__, right.__class__
    if one is str and other is str:
        return _folded(left) == _folded(right)
    if one is bool or other is bool or one is str or other is str:
        return one is other and bool(left == right)
    if one in _NUMBERS and other in _NUMBERS:
        return _equivalent_numbers(Decimal(left), Decimal(right))
    if one is Temporal and other is Temporal:
        return _equal_temporals(left, right) is True
    if one is Element and other is Element and _equivalent_json(left.value, right.value):
        return True
    return _equivalent_quantities(left, right)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _equivalent_numbers(left: Decimal, right: Decimal) -> bool:
    places = min(_places(left), _places(right))
    if max(left.adjusted(), right.adjusted()) + places > WIDEST:
        return left == right
    step = Decimal(1).scaleb(-places)
    return _context.quantize(left, step) == _context.quantize(right, step)


def _equivalent_quantities(left: Any, right: Any) -> bool:
    one, other = as_quantity(left), as_quantity(right)
    if one is None or other is None:
        return False
    if quantity.is_variable(one) != quantity.is_variable(other):
        # For equivalence a calendar year or month is the definite one: 365.25 days, or a twelfth of it.
        one, other = _definite(one), _definite(other)
    values = quantity.on_one_scale(one, other)
    if values is None:
        return False
    try:
        # The coarser unit decides the precision: 4 'g' ~ 4040 'mg', since 4.04 is 4 to the precision of 4.
        here = units.convert(other.value, quantity.ucum(other.unit), quantity.ucum(one.unit))
        there = units.convert(one.value, quantity.ucum(one.unit), quantity.ucum(other.unit))
    except Invalid:
        return _equivalent_numbers(*values)
    return _equivalent_numbers(one.value, here) or _equivalent_numbers(there, other.value)


def _definite(value: Quantity) -> Quantity:
    return Quantity(value.value, {"year": "a", "month": "mo"}.get(value.unit, value.unit))


def _equivalent_json(left: Any, right: Any) -> bool:
    """Equivalence of JSON trees, lists without regard to order; their depth is bounded by the reader of JSON."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equivalent_json(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and same_members(left, right, _equivalent_json)
    if isinstance(left, Decimal) and isinstance(right, _NUMBERS):
        return _equivalent_numbers(left, Decimal(right))
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) == _folded(right)
    return bool(left == right)


def same_members(left: list[Any], right: list[Any], same: Any) -> bool:
    """True where each item of one list has a partner of its own in the other. Raises TooCostly for long lists."""
    if len(left) > MAX_UNORDERED:
        raise TooCostly("fhir.fhirpath.unordered", limit=MAX_UNORDERED)
    rest = list(right)
    for item in left:
        partner = next((index for index, other in enumerate(rest) if same(item, other)), None)
        if partner is None:
            return False
        del rest[partner]
    return True


def identity(item: Any) -> Hashable:
    """Returns a hashable that two comparables share when `equal` holds for them; what is open counts as different."""
    match item:
        case bool():
            return ("boolean", item)
        case int() | Decimal() | str():
            return item
        case Temporal():
            return temporal.identity(item)
        case Quantity():
            return _quantity_identity(item)
        case Element():
            return json_identity(item.value)
        case _:
            return id(item)


def _quantity_identity(item: Quantity) -> Hashable:
    if quantity.is_variable(item):
        return ("month", item.value * (12 if item.unit == "year" else 1))
    try:
        return ("quantity", *units.canonical(item.value, quantity.ucum(item.unit)))
    except Invalid:
        return ("quantity", item.value, item.unit)


def json_identity(value: Any) -> Hashable:
    """Returns what `identity` does, for the JSON value of an element of a complex type."""
    if value.__class__ is dict:
        return frozenset((name, json_identity(member)) for name, member in value.items())
    if value.__class__ is list:
        return tuple(map(json_identity, value))
    return ("boolean", value) if value.__class__ is bool else value
