"""What a search parameter matches in one element: the element's values in the parameter's own terms.

One function for each pair of parameter type and element type, given by `readers`. An element is its JSON value and is
valid already; what a reader cannot use (a Quantity without a value) gives nothing.

    token      (system or None, code or None, display or None)
    of_type    (system of the identifier's type, code of it, value)
    text       one text of a coded element, for :text
    string     one text
    uri        one uri
    reference  (literal reference or None, identifier token or None, type or None)
    date       (low, high), half-open
    number     (low, high), closed, as float
    quantity   (low, high, system or None, code or None, unit or None)

Source: https://hl7.org/fhir/R4/search.html, sections 3.1.1.4.7 to 3.1.1.4.14
"""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from decimal import Decimal
from functools import cache
from typing import Any

from kangyun.fhir.search.dates import BEIJING, EARLIEST, LATEST, Range, bounds

Token = tuple[str | None, str | None, str | None]
Reference = tuple[str | None, tuple[str | None, str | None] | None, str | None]
Number = tuple[float, float]
Quantity = tuple[float, float, str | None, str | None, str | None]

CURRENCY = "urn:iso:std:iso:4217"
FARTHEST = float("inf")


def _codeable_concept(value: dict[str, Any]) -> list[Token]:
    return [(c.get("system"), c.get("code"), c.get("display")) for c in value.get("coding", ())]


def _coding(value: dict[str, Any]) -> list[Token]:
    return [(value.get("system"), value.get("code"), value.get("display"))]


def _identifier(value: dict[str, Any]) -> list[Token]:
    code = value.get("value")
    return [(value.get("system"), code, None)] if code is not None else []


def _contact_point(value: dict[str, Any]) -> list[Token]:
    code = value.get("value")
    return [(None, code, None)] if code is not None else []


def _code(value: str) -> list[Token]:
    return [(None, value, None)]


def _boolean(value: bool) -> list[Token]:
    return [(None, "true" if value else "false", None)]


def identifier_types(value: dict[str, Any]) -> list[tuple[str | None, str | None, str]]:
    """Returns what `:of-type` matches in an Identifier."""
    if "value" not in value or "type" not in value:
        return []
    return [(c.get("system"), c.get("code"), value["value"]) for c in value["type"].get("coding", ())]


def concept_texts(value: dict[str, Any]) -> list[str]:
    """Returns the texts of a CodeableConcept that are not the display of one of its codings."""
    text = value.get("text")
    if text is None or any(c.get("display") == text for c in value.get("coding", ())):
        return []
    return [text]


def identifier_texts(value: dict[str, Any]) -> list[str]:
    """Returns what `:text` matches in an Identifier: its type in words."""
    kind = value.get("type")
    return (
        [] if kind is None else concept_texts(kind) + [c["display"] for c in kind.get("coding", ()) if "display" in c]
    )


def _string(value: str) -> list[str]:
    return [value]


def _human_name(value: dict[str, Any]) -> list[str]:
    family, given = value.get("family"), value.get("given") or ()
    parts = [value.get("text"), family, *given, *(value.get("prefix") or ()), *(value.get("suffix") or ())]
    # Chinese names are typed and searched without a space: family name first, then the given name.
    if family and given and not family.isascii():
        parts.append(family + "".join(part for part in given if part))
    return [part for part in parts if part]


def _address(value: dict[str, Any]) -> list[str]:
    members = ("text", "city", "district", "state", "country", "postalCode")
    parts = [*(value.get("line") or ()), *(value.get(member) for member in members)]
    return [part for part in parts if part]


def _reference(value: dict[str, Any]) -> list[Reference]:
    identifier = value.get("identifier")
    token = (identifier.get("system"), identifier.get("value")) if identifier else None
    return [(value.get("reference"), token, value.get("type"))]


def _canonical(value: str) -> list[Reference]:
    return [(value, None, None)]


def _date_readers(zone: tzinfo) -> dict[str, Callable[[Any], Iterable[Any]]]:
    def date(value: str) -> list[Range]:
        return [bounds(value, zone)]

    def period(value: dict[str, Any]) -> list[Range]:
        start, end = value.get("start"), value.get("end")
        if start is None and end is None:
            return []
        return [(bounds(start, zone)[0] if start else EARLIEST, bounds(end, zone)[1] if end else LATEST)]

    def timing(value: dict[str, Any]) -> list[Range]:
        """Only the outer limits count: the events, and the bounds of the repetition."""
        spans = [bounds(event, zone) for event in value.get("event") or () if event]
        spans += period(value.get("repeat", {}).get("boundsPeriod", {}))
        return [(min(low for low, _ in spans), max(high for _, high in spans))] if spans else []

    return {**dict.fromkeys(("date", "dateTime", "instant"), date), "Period": period, "Timing": timing}


def _number(value: int | Decimal) -> list[Number]:
    number = float(value)
    return [(number, number)]


def _number_range(value: dict[str, Any]) -> list[Number]:
    return [(low, high) for low, high, *_ in _range(value)]


_COMPARATORS: dict[str, Callable[[float], Number]] = {
    "<": lambda number: (-FARTHEST, number),
    "<=": lambda number: (-FARTHEST, number),
    ">": lambda number: (number, FARTHEST),
    ">=": lambda number: (number, FARTHEST),
}


def _quantity(value: dict[str, Any]) -> list[Quantity]:
    if "value" not in value:
        return []
    number = float(value["value"])
    comparator = value.get("comparator")
    low, high = _COMPARATORS[comparator](number) if comparator else (number, number)
    return [(low, high, value.get("system"), value.get("code"), value.get("unit"))]


def _money(value: dict[str, Any]) -> list[Quantity]:
    if "value" not in value:
        return []
    number = float(value["value"])
    return [(number, number, CURRENCY, value.get("currency"), None)]


def _range(value: dict[str, Any]) -> list[Quantity]:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" not in low and "value" not in high:
        return []
    named = high if "value" in high else low
    return [
        (
            float(low["value"]) if "value" in low else -FARTHEST,
            float(high["value"]) if "value" in high else FARTHEST,
            *(named.get(member) for member in ("system", "code", "unit")),
        )
    ]


_TEXT_TYPES = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid")


@cache
def readers(zone: tzinfo = BEIJING) -> dict[str, dict[str, Callable[[Any], Iterable[Any]]]]:
    """Returns the readers by parameter type and element type: element in, values out.

    zone: gives bounds to dates and times that name none.
    """
    return {
        "token": {
            "CodeableConcept": _codeable_concept,
            "Coding": _coding,
            "Identifier": _identifier,
            "ContactPoint": _contact_point,
            "boolean": _boolean,
            **dict.fromkeys(_TEXT_TYPES, _code),
        },
        "string": {"HumanName": _human_name, "Address": _address, **dict.fromkeys(_TEXT_TYPES, _string)},
        "uri": dict.fromkeys(_TEXT_TYPES, _string),
        "reference": {"Reference": _reference, **dict.fromkeys(("canonical", "uri", "url"), _canonical)},
        "date": _date_readers(zone),
        "number": {
            **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "decimal"), _number),
            "Range": _number_range,
        },
        "quantity": {
            **dict.fromkeys(("Quantity", "Age", "Duration", "Distance", "Count"), _quantity),
            "Money": _money,
            "Range": _range,
        },
    }
