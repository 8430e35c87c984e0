"""The formats of R4's primitive types: which JSON values are one of a type, and what is wrong with one that is not.

A date that no calendar has, a number out of range and a control character are wrong formats too, though the regexes
of the specification let some of them pass. White space is that of ASCII: an ideographic space in a Chinese text is
text. A time zone is demanded wherever a time of day is given, as the specification does.

Source: https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kangyun.fhir.json import MAX_EXPONENT
from kangyun.fhir.validation.narrative import is_narrative

MAX_STRING = 1024 * 1024
"""Characters in a string; base64Binary and xhtml have no limit of their own."""

_MONTH_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = rf"(?:(?!0000)[0-9]{{4}}-{_MONTH_DAY}|(?!0000){_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_INSTANT = rf"{_DAY}T{_TIME}(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PARTIAL = r"(?!0000)[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?"

_FORMS = {
    "code": r"[^ \t\r\n\f\v]+(?:[ \t\r\n\f\v][^ \t\r\n\f\v]+)*",
    "date": rf"{_DAY}|{_PARTIAL}",
    "dateTime": rf"{_INSTANT}|{_DAY}|{_PARTIAL}",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "instant": _INSTANT,
    "oid": r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+",
    "time": _TIME,
    "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}
_MATCHERS = {name: re.compile(form).fullmatch for name, form in _FORMS.items()}

MAX_MET = 4096
MAX_MET_LENGTH = 96

_white_space_character = re.compile(r"[ \t\r\n\f\v]").search
# And what XML has no way to write: such a resource could never be read by who speaks XML.
_control_character = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]").search
_base64 = re.compile(r"[0-9A-Za-z+/]*={0,2}").fullmatch
_white_space = str.maketrans("", "", " \t\r\n\f\v")

_RANGES = {"integer": (-(2**31), 2**31 - 1), "positiveInt": (1, 2**31 - 1), "unsignedInt": (0, 2**31 - 1)}

Accepts = Callable[..., bool]
"""Takes a JSON value; a second argument is not looked at, so that no caller has to wrap it (see `acceptor`)."""


def is_string(value: Any, _: object = None) -> bool:
    """Accepts a string that is neither empty nor too long and has no control characters but tab and line ends."""
    # Most strings are printable, which a scan at memory speed tells; line ends and the like are looked at again.
    return (
        type(value) is str
        and 0 < len(value) <= MAX_STRING
        and (value.isprintable() or _control_character(value) is None)
    )


def _met(accepts: Callable[[str], bool]) -> Accepts:
    """Remembers short texts that were accepted: systems and codes come again, and a look-up is cheaper than a scan."""
    met: set[str] = set()

    def accepts_met(value: Any, _: object = None) -> bool:
        if type(value) is not str:
            return False
        if value in met:
            return True
        if not accepts(value):
            return False
        if len(value) <= MAX_MET_LENGTH:
            if len(met) >= MAX_MET:
                met.clear()
            met.add(value)
        return True

    return accepts_met


def _has_no_white_space(value: str) -> bool:
    return 0 < len(value) <= MAX_STRING and _white_space_character(value) is None


def _is_code(value: str) -> bool:
    return len(value) <= MAX_STRING and _MATCHERS["code"](value) is not None


is_uri = _met(_has_no_white_space)
is_code = _met(_is_code)


def is_base64(value: Any, _: object = None) -> bool:
    if type(value) is not str:
        return False
    packed = value.translate(_white_space)
    return packed != "" and len(packed) % 4 == 0 and _base64(packed) is not None


def is_boolean(value: Any, _: object = None) -> bool:
    return type(value) is bool


def is_decimal(value: Any, _: object = None) -> bool:
    kind = type(value)
    return kind is int or (kind is Decimal and value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT)


def _matching(name: str) -> Accepts:
    matches = _MATCHERS[name]

    def accepts(value: Any, _: object = None) -> bool:
        return type(value) is str and matches(value) is not None and len(value) <= MAX_STRING

    return accepts


def _within(name: str) -> Accepts:
    low, high = _RANGES[name]

    def accepts(value: Any, _: object = None) -> bool:
        return type(value) is int and low <= value <= high

    return accepts


ACCEPTS: dict[str, Accepts] = {
    "base64Binary": is_base64,
    "boolean": is_boolean,
    "decimal": is_decimal,
    "canonical": is_uri,
    "markdown": is_string,
    "string": is_string,
    "uri": is_uri,
    "url": is_uri,
    "xhtml": is_narrative,
    **{name: _matching(name) for name in _FORMS},
    "code": is_code,
    **{name: _within(name) for name in _RANGES},
}
"""For each primitive type the function that accepts exactly the JSON values of that type."""

_JSON_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "boolean": ("boolean", (bool,)),
    "decimal": ("number", (int, Decimal)),
    **dict.fromkeys(_RANGES, ("number", (int, Decimal))),
}


def fault_of(type_name: str, value: Any) -> tuple[str, str, dict[str, str | int]]:
    """Returns the issue code, the text and its parameters for a value that the type does not accept."""
    json_type, python_types = _JSON_TYPES.get(type_name, ("string", (str,)))
    if type(value) not in python_types:
        return "structure", "json-type", {"type": type_name, "expected": json_type}
    if value == "":
        return "value", "empty-string", {}
    if type_name in _RANGES and type(value) is int:
        low, high = _RANGES[type_name]
        return "value", "range", {"type": type_name, "low": low, "high": high}
    if type(value) is str and len(value) > MAX_STRING and type_name not in ("base64Binary", "xhtml"):
        return "too-long", "too-long", {"limit": MAX_STRING}
    if type_name in ("string", "markdown"):
        return "value", "control-character", {}
    if type_name == "xhtml":
        return "value", "narrative", {}
    return "value", "format", {"type": type_name}
