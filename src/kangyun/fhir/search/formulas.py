"""Search parameters whose expression is more than a path: the FHIRPath engine reads them.

Slower than a generated path by ten times; the R4 definitions need it once (`Patient.deceased`), a region's own may.
The type of what the engine gives is told from its JSON shape.
"""

import logging
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from kangyun.fhir import Resource, fhirpath
from kangyun.fhir.search.parameters import Parameter
from kangyun.fhir.search.values import readers

logger = logging.getLogger(__name__)

# The members that tell a complex type, the most telling first.
_SHAPES = (
    ("coding", "CodeableConcept"),
    ("reference", "Reference"),
    ("start", "Period"),
    ("end", "Period"),
    ("low", "Range"),
    ("high", "Range"),
    ("family", "HumanName"),
    ("given", "HumanName"),
    ("line", "Address"),
    ("city", "Address"),
    ("currency", "Money"),
    ("comparator", "Quantity"),
    ("unit", "Quantity"),
    ("display", "Coding"),
)


def formula_reader(parameter: Parameter, zone: tzinfo) -> Callable[[Resource, Any, Any], None]:
    """Returns a function of (resource, sink, bound parameter). Raises Invalid for an expression that cannot be read."""
    expression = fhirpath.compile(parameter.formula or "")
    by_type = readers(zone)[parameter.type]
    told = False

    def read(resource: Resource, sink: Any, bound: Any) -> None:
        nonlocal told
        emit = getattr(sink, parameter.type)
        try:
            values = expression.evaluate(resource, type_name=parameter.resource_type)
        except Exception as error:
            # Who defines a parameter must not be able to stop a write: what it cannot read has no value by it.
            if not told:
                logger.warning("%s cannot be read from every resource: %s", parameter.url, type(error).__name__)
            told = True
            return
        for value in values:
            reader = by_type.get(_type_of(value, parameter.type))
            if reader is not None:
                emit(bound, reader(value))

    return read


def _type_of(value: Any, parameter_type: str) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "dateTime" if parameter_type == "date" else "string"
    if not isinstance(value, dict):
        return "decimal"
    for member, type_name in _SHAPES:
        if member in value:
            return type_name
    if "system" in value and "value" in value:
        return "Identifier" if parameter_type == "token" else "Quantity"
    return "Coding" if "code" in value else "Quantity" if "value" in value else "Reference"
