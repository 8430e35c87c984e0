"""What a code is, by its form, and what it says: kinds, plain texts, identifiers. Pure: no database, network or clock.

Source: `data/SOURCE.md`; identity numbers by GB 11643-1999.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import msgspec

from kangyun.base.errors import Invalid
from kangyun.base.numbers import resident_id

BEIJING = timezone(timedelta(hours=8))
LONGEST = 4096  # characters of what is read
_CARD_ID = re.compile(r"[A-Za-z0-9-]{8,128}")
_DYNAMIC, _STATIC = "0", "1"


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of code; as `data/health_card.toml` explains it."""

    pattern: str
    systems: tuple[str, ...]
    issuer: str = ""
    here: bool = False
    said: bool = False
    number: Literal["", "identity"] = ""
    plain: bool = False


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often, and by how much clocks may differ."""

    calls: int
    skew_seconds: float


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cards of the platform's own."""

    issue: Literal["demonstration", "always", "never"]
    static_days: int
    temporary_hours: int
    newborn_days: int
    newborn_age_days: int


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an issuer is asked."""

    url: str
    key: str


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    edition: str
    limits: Limits
    own: Own
    kinds: dict[str, Kind]
    issuers: dict[str, Issuer] = {}


class Plain(msgspec.Struct, frozen=True):
    """The plain text of an electronic health card's code. until: of a dynamic one."""

    card: str
    until: datetime | None


def read_rules(given: Mapping[str, Any]) -> Rules:
    """Reads the file. Raises Invalid, naming the place."""
    try:
        rules = msgspec.convert(given, Rules)
        for kind in rules.kinds.values():
            re.compile(kind.pattern)
    except (msgspec.ValidationError, re.error) as error:
        raise Invalid("care.health_card.rules", reason=str(error)[:200]) from None
    return rules


def recognised(text: str, said: str | None, kinds: Mapping[str, Kind]) -> str:
    """Returns the kind that a code is of, by what was said or by its form. Raises Invalid where that is not sure."""
    if said is not None:
        if said not in kinds:
            raise Invalid("care.health_card.no-such-kind", at="kind", kinds=", ".join(kinds))
        if not re.fullmatch(kinds[said].pattern, text):
            raise Invalid("care.health_card.not-of-kind", at="code", kind=said)
        return said
    fitting = [name for name, kind in kinds.items() if re.fullmatch(kind.pattern, text)]
    if not fitting:
        raise Invalid("care.health_card.not-a-code", at="code")
    sure = [name for name in fitting if not kinds[name].said]
    if len(sure) != 1 or (kinds[sure[0]].number == "identity" and _identity(text) is None):
        raise Invalid("care.health_card.which-kind", at="kind", kinds=", ".join(fitting))
    return sure[0]


def identifiers(text: str, kind: Kind) -> tuple[str, ...]:
    """Returns `system|value` as a registration may have the number. Raises Invalid for one that cannot be."""
    numbers: tuple[str, ...] = (text,)
    if kind.number == "identity":
        number = _identity(text)
        if number is None:
            raise Invalid("care.health_card.not-a-number", at="code")
        numbers = resident_id.forms(number)
    return tuple(f"{system}|{number}" for system in kind.systems for number in numbers)


def read_plain(text: str) -> Plain:
    """Reads `id:type` or `id:type:valid_time`. Raises Invalid.

    valid_time: unverified; yyyyMMddHHmmss in Beijing time, or seconds or milliseconds since 1970.
    """
    card, _, rest = text.partition(":")
    form, mark, time = rest.partition(":")
    if _CARD_ID.fullmatch(card):
        if form == _STATIC and not mark:
            return Plain(card, None)
        until = _instant(time) if form == _DYNAMIC else None
        if until is not None:
            return Plain(card, until)
    raise Invalid("care.health_card.not-plain", at="code")


def is_over(until: datetime, now: datetime, skew_seconds: float) -> bool:
    """Whether something was good until before now, by clocks that may differ."""
    return until + timedelta(seconds=skew_seconds) <= now


def _instant(text: str) -> datetime | None:
    if not (text.isascii() and text.isdecimal()):
        return None
    try:
        if len(text) == 14:
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).astimezone(UTC)
        if len(text) in (10, 13):
            return datetime.fromtimestamp(int(text[:10]), UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _identity(text: str) -> str | None:
    """Returns a number of 18 characters, None for what is none."""
    number = resident_id.plain(text)
    number = resident_id.upgraded(number) or number
    return number if resident_id.is_valid(number) else None
