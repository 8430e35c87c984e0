"""What was found as it is shown: each number with what it means. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from kangyun.access.figures import Size, Use
from kangyun.base.errors import Invalid
from kangyun.base.texts import Language
from kangyun.devices.alarms.vitals import Standing
from kangyun.exchange.feeds.figures import Together

FILE = "overview.toml"


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure in one language. empty: what to do where there is none."""

    title: str
    formula: str
    source: str
    empty: str


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a figure means. standard: Chinese | English, or one for both. good, poor: in the figure's unit."""

    id: str
    unit: Mapping[Language, str]
    kind: Literal["exact", "kept", "estimate"]
    standard: str
    zh: Words
    en: Words
    good: float | None = None
    poor: float | None = None


class Roles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who sees all, and who what is his institution's own."""

    region: frozenset[str]
    institution: frozenset[str]


class Meanings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`figures.toml`."""

    edition: str
    roles: Roles
    figures: Sequence[Meaning]


class Drill(msgspec.Struct, frozen=True):
    """Of what a restore drill found (`kangyun drill`), what is shown. rpo, rto: seconds."""

    instant: datetime
    passed: bool
    rto: float
    rpo: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found. institutions: in the register; size, drill: of the region only."""

    at: datetime
    day: date
    institutions: int
    feeds: Together
    use: Use
    size: Size | None
    alarms: Standing
    drill: Drill | None


@cache
def shipped() -> Meanings:
    """Returns the table of the package."""
    return msgspec.toml.decode(files(__package__).joinpath("figures.toml").read_bytes(), type=Meanings)


def meanings(data: Path) -> Meanings:
    """Returns the region's own table where it has one. Raises Invalid, naming the file."""
    own = data / "policy" / FILE
    if not own.is_file():
        return shipped()
    try:
        table = msgspec.toml.decode(own.read_bytes(), type=Meanings)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Invalid("web.overview-table", file=str(own), reason=str(error)) from None
    unknown = {one.id for one in table.figures} - {one.id for one in shipped().figures}
    if unknown:  # What is shown is found by the platform; a region says what it means.
        raise Invalid("web.overview-table", file=str(own), reason=", ".join(sorted(unknown)))
    return table


def told(found: Found, table: Meanings, institution: tuple[str, str] | None, language: Language) -> dict[str, Any]:
    """Returns what is answered. institution: whose figures these are, reference and name; None: the region's."""
    values = _values(found)
    return {
        "instant": found.at, "day": found.day, "month": f"{found.day:%Y-%m}", "edition": table.edition,
        "scope": "institution" if institution else "region",
        "institution": {"reference": institution[0], "name": institution[1]} if institution else None,
        "figures": [
            _figure(meaning, values[meaning.id], language)
            for meaning in table.figures if not (institution and meaning.id == "drill")
        ],
        "days": found.feeds.days,
    }  # fmt: skip


def _figure(meaning: Meaning, value: Mapping[str, Any], language: Language) -> dict[str, Any]:
    words = meaning.zh if language == "zh" else meaning.en
    parts = meaning.standard.split(" | ")
    return {
        "id": meaning.id, "unit": meaning.unit[language], "kind": meaning.kind,
        "standard": parts[0] if language == "zh" else parts[-1], "title": words.title, "formula": words.formula,
        "source": words.source, "empty": words.empty, "level": _level(meaning, value["value"]), **value,
    }  # fmt: skip


def _level(meaning: Meaning, value: Any) -> str | None:
    if value is None or meaning.good is None or meaning.poor is None:
        return None
    return "good" if value >= meaning.good else "poor" if value < meaning.poor else "fair"


def _values(found: Found) -> dict[str, dict[str, Any]]:
    feeds, day = found.feeds, found.feeds.days[-1]
    tables = {"declared": day.declared, "tables": day.tables}
    drill = found.drill
    return {
        "institutions": {"value": feeds.connected, "of": found.institutions, "parts": {"feeds": feeds.feeds}},
        "expected": {"value": day.expected, "parts": tables},
        "received": {"value": day.received, "of": day.expected, "parts": {"compared": day.compared}},
        "stored": {"value": day.stored, "of": day.received},
        "refused": {"value": day.refused, "of": day.received},
        "timeliness": _share(feeds.in_time, feeds.dated, feeds.at)
        | ({"parts": {"back_fill": feeds.back_fill}} if feeds.back_fill else {}),
        "completeness": _share(feeds.filled, feeds.rows, None),
        "linkage": _share(feeds.linked, feeds.looked_at, feeds.at),
        "records": {"value": feeds.held, "kind": "kept"} if found.size is None
        else {"value": found.size.records, "parts": {"registrations": found.size.registrations}},
        "looks": {
            "value": found.use.looks, "parts": {"people": found.use.people, "emergencies": found.use.emergencies},
        },
        "alarms": {
            "value": sum(found.alarms.open.values()),
            "parts": {**found.alarms.open, "unanswered": found.alarms.unanswered},
        },
        "drill": {"value": drill.instant, "parts": {"passed": drill.passed, "rpo": drill.rpo, "rto": drill.rto}}
        if drill else {"value": None},
    }  # fmt: skip


def _share(part: int | None, whole: int | None, at: datetime | None) -> dict[str, Any]:
    """Returns a share in per cent, two decimals, and what it is of."""
    known = part is not None and whole
    value = min(100.0, round(part / whole * 100, 2)) if known else None  # type: ignore[operator]
    return {"value": value, "part": part, "of": whole, "at": at}
