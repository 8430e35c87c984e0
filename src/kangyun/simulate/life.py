"""What happens to a resident: visits with their reasons, readings, prescriptions and operations.

Facts about care, not FHIR. A visit is drawn from the tables and the random source only, so that the same seed gives
the same life. Illness follows the tables' rates; a value is the mean of sex and age, the person's own level, the
shift of the conditions that are there, and chance.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise
from random import Random

from kangyun.simulate.people import DAYS_A_YEAR, Resident
from kangyun.simulate.tables import Acute, CheckUp, Chronic, Institution, Tables, at_age

BEIJING = timezone(timedelta(hours=8))
SCHOOL_AGE = 7  # years


@dataclass(slots=True)
class Reason:
    """A diagnosis of a visit. `chronic` is the key of a condition that outlasts it."""

    icd10: str
    zh: str
    chronic: str | None = None


@dataclass(slots=True)
class Visit:
    """One contact with an institution.

    `readings` are values by quantity, `reports` the keys of reports whose items are among them, `vaccines` pairs of
    key and dose number; `fee` is in yuan, for what is not itemised.
    """

    kind: str
    start: datetime
    end: datetime
    institution: Institution
    department: str
    reasons: list[Reason]
    setting: str = "AMB"
    measures: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    readings: dict[str, float] = field(default_factory=dict)
    drugs: list[str] = field(default_factory=list)
    operation: str | None = None
    vaccines: list[tuple[str, int]] = field(default_factory=list)
    fee: float = 0.0


class Life:
    """The visits of one resident in the recorded years before `until`."""

    def __init__(self, tables: Tables, resident: Resident, until: date, rng: Random) -> None:
        self._tables = tables
        self._who = resident
        self._until = until
        self._from = max(resident.birth, until - timedelta(days=int(tables.district.place.years * DAYS_A_YEAR)))
        self._rng = rng
        self._chronic = {c.key: c for c in tables.conditions.chronic}
        self._places = {i.key: i for i in tables.district.institutions}

    def visits(self) -> list[Visit]:
        """Returns all visits, oldest first."""
        parts = (self._follow_ups(), self._illnesses(), self._check_ups(), self._pregnancies(), self._vaccinations())
        return sorted((visit for part in parts for visit in part), key=lambda visit: visit.start)

    def next_follow_up(self) -> tuple[date, Institution] | None:
        """Returns day and place of the follow-up that is due after `until`, for residents with a chronic condition."""
        if not self._who.onset:
            return None
        return self._until + timedelta(days=self._rng.randint(2, 28)), self._institution("township")

    # places and times

    def _institution(self, kind: str) -> Institution:
        who = self._who
        key = {"township": who.town.centre, "village": who.village.clinic}.get(kind, kind)
        return self._places[key]

    def _open(
        self, kind: str, day: date, place: str, department: str, reasons: list[Reason], *, emergency: bool = False
    ) -> Visit:
        institution = self._institution(place)
        codes = [d.code for d in institution.departments]
        fallback = "AA02" if "AA02" in codes else codes[0]
        hour = self._rng.randint(0, 23) if emergency else self._rng.choice([8, 8, 9, 9, 10, 10, 11, 14, 15, 16])
        start = datetime.combine(day, time(hour, self._rng.randint(0, 59)), BEIJING)
        visit = Visit(
            kind,
            start,
            start + timedelta(minutes=self._rng.randint(10, 45)),
            institution,
            department if department in codes else fallback,
            reasons,
        )
        if emergency:
            visit.setting = "EMER"
            if "AA20" in codes:
                visit.department = "AA20"
        return visit

    # readings

    def _shifts(self, day: date) -> dict[str, float]:
        shifts: dict[str, float] = {}
        for key, onset in self._who.onset.items():
            if onset <= day:
                for quantity, value in self._chronic[key].shift.items():
                    shifts[quantity] = shifts.get(quantity, 0.0) + value
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
        own = self._who.level[key]
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

    def _read(self, visit: Visit, measures: Iterable[str], reports: Iterable[str], extra: dict[str, float]) -> None:
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

    def _some(self, shares: Iterable[tuple[str, float]]) -> list[str]:
        return [key for key, share in shares if self._rng.random() < share]

    # the kinds of visits

    def _follow_ups(self) -> Iterator[Visit]:
        """Chronic conditions are seen together, at the shortest of their intervals."""
        if not self._who.onset:
            return
        rng = self._rng
        every = min(self._chronic[key].follow_up_days for key in self._who.onset)
        day = max(self._from, min(self._who.onset.values())) + timedelta(days=rng.randint(0, every))
        habit = {key: self._some(self._chronic[key].drugs) for key in self._who.onset}
        for count in range(1000):
            if day >= self._until:
                return
            present = [self._chronic[key] for key, onset in self._who.onset.items() if onset <= day]
            yield self._follow_up(day, present, habit, with_reports=count % 4 == 0)
            day += timedelta(days=every + rng.randint(-10, 14))

    def _follow_up(
        self, day: date, present: list[Chronic], habit: dict[str, list[str]], *, with_reports: bool
    ) -> Visit:
        place = "township" if with_reports or self._rng.random() < 0.6 else "village"
        reasons = [Reason(c.icd10, c.zh, c.key) for c in present]
        visit = self._open("follow-up", day, place, present[0].department, reasons)
        for condition in present:
            self._read(visit, condition.measures, condition.reports if with_reports else [], {})
            visit.drugs += [drug for drug in habit[condition.key] if drug not in visit.drugs]
        return visit

    def _days(self, per_year: Callable[[date], float]) -> Iterator[date]:
        """Draws the days of events whose yearly rate changes with the day, month by month."""
        day = self._from
        while day < self._until:
            if self._rng.random() < per_year(day) / 12:
                event = day + timedelta(days=self._rng.randint(0, 29))
                if event < self._until:
                    yield event
            day += timedelta(days=30)

    def _illnesses(self) -> Iterator[Visit]:
        for illness in self._tables.conditions.acute:
            factor = illness.male if self._who.sex == "male" else illness.female
            season = 12 / len(illness.months) if illness.months else 1.0

            def rate(day: date, illness: Acute = illness, factor: float = factor * season) -> float:
                if illness.months and day.month not in illness.months:
                    return 0.0
                return factor * at_age(illness.ages, self._who.age(day))

            for day in self._days(rate):
                yield self._illness(illness, day)

    def _illness(self, illness: Acute, day: date) -> Visit:
        rng = self._rng
        place = rng.choices(list(illness.places), list(illness.places.values()))[0]
        adult = self._who.age(day) >= 14
        department = (illness.adult_department if adult else None) or illness.department
        emergency = illness.emergency or (place == "county" and rng.random() < 0.08)
        visit = self._open("illness", day, place, department, [Reason(illness.icd10, illness.zh)], emergency=emergency)
        if illness.stay:
            visit.setting, visit.department = "IMP", department
            visit.end = visit.start + timedelta(days=rng.randint(*illness.stay))
        reports = [*illness.reports, *self._some(illness.report_share.items())] if place != "village" else []
        self._read(visit, illness.measures, reports, illness.shift)
        visit.drugs = self._some(illness.drugs)
        if illness.operation and rng.random() < illness.operation_share:
            visit.operation = illness.operation
        visit.fee = round(illness.fee * rng.uniform(0.7, 1.4), 2)
        return visit

    def _check_ups(self) -> Iterator[Visit]:
        check_ups = self._tables.conditions.check_ups
        child = check_ups["child"]
        for months in child.months:
            day = self._who.birth + timedelta(days=int(months * 30.44))
            if self._from <= day < self._until and self._rng.random() < 0.85:
                measures = [*child.measures, *(child.infant_measures if months <= 24 else [])]
                reports = [key for key, least in child.reports_from_months.items() if months >= least]
                yield self._check_up(child, day, measures, reports)
        kind = check_ups["elder"] if self._who.age(self._until) >= check_ups["elder"].from_age else check_ups["adult"]
        if self._rng.random() >= kind.share:
            return
        day = self._from + timedelta(days=self._rng.randint(0, kind.every_days))
        while day < self._until:
            if self._who.age(day) >= kind.from_age:
                yield self._check_up(kind, day, kind.measures, kind.reports)
            day += timedelta(days=kind.every_days + self._rng.randint(-30, 30))

    def _check_up(self, kind: CheckUp, day: date, measures: list[str], reports: list[str]) -> Visit:
        visit = self._open("check-up", day, kind.kind, kind.department, [Reason(kind.icd10, kind.zh)])
        self._read(visit, measures, reports, {})
        visit.fee = 30.0
        return visit

    def _pregnancies(self) -> Iterator[Visit]:
        who, table = self._who, self._tables.conditions.pregnancy
        births = [birth for birth in who.child_births if birth > self._from]
        if who.sex == "female" and 22 <= who.age(self._until) < 40 and self._rng.random() < table.ongoing_share:
            births.append(self._until + timedelta(days=self._rng.randint(20, 180)))
        for birth in births:
            yield from self._pregnancy(birth)

    def _pregnancy(self, birth: date) -> Iterator[Visit]:
        table, rng = self._tables.conditions.pregnancy, self._rng
        antenatal = [Reason(table.antenatal_icd10, table.antenatal_zh)]
        for week in table.weeks:
            day = birth - timedelta(days=(40 - week) * 7 + rng.randint(-3, 3))
            if self._from <= day < self._until:
                visit = self._open("antenatal", day, "maternal", "AA06", antenatal)
                fetal = table.fetal_measures if week >= 20 else []
                extra = {"fundal-height": week - 30.0, "weight": (week - 8) * 0.35}
                self._read(visit, [*table.measures, *fetal], table.reports if week in (12, 28, 36) else [], extra)
                visit.drugs = self._some(table.drugs) if week == 12 else []
                yield visit
        if birth >= self._until:
            return
        caesarean = rng.random() < table.caesarean_share
        reason = (
            Reason(table.caesarean_icd10, table.caesarean_zh)
            if caesarean
            else Reason(table.delivery_icd10, table.delivery_zh)
        )
        stay = self._open("delivery", birth, "maternal", "AA05", [reason])
        stay.setting, stay.fee = "IMP", table.fee
        stay.end = stay.start + timedelta(days=rng.randint(*table.stay))
        stay.operation = "caesarean" if caesarean else "delivery"
        self._read(stay, table.measures, table.reports, {})
        yield stay
        after = birth + timedelta(days=42)
        if after < self._until:
            visit = self._open(
                "postpartum", after, "maternal", "AA06", [Reason(table.postpartum_icd10, table.postpartum_zh)]
            )
            self._read(visit, table.measures, [], {})
            yield visit

    def _vaccinations(self) -> Iterator[Visit]:
        """Children below school age have all doses since birth, the old a yearly one of the recorded years."""
        due: dict[date, list[tuple[str, int]]] = {}
        for key, vaccine in self._tables.treatments.vaccines.items():
            if self._who.age(self._until) < SCHOOL_AGE:
                for dose, months in enumerate(vaccine.months, start=1):
                    day = self._who.birth + timedelta(days=int(months * 30.44) + (months > 0) * 4)
                    due.setdefault(day, []).append((key, dose))
            if vaccine.yearly_from is not None and self._who.age(self._until) >= vaccine.yearly_from:
                for year in range(self._from.year, self._until.year + 1):
                    day = date(year, 10, self._rng.randint(8, 30))
                    if self._rng.random() < vaccine.yearly_share and day >= self._from:
                        due.setdefault(day, []).append((key, 1))
        for day, doses in sorted(due.items()):
            if self._who.birth <= day < self._until:
                visit = self._open("vaccination", day, "township", "AA01", [])
                visit.vaccines = doses
                yield visit
