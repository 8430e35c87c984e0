"""From the types of a Python function to the parameters of a FHIR operation, in and out. Pure.

What stands behind the star of a function is what the operation takes: `patient: Reference`, `until: date | None =
None`, `code: tuple[Code, ...] = ()`. What it returns is a dataclass of the same types, whose fields may be dataclasses:
parts; or a resource, `Annotated[Resource, "Task"]`. `valid_until` is `validUntil` in FHIR.

Source: https://hl7.org/fhir/R4/operationdefinition.html, https://hl7.org/fhir/R4/parameters.html
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.fhir.validation import validator

Code: TypeAlias = Annotated[str, "code"]
Uri: TypeAlias = Annotated[str, "uri"]
Instant: TypeAlias = Annotated[datetime, "instant"]
Reference: TypeAlias = Annotated[str, "Reference"]
"""In Python the reference itself, `Patient/1`; in FHIR a Reference."""
Coding: TypeAlias = Annotated[Resource, "Coding"]
CodeableConcept: TypeAlias = Annotated[Resource, "CodeableConcept"]
Identifier: TypeAlias = Annotated[Resource, "Identifier"]

_PLAIN: dict[Any, str] = {
    str: "string", bool: "boolean", int: "integer", Decimal: "decimal", date: "date", datetime: "dateTime",
    Resource: "Resource",
}  # fmt: skip
_SHAPES: dict[Any, Any] = {
    int: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    datetime: Annotated[datetime, msgspec.Meta(tz=True)],
}
LONGEST = 10_000
"""Characters of a text that an operation takes: what is longer is a resource."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. argument: its name in Python. type: in FHIR, empty where it has parts. shape: in Python."""

    name: str
    argument: str
    type: str
    shape: Any
    needed: bool
    repeats: bool
    parts: tuple["Parameter", ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What an operation takes and gives. returned: the type of the one resource that it gives, empty for Parameters."""

    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    returned: str = ""


def signature_of(function: Callable[..., Any], instance: str = "") -> Signature:
    """Reads a function's types. instance: the argument that gets the id. Raises TypeError for what FHIR cannot say."""
    hints = get_type_hints(function, include_extras=True)
    inputs = []
    for name, one in inspect.signature(function).parameters.items():
        if one.kind is not inspect.Parameter.KEYWORD_ONLY or name == instance:
            continue
        found = _parameter(name, hints[name], one.default is inspect.Parameter.empty)
        if found.parts:
            raise TypeError(f"{name}: parts are for answers")
        inputs.append(found)
    if instance and instance not in hints:
        raise TypeError(f"no argument {instance}")
    returned = hints.get("return", NoneType)
    if is_dataclass(returned):
        return Signature(tuple(inputs), _fields(returned))
    type_, _ = _type(returned)
    if type_ not in _resource_types():
        raise TypeError(f"returns neither a dataclass nor a resource: {returned}")
    return Signature(tuple(inputs), (), type_)


def read(signature: Signature, parameters: Resource) -> dict[str, Any]:
    """Returns the arguments that a Parameters resource stands for. Raises Invalid, NotSupported, NotConformant."""
    inputs = Inputs.of(parameters, frozenset(one.name for one in signature.inputs))
    arguments: dict[str, Any] = {}
    for one in signature.inputs:
        values = inputs.all(one.name)
        if len(values) > 1 and not one.repeats:
            raise Invalid("fhir.terminology.parameter-repeated", name=one.name)
        if not values and one.needed:
            raise Invalid("fhir.terminology.parameter-needed", name=one.name)
        if values:
            found = tuple(_read(one, value) for value in values)
            arguments[one.argument] = found if one.repeats else found[0]
    return arguments


def written(answer: Any) -> Resource:
    """Returns an operation's answer as FHIR has it: a resource as it is, a dataclass as Parameters."""
    if not is_dataclass(answer):
        return dict(answer)
    found = _parts(_fields(type(answer)), answer)
    return {"resourceType": "Parameters"} | ({"parameter": found} if found else {})


def fhir_name(name: str) -> str:
    """Returns a Python name as FHIR spells it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# --- types


def _parameter(name: str, hint: Any, needed: bool) -> Parameter:
    if get_origin(hint) in (Union, UnionType):
        rest = [one for one in get_args(hint) if one is not NoneType]
        if len(rest) != 1:
            raise TypeError(f"{name}: {hint}")
        hint, needed = rest[0], False
    repeats = get_origin(hint) is tuple
    if repeats:
        hint = get_args(hint)[0]
    if is_dataclass(hint):
        return Parameter(fhir_name(name), name, "", hint, needed, repeats, _fields(hint))
    type_, shape = _type(hint)
    return Parameter(fhir_name(name), name, type_, shape, needed, repeats)


def _fields(shape: Any) -> tuple[Parameter, ...]:
    hints = get_type_hints(shape, include_extras=True)
    return tuple(_parameter(one.name, hints[one.name], True) for one in fields(shape))


def _type(hint: Any) -> tuple[str, Any]:
    if get_origin(hint) is Annotated:
        shape, type_, *_ = get_args(hint)
        if type_ in definitions().types or type_ in _resource_types():
            return type_, shape
    elif hint in _PLAIN:
        return _PLAIN[hint], hint
    raise TypeError(f"no type of FHIR: {hint}")


def _resource_types() -> frozenset[str]:
    return frozenset({*definitions().resource_types, "Resource"})


# --- values


def _read(parameter: Parameter, value: Any) -> Any:
    if parameter.type in _resource_types():
        if not isinstance(value, dict) or value.get("resourceType") not in _allowed(parameter.type):
            raise _wrong(parameter)
        return _checked(parameter, value)
    if parameter.type == "Reference":
        value = value.get("reference") if isinstance(value, dict) else value
    elif parameter.shape == Resource:
        return _checked(parameter, value)
    if isinstance(value, bool) and parameter.shape is not bool:
        raise _wrong(parameter)
    try:
        found = msgspec.convert(value, _SHAPES.get(parameter.shape, parameter.shape), strict=False)
    except msgspec.ValidationError:
        raise _wrong(parameter) from None
    if isinstance(found, str) and not 0 < len(found.strip()) <= LONGEST:
        raise _wrong(parameter)
    return found


def _allowed(type_: str) -> frozenset[str]:
    return frozenset(definitions().resource_types) if type_ == "Resource" else frozenset({type_})


def _checked(parameter: Parameter, value: Any) -> Resource:
    """Returns a resource or a complex value that the definitions of its type allow. Raises Invalid."""
    entry = {"name": parameter.name, _key(parameter.type): value}
    issues = validator().validate({"resourceType": "Parameters", "parameter": [entry]})
    if not isinstance(value, dict) or any(issue.severity in ("error", "fatal") for issue in issues):
        raise _wrong(parameter)
    return value


def _wrong(parameter: Parameter) -> Invalid:
    return Invalid("fhir.terminology.parameter-type", name=parameter.name)


def _key(type_: str) -> str:
    return "resource" if type_ in _resource_types() else f"value{type_[0].upper()}{type_[1:]}"


def _parts(parameters: tuple[Parameter, ...], answer: Any) -> list[Resource]:
    found: list[Resource] = []
    for one in parameters:
        value = getattr(answer, one.argument)
        for each in value if one.repeats else () if value is None else (value,):
            said = {"part": _parts(one.parts, each)} if one.parts else {_key(one.type): _value(one, each)}
            found.append({"name": one.name, **said})
    return found


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.type == "Reference":
        return {"reference": value}
    if isinstance(value, datetime):
        return clock.instant(value.astimezone(UTC))
    return value.isoformat() if isinstance(value, date) else value
