"""The Patients that a resident's bundle is written about: one, as a careful clerk would, or one an institution."""

from dataclasses import dataclass, field
from datetime import date
from random import Random

from kangyun.simulate import person
from kangyun.simulate.bundle import Resource, Transaction
from kangyun.simulate.institutions import Institutions
from kangyun.simulate.people import Resident
from kangyun.simulate.registrations import Desk, Truth, Written
from kangyun.simulate.registrations.patient import patient_elements
from kangyun.simulate.tables.city import InstitutionRow, Place


@dataclass(slots=True)
class Chart:
    """What an institution has of a resident: references to the Patient, the Coverage, and conditions that last."""

    patient: Resource
    coverage: Resource
    conditions: dict[str, Resource] = field(default_factory=dict)


class Charts:
    """Opens a chart at the first visit. With a desk each institution has its own; without one all have the first."""

    def __init__(
        self, transaction: Transaction, place: Place, institutions: Institutions, who: Resident, until: date,
        desk: Desk | None, rng: Random,
    ) -> None:  # fmt: skip
        self._transaction, self._place, self._institutions = transaction, place, institutions
        self._who, self._until, self._desk, self._rng = who, until, desk, rng
        self._employed = 22 <= who.age(until) < 60 and bool(who.occupation) and rng.random() < 0.4
        self._charts: dict[str, Chart] = {}
        self._written: list[Written] = []
        self.truth: list[Truth] = []

    def at(self, institution: InstitutionRow, on: date, doctor: Resource) -> Chart:
        """Returns the chart of the resident at an institution. `doctor` is the family doctor's reference."""
        key = institution.key if self._desk else ""
        if key not in self._charts:
            self._charts[key] = self._opened(institution, on, doctor)
        return self._charts[key]

    def _opened(self, institution: InstitutionRow, on: date, doctor: Resource) -> Chart:
        managing = self._institutions.reference(institution)
        if self._desk is None:
            elements = person.demographics(self._place, self._who, self._until, managing=managing, practitioner=doctor)
        else:
            written = self._desk.write(self._rng, self._who, institution, on, self._written)
            elements = patient_elements(
                written, self._institutions.code(institution), managing, self._institutions.insurer().name
            )
        patient = self._transaction.add("Patient", elements)
        if self._desk is not None:
            self._written.append(written)
            registration = patient["reference"].removeprefix("urn:uuid:")
            self.truth.append(written.truth(registration, self._who.id, institution.key))
        insurer = self._institutions.reference(self._institutions.insurer())
        coverage = person.insurance(self._who, patient, insurer, self._until, employed=self._employed)
        return Chart(patient, self._transaction.add("Coverage", coverage))
