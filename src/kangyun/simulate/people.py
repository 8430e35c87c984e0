"""A resident: who they are, whose relative, and what their papers said on a day.

Facts about persons, not FHIR, and not what an institution has written down of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from kangyun.simulate.names import Name
from kangyun.simulate.tables.city import County, Town, Village

DAYS_A_YEAR = 365.25
ADULT = 18  # years


@dataclass(slots=True, frozen=True)
class Home:
    """Where somebody lives. `text` is the address from the town on."""

    county: County
    town: Town
    village: Village
    text: str

    def __str__(self) -> str:
        return self.county.name + self.text


@dataclass(slots=True, frozen=True)
class Papers:
    """What is true of somebody on a day. `number` and `phone` are empty where there is none."""

    name: Name
    number: str
    phone: str
    home: Home


@dataclass(slots=True)
class Resident:
    """One person. `history` has what held until a day, newest first; `papers` are those of the last day.

    `registered_home` is the address of the household register where it is elsewhere. `document` says which kind of
    number the papers have: a key of `documents.DOCUMENTS`. `adopted` is the day on which a child came to its parents;
    for a ward, an adult, a guardian acts.
    """

    index: int
    household: int
    role: str
    sex: str
    birth: date
    papers: Papers
    people: str = ""
    document: str = "id"
    registered_home: str = ""
    occupation: str = ""
    married: date | None = None
    death: date | None = None
    father: "Resident | None" = None
    mother: "Resident | None" = None
    spouse: "Resident | None" = None
    twin: "Resident | None" = None
    children: "list[Resident]" = field(default_factory=list)
    members: "list[Resident]" = field(default_factory=list)
    adopted: date | None = None
    is_ward: bool = False
    history: list[tuple[date, str, object]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"R{self.index:08d}"

    def age(self, on: date) -> float:
        """Returns the age in years."""
        return (on - self.birth).days / DAYS_A_YEAR

    def as_of(self, on: date) -> Papers:
        """Returns what was true on a day."""
        papers = self.papers
        for until, what, former in self.history:
            if on < until:
                papers = replace(papers, **{what: former})  # type: ignore[arg-type]
        return papers

    def kin(self, on: date | None = None) -> "Iterator[Resident]":
        """Gives the relatives, those first whose telephone and card are at hand; nobody on a day before an adoption."""
        if self.adopted is not None and on is not None and on < self.adopted:
            return
        for one in (self.mother, self.father, self.spouse, *self.children, *self.members):
            if one is not None and one is not self:
                yield one

    def contact(self, on: date) -> "Resident | None":
        """Returns the relative to call: of a child a parent, else the spouse, else whoever is of the household."""
        alive = [one for one in self.kin(on) if one.birth < on and (one.death is None or one.death > on)]
        if self.age(on) >= ADULT:
            alive.sort(key=lambda one: one is not self.spouse)
        return next((one for one in alive if one.age(on) >= ADULT and not one.is_ward), None)

    def guardian(self, on: date) -> "Resident | None":
        """Returns who acts for a child, or for an adult who cannot: a parent, else as the Civil Code's articles 27 and
        28 have it, as far as they are of the household.
        """
        return self.contact(on) if self.is_ward or self.age(on) < ADULT else None


def phone_of(resident: Resident, on: date) -> tuple[str, Resident | None]:
    """Returns the telephone somebody gives on a day, and whose it is where it is not their own; "" for none."""
    own = resident.as_of(on).phone
    if own:
        return own, None
    for one in resident.kin(on):
        theirs = one.as_of(on).phone if one.birth < on else ""
        if theirs:
            return theirs, one
    return "", None
