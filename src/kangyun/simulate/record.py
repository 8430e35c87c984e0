"""A resident's life as FHIR resources in one transaction bundle."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from kangyun.simulate import person
from kangyun.simulate.bundle import Bundle, Resource, Transaction
from kangyun.simulate.charts import Charts
from kangyun.simulate.coding import (
    ATC,
    CVX,
    DEPARTMENT,
    HL7,
    ICD9_PROCEDURES,
    ICD10,
    INPATIENT_ID,
    LOINC,
    OUTPATIENT_ID,
    concept,
    hl7,
    instant,
    money,
    number,
    quantity,
)
from kangyun.simulate.institutions import Clinician, Institutions
from kangyun.simulate.life import Life
from kangyun.simulate.people import Resident
from kangyun.simulate.registrations import Desk, Truth
from kangyun.simulate.tables import Tables
from kangyun.simulate.tables.care import Quantity
from kangyun.simulate.tables.city import InstitutionRow
from kangyun.simulate.traits import draw_traits
from kangyun.simulate.visits import BEIJING, Reason, Visit

SETTINGS = {"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter"}
VITAL_SIGNS = [{"coding": [{"system": HL7 + "observation-category", "code": "vital-signs", "display": "Vital Signs"}]}]
LABORATORY = [{"coding": [{"system": HL7 + "observation-category", "code": "laboratory", "display": "Laboratory"}]}]


class Record:
    """Writes one resident's resources. Used once. `truth` says of each Patient who it is of, where a desk wrote it."""

    def __init__(
        self, tables: Tables, institutions: Institutions, resident: Resident, until: date, years: float, seed: int,
        desk: Desk | None = None,
    ) -> None:  # fmt: skip
        self._tables, self._institutions, self._who, self._until = tables, institutions, resident, until
        self._rng = Random(f"{seed}:resident:{resident.index}")
        self._transaction = Transaction(Random(f"{seed}:resident:{resident.index}:ids"))
        self.traits = draw_traits(tables, resident, until, self._rng)
        self._life = Life(tables, resident, self.traits, until, years, self._rng)
        self._chronic = {condition.key: condition for condition in tables.conditions.chronic}
        self._home = institutions.by_key[resident.papers.home.town.centre]
        self._gp = self._rng.choice(institutions.doctors(self._home, "AA02"))
        place = tables.city.place
        self._charts = Charts(self._transaction, place, institutions, resident, until, desk, self._rng)

    @property
    def truth(self) -> list[Truth]:
        return self._charts.truth

    def bundle(self) -> Bundle:
        """Returns the transaction bundle of everything that is known about the resident."""
        visits = self._life.visits()
        last = self._who.death or self._until
        seen = [visit.start.date() for visit in visits if visit.institution is self._home]
        home = self._charts.at(self._home, min([last, *seen]), self._gp.reference)
        self._chart = home
        self._standing()
        for visit in visits:
            self._visit(visit)
        self._chart = home
        self._due()
        return self._transaction.bundle()

    def _standing(self) -> None:
        """What holds apart from any visit: chronic conditions, allergy, smoking, the family doctor's contract."""
        who, traits, add, patient = self._who, self.traits, self._transaction.add, self._chart.patient
        addresses = [self._lasting(key) for key in traits.onset]
        if traits.allergy is not None:
            add("AllergyIntolerance", person.allergy(traits.allergy, patient))
        if who.age(self._until) >= 18:
            add("Observation", person.smoking(traits.smoker, patient, self._until))
        shares = self._tables.population.contract_share
        if who.death is None and self._rng.random() < shares[person.contract_group(who, traits, self._until)]:
            home = self._institutions.reference(self._home)
            add("EpisodeOfCare", person.contract(patient, home, self._gp.reference, self._until))
            if traits.onset:
                names = [self._chronic[key].zh for key in traits.onset]
                add("CarePlan", person.care_plan(patient, self._gp.reference, names, addresses, self._until))

    def _lasting(self, key: str) -> Resource:
        """Returns a reference to a chronic condition in the chart."""
        if key not in self._chart.conditions:
            condition, onset = self._chronic[key], self.traits.onset[key]
            self._chart.conditions[key] = self._condition(condition.icd10, condition.zh, onset, "active")
        return self._chart.conditions[key]

    def _condition(self, icd10: str, zh: str, onset: date | datetime, status: str) -> Resource:
        visit = isinstance(onset, datetime)
        return self._transaction.add(
            "Condition",
            {
                "clinicalStatus": hl7("condition-clinical", status),
                "verificationStatus": hl7("condition-ver-status", "confirmed"),
                "category": [hl7("condition-category", "encounter-diagnosis" if visit else "problem-list-item")],
                "code": concept(ICD10, icd10, zh),
                "subject": self._chart.patient,
                "onsetDateTime": instant(onset) if isinstance(onset, datetime) else onset.isoformat(),
            },
        )

    # visits

    def _visit(self, visit: Visit) -> None:
        doctor = self._rng.choice(self._institutions.doctors(visit.institution, visit.department))
        self._chart = self._charts.at(visit.institution, visit.start.date(), self._gp.reference)
        if visit.kind == "vaccination":
            self._immunizations(visit, doctor)
            return
        conditions = [self._reason(visit, reason) for reason in visit.reasons]
        encounter = self._transaction.add("Encounter", self._encounter(visit, doctor, conditions))
        about = {"subject": self._chart.patient, "encounter": encounter}
        at = visit.start + timedelta(minutes=4)
        observed = self._observations(visit, about, at)
        for key in visit.reports:
            self._report(key, visit, about, at, observed)
        for key in visit.drugs:
            self._prescription(key, visit, about, doctor, conditions)
        if visit.operation is not None:
            self._operation(visit.operation, visit, about, doctor, conditions)
        if visit.kind != "check-up":
            self._claim(visit, doctor, encounter, conditions)

    def _reason(self, visit: Visit, reason: Reason) -> Resource:
        if reason.chronic is not None:
            return self._lasting(reason.chronic)
        return self._condition(reason.icd10, reason.zh, visit.start, "resolved")

    def _encounter(self, visit: Visit, doctor: Clinician, conditions: list[Resource]) -> Resource:
        inpatient = visit.setting == "IMP"
        departments = {d.code: d.zh for d in self._institutions.departments(visit.institution)}
        serial = f"{visit.start:%Y%m%d%H%M}{self._who.index:06d}"
        encounter: Resource = {
            "identifier": [{"system": INPATIENT_ID if inpatient else OUTPATIENT_ID, "value": serial}],
            "status": "finished",
            "class": {"system": HL7 + "v3-ActCode", "code": visit.setting, "display": SETTINGS[visit.setting]},
            "serviceType": concept(DEPARTMENT, visit.department, departments[visit.department]),
            "subject": self._chart.patient,
            "participant": [{"individual": doctor.reference}],
            "period": {"start": instant(visit.start), "end": instant(visit.end)},
            "diagnosis": [
                {"condition": condition, "use": hl7("diagnosis-role", "DD", "Discharge diagnosis"), "rank": rank}
                for rank, condition in enumerate(conditions, start=1)
            ],
            "location": [{"location": self._institutions.location(visit.institution)}],
            "serviceProvider": self._institutions.reference(visit.institution),
        }
        if inpatient:
            left = ("exp", "Expired") if visit.kind == "death" else ("home", "Home")
            encounter["hospitalization"] = {"dischargeDisposition": hl7("discharge-disposition", *left)}
        return encounter

    def _observations(self, visit: Visit, about: Resource, at: datetime) -> dict[str, Resource]:
        """Adds the vital signs and returns references to the laboratory results by quantity."""
        table = self._tables.observations
        common = {"status": "final", **about, "effectiveDateTime": instant(at)}
        for key in visit.measures:
            if key in table.panels:
                panel = table.panels[key]
                components = [
                    {"code": concept(LOINC, table.quantities[part].loinc, table.quantities[part].zh)}
                    | _result(table.quantities[part], visit.readings[part])
                    for part in panel.components
                ]
                code = concept(LOINC, panel.loinc, panel.zh)
                self._transaction.add(
                    "Observation", common | {"category": VITAL_SIGNS, "code": code, "component": components}
                )
            else:
                self._observation(table.quantities[key], visit.readings[key], common, VITAL_SIGNS)
        items = [item for report in visit.reports for item in table.reports[report].items]
        return {
            item: self._observation(table.quantities[item], visit.readings[item], common, LABORATORY) for item in items
        }

    def _observation(self, kind: Quantity, value: float, common: Resource, category: list[Resource]) -> Resource:
        elements = common | {"category": category, "code": concept(LOINC, kind.loinc, kind.zh)} | _result(kind, value)
        return self._transaction.add("Observation", elements)

    def _report(self, key: str, visit: Visit, about: Resource, at: datetime, observed: dict[str, Resource]) -> None:
        report = self._tables.observations.reports[key]
        self._transaction.add(
            "DiagnosticReport",
            {
                "status": "final",
                "category": [hl7("v2-0074", "LAB", "Laboratory")],
                "code": concept(LOINC, report.loinc, report.zh),
                **about,
                "effectiveDateTime": instant(at),
                "issued": instant(at + timedelta(minutes=90)),
                "performer": [self._institutions.reference(visit.institution)],
                "result": [observed[item] for item in report.items],
            },
        )

    def _prescription(
        self, key: str, visit: Visit, about: Resource, doctor: Clinician, conditions: list[Resource]
    ) -> None:
        drug = self._tables.treatments.drugs[key]
        decimals = 0 if drug.dose == int(drug.dose) else 1
        running = visit.start.date() + timedelta(days=drug.days) > self._until
        self._transaction.add(
            "MedicationRequest",
            {
                "status": "active" if running else "completed",
                "intent": "order",
                "medicationCodeableConcept": concept(ATC, drug.atc, drug.zh),
                **about,
                "authoredOn": instant(visit.start + timedelta(minutes=8)),
                "requester": doctor.reference,
                "reasonReference": conditions,
                "dosageInstruction": [
                    {
                        "text": f"每次{number(drug.dose, decimals)}{drug.unit},每日{drug.times_a_day}次",
                        "timing": {"repeat": {"frequency": drug.times_a_day, "period": 1, "periodUnit": "d"}},
                        "doseAndRate": [{"doseQuantity": quantity(drug.dose, drug.unit, decimals)}],
                    }
                ],
                "dispenseRequest": {"expectedSupplyDuration": quantity(drug.days, "d")},
            },
        )

    def _operation(
        self, key: str, visit: Visit, about: Resource, doctor: Clinician, conditions: list[Resource]
    ) -> None:
        operation = self._tables.treatments.operations[key]
        start = visit.start + (timedelta(hours=5) if visit.setting == "IMP" else timedelta(minutes=9))
        self._transaction.add(
            "Procedure",
            {
                "status": "completed",
                "code": concept(ICD9_PROCEDURES, operation.icd9, operation.zh),
                **about,
                "performedPeriod": {"start": instant(start), "end": instant(start + timedelta(minutes=50))},
                "performer": [{"actor": doctor.reference}],
                "reasonReference": conditions,
            },
        )

    def _immunizations(self, visit: Visit, doctor: Clinician) -> None:
        for key, dose in visit.vaccines:
            vaccine = self._tables.treatments.vaccines[key]
            self._transaction.add(
                "Immunization",
                {
                    "status": "completed",
                    "vaccineCode": concept(CVX, vaccine.cvx, vaccine.zh),
                    "patient": self._chart.patient,
                    "occurrenceDateTime": instant(visit.start),
                    "primarySource": True,
                    "location": self._institutions.location(visit.institution),
                    "lotNumber": f"DEMO{visit.start:%Y%m}",
                    "performer": [{"actor": doctor.reference}],
                    "protocolApplied": [{"doseNumberPositiveInt": dose}],
                },
            )

    # money and what is to come

    def _fees(self, visit: Visit) -> Iterator[tuple[str, float]]:
        treatments = self._tables.treatments
        yield ("住院费用" if visit.setting == "IMP" else "诊察费"), visit.fee or 10.0
        for key in visit.reports:
            report = self._tables.observations.reports[key]
            yield report.zh, report.fee
        for key in visit.drugs:
            yield treatments.drugs[key].zh, treatments.drugs[key].fee
        if visit.operation is not None:
            operation = treatments.operations[visit.operation]
            yield operation.zh, operation.fee

    def _claim(self, visit: Visit, doctor: Clinician, encounter: Resource, conditions: list[Resource]) -> None:
        fees = list(self._fees(visit))
        self._transaction.add(
            "Claim",
            {
                "status": "active",
                "type": hl7("claim-type", "institutional" if visit.setting == "IMP" else "professional"),
                "use": "claim",
                "patient": self._chart.patient,
                "billablePeriod": {"start": instant(visit.start), "end": instant(visit.end)},
                "created": instant(visit.end),
                "insurer": self._institutions.reference(self._institutions.insurer()),
                "provider": self._institutions.reference(visit.institution),
                "priority": hl7("processpriority", "normal"),
                "careTeam": [{"sequence": 1, "provider": doctor.reference}],
                "diagnosis": [
                    {"sequence": rank, "diagnosisReference": condition}
                    for rank, condition in enumerate(conditions, start=1)
                ],
                "insurance": [{"sequence": 1, "focal": True, "coverage": self._chart.coverage}],
                "item": [
                    {"sequence": rank, "productOrService": {"text": text}, "net": money(fee), "encounter": [encounter]}
                    for rank, (text, fee) in enumerate(fees, start=1)
                ],
                "total": money(sum(fee for _, fee in fees)),
            },
        )

    def _due(self) -> None:
        """Books the next follow-up for those who have one."""
        due = self._life.next_follow_up()
        if due is None or self._rng.random() >= 0.6:
            return
        day, institution = due
        start = datetime.combine(day, time(self._rng.choice([8, 9, 10, 14, 15]), 30), BEIJING)
        self._transaction.add("Appointment", self._appointment(start, institution))

    def _appointment(self, start: datetime, institution: InstitutionRow) -> Resource:
        return {
            "status": "booked",
            "serviceType": [concept(DEPARTMENT, "AA02", "全科医疗科")],
            "description": "慢性病随访",
            "start": instant(start),
            "end": instant(start + timedelta(minutes=20)),
            "created": self._until.isoformat(),
            "participant": [
                {"actor": self._chart.patient, "status": "accepted"},
                {"actor": self._gp.reference, "status": "accepted"},
                {"actor": self._institutions.location(institution), "status": "accepted"},
            ],
        }


def _result(kind: Quantity, value: float) -> Resource:
    """Returns value, interpretation and reference range of an Observation or a component."""
    result: Resource = {"valueQuantity": quantity(value, kind.unit, kind.decimals)}
    if kind.low is None and kind.high is None:
        return result
    low = kind.low is not None and value < kind.low
    high = kind.high is not None and value > kind.high
    flag = ("L", "Low") if low else ("H", "High") if high else ("N", "Normal")
    limits: Resource = {}
    if kind.low is not None:
        limits["low"] = quantity(kind.low, kind.unit, kind.decimals)
    if kind.high is not None:
        limits["high"] = quantity(kind.high, kind.unit, kind.decimals)
    return result | {
        "interpretation": [hl7("v3-ObservationInterpretation", *flag)],
        "referenceRange": [limits],
    }
