"""What was examined lately, at the top of the page: the same need not be examined again (同项目 N 天内已查). Pure.

A report stands for its results; a result without a report, or a study without one, for itself. Whether institutions
recognise an item from one another (互认) is said by its code: the list and its days are data (`data/recognition.toml`,
or the region's). Nothing is decided here: the doctor sees what there is.

Source: 国卫医发〔2022〕6号, 医疗机构检查检验结果互认管理办法; see `data/SOURCE.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any

import msgspec

from kangyun.access.look.lines import Line, codes_of, line_of, references_of, state_of
from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource

FILE = "recognition.toml"
MOST = 30  # entries
MOST_RESULTS = 8  # of a report; what is out of its range first
LABORATORY = "LAB"
_NOT_DONE = frozenset({"registered", "cancelled"})
"""States of what was ordered and not examined, or not yet."""
_Days = Annotated[int, msgspec.Meta(ge=1, le=400)]


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item that institutions recognise from one another. days: where its own; codes: as system|code."""

    key: str
    zh: str
    en: str
    codes: tuple[str, ...]
    days: _Days | None = None


class Recognition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far back is looked, and the items of a region."""

    edition: str
    days: _Days
    item: tuple[Item, ...] = ()
    unverified: bool = False

    @property
    def most_days(self) -> int:
        """How many days have to be looked at."""
        return max(self.days, *(one.days or 0 for one in self.item), 0)

    def item_of(self, codes: Iterable[str]) -> Item | None:
        """Returns the item that a code is of, None where it is of none."""
        given = frozenset(codes)
        return next((one for one in self.item if not given.isdisjoint(one.codes)), None)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found within the days, with the institution that did it."""

    resource: Resource
    institution: str


@dataclass(frozen=True, slots=True)
class Recent:
    """An examination of late. item: as the region's list has it, None where it has not. results: of a report."""

    line: Line
    item: Item | None
    institution: str
    results: tuple[Line, ...]
    imaging: bool


def recognition_here(data: Path) -> Recognition:
    """Returns the rules of an installation. Raises Invalid for what cannot be."""
    try:
        return msgspec.convert(rules_of("kangyun.access.look", FILE, data), Recognition)
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file=FILE) from None


def recent(rules: Recognition, found: Sequence[Found], now: datetime, zone: tzinfo) -> tuple[Recent, ...]:
    """Returns what was examined lately, the newest first."""
    by_reference = {f"{one.resource['resourceType']}/{one.resource['id']}": one for one in found}
    reports = [one for one in found if one.resource["resourceType"] == "DiagnosticReport"]
    within = {part for one in reports for part in references_of(one.resource, "result", "imagingStudy")}
    shown: list[Recent] = []
    for reference, one in by_reference.items():
        line = line_of(one.resource, zone) if reference not in within else None
        if line is None or one.resource.get("status") in _NOT_DONE:
            continue
        parts = [by_reference[part].resource for part in references_of(one.resource, "result") if part in by_reference]
        item = rules.item_of([*codes_of(one.resource.get("code")), *(code for part in parts for code in _own(part))])
        days = (item.days if item else None) or rules.days
        if line.when >= (now.astimezone(zone) - timedelta(days=days)).strftime("%Y-%m-%d"):
            results = [result for part in parts if (result := line_of(part, zone)) is not None]
            results.sort(key=lambda result: not state_of(result))
            shown.append(Recent(line, item, one.institution, tuple(results[:MOST_RESULTS]), _images(one.resource)))
    return tuple(sorted(shown, key=lambda one: one.line.when, reverse=True)[:MOST])


def _own(resource: Mapping[str, Any]) -> list[str]:
    return codes_of(resource.get("code"))


def _images(resource: Resource) -> bool:
    """Whether it is an examination (检查) and not a test of a specimen (检验)."""
    if resource["resourceType"] == "DiagnosticReport":
        codes = [code for one in resource.get("category", ()) for code in codes_of(one)]
        return bool(codes) and not any(code.endswith(f"|{LABORATORY}") for code in codes)
    return str(resource["resourceType"]) == "ImagingStudy"
