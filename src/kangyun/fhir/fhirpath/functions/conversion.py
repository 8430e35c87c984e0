"""Conversions between the System types: toX() and convertsToX() for each.

Source: FHIRPath Normative Release (2.0.0), section 5.5, http://hl7.org/fhirpath/N1/#conversion
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kangyun.base import units
from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import quantity, temporal, types
from kangyun.fhir.fhirpath.arithmetic import checked, whole
from kangyun.fhir.fhirpath.code import Code, Environment, boolean, value
from kangyun.fhir.fhirpath.invocation import FUNCTIONS, Function, Invocation, function
from kangyun.fhir.fhirpath.quantity import CALENDAR_UNITS, Quantity
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.types import QUANTITY, Static
from kangyun.fhir.fhirpath.values import as_quantity

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)
_QUANTITY = re.compile(
    r"(?P<value>[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?)\s*(?:'(?P<unit>[^']+)'|(?P<calendar>[a-zA-Z]+))?", re.ASCII
)


def to_boolean(item: Any) -> bool | None:
    match item:
        case bool():
            return item
        case str():
            folded = item.lower()
            return True if folded in _TRUE else False if folded in _FALSE else None
        case int() | Decimal():
            return True if item == 1 else False if item == 0 else None
        case _:
            return None


def to_integer(item: Any) -> int | None:
    match item:
        case bool():
            return int(item)
        case int():
            return item
        case str() if _INTEGER.fullmatch(item):
            return whole(Decimal(item))
        case _:
            return None


def to_decimal(item: Any) -> Decimal | None:
    match item:
        case bool() | int():
            return Decimal(item)
        case Decimal():
            return item
        case str() if _DECIMAL.fullmatch(item):
            return Decimal(item)
        case _:
            return None


def to_date(item: Any) -> Temporal | None:
    found = _read(item)
    return None if found is None or found.kind == "Time" else temporal.to_date(found)


def to_date_time(item: Any) -> Temporal | None:
    found = _read(item)
    return None if found is None or found.kind == "Time" else temporal.to_date_time(found)


def _read(item: Any) -> Temporal | None:
    return temporal.read(item) if item.__class__ is str else item if item.__class__ is Temporal else None


def to_time(item: Any) -> Temporal | None:
    if item.__class__ is str:
        return temporal.read_time(item.removeprefix("T"))
    return item if item.__class__ is Temporal and item.kind == "Time" else None


def to_quantity(item: Any) -> Quantity | None:
    match item:
        case bool():
            return Quantity(Decimal(item), "1")
        case str():
            return _quantity_in(item)
        case _:
            return as_quantity(item)


def _quantity_in(text: str) -> Quantity | None:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number = Decimal(found["value"])
    if found["calendar"]:
        unit = CALENDAR_UNITS.get(found["calendar"])
        return None if unit is None else Quantity(number, unit)
    return Quantity(number, found["unit"] or "1")


def to_string(item: Any) -> str | None:
    match item:
        case bool():
            return "true" if item else "false"
        case str():
            return item
        case int():
            return str(item)
        case Decimal():
            return f"{item:f}"
        case Temporal() | Quantity():
            return str(item)
        case _:
            amount = as_quantity(item)
            return None if amount is None else str(amount)


_CONVERSIONS: dict[str, tuple[Static, Callable[[Any], Any]]] = {
    "Boolean": (types.BOOLEAN, to_boolean),
    "Integer": (types.INTEGER, to_integer),
    "Decimal": (types.DECIMAL, to_decimal),
    "String": (types.STRING, to_string),
    "Date": (types.DATE, to_date),
    "DateTime": (types.DATE_TIME, to_date_time),
    "Time": (types.TIME, to_time),
}


def _register(name: str, static: Static, convert: Callable[[Any], Any]) -> None:
    def to(call: Invocation) -> Code:
        run = value(call.focus)
        return Code(static, True, lambda this, env: None if (item := run(this, env)) is None else convert(item))

    def converts(call: Invocation) -> Code:
        run = value(call.focus)
        return boolean(lambda this, env: None if (item := run(this, env)) is None else convert(item) is not None)

    FUNCTIONS[f"to{name}"] = Function(0, 0, to)
    FUNCTIONS[f"convertsTo{name}"] = Function(0, 0, converts)


for _name, (_static, _convert) in _CONVERSIONS.items():
    _register(_name, _static, _convert)


@function("toQuantity", most=1)
def to_quantity_(call: Invocation) -> Code:
    return Code(QUANTITY, True, _in_unit(call))


@function("convertsToQuantity", most=1)
def converts_to_quantity(call: Invocation) -> Code:
    run, converted = value(call.focus), _in_unit(call)
    return boolean(lambda this, env: None if run(this, env) is None else converted(this, env) is not None)


def _in_unit(call: Invocation) -> Callable[[Any, Environment], Quantity | None]:
    run, unit = value(call.focus), call.value(0) if call.arguments else lambda this, env: None

    def converted(this: Any, env: Environment) -> Quantity | None:
        item, wanted = run(this, env), unit(this, env)
        found = None if item is None else to_quantity(item)
        if found is None or wanted is None:
            return found
        if wanted.__class__ is not str:
            raise call.invalid("argument-type")
        return _converted(found, CALENDAR_UNITS.get(wanted, wanted))

    return converted


def _converted(amount: Quantity, unit: str) -> Quantity | None:
    if amount.unit == unit:
        return amount
    if quantity.is_variable(amount) or quantity.is_variable(Quantity(amount.value, unit)):
        months = quantity.on_one_scale(amount, Quantity(Decimal(1), unit))
        return None if months is None else Quantity(months[0] / months[1], unit)
    try:
        number = units.convert(amount.value, quantity.ucum(amount.unit), quantity.ucum(unit))
    except Invalid:
        return None
    return None if checked(number) is None else Quantity(number, unit)
