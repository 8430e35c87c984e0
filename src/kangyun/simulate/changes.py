"""What changes in people's papers before the last day: late registration of births, moves, telephones, names, deaths.

Each change leaves what held until then in `Resident.history`; the last day's papers stay as they were drawn.
"""

from datetime import date, timedelta
from math import exp
from random import Random

from kangyun.simulate.homes import Homes, Numbers
from kangyun.simulate.names import Name, Names
from kangyun.simulate.people import DAYS_A_YEAR, Resident
from kangyun.simulate.tables import at_age
from kangyun.simulate.tables.people import PopulationTable

_CHILD = 18  # years


class Changes:
    """Draws what has changed."""

    def __init__(self, table: PopulationTable, names: Names, homes: Homes, numbers: Numbers, until: date) -> None:
        self._table, self._rates = table, table.changes
        self._names, self._homes, self._numbers, self._until = names, homes, numbers, until
        self._days = int(table.changes.years * DAYS_A_YEAR)
        self._mortality = {
            "male": [(row.age, row.male / 1000) for row in table.mortality],
            "female": [(row.age, row.female / 1000) for row in table.mortality],
        }

    def household(self, rng: Random, members: list[Resident]) -> None:
        """Draws what changed for a household. `members` are those who live together."""
        if rng.random() < self._rates.move * self._rates.years:
            day = self._day(rng)
            former = self._homes.home(rng, members[0].papers.home.county if rng.random() < 0.6 else None)
            for member in members:
                if member.birth < day:
                    member.history.append((day, "home", former))
        for member in members:
            self._person(rng, member)
            # Newest first, and a newborn's name after all else: it held before anything changed.
            member.history.sort(key=lambda change: change[0], reverse=True)

    def death(self, rng: Random, who: Resident, years: float) -> None:
        """Draws whether somebody has died in the last `years`."""
        rate = at_age(self._mortality[who.sex], who.age(self._until) - years / 2)
        if rng.random() >= 1 - exp(-rate * years):
            return
        day = self._until - timedelta(days=rng.randint(1, int(years * DAYS_A_YEAR)))
        last = max([who.birth, *(child.birth for child in who.children)]) + timedelta(days=60)
        if day > last:
            who.death = day
            who.history = [change for change in who.history if change[0] < day]

    def _day(self, rng: Random) -> date:
        return self._until - timedelta(days=rng.randint(1, self._days))

    def _person(self, rng: Random, who: Resident) -> None:
        rates, years, papers = self._rates, self._rates.years, who.papers
        if papers.phone and rng.random() < rates.phone * years:
            self._keep(who, self._day(rng), "phone", self._numbers.phone())
        if who.document != "id":
            return
        age = who.age(self._until)
        if age < years:
            self._newborn(rng, who)
        if not papers.name.surname:
            return
        if rng.random() < rates.given_name * years:
            former = self._names.han(rng, papers.name.surname, who.sex, who.birth.year)
            self._keep(who, self._day(rng), "name", former)
        elif age < _CHILD and who.mother is not None and rng.random() < rates.surname * years:
            former = Name(self._names.surname(rng), papers.name.given)
            self._keep(who, self._day(rng), "name", former)
        if rng.random() < rates.number * years:
            former_number = self._numbers.number(papers.number[:6], who.birth, who.sex)
            self._keep(who, self._day(rng), "number", former_number)

    def _keep(self, who: Resident, day: date, what: str, former: object) -> None:
        # Nothing changes of a newborn who is not yet registered.
        if day > who.birth + timedelta(days=90):
            who.history.append((day, what, former))

    def _newborn(self, rng: Random, who: Resident) -> None:
        """Until the birth is registered there is no number, and the name is the mother's."""
        day = who.birth + timedelta(days=rng.randint(5, 60))
        who.history.append((day, "number", ""))
        if who.mother is not None:
            mother = who.mother.as_of(who.birth).name.text
            who.history.append((day, "name", Name("", mother + newborn_suffix(who))))


def newborn_suffix(who: Resident) -> str:
    """Returns 之子 or 之女, and of twins which one."""
    child = "子" if who.sex == "male" else "女"
    if who.twin is None:
        return f"之{child}"
    return f"之{'大' if who.index < who.twin.index else '小'}{child}"
