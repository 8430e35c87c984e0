"""The rules of alerts as data. Pure."""

from datetime import time
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from kangyun.base.errors import Invalid

Kind = Literal[
    "patients", "baseline", "relatives", "tagged", "hours", "statuses", "door", "lookers", "dormant", "emergency",
]  # fmt: skip
Window = Literal["hour", "day"]
OTHER = "other"
LONGEST_PAST = 400
"""Days of which it is kept how much somebody did."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule; `data/alerts.toml` says what each field means."""

    id: str
    kind: Kind
    window: Window
    reached: dict[str, int]
    source: str
    unverified: bool = False
    exempt: frozenset[str] = frozenset()
    on: bool = True
    factor: float = 1
    days: int = 1
    known: int = 1
    tags: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset()
    shifts: dict[str, str] = {}

    def limit(self, role: str) -> int | None:
        """Returns from which number on it is odd for a role, None where it never is."""
        if role in self.exempt:
            return None
        return self.reached.get(role, self.reached.get(OTHER, 0)) or None

    def shift(self, role: str) -> tuple[time, time]:
        """Returns when the work of a role begins and ends; an end before the beginning is on the next day."""
        begin, _, end = self.shifts.get(role, self.shifts.get(OTHER, "00:00-00:00")).partition("-")
        return time.fromisoformat(begin), time.fromisoformat(end)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: list[Rule]


def read_rules(path: str = "") -> tuple[Rule, ...]:
    """Returns the rules of a file, those that are shipped without one. Raises Invalid, naming the file."""
    shipped = files("kangyun.access.alerts").joinpath("data", "alerts.toml")
    try:
        data = Path(path).read_bytes() if path else shipped.read_bytes()
        rules = msgspec.toml.decode(data, type=_File).rule
        for rule in rules:
            for role in (OTHER, *rule.shifts):
                rule.shift(role)
    except (OSError, ValueError) as error:
        raise Invalid("access.alerts.rules-unreadable", file=path or str(shipped), reason=str(error)[:200]) from None
    if len({rule.id for rule in rules}) < len(rules):
        raise Invalid("access.alerts.rules-unreadable", file=path or str(shipped), reason="id")
    if sum(rule.kind == "lookers" for rule in rules) > 1:
        raise Invalid("access.alerts.rules-unreadable", file=path or str(shipped), reason="lookers")
    if any(not 0 < rule.days <= LONGEST_PAST for rule in rules):
        raise Invalid("access.alerts.rules-unreadable", file=path or str(shipped), reason="days")
    return tuple(rule for rule in rules if rule.on)
