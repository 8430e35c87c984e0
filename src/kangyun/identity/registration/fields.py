"""The fields of a registration while they are gathered, and small ways into a Patient. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from kangyun.identity.registration.issues import Issue

Fields = Mapping[str, tuple[str, ...]]
"""What a registration says: field -> values, the likeliest first; a field without a value is absent."""
MOST = 16
"""Values of a field that are kept: nobody has more names or telephones."""
SENTINELS = frozenset(
    date.fromisoformat(day)
    for day in ("1900-01-01", "1899-12-30", "1899-12-31", "1753-01-01", "0001-01-01", "9999-12-31", "2099-12-31")
)
"""Dates by which programs say that there is none."""


class Gathering:
    """Fields and findings of one registration that is being read."""

    def __init__(self) -> None:
        self._fields: dict[str, dict[str, None]] = {}
        self.issues: list[Issue] = []
        self.certain: dict[tuple[str, str], None] = {}

    def add(self, field: str, *values: str) -> None:
        """Adds values that say something, each once."""
        kept = self._fields.setdefault(field, {})
        kept.update((value, None) for value in values if value and len(kept) < MOST)

    def get(self, field: str) -> tuple[str, ...]:
        """Returns the values so far."""
        return tuple(self._fields.get(field, ()))

    def find(self, code: str, at: str) -> None:
        """Adds a finding, each once."""
        issue = Issue(code, at)
        if issue not in self.issues:
            self.issues.append(issue)

    def fields(self) -> Fields:
        """Returns the fields that have a value."""
        return {field: tuple(values) for field, values in self._fields.items() if values}


def objects(value: object) -> list[Mapping[str, Any]]:
    """Returns the objects of a list; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Returns a text; of anything else an empty one."""
    return value if isinstance(value, str) else ""


def joined(parts: Iterable[object], between: str = "") -> str:
    """Returns the texts among some values, joined."""
    return between.join(part for part in parts if isinstance(part, str) and part)


def codings(extension: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the codings of an extension's value, a code or text being one without a system."""
    concept, coding = extension.get("valueCodeableConcept"), extension.get("valueCoding")
    found = objects(concept.get("coding")) if isinstance(concept, dict) else []
    found += [coding] if isinstance(coding, dict) else []
    plain = extension.get("valueCode") or extension.get("valueString")
    return [*found, {"code": plain}] if isinstance(plain, str) else found


def day_of(written: object) -> date | str | None:
    """Returns the day of a FHIR date or dateTime, of a shorter one YYYY or YYYYMM; None where there is no such date."""
    said = text(written)[:10]
    try:
        if len(said) == 10:
            return date.fromisoformat(said)
        date.fromisoformat(f"{said}-01-01"[:10] if len(said) == 4 else f"{said}-01")
    except ValueError:
        return None
    return said.replace("-", "")


def digits(day: date) -> str:
    """Returns a date as fields hold it: 19500312."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
