"""A visit: one contact of a resident with an institution, and what it was for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from kangyun.simulate.tables.city import InstitutionRow

BEIJING = timezone(timedelta(hours=8))


@dataclass(slots=True)
class Reason:
    """A diagnosis of a visit. `chronic` is the key of a condition that outlasts it."""

    icd10: str
    zh: str
    chronic: str | None = None


@dataclass(slots=True)
class Visit:
    """One contact with an institution.

    `readings` are values by quantity, `reports` the keys of reports whose items are among them, `vaccines` pairs of
    key and dose number; `fee` is in yuan, for what is not itemised.
    """

    kind: str
    start: datetime
    end: datetime
    institution: InstitutionRow
    department: str
    reasons: list[Reason]
    setting: str = "AMB"
    measures: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    readings: dict[str, float] = field(default_factory=dict)
    drugs: list[str] = field(default_factory=list)
    operation: str | None = None
    vaccines: list[tuple[str, int]] = field(default_factory=list)
    fee: float = 0.0
