"""Families: who lives together and who elsewhere, with their names, births and papers.

Facts about persons, not FHIR. Families are drawn one after the other; each is drawn from the random source that the
caller gives, and from who was drawn before it, so that more of them do not change the first.
"""

from collections import deque
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from kangyun.simulate.adoption import adopt, entrust
from kangyun.simulate.changes import Changes
from kangyun.simulate.documents import OtherPapers
from kangyun.simulate.homes import Homes, Numbers
from kangyun.simulate.names import Name, Names
from kangyun.simulate.people import DAYS_A_YEAR, Home, Papers, Resident
from kangyun.simulate.tables import Tables
from kangyun.simulate.tables.city import Origin
from kangyun.simulate.tables.names import People
from kangyun.simulate.tables.people import Member

HAN = "汉族"
GENERATION = 20  # least years between parent and child
_REMEMBERED = 400  # people living alone, one of whom may get a namesake
_FROM_ELSEWHERE = 0.12  # of those who marry into a household have their number from another place; unverified
_NEW_YEARS_DAY = 0.02  # of those born before 1965 have 1 January in their papers; unverified
_SCHOOLS = [("幼儿园", 3, 6), ("小学", 6, 12), ("中学", 12, 19)]  # ages in years
_SEXES = ["male", "female"]
_BORN = [111.3, 100]  # births of the census of 2020
_ALONE, _OLD = [75, 25], [40, 60]  # who lives alone, below 60 years and above; fitted to the census's 105.07 to 100


@dataclass(slots=True)
class _Family:
    """What the members of one family have in common. `surname` is empty where names have none."""

    rng: Random
    people: People | None
    surname: str
    head: Resident | None = None


