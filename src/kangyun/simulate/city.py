"""A synthetic city as streams: whole lives as transaction bundles, or registrations only, with the truth of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice
from random import Random
from uuid import UUID

from kangyun.simulate.bundle import META, Bundle, Resource
from kangyun.simulate.households import Register
from kangyun.simulate.institutions import Institutions
from kangyun.simulate.people import Resident
from kangyun.simulate.record import Record
from kangyun.simulate.registrations import Desk, ErrorModel, Truth, Written
from kangyun.simulate.registrations.patient import patient_elements
from kangyun.simulate.tables import tables
from kangyun.simulate.tables.city import InstitutionRow, Place
from kangyun.simulate.traits import Traits

# How likely somebody is registered at which kind of institution, where only registrations are asked for; unverified.
_WEIGHTS = {
    "county": 10, "township": 8, "village": 5, "insurer": 5, "cdc": 1.5, "checkup": 1.5, "pharmacy": 2, "maternal": 0.3,
}  # fmt: skip
_MATERNAL = 6  # weight for women between 20 and 45 and for children under 6


@dataclass(frozen=True, slots=True)
class Lived:
    """One resident: the bundle of their life, and who its Patients are of where a desk wrote them."""

    resident: Resident
    traits: Traits
    bundle: Bundle
    truth: list[Truth]


class City:
    """A city of `size` residents as of `until`.

    seed:  the same seed gives the same city; more residents do not change the first ones.
    years: of recorded life before `until`; who died in them is a resident, too.
    """

    def __init__(self, seed: int, size: int, until: date, years: float = 5.0) -> None:
        self.seed, self.size, self.until, self.years = seed, size, until, years
        self._tables = tables()
        self.institutions = Institutions(self._tables, seed)

    @property
    def place(self) -> Place:
        return self._tables.city.place

    def residents(self) -> Iterator[Resident]:
        """Gives the residents, family by family."""
        register = Register(self._tables, self.until, self.years)
        families = (register.family(Random(f"{self.seed}:family:{number}")) for number in count())
        return islice((resident for family in families for resident in family), self.size)

    def lives(self, model: ErrorModel | None = None) -> Iterator[Lived]:
        """Gives each resident's life. With an error model each institution writes a Patient of its own; without one
        there is one Patient, written right.
        """
        desk = Desk(self._tables, model, self.seed) if model else None
        for resident in self.residents():
            record = Record(self._tables, self.institutions, resident, self.until, self.years, self.seed, desk)
            yield Lived(resident, record.traits, record.bundle(), record.truth)

    def registrations(self, model: ErrorModel, each: int = 4) -> Iterator[tuple[Resource, Truth]]:
        """Gives `each` Patients of each resident, with the truth: fast, without the lives that lead to them."""
        desk = Desk(self._tables, model, self.seed)
        insurer = self.institutions.insurer().name
        names = {key: self._name(one) for key, one in self.institutions.by_key.items()}
        for resident in self.residents():
            rng = Random(f"{self.seed}:registrations:{resident.index}")
            written: list[Written] = []
            seen: dict[str, int] = {}
            for institution in self._where(rng, resident, each, model.extent.again):
                again = seen.get(institution.key, 0)
                seen[institution.key] = again + 1
                form = desk.write(
                    rng, resident, institution, self._when(rng, resident, institution), written, again=again
                )
                written.append(form)
                id_ = str(UUID(int=rng.getrandbits(128), version=4))
                elements = patient_elements(form, *names[institution.key], insurer)
                patient = {"resourceType": "Patient", "id": id_, "meta": META} | elements
                yield patient, form.truth(id_, resident.id, institution.key)

    def _name(self, institution: InstitutionRow) -> tuple[str, Resource]:
        reference = f"Organization/{self.institutions.ids[institution.key]}"
        return self.institutions.code(institution), {"reference": reference}

    def _where(self, rng: Random, who: Resident, each: int, again: float) -> list[InstitutionRow]:
        """Draws the institutions, without one twice but for those where somebody is registered again."""
        home, age = who.papers.home, who.age(self.until)
        weights = {key: _WEIGHTS["county"] * share / 10 for key, share in home.county.hospitals}
        mothers = age < 6 or (who.sex == "female" and 20 <= age < 45)
        weights |= {
            home.town.centre: _WEIGHTS["township"],
            home.village.clinic: _WEIGHTS["village"],
            home.county.maternal: _MATERNAL if mothers else _WEIGHTS["maternal"],
            home.county.pharmacy: _WEIGHTS["pharmacy"],
        } | {key: _WEIGHTS[key] for key in ("insurer", "cdc", "checkup")}
        chosen: list[str] = []
        while len(chosen) < each:
            if chosen and (rng.random() < again or not weights):
                chosen.append(rng.choice(chosen))
                continue
            (key,) = rng.choices(list(weights), list(weights.values()))
            del weights[key]
            chosen.append(key)
        return [self.institutions.by_key[key] for key in chosen]

    def _when(self, rng: Random, who: Resident, institution: InstitutionRow) -> date:
        """Draws a day, recent ones more often, on which the institution was there and the resident alive."""
        last = who.death or self.until
        first = min(max(date(institution.since, 1, 1), who.birth), last)
        back = rng.random() ** 2
        if institution.kind == "maternal" and who.age(self.until) < 6 and rng.random() < 0.6:
            return min(last, who.birth + timedelta(days=rng.randint(0, 3)))
        return last - timedelta(days=int((last - first).days * back))
