"""Names: surnames by their shares, given names by year of birth, and the names that follow no such pattern.

Facts about names, not how somebody writes them: `registrations` does that. Everything is drawn from the random source
that the caller gives.
"""

from dataclasses import dataclass
from itertools import accumulate
from random import Random

from kangyun.simulate.tables.names import Given, GivenBySex, NameTable, People

_FLATTENING = 4  # The n-th character of a string weighs 1 / (n + 4): the first are frequent, the last are not rare.


@dataclass(slots=True, frozen=True)
class Name:
    """A name. `latin` is its form in Latin letters where it is no Han name; `surname` is empty where there is none."""

    surname: str
    given: str
    latin: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return self.surname + self.given


class Names:
    """Draws names from the tables."""

    def __init__(self, table: NameTable) -> None:
        self._table = table
        self._surnames = list(table.surnames)
        self._shares = list(accumulate(table.surnames.values()))
        self._peoples = table.peoples
        self._peoples_from = list(accumulate(people.share * people.own / 100 for people in table.peoples))
        self._rare, self._unencoded = list(table.rare_characters), list(table.unencoded_characters)

    def surname(self, rng: Random) -> str:
        """Draws a surname."""
        return rng.choices(self._surnames, cum_weights=self._shares)[0]

    def people(self, rng: Random) -> People | None:
        """Draws the people of a family: None where its names follow the Han pattern."""
        point = rng.random()
        return next((p for p, upto in zip(self._peoples, self._peoples_from, strict=True) if point < upto), None)

    def han(self, rng: Random, surname: str, sex: str, year: int, *, first: str = "") -> Name:
        """Draws a Han name for who was born in `year`. `first` is the first character where the family gives it."""
        era = next(row for row in self._table.given if year <= row.until)
        chosen = era.male if sex == "male" else era.female
        if first:
            return Name(surname, first + self._character(rng, chosen.second, sex))
        return Name(surname, self._given(rng, era, chosen, sex))

    def other(self, rng: Random, people: People, sex: str, father: Name | None) -> Name:
        """Draws a name of another pattern. Of a dotted one the second part is the father's name."""
        parts = people.male if sex == "male" else people.female
        own, latin = rng.choice(parts)
        if people.pattern == "single":
            return Name("", own, latin.upper())
        if people.pattern == "joined":
            second, second_latin = rng.choice(parts)
            return Name("", own + second, f"{latin} {second_latin}".upper())
        second, second_latin = rng.choice(people.male)
        if father is not None and father.latin:
            second, second_latin = father.given.split("·")[0], father.latin.split(" ")[0]
        return Name("", f"{own}·{second}", f"{latin} {second_latin}".upper())

    def foreign(self, rng: Random, sex: str) -> Name:
        """Draws the name of somebody with a passport only."""
        table = self._table.foreigners
        given, latin = rng.choice(table.male if sex == "male" else table.female)
        return Name("", given, latin)

    def like(self, rng: Random, name: Name, sex: str, year: int) -> Name:
        """Draws a given name that shares one character with another one."""
        drawn = self.han(rng, name.surname, sex, year)
        if len(name.given) == 1:
            return Name(name.surname, name.given + drawn.given[-1])
        kept = rng.randrange(2)
        given = name.given[0] + drawn.given[-1] if kept == 0 else drawn.given[0] + name.given[1]
        return Name(name.surname, given)

    def _given(self, rng: Random, era: Given, chosen: GivenBySex, sex: str) -> str:
        point = rng.random()
        if point < era.single:
            given = self._character(rng, chosen.single, sex)
        elif point < era.single + self._table.favourites:
            given = rng.choice(chosen.favourites)
        else:
            given = self._character(rng, chosen.first, sex) + self._character(rng, chosen.second, sex)
        if rng.random() < self._table.rare:
            few = self._unencoded if rng.random() < self._table.unencoded else self._rare
            return given[:-1] + rng.choice(few)
        return given

    def _character(self, rng: Random, characters: str, sex: str) -> str:
        if rng.random() < self._table.tail:
            return rng.choice(self._table.tails[sex])
        # The inverse of the sum of 1 / (n + 4), for a continuous n: no list of weights is needed.
        size = len(characters)
        place = _FLATTENING * ((size + _FLATTENING) / _FLATTENING) ** rng.random() - _FLATTENING
        return characters[min(int(place), size - 1)]
