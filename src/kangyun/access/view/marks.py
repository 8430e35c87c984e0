"""Health marks of the national front page: which of them a record bears out. Pure; the table is `data/marks.toml`.

They follow from what is written at every reading and are kept nowhere, so that they change as the record does and
nobody can set one by hand. Source: 国卫办基层发〔2024〕15号, as `data/SOURCE.md` says.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from kangyun.access.look.lines import concept
from kangyun.access.view.model import Mark
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource

FILE = "marks.toml"
_STANDS = frozenset({"", "active", "recurrence", "relapse", "remission"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_NO_RESULT = frozenset({"cancelled", "entered-in-error", "registered"})


class Ages(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}, forbid_unknown_fields=True):
    """Who is so old. Whole years, both included."""

    kind: str
    code: str
    first: int
    last: int


class OfConditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has a Condition whose code begins so. days: 0 while it stands, else so long after its newest.

    ends: a newer Condition of these ends it.
    """

    kind: str
    code: str
    codes: tuple[str, ...]
    days: int = 0
    ends: tuple[str, ...] = ()


class Weight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body mass index of adults. steps: from which value on which mark, kg/m2, rising."""

    loinc: str
    adult: int
    steps: tuple[tuple[float, str], ...]


class Blood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """LOINC codes of blood groups."""

    abo: tuple[str, ...]
    rh: tuple[str, ...]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules."""

    edition: str
    kinds: tuple[str, ...]
    ages: tuple[Ages, ...]
    conditions: tuple[OfConditions, ...]
    weight: Weight
    blood: Blood

    @property
    def loinc(self) -> tuple[frozenset[str], ...]:
        """The codes of the Observations that are asked for: what is measured often apart from what is once."""
        return frozenset({self.weight.loinc}), frozenset({*self.blood.abo, *self.blood.rh})


def read_table(table: Mapping[str, Any]) -> Table:
    """Returns the rules of a file. Raises Invalid for what is no such table."""
    try:
        return msgspec.convert(table, Table)
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file=FILE) from None


def marks(
    table: Table, born: date | None, conditions: Sequence[Resource], observations: Sequence[Resource], today: date
) -> list[Mark]:
    """Returns the marks of a person. conditions, observations: as they are seen, the newest first of each code.

    What was refuted or entered in error, or never came to a result, bears nothing out.
    """
    conditions = [one for one in conditions if not _is_refuted(one)]
    observations = [one for one in observations if one.get("status") not in _NO_RESULT]
    age = None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    found: list[Mark] = []
    if age is not None:
        found += [Mark(one.kind, one.code) for one in table.ages if one.first <= age <= one.last]
    found += [mark for rule in table.conditions if (mark := _of_conditions(rule, conditions, today)) is not None]
    found += _weight(table.weight, age, observations) + _blood(table.blood, observations)
    return sorted(found, key=lambda one: table.kinds.index(one.kind))


def _of_conditions(rule: OfConditions, conditions: Sequence[Resource], today: date) -> Mark | None:
    days = [day for one in conditions if _is(one, rule.codes) and (rule.days or _stands(one)) and (day := _day(one))]
    undated = [one for one in conditions if _is(one, rule.codes) and _stands(one) and not _day(one)]
    if not days:
        return Mark(rule.kind, rule.code) if undated and not rule.days else None
    newest = max(days)
    if rule.days and (today - date.fromisoformat(newest)).days > rule.days:
        return None
    if any(_is(one, rule.ends) and _day(one) > newest for one in conditions):
        return None
    return Mark(rule.kind, rule.code, since=min(days) if not rule.days else newest)


def _weight(rule: Weight, age: int | None, observations: Sequence[Resource]) -> list[Mark]:
    newest = next((one for one in observations if _loinc(one) & {rule.loinc} and "valueQuantity" in one), None)
    if newest is None or age is None or age < rule.adult:
        return []
    value = float(newest["valueQuantity"].get("value", 0))
    code = next((code for least, code in reversed(rule.steps) if value >= least), "")
    return [Mark("weight", code, f"BMI {value:g}", _day(newest))] if code else []


def _blood(rule: Blood, observations: Sequence[Resource]) -> list[Mark]:
    said = []
    for code, wanted in (("abo", rule.abo), ("rh", rule.rh)):
        one = next((one for one in observations if _loinc(one) & set(wanted)), None)
        text = "" if one is None else concept(one.get("valueCodeableConcept")) or str(one.get("valueString", ""))
        if one is not None and text:
            said.append(Mark("blood", code, text, _day(one)))
    return said


def _is(condition: Resource, beginnings: tuple[str, ...]) -> bool:
    codes = (str(one.get("code", "")) for one in condition.get("code", {}).get("coding", ()))
    return any(code.startswith(beginnings) for code in codes) if beginnings else False


def _stands(condition: Resource) -> bool:
    """Whether it stands now and is not over."""
    status = next((str(one.get("code")) for one in condition.get("clinicalStatus", {}).get("coding", ())), "")
    return status in _STANDS


def _is_refuted(condition: Resource) -> bool:
    said = (str(one.get("code")) for one in condition.get("verificationStatus", {}).get("coding", ()))
    return not _REFUTED.isdisjoint(said)


def _day(resource: Resource) -> str:
    """Returns since when, as a whole date; empty where it is not known to the day."""
    said = resource.get("onsetDateTime") or resource.get("recordedDate") or resource.get("effectiveDateTime") or ""
    return str(said)[:10] if len(str(said)) >= len("2026-11-23") else ""


def _loinc(observation: Resource) -> set[str]:
    return {str(one.get("code", "")) for one in observation.get("code", {}).get("coding", ())}
