"""What happens to a resident: visits with their reasons, readings, prescriptions and operations.

Facts about care, not FHIR. A visit is drawn from the tables and the random source only, so that the same seed gives
the same life. Illness follows the tables' rates; a value is the mean of sex and age, the person's own level, the
shift of the conditions that are there, and chance.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from kangyun.simulate.people import DAYS_A_YEAR, Resident
from kangyun.simulate.readings import Readings
from kangyun.simulate.tables import Tables, at_age
from kangyun.simulate.tables.care import Acute, CheckUp, Chronic, Outbreak
from kangyun.simulate.tables.city import InstitutionRow
from kangyun.simulate.traits import Traits
from kangyun.simulate.visits import BEIJING, Reason, Visit

SCHOOL_AGE = 7  # years
STEP_UP = 4  # years of illness for each further drug; unverified


class Life:
    """The visits of one resident in the recorded `years` before `until`, or before the resident's death."""

    def __init__(
        self, tables: Tables, resident: Resident, traits: Traits, until: date, years: float, rng: Random
    ) -> None:
        self._tables, self._who, self._traits, self._until, self._rng = tables, resident, traits, until, rng
        self._end = min(until, resident.death or until)
        self._from = max(resident.birth, until - timedelta(days=int(years * DAYS_A_YEAR)))
        self._readings = Readings(tables, resident, traits, rng)
        self._chronic = {c.key: c for c in tables.conditions.chronic}
        self._places = {i.key: i for i in tables.institutions.institutions}

    def visits(self) -> list[Visit]:
        """Returns all visits, oldest first."""
        parts = (
            self._birth(), self._follow_ups(), self._illnesses(), self._outbreaks(), self._check_ups(),
            self._pregnancies(), self._vaccinations(), self._death(),
        )  # fmt: skip
        return sorted((visit for part in parts for visit in part), key=lambda visit: visit.start)

    def next_follow_up(self) -> tuple[date, InstitutionRow] | None:
        """Returns day and place of the follow-up that is due after `until`, for residents with a chronic condition."""
        if not self._traits.onset or self._who.death is not None:
            return None
        return self._until + timedelta(days=self._rng.randint(2, 28)), self._institution("township", self._until)

    # places and times

    def _institution(self, kind: str, day: date) -> InstitutionRow:
        home = self._who.as_of(day).home
        if kind == "county":
            hospitals = home.county.hospitals
            return self._places[self._rng.choices([key for key, _ in hospitals], [share for _, share in hospitals])[0]]
        key = {"township": home.town.centre, "village": home.village.clinic, "maternal": home.county.maternal}
        return self._places[key.get(kind, kind)]

    def _open(
        self, kind: str, day: date, place: str, department: str, reasons: list[Reason], *, emergency: bool = False
    ) -> Visit:
        institution = self._institution(place, day)
        hour = self._rng.randint(0, 23) if emergency else self._rng.choice([8, 8, 9, 9, 10, 10, 11, 14, 15, 16])
        start = datetime.combine(day, time(hour, self._rng.randint(0, 59)), BEIJING)
        visit = Visit(
            kind,
            start,
            start + timedelta(minutes=self._rng.randint(10, 45)),
            institution,
            self._department(institution, department),
            reasons,
        )
        if emergency:
            visit.setting = "EMER"
            visit.department = self._department(institution, "AA20")
        return visit

    def _department(self, institution: InstitutionRow, wanted: str) -> str:
        """Returns the department, or the one that does its work where there is none."""
        codes = [d.code for d in self._tables.institutions.departments[institution.departments]]
        return next((code for code in (wanted, "AA02", "AA03") if code in codes), codes[0])

    def _some(self, shares: Iterable[tuple[str, float]]) -> list[str]:
        return [key for key, share in shares if self._rng.random() < share]

    # the kinds of visits

    def _follow_ups(self) -> Iterator[Visit]:
        """Chronic conditions are seen together, at the shortest of their intervals."""
        if not self._traits.onset:
            return
        rng = self._rng
        every = min(self._chronic[key].follow_up_days for key in self._traits.onset)
        day = max(self._from, min(self._traits.onset.values())) + timedelta(days=rng.randint(0, every))
        habit = {key: self._some(self._chronic[key].drugs) for key in self._traits.onset}
        for count in range(1000):
            if day >= self._end:
                return
            present = [self._chronic[key] for key, onset in self._traits.onset.items() if onset <= day]
            self._step_up(habit, day)
            yield self._follow_up(day, present, habit, with_reports=count % 4 == 0)
            day += timedelta(days=every + rng.randint(-10, 14))

    def _follow_up(
        self, day: date, present: list[Chronic], habit: dict[str, list[str]], *, with_reports: bool
    ) -> Visit:
        place = "township" if with_reports or self._rng.random() < 0.6 else "village"
        reasons = [Reason(c.icd10, c.zh, c.key) for c in present]
        visit = self._open("follow-up", day, place, present[0].department, reasons)
        for condition in present:
            self._readings.take(visit, condition.measures, condition.reports if with_reports else [], {})
            visit.drugs += [drug for drug in habit[condition.key] if drug not in visit.drugs]
        return visit

    def _step_up(self, habit: dict[str, list[str]], day: date) -> None:
        """Who has been ill for long is given the next drug of the list, too."""
        for key, drugs in habit.items():
            wanted = int((day - self._traits.onset[key]).days / DAYS_A_YEAR / STEP_UP)
            unused = [drug for drug, _ in self._chronic[key].drugs if drug not in drugs]
            if unused and len(drugs) < wanted:
                drugs.append(unused[0])

    def _days(self, per_year: Callable[[date], float]) -> Iterator[date]:
        """Draws the days of events whose yearly rate changes with the day, month by month."""
        day = self._from
        while day < self._end:
            if self._rng.random() < per_year(day) / 12:
                event = day + timedelta(days=self._rng.randint(0, 29))
                if event < self._end:
                    yield event
            day += timedelta(days=30)

    def _illnesses(self) -> Iterator[Visit]:
        for illness in self._tables.conditions.acute:
            factor = illness.male if self._who.sex == "male" else illness.female
            season = 12 / len(illness.months) if illness.months else 1.0

            def rate(day: date, illness: Acute = illness, factor: float = factor * season) -> float:
                if illness.months and day.month not in illness.months:
                    return 0.0
                return factor * self._raised(illness, day) * at_age(illness.ages, self._who.age(day))

            for day in self._days(rate):
                yield self._illness(illness, day)

    def _raised(self, illness: Acute, day: date) -> float:
        """Returns by how much the conditions of that day raise the rate of an illness."""
        factor = 1.0
        for key, onset in self._traits.onset.items():
            if onset <= day:
                factor *= self._chronic[key].raises.get(illness.key, 1.0)
        return factor

    def _outbreaks(self) -> Iterator[Visit]:
        """What goes round in a school or at an employer for some days."""
        acute = {illness.key: illness for illness in self._tables.conditions.acute}
        for outbreak in self._tables.conditions.outbreaks:
            if outbreak.among != self._who.occupation:
                continue
            day = self._attacked(outbreak)
            if day is not None and self._from <= day < self._end:
                yield self._illness(acute[outbreak.illness], day)

    def _attacked(self, outbreak: Outbreak) -> date | None:
        if self._rng.random() >= outbreak.attack:
            return None
        begin = date(self._until.year - outbreak.years_ago, outbreak.month, outbreak.day)
        return begin + timedelta(days=int(self._rng.triangular(0, outbreak.days, outbreak.days / 3)))

    def _illness(self, illness: Acute, day: date) -> Visit:
        rng = self._rng
        place = rng.choices(list(illness.places), list(illness.places.values()))[0]
        adult = self._who.age(day) >= 14
        department = (illness.adult_department if adult else None) or illness.department
        emergency = illness.emergency or (place == "county" and rng.random() < 0.08)
        visit = self._open("illness", day, place, department, [Reason(illness.icd10, illness.zh)], emergency=emergency)
        if illness.stay:
            visit.setting, visit.department = "IMP", self._department(visit.institution, department)
            visit.end = visit.start + timedelta(days=rng.randint(*illness.stay))
        reports = [*illness.reports, *self._some(illness.report_share.items())] if place != "village" else []
        self._readings.take(visit, illness.measures, reports, illness.shift)
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
            if self._from <= day < self._end and self._rng.random() < 0.85:
                measures = [*child.measures, *(child.infant_measures if months <= 24 else [])]
                reports = [key for key, least in child.reports_from_months.items() if months >= least]
                yield self._check_up(child, day, measures, reports)
        kind = check_ups["elder"] if self._who.age(self._until) >= check_ups["elder"].from_age else check_ups["adult"]
        if self._rng.random() >= kind.share:
            return
        day = self._from + timedelta(days=self._rng.randint(0, kind.every_days))
        while day < self._end:
            if self._who.age(day) >= kind.from_age:
                yield self._check_up(kind, day, kind.measures, kind.reports)
            day += timedelta(days=kind.every_days + self._rng.randint(-30, 30))

    def _check_up(self, kind: CheckUp, day: date, measures: list[str], reports: list[str]) -> Visit:
        visit = self._open("check-up", day, kind.kind, kind.department, [Reason(kind.icd10, kind.zh)])
        self._readings.take(visit, measures, reports, {})
        visit.fee = 30.0
        return visit

    def _birth(self) -> Iterator[Visit]:
        table, who = self._tables.conditions.birth, self._who
        if who.birth != self._from or who.birth >= self._end:
            return
        visit = self._open("birth", who.birth, "maternal", "AA05", [Reason(table.icd10, table.zh)])
        visit.setting, visit.fee = "IMP", table.fee
        visit.end = visit.start + timedelta(days=self._rng.randint(*table.stay))
        self._readings.take(visit, table.measures, [], {})
        yield visit

    def _death(self) -> Iterator[Visit]:
        """Some die in hospital."""
        table, death = self._tables.conditions.death, self._who.death
        if death is None or self._rng.random() >= table.in_hospital:
            return
        icd10, zh, _ = self._rng.choices(table.causes, [share for *_, share in table.causes])[0]
        begin = max(self._who.birth, death - timedelta(days=self._rng.randint(*table.stay)))
        visit = self._open("death", begin, "county", "AA03", [Reason(icd10, zh)])
        visit.setting, visit.fee = "IMP", table.fee
        visit.end = max(visit.start, datetime.combine(death, time(self._rng.randint(0, 23), 30), BEIJING))
        self._readings.take(visit, table.measures, table.reports, {})
        yield visit

    def _pregnancies(self) -> Iterator[Visit]:
        who, table = self._who, self._tables.conditions.pregnancy
        births = sorted({child.birth for child in who.children if child.birth > self._from and not child.adopted})
        births = births if who.sex == "female" else []
        if (
            who.sex == "female"
            and who.death is None
            and 22 <= who.age(self._until) < 40
            and self._rng.random() < table.ongoing_share
        ):
            births.append(self._until + timedelta(days=self._rng.randint(20, 180)))
        for birth in births:
            yield from self._pregnancy(birth)

    def _pregnancy(self, birth: date) -> Iterator[Visit]:
        table, rng = self._tables.conditions.pregnancy, self._rng
        antenatal = [Reason(table.antenatal_icd10, table.antenatal_zh)]
        for week in table.weeks:
            day = birth - timedelta(days=(40 - week) * 7 + rng.randint(-3, 3))
            if self._from <= day < self._end:
                visit = self._open("antenatal", day, "maternal", "AA06", antenatal)
                fetal = table.fetal_measures if week >= 20 else []
                extra = {"fundal-height": week - 30.0, "weight": (week - 8) * 0.35}
                self._readings.take(
                    visit, [*table.measures, *fetal], table.reports if week in (12, 28, 36) else [], extra
                )
                visit.drugs = self._some(table.drugs) if week == 12 else []
                yield visit
        if birth >= self._end:
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
        self._readings.take(stay, table.measures, table.reports, {})
        yield stay
        after = birth + timedelta(days=42)
        if after < self._end:
            visit = self._open(
                "postpartum", after, "maternal", "AA06", [Reason(table.postpartum_icd10, table.postpartum_zh)]
            )
            self._readings.take(visit, table.measures, [], {})
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
            if self._who.birth <= day < self._end:
                visit = self._open("vaccination", day, "township", "AA01", [])
                visit.vaccines = doses
                yield visit
