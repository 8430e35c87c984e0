"""Units of measure by UCUM: what a unit code means, and values from one unit to another, exactly.

Knows case-sensitive UCUM codes only, no names and no other unit systems. Values are Decimal; factors are exact
fractions, so a value comes back rounded only where its decimal digits never end (then to 34 digits).

Source: UCUM 2.2, https://ucum.org/ucum; the table's origin is in SOURCE.md.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from kangyun.base.errors import Invalid
from kangyun.base.units.expression import Dimension, Unit, parse

__all__ = ["Dimension", "Unit", "canonical", "commensurable", "convert", "parse"]

MAX_MAGNITUDE = 1000
"""A value's decimal exponent may not go beyond this, in either direction."""

DIGITS = 34
"""The digits that a result keeps where it is not exact."""

# Wide enough that a value of 34 digits times a factor of the table is exact before the final rounding.
_wide = Context(prec=220, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999)
_final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999)


def canonical(value: Decimal | int, unit: str) -> tuple[Decimal, str]:
    """Returns the value in base units, and those: (Decimal("0.0055"), "m") for 5.5 "mm".

    Two quantities are commensurable exactly when their second parts are equal, and the same when the first are, too.
    Raises Invalid for an unknown unit or a value out of bounds.
    """
    numerator, denominator, offset, name = _plan(unit)
    return _apply(_bounded(value), numerator, denominator, offset), name


def commensurable(one: str, other: str) -> bool:
    """True where values in the two units can be converted. Raises Invalid for an unknown unit."""
    return parse(one).dimension == parse(other).dimension


def convert(value: Decimal | int, unit: str, to: str) -> Decimal:
    """Returns the value in another unit. Raises Invalid where a unit is unknown or the two do not fit."""
    if unit == to:
        return _bounded(value)
    source, target = parse(unit), parse(to)
    if source.dimension != target.dimension:
        raise Invalid("base.units.not-commensurable")
    factor, offset = source.factor / target.factor, (source.offset - target.offset) / target.factor
    return _apply(_bounded(value), *_parts(factor), offset)


@lru_cache(maxsize=4096)
def _plan(code: str) -> tuple[Decimal, Decimal | None, Fraction, str]:
    unit = parse(code)
    return *_parts(unit.factor), unit.offset, unit.canonical


def _parts(factor: Fraction) -> tuple[Decimal, Decimal | None]:
    """The factor as one decimal where it has one that ends, else as numerator and denominator."""
    numerator, denominator = Decimal(factor.numerator), Decimal(factor.denominator)
    rest = factor.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return (_wide.divide(numerator, denominator), None) if rest == 1 else (numerator, denominator)


def _bounded(value: Decimal | int) -> Decimal:
    number = Decimal(value)
    if (
        not number.is_finite()
        or abs(number.adjusted()) > MAX_MAGNITUDE
        or len(number.as_tuple().digits) > MAX_MAGNITUDE
    ):
        raise Invalid("base.units.value", limit=MAX_MAGNITUDE)
    return number


def _apply(value: Decimal, numerator: Decimal, denominator: Decimal | None, offset: Fraction) -> Decimal:
    result = _wide.multiply(value, numerator)
    if offset:
        # Exact until the end: 98.6 [degF] is 37 Cel, not 36.99999.
        total = Fraction(result) / Fraction(denominator or 1) + offset
        result, denominator = Decimal(total.numerator), Decimal(total.denominator)
    if denominator is not None:
        result = _wide.divide(result, denominator)
    return _final.plus(result)
