"""The input of an operation, a Parameters resource, read with types and without surprises.

A client may have sent GET, where everything is text: a number or a boolean is taken from a string too. A parameter
that the operation does not have, or that is not supported, is refused by name: nothing is passed over in silence.

Source: https://hl7.org/fhir/R4/parameters.html
"""

import re
from typing import Any, TypeVar

import msgspec

from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.terminology.model import Coding

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_name = re.compile(r"[A-Za-z][A-Za-z-]{0,39}")
_BOOLEANS = {"true": True, "false": False, True: True, False: False}


class CodeableConcept(msgspec.Struct, frozen=True):
    """A CodeableConcept; its text decides nothing here."""

    coding: tuple[Coding, ...] = ()


class Inputs:
    """The parameters of one call, or the parts of one of them."""

    def __init__(self, parameters: Any, known: frozenset[str], unsupported: frozenset[str] = frozenset()) -> None:
        self._values: dict[str, list[Any]] = {}
        if not isinstance(parameters, list):
            raise Invalid("fhir.terminology.parameters-expected")
        for parameter in parameters:
            name = parameter.get("name") if isinstance(parameter, dict) else None
            if not isinstance(name, str):
                raise Invalid("fhir.terminology.parameters-expected")
            if name in unsupported:
                raise NotSupported("fhir.terminology.parameter-unsupported", name=name)
            if name not in known:
                raise NotSupported(
                    "fhir.terminology.parameter-unknown", name=name if name.isascii() and len(name) < 40 else "?"
                )
            self._values.setdefault(name, []).append(_value(name, parameter))

    @classmethod
    def of(cls, resource: Resource, known: frozenset[str], unsupported: frozenset[str] = frozenset()) -> "Inputs":
        """Reads a Parameters resource. Raises Invalid and NotSupported for what the operation cannot take."""
        if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
            raise Invalid("fhir.terminology.parameters-expected")
        return cls(resource.get("parameter", []), known, unsupported)

    def all(self, name: str) -> list[Any]:
        """Returns the values of a repeating parameter."""
        return self._values.get(name, [])

    def texts(self, name: str) -> list[str]:
        """Returns the values of a repeating parameter of text."""
        values = self.all(name)
        if not all(isinstance(value, str) for value in values):
            raise _wrong(name)
        return values

    def text(self, name: str) -> str | None:
        """Returns the value of a parameter of text, None where it is absent."""
        value = self._one(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(name)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Returns the value of a boolean parameter."""
        value = self._one(name)
        if value is None:
            return default
        if not isinstance(value, str | bool) or value not in _BOOLEANS:
            raise _wrong(name)
        return _BOOLEANS[value]

    def count(self, name: str) -> int | None:
        """Returns the value of an integer parameter that cannot be negative, None where it is absent."""
        value = self._one(name)
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            value = int(value)
        if value is not None and (type(value) is not int or not 0 <= value < 2**31):
            raise _wrong(name)
        return value

    def coding(self, name: str) -> Coding | None:
        """Returns a Coding, None where it is absent."""
        value = self._one(name)
        return None if value is None else _read(name, value, Coding)

    def concept(self, name: str) -> tuple[Coding, ...] | None:
        """Returns the codings of a CodeableConcept, None where it is absent."""
        value = self._one(name)
        return None if value is None else _read(name, value, CodeableConcept).coding

    def resource(self, name: str, kind: str) -> Resource | None:
        """Returns a resource of one type, None where it is absent."""
        value = self._one(name)
        if value is not None and (not isinstance(value, dict) or value.get("resourceType") != kind):
            raise _wrong(name)
        return value

    def _one(self, name: str) -> Any:
        values = self.all(name)
        if len(values) > 1:
            raise Invalid("fhir.terminology.parameter-repeated", name=name)
        return values[0] if values else None


def _value(name: str, parameter: Resource) -> Any:
    found = [value for key, value in parameter.items() if key.startswith("value") or key in ("resource", "part")]
    if len(found) != 1 or found[0] is None:
        raise _wrong(name)
    return found[0]


def _read(name: str, value: Any, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError:
        raise _wrong(name) from None


def _wrong(name: str) -> Invalid:
    return Invalid("fhir.terminology.parameter-type", name=name)
