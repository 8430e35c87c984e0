"""Children who were adopted, and adults for whom somebody else acts.

Drawn from each resident's own number, so that nobody else changes.
"""

from datetime import date, timedelta
from random import Random

from kangyun.simulate.homes import Homes
from kangyun.simulate.names import Name, Names
from kangyun.simulate.people import ADULT, DAYS_A_YEAR, Resident
from kangyun.simulate.tables.people import Families

_LEAST = timedelta(days=200)  # from birth, and until the last day: unverified


def adopt(table: Families, names: Names, homes: Homes, who: Resident, until: date) -> None:
    """Draws whether a child came to its parents by adoption: from then on it has their name, home and telephone.

    The number stays. Before, there is a mother who is none of the residents, whose name the newborn had.
    """
    rng = Random(f"{who.papers.number}:adopted")
    latest = until - _LEAST
    is_candidate = who.mother is not None and who.twin is None and who.papers.name.surname and who.document == "id"
    if not is_candidate or who.age(until) >= ADULT or rng.random() >= table.adopted or who.birth + _LEAST >= latest:
        return
    oldest = min(latest, who.birth + timedelta(days=int(table.adopted_until * DAYS_A_YEAR)))
    day = who.birth + _LEAST + (oldest - who.birth - _LEAST) * rng.random()
    before = names.han(rng, names.surname(rng), who.sex, who.birth.year)
    mother = names.han(rng, names.surname(rng), "female", who.birth.year - 25)
    named = who.birth + timedelta(days=rng.randint(5, 60))
    newborn = Name("", mother.text + ("之子" if who.sex == "male" else "之女"))
    who.adopted = day
    # Newest first; of what changed before, nothing was this family's.
    who.history = [
        *(change for change in who.history if change[0] > day),
        (day, "phone", ""), (day, "home", homes.home(rng)), (day, "name", before),
        (named, "number", ""), (named, "name", newborn),
    ]  # fmt: skip


def entrust(table: Families, who: Resident, until: date) -> None:
    """Draws whether an adult is somebody for whom a guardian acts: by disability, or in old age."""
    age = who.age(until)
    share = table.wards["old" if age >= table.wards_old_from else "adult"]
    if age >= ADULT and Random(f"{who.papers.number}:ward").random() < share:
        who.is_ward, who.occupation = True, ""
