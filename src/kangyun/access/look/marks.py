"""What a resident is marked with on the front page: groups of people, lasting and infectious diseases, weight. Pure.

A mark says what stands in the record, and judges nobody: an active condition with such a code, an age, a measured
body-mass index. Which ones there are is data (`data/marks.toml`, or the region's).

Source: 国卫办基层发〔2024〕15号, 居民电子健康档案首页基本内容(试行); see `data/SOURCE.md`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid
from kangyun.base.texts import Language
from kangyun.fhir import Resource

FILE = "marks.toml"
ADULT = 18
_OVER = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = frozenset({"refuted", "entered-in-error", "unconfirmed", "differential"})


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mark: its group, its names, and where it is shown. days: 0 where it lasts as long as the condition."""

    key: str
    group: str
    zh: str
    en: str
    icd10: tuple[str, ...] = ()
    ages: tuple[int, int] | None = None
    days: int = 0
    unverified: bool = False


class Weight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a body-mass index under `below`, in kg/m2, is called."""

    below: float
    zh: str
    en: str


class Marks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All marks of a region. systems: whose codes are those of ICD-10."""

    edition: str
    systems: tuple[str, ...]
    mark: tuple[Mark, ...]
    weight: tuple[Weight, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark as it is shown: its group and its words in both languages."""

    group: str
    zh: str
    en: str

    def said(self, language: Language) -> str:
        """Returns the words of a language."""
        return self.en if language == "en" else self.zh


def marks_here(data: Path) -> Marks:
    """Returns the marks of an installation. Raises Invalid for what cannot be."""
    try:
        return msgspec.convert(rules_of("kangyun.access.look", FILE, data), Marks)
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file=FILE) from None


def marked(
    rules: Marks, births: Iterable[str], conditions: Iterable[Resource], index: float | None, today: date
) -> tuple[Marked, ...]:
    """Returns the marks of a resident.

    births: what registrations say, a year or a day. conditions: as they are seen. index: the last body-mass index.
    """
    ages = next((found for one in births if (found := ages_of(one, today))), None)
    active = [pair for one in conditions for pair in _codes(one, rules.systems)]
    shown = [Marked(one.group, one.zh, one.en) for one in rules.mark if _applies(one, ages, active, today)]
    if index is not None and ages is not None and ages[0] >= ADULT:
        shown += [Marked("weight", one.zh, one.en) for one in rules.weight if index < one.below][:1]
    return tuple(shown)


def ages_of(birth: str, today: date) -> tuple[int, int] | None:
    """Returns the least and the most years that somebody can be old: both are the same where the day is known."""
    parts = birth.split("-")
    if not parts[0].isdecimal():
        return None
    year = today.year - int(parts[0])
    if len(parts) < 3:
        return max(year - 1, 0), year
    before = (today.month, today.day) < (int(parts[1]), int(parts[2]))
    return year - before, year - before


def _applies(mark: Mark, ages: tuple[int, int] | None, active: list[tuple[str, str]], today: date) -> bool:
    if mark.ages is not None:
        return ages is not None and mark.ages[0] <= ages[0] and ages[1] <= mark.ages[1]
    since = (today - timedelta(days=mark.days)).isoformat() if mark.days else ""
    return any(code.startswith(mark.icd10) and day >= since for code, day in active)


def _codes(condition: Resource, systems: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns the codes of a condition that is there now, each with its day; none of one that is over or not sure."""
    states = {code for name in ("clinicalStatus", "verificationStatus") for _, code in _codings(condition.get(name))}
    if states & _OVER or states & _NOT_SO:
        return []
    day = str(condition.get("recordedDate") or condition.get("onsetDateTime") or "")[:10]
    return [(code, day) for system, code in _codings(condition.get("code")) if system in systems]


def _codings(concept: Any) -> list[tuple[str, str]]:
    codings = concept.get("coding", ()) if isinstance(concept, Mapping) else ()
    return [(str(one.get("system", "")), str(one.get("code", ""))) for one in codings if isinstance(one, Mapping)]
