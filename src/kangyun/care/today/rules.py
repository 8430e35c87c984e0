"""What a doctor's first page says of a resident: values out of range, stays that ended, who comes first. Pure.

Limits for pressures are `data/today.toml`, by where they were measured; any other value is out of range where whoever
measured it has said so. Nothing is diagnosed: a doctor looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.ranges import flags_of

Side = Literal["high", "low", "abnormal", "critical-high", "critical-low", "critical"]
METRIC = "urn:kangyun:code-system:metric"
RULE, LEVEL, ALARM = "urn:kangyun:alarm-rule", "urn:kangyun:alarm-level", "urn:kangyun:identifier:alarm"
_SIDES: Mapping[str, Side] = {
    "HH": "critical-high", "LL": "critical-low", "AA": "critical",
    "H": "high", "HU": "high", "L": "low", "LU": "low", "A": "abnormal",
}  # fmt: skip
"""Of http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation."""
_UNITS = {"mm[Hg]": "mmHg", "Cel": "℃", "umol/L": "μmol/L", "10*9/L": "×10⁹/L", "10*12/L": "×10¹²/L"}
_WEIGHT = {"red": 100, "amber": 10, "yellow": 1}


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which value on a metric is shown as high. zh, en: how it is called."""

    metric: str
    at_least: Decimal
    unit: str
    source: str
    edition: str
    zh: str
    en: str


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules. days: before today, from which on things are shown."""

    edition: str
    days: int
    limit: tuple[Limit, ...]


def read_rules(given: Mapping[str, Any]) -> Rules:
    """Returns the rules of a file. Raises msgspec.ValidationError."""
    return msgspec.convert(given, Rules, strict=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is out of range. range: as whoever measured it has it, or the limit that is passed."""

    what: str
    value: str
    side: Side
    range: str
    at: str


def out_of_range(observation: Resource, rules: Rules, language: str = "zh") -> list[Value]:
    """Returns what is out of range in an Observation; of components each."""
    at = str(observation.get("effectiveDateTime") or observation.get("effectivePeriod", {}).get("end") or "")
    parts = [observation, *observation.get("component", ())]
    return [found for part in parts if (found := _judged(part, at, rules, language)) is not None]


def _judged(part: Resource, at: str, rules: Rules, language: str) -> Value | None:
    quantity = part.get("valueQuantity")
    if quantity is None or "value" not in quantity:
        return None
    number, unit = Decimal(str(quantity["value"])), str(quantity.get("unit") or quantity.get("code") or "")
    bound = str(quantity.get("comparator") or "")
    shown = f"{bound}{_plain(number)} {_UNITS.get(unit, unit)}".strip()
    codes = {one.get("code") for one in part["code"].get("coding", ()) if one.get("system") == METRIC}
    for limit in rules.limit:
        if limit.metric in codes and number >= limit.at_least and not bound.startswith("<"):
            return Value(limit.zh if language == "zh" else limit.en, shown, "high", f"≥ {_plain(limit.at_least)}", at)
    flags = flags_of(part)
    side = next((side for flag, side in _SIDES.items() if flag in flags), None)
    return None if side is None else Value(_name(part["code"]), shown, side, _range(part), at)


def _range(part: Resource) -> str:
    for one in part.get("referenceRange", ()):
        low, high = (one.get(side, {}).get("value") for side in ("low", "high"))
        if low is not None and high is not None:
            return f"{_plain(low)}–{_plain(high)}"
        if low is not None or high is not None:
            return f"≥ {_plain(low)}" if low is not None else f"≤ {_plain(high)}"
    return ""


def _plain(number: Any) -> str:
    text = f"{Decimal(str(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _name(concept: Resource) -> str:
    displays = (one.get("display") for one in concept.get("coding", ()))
    return str(concept.get("text") or next((one for one in displays if one), ""))


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm, as its Flag has it."""

    number: int
    level: str
    rule: str
    since: str


def alarm_of(flag: Resource) -> Alarm | None:
    """Returns the alarm of a Flag; None for one of somebody else's."""
    numbers = [one.get("value", "") for one in flag.get("identifier", ()) if one.get("system") == ALARM]
    codings = [one for concept in (*flag.get("category", ()), flag["code"]) for one in concept.get("coding", ())]
    by_system = {one.get("system"): str(one.get("code", "")) for one in codings}
    if not numbers or not numbers[0].isdecimal():
        return None
    since = str(flag.get("period", {}).get("start", ""))
    return Alarm(int(numbers[0]), by_system.get(LEVEL, ""), by_system.get(RULE, ""), since)


def is_critical(side: str) -> bool:
    """Whether a laboratory called a value critical (危急值)."""
    return side.startswith("critical")


def weight(alarms: Iterable[Alarm], discharges: Sequence[object], sides: Sequence[str]) -> int:
    """Returns how soon somebody comes in the list: red alarms, critical values, who came home, other values."""
    critical = sum(map(is_critical, sides))
    return 1000 * (sum(_WEIGHT.get(one.level, 1) for one in alarms) + critical) + 100 * len(discharges) + len(sides)


def is_named(shown: str, typed: str) -> bool:
    """Whether a name that was typed may be the one that is shown masked (王*国)."""
    return len(shown) == len(typed) and all(one in ("*", other) for one, other in zip(shown, typed, strict=True))
