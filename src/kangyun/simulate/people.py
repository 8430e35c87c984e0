"""Households and the residents in them: names, births, numbers, addresses, and what they are prone to.

Facts about persons, not FHIR. Everything is drawn from the random source that the caller gives.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from kangyun.base.numbers import resident_id
from kangyun.simulate.tables import Allergy, Tables, Town, Village, at_age

DAYS_A_YEAR = 365.25
GENERATION = 20  # least years between parent and child


@dataclass(slots=True)
class Resident:
    """One person. `onset` maps the key of a chronic condition to the date of its diagnosis.

    `level` says for each quantity how far the person lies from the mean, in standard deviations.
    """

    index: int
    role: str
    surname: str
    given: str
    sex: str
    birth: date
    number: str
    phone: str
    town: Town
    village: Village
    address: str
    contact: "Resident | None" = None
    smoker: bool = False
    allergy: Allergy | None = None
    onset: dict[str, date] = field(default_factory=dict)
    child_births: list[date] = field(default_factory=list)
    level: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.surname + self.given

    def age(self, on: date) -> float:
        """Returns the age in years."""
        return (on - self.birth).days / DAYS_A_YEAR


class Register:
    """Draws households one after the other and gives everyone a number that nobody else has."""

    def __init__(self, tables: Tables, until: date) -> None:
        self._tables = tables
        self._until = until
        self._registered = 0
        self._born: Counter[tuple[date, str]] = Counter()
        self._surnames = list(tables.names.surnames)
        self._shares = list(tables.names.surnames.values())

    def household(self, rng: Random) -> list[Resident]:
        """Draws one household of one to five residents."""
        kinds = self._tables.population.households
        kind = rng.choices(kinds, [k.share for k in kinds])[0]
        town = rng.choice(self._tables.district.towns)
        village = rng.choice(town.villages)
        address = f"{town.name}{village.name}{rng.randint(1, 9)}组{rng.randint(1, 80)}号"
        surname = self._surname(rng)
        members: list[Resident] = []
        for role, youngest, oldest, sex in kind.members:
            birth = self._birth(rng, role, youngest, oldest, members)
            if sex == "any":
                sex = rng.choices(["male", "female"], [51.2, 48.8])[0]
            family = self._surname(rng) if role in ("spouse", "mother") else surname
            given = self._given(rng, sex, birth.year)
            number, phone = self._numbers(birth, sex)
            members.append(
                Resident(self._registered, role, family, given, sex, birth, number, phone, town, village, address)
            )
            self._registered += 1
        for member in members:
            self._traits(rng, member)
        _relate(members)
        return members

    def _surname(self, rng: Random) -> str:
        return rng.choices(self._surnames, self._shares)[0]

    def _given(self, rng: Random, sex: str, year: int) -> str:
        row = next(row for row in self._tables.names.given if year <= row.until)
        return rng.choice(row.male if sex == "male" else row.female)

    def _birth(self, rng: Random, role: str, youngest: int, oldest: int, members: list[Resident]) -> date:
        if role == "child":
            parents = [int(m.age(self._until)) for m in members if m.role in ("head", "spouse")]
            oldest = max(youngest, min(oldest, min(parents) - GENERATION - 1))
        elif role in ("father", "mother"):
            youngest = max(youngest, int(members[0].age(self._until)) + GENERATION + 1)
            oldest = max(youngest, oldest)
        days = rng.randint(int(youngest * DAYS_A_YEAR) + 1, int((oldest + 1) * DAYS_A_YEAR) - 1)
        return self._until - timedelta(days=days)

    def _numbers(self, birth: date, sex: str) -> tuple[str, str]:
        """Returns ID number and phone. The 499 numbers of a day and sex suffice for a district of any real size."""
        place = self._tables.district.place
        count = self._born[birth, sex]
        self._born[birth, sex] += 1
        sequence = count * 2 + (1 if sex == "male" else 2)
        return resident_id.made(place.division, birth, sequence), f"{place.mobile_prefix}{self._registered:08d}"

    def _traits(self, rng: Random, resident: Resident) -> None:
        population = self._tables.population
        age = resident.age(self._until)
        resident.smoker = age >= 18 and rng.random() < population.smoker_share[resident.sex]
        if rng.random() < population.allergy_share:
            resident.allergy = rng.choices(population.allergies, [a.share for a in population.allergies])[0]
        for condition in self._tables.conditions.chronic:
            factor = condition.male if resident.sex == "male" else condition.female
            if rng.random() < at_age(condition.ages, age) * factor * condition.diagnosed:
                first = max(condition.ages[0][0], age - 15)
                since = int(rng.random() * (age - first) * DAYS_A_YEAR)
                resident.onset[condition.key] = self._until - timedelta(days=since)
        for key in self._tables.observations.quantities:
            resident.level[key] = rng.gauss(0.0, 1.0)


def _relate(members: list[Resident]) -> None:
    """Names a contact for everyone, and tells mothers when their children were born."""
    head = members[0]
    spouse = next((m for m in members if m.role == "spouse"), None)
    for member in members[1:]:
        member.contact = head
    if spouse is not None:
        head.contact = spouse
        spouse.child_births = [m.birth for m in members if m.role == "child"]