class Register:
    """Draws families one after the other and gives everyone a number that nobody else has."""

    def __init__(self, tables: Tables, until: date, years: float) -> None:
        self._tables, self._population, self._until, self._years = tables, tables.population, until, years
        self._names, self._homes = Names(tables.names), Homes(tables.city)
        self._numbers = Numbers(tables.city.place.mobile_prefix)
        self._changes = Changes(tables.population, self._names, self._homes, self._numbers, until)
        self._others = OtherPapers(tables.population.permits, self._numbers)
        self._kinds = tables.population.households
        self._kind_shares = list(accumulate(kind.share for kind in self._kinds))
        self._recent: deque[Resident] = deque(maxlen=_REMEMBERED)
        self._registered = self._households = 0

    def family(self, rng: Random) -> list[Resident]:
        """Draws one family: a household, and the relatives that its kind has elsewhere."""
        kind = rng.choices(self._kinds, cum_weights=self._kind_shares)[0]
        people = self._names.people(rng)
        family = _Family(rng, people, "" if people else self._names.surname(rng))
        members = self._household(family, kind.members)
        if not kind.elsewhere:
            return members
        county = members[0].papers.home.county if rng.random() < 0.7 else None
        others = self._household(family, kind.elsewhere, self._homes.home(rng, county))
        return members + others

    def _household(self, family: _Family, rows: list[Member], home: Home | None = None) -> list[Resident]:
        rng = family.rng
        origin = self._homes.origin(rng) if home is None else None
        home = home or self._homes.home(rng)
        self._households += 1
        members: list[Resident] = []
        for role, youngest, oldest, sex in rows:
            if sex == "any":
                sex = rng.choices(_SEXES, _BORN if role == "child" else _ALONE if oldest < 60 else _OLD)[0]
            birth = self._birth(rng, role, youngest, oldest, members, family.head)
            who = self._resident(family, members, role, sex, birth, home, origin)
            members.append(who)
            family.head = family.head or who
            if role == "child" and rng.random() < self._population.twins:
                other = sex if rng.random() < 0.65 else ("female" if sex == "male" else "male")
                twin = self._resident(family, members, role, other, birth, home, origin, twin=who)
                members.append(twin)
        if len(rows) == 1:
            self._alone(rng, members[0])
        for member in members:
            member.members = members
        _marry(rng, members)
        self._changes.household(rng, members)
        for member in members:
            self._changes.death(rng, member, self._years)
            entrust(self._population.families, member, self._until)
            if member.role == "child" and member.death is None:
                adopt(self._population.families, self._names, self._homes, member, self._until)
        return members

    def _resident(
        self, family: _Family, members: list[Resident], role: str, sex: str, birth: date, home: Home,
        origin: Origin | None, *, twin: Resident | None = None,
    ) -> Resident:  # fmt: skip
        rng = family.rng
        father, mother = _parents(role, members, family.head)
        name = self._name(family, members, role, sex, birth, father, mother, twin)
        division = origin.division if origin else home.county.division
        if role in ("spouse", "mother") and rng.random() < _FROM_ELSEWHERE:
            division = self._homes.elsewhere(rng).division
        who = Resident(
            self._registered, self._households, role, sex, birth,
            Papers(name, self._numbers.number(division, birth, sex), self._phone(rng, birth), home),
            people=family.people.people if family.people else HAN,
            registered_home=origin.address if origin else "",
            father=father, mother=mother, twin=twin,
        )  # fmt: skip
        who.occupation = self._occupation(rng, who)
        if twin is not None:
            twin.twin = who
        for parent in (father, mother):
            if parent is not None:
                parent.children.append(who)
        if role in ("father", "mother") and family.head is not None:
            # A parent of the head comes after the head.
            setattr(family.head, role, who)
            who.children.append(family.head)
        self._registered += 1
        return who

    def _birth(
        self, rng: Random, role: str, youngest: int, oldest: int, members: list[Resident], head: Resident | None
    ) -> date:
        until = self._until
        if role == "spouse":
            mean, spread = self._population.age_gap
            younger = rng.gauss(mean, spread) if members[0].sex == "male" else -rng.gauss(mean, spread)
            birth = members[0].birth + timedelta(days=int(younger * DAYS_A_YEAR))
            return min(birth, until - timedelta(days=int(20 * DAYS_A_YEAR)))
        if role == "child":
            parents = [int(m.age(until)) for m in members if m.role in ("head", "spouse")]
            oldest = max(0, min(oldest, min(parents) - GENERATION - 1))
            youngest = min(youngest, oldest)
        elif role == "brother":
            oldest = min([oldest, *(int(m.age(until)) - GENERATION - 1 for m in members)])
            youngest = min(youngest, oldest)
        elif role in ("father", "mother") and head is not None:
            youngest = max(youngest, int(head.age(until)) + GENERATION + 1)
            oldest = max(youngest, oldest)
        days = rng.randint(int(youngest * DAYS_A_YEAR) + 1, int((oldest + 1) * DAYS_A_YEAR) - 1)
        birth = until - timedelta(days=days)
        if birth.year < 1965 and rng.random() < _NEW_YEARS_DAY:
            return date(birth.year, 1, 1)
        return birth

    def _name(
        self, family: _Family, members: list[Resident], role: str, sex: str, birth: date,
        father: Resident | None, mother: Resident | None, twin: Resident | None,
    ) -> Name:  # fmt: skip
        rng, names, table = family.rng, self._names, self._tables.names
        if family.people is not None:
            return names.other(rng, family.people, sex, father.papers.name if father else None)
        if role in ("spouse", "mother"):
            return names.han(rng, names.surname(rng), sex, birth.year)
        surname = family.surname
        if role == "child" and mother is not None and (father is None or rng.random() < table.mothers_surname):
            surname = mother.papers.name.surname
        if twin is not None and rng.random() < table.twins_alike:
            return names.like(rng, Name(twin.papers.name.surname, twin.papers.name.given), sex, birth.year)
        if father is not None and sex == "male" and rng.random() < table.like_father:
            return names.like(rng, Name(surname, father.papers.name.given), sex, birth.year)
        siblings = [m for m in members if m.role == role == "child" and m.sex == sex]
        if role == "brother" and family.head is not None and family.head.sex == sex:
            siblings = [family.head]
        if siblings and rng.random() < table.shared_character:
            return names.han(rng, surname, sex, birth.year, first=siblings[0].papers.name.given[0])
        return names.han(rng, surname, sex, birth.year)

    def _phone(self, rng: Random, birth: date) -> str:
        population, age = self._population, (self._until - birth).days / DAYS_A_YEAR
        group = "child" if age < population.own_phone_from else "old" if age >= population.old_from else ""
        if group and rng.random() < population.no_phone[group]:
            return ""
        return self._numbers.phone()

    def _occupation(self, rng: Random, who: Resident) -> str:
        """Returns school or employer; "" for infants and the retired."""
        population, county, age = self._population, who.papers.home.county, who.age(self._until)
        level = next((level for level, least, below in _SCHOOLS if least <= age < below), None)
        if level and age < population.employed_from:
            return rng.choice([name for kind, name in county.schools if kind == level])
        if population.employed_from <= age < population.retired_from[who.sex]:
            return rng.choice(county.employers)
        return ""

    def _alone(self, rng: Random, who: Resident) -> None:
        """Of those who live alone, some are from abroad, and some are the namesakes of somebody born the same day."""
        if rng.random() < self._tables.names.foreigners.share:
            name = self._names.foreign(rng, who.sex)
            number = f"UT{who.index:07d}"
            who.papers = Papers(name, number, who.papers.phone, who.papers.home)
            who.document, who.people = "passport", ""
            self._others.foreigner(who)
        elif self._recent and rng.random() < self._population.namesakes:
            like = rng.choice(self._recent)
            who.sex, who.birth, who.people = like.sex, like.birth, like.people
            number = self._numbers.number(who.papers.number[:6], like.birth, like.sex)
            who.papers = Papers(like.papers.name, number, who.papers.phone, who.papers.home)
        else:
            self._recent.append(who)
            self._others.resident_from_elsewhere(who)


def _parents(role: str, members: list[Resident], head: Resident | None) -> tuple[Resident | None, Resident | None]:
    """Returns the father and the mother of who is next, where they are among those drawn."""
    if role == "child":
        adults = [member for member in members if member.role in ("head", "spouse")]
        found = {adult.sex: adult for adult in adults}
        return found.get("male"), found.get("female")
    if role == "brother" and head is not None:
        return head.father, head.mother
    return None, None


def _marry(rng: Random, members: list[Resident]) -> None:
    couples = [("head", "spouse"), ("father", "mother")]
    by_role = {member.role: member for member in reversed(members)}
    for one, other in couples:
        husband, wife = by_role.get(one), by_role.get(other)
        if husband is None or wife is None:
            continue
        husband.spouse, wife.spouse = wife, husband
        children = [child.birth for child in (*husband.children, *wife.children)]
        least = max(husband.birth, wife.birth) + timedelta(days=int(GENERATION * DAYS_A_YEAR))
        latest = max(least, min(children) - timedelta(days=200)) if children else least + timedelta(days=2000)
        husband.married = wife.married = least + (latest - least) * rng.random()
