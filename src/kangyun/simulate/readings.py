"""What is measured on a visit: the mean of sex and age, the own level, what conditions add, and chance."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from random import Random

from kangyun.simulate.people import DAYS_A_YEAR, Resident
from kangyun.simulate.tables import Tables
from kangyun.simulate.traits import Traits
from kangyun.simulate.visits import Visit

_WORST = 1.8  # times the shift of the table, however long somebody has been ill


class Readings:
    """Takes readings of one resident."""

    def __init__(self, tables: Tables, who: Resident, traits: Traits, rng: Random) -> None:
        self._tables, self._who, self._traits, self._rng = tables, who, traits, rng
        self._chronic = {c.key: c for c in tables.conditions.chronic}

    def _shifts(self, day: date) -> dict[str, float]:
        """Returns what conditions add: more with the years, less where the drugs are taken."""
        shifts: dict[str, float] = {}
        for key, onset in self._traits.onset.items():
            if onset <= day:
                condition, years = self._chronic[key], (day - onset).days / DAYS_A_YEAR
                course = min(1 + condition.drift * years, _WORST)
                course *= 1 - condition.control * self._traits.adherence[key]
                for quantity, value in condition.shift.items():
                    shifts[quantity] = shifts.get(quantity, 0.0) + value * course
        return shifts

    def _value(self, key: str, day: date, shifts: dict[str, float]) -> float:
        """Returns one reading, rounded as the quantity is reported."""
        quantity = self._tables.observations.quantities[key]
        age, sex = self._who.age(day), self._who.sex
        mean, spread = quantity.mean[sex], quantity.sd
        if quantity.grows and age < 18:
            grown = self._grown(quantity.grows, age)
            spread *= grown / mean
            mean = grown
        elif age >= 18:
            mean += quantity.slope * (min(age, 80.0) - 40.0)
        elif key in ("systolic", "diastolic"):
            mean -= (18 - age) * 1.2
        own = self._traits.level[key]
        chance = self._rng.gauss(0.0, 1.0)
        noise = own + 0.05 * chance if quantity.steady else 0.7 * own + 0.7 * chance
        value = mean + shifts.get(key, 0.0) + spread * noise
        return round(min(max(value, quantity.least), quantity.most), quantity.decimals)

    def _grown(self, what: str, age: float) -> float:
        """Interpolates height (cm) or weight (kg) between the rows of the growth table."""
        rows = [(row.age, getattr(row, what)[self._who.sex]) for row in self._tables.population.growth]
        for (low, before), (high, after) in pairwise(rows):
            if age < high:
                part: float = before + (after - before) * (age - low) / (high - low)
                return part
        return float(rows[-1][1])

    def take(self, visit: Visit, measures: Iterable[str], reports: Iterable[str], extra: dict[str, float]) -> None:
        """Takes the readings of a visit: vital signs, panels and the items of its reports."""
        observations = self._tables.observations
        day = visit.start.date()
        shifts = self._shifts(day)
        for key, value in extra.items():
            shifts[key] = shifts.get(key, 0.0) + value
        visit.measures = list(dict.fromkeys([*visit.measures, *measures]))
        visit.reports = list(dict.fromkeys([*visit.reports, *reports]))
        wanted: list[str] = []
        for measure in visit.measures:
            wanted += observations.panels[measure].components if measure in observations.panels else [measure]
        for report in visit.reports:
            wanted += observations.reports[report].items
        for key in dict.fromkeys(wanted):
            if key not in visit.readings and key != "bmi":
                visit.readings[key] = self._value(key, day, shifts)
        if "bmi" in wanted:
            height = visit.readings.get("height") or self._value("height", day, {})
            visit.readings["bmi"] = round(visit.readings["weight"] / (height / 100) ** 2, 1)
