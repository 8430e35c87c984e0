"""The values of search tests: what stands behind the equals sign, read by the parameter's type.

Source: https://hl7.org/fhir/R4/search.html#prefix and #escaping
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from kangyun.base.errors import Invalid, Malformed
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.search.parameters import Parameter, Parameters, is_canonical

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """`system|code`, `|code` (system ""), `code` (system None), `system|` (code None)."""

    system: str | None
    code: str | None
    # For :of-type: the identifier's value; system and code are of its type.
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A date with its prefix: the half-open range [low, high) that the text means."""

    prefix: Prefix
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or quantity with its prefix: [low, high) is what its digits leave open, value what they say."""

    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal
    system: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A reference: type and id of a resource, an id alone, or a url."""

    type: str | None
    id: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """:missing."""

    missing: bool


Value: TypeAlias = str | Token | Interval | Amount | Target | Missing | tuple["Value", ...]


def split(text: str, mark: str) -> list[str]:
    """Splits at the unescaped marks; the parts keep their escapes."""
    if mark not in text:
        return [text]
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == mark:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    """Takes the backslashes off `\\,` `\\$` `\\|` and `\\\\`."""
    if "\\" not in text:
        return text
    result, place = [], 0
    while place < len(text):
        if text[place] == "\\" and text[place + 1 : place + 2] in ("\\", ",", "$", "|"):
            place += 1
        result.append(text[place])
        place += 1
    return "".join(result)


def read_value(parameter: Parameter, modifier: str | None, known: Parameters, zone: tzinfo, text: str) -> Value:
    """Reads one value. Raises Invalid, naming the parameter and not the value, for one that cannot be read."""
    try:
        if len(text) > LONGEST:
            raise ValueError
        if modifier == "missing":
            return Missing({"true": True, "false": False}[text])
        if parameter.type == "composite":
            return _composite(parameter, known, zone, text)
        if not text:
            raise ValueError
        if is_canonical(parameter):
            return Target(None, None, unescape(text))
        return _plain(parameter.type, modifier, zone, text)
    except (ValueError, KeyError, Malformed, InvalidOperation, OverflowError):
        raise Invalid("fhir.search.value", parameter=parameter.name) from None


def _plain(type_: str, modifier: str | None, zone: tzinfo, text: str) -> Value:
    if type_ == "token":
        return _token(text, modifier)
    if type_ == "date":
        return _interval(text, zone)
    if type_ in ("number", "quantity"):
        return _amount(text)
    if type_ == "reference":
        return _token(text, None) if modifier == "identifier" else _target(text)
    return unescape(text)


def _composite(parameter: Parameter, known: Parameters, zone: tzinfo, text: str) -> tuple[Value, ...]:
    components = parameter.parts[0][1] if parameter.parts else known[parameter.alias_of[0]].parts[0][1]
    pieces = split(text, "$")
    if len(pieces) != len(components):
        raise ValueError
    return tuple(
        read_value(known[code], None, known, zone, piece) for (code, _), piece in zip(components, pieces, strict=True)
    )


def _token(text: str, modifier: str | None) -> Token | str:
    if modifier in ("text", "in", "not-in"):
        return unescape(text)
    parts = split(text, "|")
    if modifier == "of-type":
        system, code, value = (unescape(part) for part in parts)
        return Token(system, code, value)
    if len(parts) == 1:
        return Token(None, unescape(parts[0]))
    system, code = unescape(parts[0]), unescape("|".join(parts[1:]))
    if not system and not code:
        raise ValueError
    return Token(system, code or None)


def _prefixed(text: str) -> tuple[Prefix, str]:
    head = text[:2]
    return (head, text[2:]) if head in PREFIXES else ("eq", text)  # type: ignore[return-value]


def _interval(text: str, zone: tzinfo) -> Interval:
    prefix, rest = _prefixed(text)
    # A "+" of the zone arrives as a space where the client did not escape it.
    low, high = bounds(rest.replace(" ", "+"), zone)
    if prefix == "ap":
        # A tenth of the distance to the present has no meaning in a pure function: a tenth of the range, a day at
        # least.
        margin = max((high - low) / 10, timedelta(days=1)) if (high - low) < timedelta(days=40000) else timedelta(0)
        return Interval(prefix, _shifted(low, -margin), _shifted(high, margin))
    return Interval(prefix, low, high)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment


def _amount(text: str) -> Amount:
    prefix, rest = _prefixed(text)
    parts = split(rest, "|")
    if len(parts) not in (1, 2, 3):
        raise ValueError
    number = parts[0]
    if not number or not set(number) <= set("0123456789+-.eE") or len(number) > 40:
        raise ValueError
    value = Decimal(number)
    if not value.is_finite() or abs(value.adjusted()) > 300:
        raise ValueError
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    if prefix == "ap":
        half = max(half, abs(value) / 10)
    system = unescape(parts[1]) if len(parts) > 1 else None
    code = unescape(parts[2]) if len(parts) == 3 else None
    if len(parts) == 2:
        # `5.4|mg` is no form of the specification, yet it has one meaning only.
        system, code = None, system
    return Amount(prefix, value, value - half, value + half, system or None, code or None)


def _target(text: str) -> Target:
    plain = unescape(text)
    if "://" in plain or plain.startswith("urn:"):
        return Target(None, None, plain)
    type_, slash, id_ = plain.partition("/")
    if slash:
        if not type_[:1].isupper():
            return Target(None, None, plain)
        return Target(type_, id_.partition("/")[0], None)
    return Target(None, plain, None)
