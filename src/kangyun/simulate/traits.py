"""What somebody is prone to: chronic conditions with their onset, allergy, smoking, distance from the mean."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from kangyun.simulate.people import DAYS_A_YEAR, Resident
from kangyun.simulate.tables import Tables, at_age
from kangyun.simulate.tables.people import Allergy


@dataclass(slots=True)
class Traits:
    """`onset` maps the key of a chronic condition to the day of its diagnosis, `adherence` to how well its drugs are
    taken (0 to 1). `level` says for each quantity how far the person lies from the mean, in standard deviations.
    """

    smoker: bool = False
    allergy: Allergy | None = None
    onset: dict[str, date] = field(default_factory=dict)
    adherence: dict[str, float] = field(default_factory=dict)
    level: dict[str, float] = field(default_factory=dict)


def draw_traits(tables: Tables, who: Resident, until: date, rng: Random) -> Traits:
    """Draws the traits of a resident."""
    population, traits = tables.population, Traits()
    age = who.age(until)
    traits.smoker = age >= 18 and rng.random() < population.smoker_share[who.sex]
    if rng.random() < population.allergy_share:
        traits.allergy = rng.choices(population.allergies, [a.share for a in population.allergies])[0]
    for condition in tables.conditions.chronic:
        factor = condition.male if who.sex == "male" else condition.female
        if rng.random() < at_age(condition.ages, age) * factor * condition.diagnosed:
            first = max(condition.ages[0][0], age - 15)
            since = int(rng.random() * (age - first) * DAYS_A_YEAR)
            traits.onset[condition.key] = until - timedelta(days=since)
            traits.adherence[condition.key] = rng.random()
    for key in tables.observations.quantities:
        traits.level[key] = rng.gauss(0.0, 1.0)
    return traits
