"""The words of second factors. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from kangyun.base.errors import Invalid, SignInNeeded

Kind = Literal["usb-key", "passkey", "totp", "sms"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class NotProven(SignInNeeded):
    """The answer is wrong, was given before, or comes too late: which of them is not said."""

    default_text = "access.factors.not-proven"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is asked. `ask` goes to the page, as JSON; the answer names `id`."""

    id: str
    kind: Kind
    ask: Mapping[str, Any]
    expires: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A factor that somebody has."""

    id: int
    kind: Kind
    enrolled: datetime
    used: datetime | None


class RoleRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which factors satisfy a role, and who lets the first one be enrolled."""

    any: tuple[Kind, ...]
    first: Literal["self", "permit"] = "permit"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `data/factors.toml` has them."""

    challenge_minutes: float
    permit_hours: float
    tries: int
    lock_minutes: float


class Certificates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of USB keys. required: only with a certificate of an authority that the installation believes."""

    required: bool = False


class Rules(msgspec.Struct, frozen=True):
    """The whole of `data/factors.toml`."""

    role: dict[str, RoleRule]
    other: RoleRule
    limits: Limits
    certificates: Certificates = Certificates()

    def of(self, role: str) -> RoleRule:
        """Returns the rule of a role."""
        return self.role.get(role, self.other)


def read_rules(table: Mapping[str, Any]) -> Rules:
    """Returns the rules of the file. Raises Invalid for a table that cannot be."""
    try:
        return msgspec.convert(dict(table), Rules)
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file="factors.toml") from None


def text_of(given: Mapping[str, Any], name: str, most: int = 4000) -> str:
    """Returns a text of what was sent. Raises Invalid where it is absent, no text, or too long."""
    value = given.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Invalid("access.factors.needed", at=name, name=name)
    return value
