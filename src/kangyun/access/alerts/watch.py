"""What is odd in the rows of the audit trail: counted row by row, by rules. Pure: no clock, no database.

The same rows give the same alerts whenever they come and however they are cut into batches. It remembers the current
windows; of earlier days it is told how much somebody did, and whose relatives are whose.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from kangyun.access.alerts.rules import LONGEST_PAST, Rule, Window
from kangyun.access.events.words import OPENINGS, SIGN_IN, is_emergency, kind_of

REFUSED = 400  # and above
KEPT = timedelta(hours=25)
"""How long after its beginning a window is remembered: a day, and an hour for rows that come late."""
MOST_PATIENTS = 20_000
"""Different patients of somebody within a window that are told apart: an export sees the whole region."""
NOBODY, READING = "nobody", "R"
PROGRAM, PROGRAMS = "device", "Device/"
"""The role that rules know programs by. Of `Device/…` who acts in no role is one of the platform's own."""
BY_TOKEN = "Device/administrator"
"""Whoever holds the installation's token: somebody at a terminal, and no program."""
_PASSED_OVER = frozenset({"notify", "import"})
_OF_MANY = frozenset({"export", "export-file"})
OWN_LISTS = frozenset({"GET /CareTeam/$today"})
"""Shapes of requests that list the residents who are the actor's own, whose CareTeam names him: each day begins with
it, and nobody is looked up by it. Whom he opens of it counts."""
_MORE = re.compile(r" \+(\d{1,9})$")


class Row(NamedTuple):
    """What of an audit row is looked at."""

    instant: datetime
    institution: int
    outcome: int
    action: str
    actor: str
    purpose: str
    shape: str
    source: str
    patients: Sequence[int]
    role: str
    way: str


class Day(NamedTuple):
    """How much somebody did on a day. patients: whom he saw, on lists too; looks: residents whose record he opened."""

    day: date
    patients: int
    rows: int
    refused: int
    emergencies: int
    looks: int = 0


class Alert(NamedTuple):
    """Something odd. actor, patient, source: whose it is; of these each rule names what it is about.

    number is what was counted, limit from where on it is odd; usual: of a baseline, what is usual.
    """

    rule: str
    actor: str
    patient: int
    source: str
    began: datetime
    ended: datetime
    role: str
    institution: int
    number: int
    limit: int
    usual: int = 0


@dataclass(slots=True)
class _Doing:
    """What somebody did within a window."""

    role: str = ""
    institution: int = 0
    patients: set[int] = field(default_factory=set)
    after_hours: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    of_patient: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    statuses: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    rows: int = 0
    emergencies: set[int] = field(default_factory=set)
    opened: set[int] = field(default_factory=set)
    looks: int = 0
    asked_for_past: bool = False


class Watch:
    """Counts. past, relatives: of each actor, told before his first row; tagged: by rule."""

    def __init__(self, rules: Iterable[Rule], zone: ZoneInfo) -> None:
        self._rules = tuple(rules)
        self._zone = zone
        self._shifts = [rule for rule in self._rules if rule.kind == "hours"]
        self._doings: dict[tuple[str, datetime], _Doing] = {}
        self._days: dict[str, dict[datetime, _Doing]] = defaultdict(dict)
        # By day and patient: one person, or several.
        self._lookers: dict[datetime, dict[int, str | set[str]]] = defaultdict(dict)
        self._door: dict[tuple[str, datetime], int] = defaultdict(int)
        self._touched: set[tuple[str, datetime]] = set()
        self._touched_days: set[tuple[str, datetime]] = set()
        self._touched_patients: set[tuple[int, datetime]] = set()
        self._touched_doors: set[tuple[str, datetime]] = set()
        self._newest: datetime | None = None
        self._hour = self._hour_ends = self._day_began = datetime.min.replace(tzinfo=UTC)
        self._forget_at = datetime.min.replace(tzinfo=UTC)
        self._of_role: dict[tuple[str, str], list[tuple[Rule, int, _Check]]] = {}
        self._hours_of: dict[tuple[str, str], tuple[time, time]] = {}
        self.past: dict[str, Sequence[Day]] = {}
        self.relatives: dict[str, frozenset[int]] = {}
        self.tagged: Mapping[str, frozenset[int]] = {}
        lookers = [one for one in self._rules if one.kind == "lookers"]
        self._not_lookers = lookers[0].exempt if lookers else None

    def take(self, row: Row) -> None:
        """Counts a row."""
        if not row.role and row.actor.startswith(PROGRAMS) and row.actor != BY_TOKEN:
            row = row._replace(role=PROGRAM)
        hour, day = self._windows_of(row.instant)
        self._newest = max(row.instant, self._newest or row.instant)
        if row.actor == NOBODY:
            if row.action == SIGN_IN and row.outcome == 401:
                more = _MORE.search(row.shape)
                self._door[row.source, hour] += 1 + (int(more[1]) if more else 0)
                self._touched_doors.add((row.source, hour))
            return
        self._touched.add((row.actor, hour))
        self._touched_days.add((row.actor, day))
        of_hour = self._doings.get((row.actor, hour))
        if of_hour is None:
            of_hour = self._doings[row.actor, hour] = _Doing()
        days = self._days[row.actor]
        of_day = days.get(day)
        if of_day is None:
            of_day = days[day] = _Doing()
        for doing in (of_hour, of_day):
            doing.role, doing.institution = row.role, row.institution
            doing.rows += 1
            if row.outcome >= REFUSED:
                doing.statuses[row.outcome] += 1
        if row.outcome >= REFUSED or not row.patients or row.action in _PASSED_OVER:
            return
        self._look(row, of_hour, of_day, day)

    def _windows_of(self, instant: datetime) -> tuple[datetime, datetime]:
        """Returns when the hour and the day of an instant began."""
        if not (self._hour <= instant < self._hour_ends):
            local = instant.astimezone(self._zone)
            self._hour = local.replace(minute=0, second=0, microsecond=0)
            self._hour_ends = self._hour + _LENGTH["hour"]
            self._day_began = self._hour.replace(hour=0)
        return self._hour, self._day_began

    def _look(self, row: Row, of_hour: _Doing, of_day: _Doing, day: datetime) -> None:
        kin = self.relatives.get(row.actor, frozenset())
        for patient in row.patients:
            if patient in kin or any(patient in one for one in self.tagged.values()):
                of_day.of_patient[patient] += 1
        if kind_of(row.action).letter != READING or row.shape in OWN_LISTS:
            return  # Who writes a ward round's results has not looked people up.
        for doing in (of_hour, of_day):
            if len(doing.patients) < MOST_PATIENTS:
                doing.patients.update(row.patients)
        if row.action in OPENINGS and len(of_day.opened) < MOST_PATIENTS:
            # One resident has several registrations, and is opened in many rows.
            of_day.looks += of_day.opened.isdisjoint(row.patients)
            of_day.opened.update(row.patients)
        if is_emergency(row.purpose, row.way) and len(of_day.emergencies) < MOST_PATIENTS:
            of_day.emergencies.update(row.patients)  # One emergency is read in many rows.
        clock = row.instant.astimezone(self._zone).time() if self._shifts else None
        for rule in self._shifts:
            begin, end = self._shift_of(rule, row.role)
            assert clock is not None
            if not (begin <= clock < end if begin < end else clock >= begin or clock < end):
                seen = of_day.after_hours[rule.id]
                if len(seen) < MOST_PATIENTS:
                    seen.update(row.patients)
        if self._not_lookers is not None and row.role not in self._not_lookers and row.action not in _OF_MANY:
            self._looked_at(row, day)

    def _shift_of(self, rule: Rule, role: str) -> tuple[time, time]:
        found = self._hours_of.get((rule.id, role))
        if found is None:
            found = self._hours_of[rule.id, role] = rule.shift(role)
        return found

    def _looked_at(self, row: Row, day: datetime) -> None:
        lookers = self._lookers[day]
        for patient in row.patients:
            known = lookers.get(patient)
            if known is None:
                lookers[patient] = row.actor
            elif isinstance(known, set):
                known.add(row.actor)
                self._touched_patients.add((patient, day))
            elif known != row.actor:
                lookers[patient] = {known, row.actor}
                self._touched_patients.add((patient, day))

    def odd(self) -> tuple[list[Alert], list[tuple[str, Day]]]:
        """Returns what is odd in windows that were counted in since the last call, and what was done on days that were
        counted in or are over: who looks at today's figures sees them as they grow."""
        found: list[Alert] = []
        for actor, begin in self._touched:
            doing = self._doings[actor, begin]
            for rule, limit, check in self._checks("hour", doing.role):
                check(self, rule, actor, begin, doing, limit, found)
        for actor, begin in self._touched_days:
            doing = self._days[actor][begin]
            for rule, limit, check in self._checks("day", doing.role):
                check(self, rule, actor, begin, doing, limit, found)
        for rule in self._rules:
            if rule.kind == "lookers":
                found += self._same_record(rule)
            elif rule.kind == "door":
                found += self._at_the_door(rule)
        days = [(actor, self._day(actor, begin)) for actor, begin in sorted(self._touched_days)]
        for touched in (self._touched, self._touched_days, self._touched_patients, self._touched_doors):
            touched.clear()
        return found, days + self._forget()

    def _checks(self, window: Window, role: str) -> list[tuple[Rule, int, "_Check"]]:
        """Returns the rules for a role, with their limits."""
        known = self._of_role.get((window, role))
        if known is None:
            known = self._of_role[window, role] = [
                (rule, limit, _CHECKS[rule.kind])
                for rule in self._rules
                if rule.window == window and rule.kind in _CHECKS and (limit := rule.limit(role)) is not None
            ]
        return known

    def _day(self, actor: str, begin: datetime) -> Day:
        doing = self._days[actor][begin]
        refused = sum(doing.statuses.values())
        return Day(begin.date(), len(doing.patients), doing.rows, refused, len(doing.emergencies), doing.looks)

    def _forget(self) -> list[tuple[str, Day]]:
        """Forgets windows that are over, once an hour, and returns the days among them."""
        if self._newest is None or self._newest < self._forget_at:
            return []
        self._hour = self._hour_ends = self._day_began = datetime.min.replace(tzinfo=UTC)
        self._forget_at = self._newest + timedelta(hours=1)
        old = self._newest - KEPT
        over: list[tuple[str, Day]] = []
        for actor, days in self._days.items():
            for begin in [begin for begin in days if begin < old]:
                over.append((actor, self._day(actor, begin)))
                self.past[actor] = [*self.past.get(actor, ()), over[-1][1]]
                del days[begin]
        # Who has gone is asked of anew when he comes again.
        for actor in [actor for actor, days in self._days.items() if not days]:
            for told in (self._days, self.past, self.relatives):
                told.pop(actor, None)
        for key in [key for key in self._doings if key[1] < old]:
            del self._doings[key]
        for key in [key for key in self._door if key[1] < old]:
            del self._door[key]
        for day in [day for day in self._lookers if day < old]:
            del self._lookers[day]
        return over

    # --- by kind

    def _alert(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, number: int, limit: int) -> Alert:
        ended = begin + _LENGTH[rule.window]
        return Alert(rule.id, actor, 0, "", begin, ended, doing.role, doing.institution, number, limit)

    def _patients(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]) -> None:
        if len(doing.patients) >= limit:
            found.append(self._alert(rule, actor, begin, doing, len(doing.patients), limit))

    def _hours(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]) -> None:
        number = len(doing.after_hours[rule.id]) if rule.id in doing.after_hours else 0
        if number >= limit:
            found.append(self._alert(rule, actor, begin, doing, number, limit))

    def _statuses(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]) -> None:
        number = sum(doing.statuses.get(status, 0) for status in rule.statuses) if doing.statuses else 0
        if number >= limit:
            found.append(self._alert(rule, actor, begin, doing, number, limit))

    def _baseline(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]) -> None:
        if len(doing.patients) < limit:
            return
        usual = [day.patients for day in self._before(actor, begin.date(), rule.days) if day.patients]
        mean = sum(usual) / len(usual) if usual else 0
        if len(usual) >= rule.known and len(doing.patients) >= rule.factor * mean:
            alert = self._alert(rule, actor, begin, doing, len(doing.patients), limit)
            found.append(alert._replace(usual=round(mean)))

    def _emergency(
        self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]
    ) -> None:
        if doing.emergencies:
            before = sum(day.emergencies for day in self._before(actor, begin.date(), rule.days - 1))
            number = before + len(doing.emergencies)
            if number >= limit:
                found.append(self._alert(rule, actor, begin, doing, number, limit))

    def _dormant(self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]) -> None:
        if doing.asked_for_past:
            return  # Nothing of it changes any more.
        doing.asked_for_past = True
        days = [day.day for day in self._before(actor, begin.date(), LONGEST_PAST)]
        absent = (begin.date() - max(days)).days if days else 0
        if absent >= limit:
            found.append(self._alert(rule, actor, begin, doing, absent, limit))

    def _before(self, actor: str, day: date, days: int) -> list[Day]:
        """Returns what somebody did on the days before: as it was told, and as it was counted here since."""
        first = day - timedelta(days=days)
        known = {one.day: one for one in self.past.get(actor, ())}
        known |= {begin.date(): self._day(actor, begin) for begin in self._days[actor]}
        return [one for one in known.values() if first <= one.day < day]

    def _of_patients(
        self, rule: Rule, actor: str, begin: datetime, doing: _Doing, limit: int, found: list[Alert]
    ) -> None:
        if not doing.of_patient:
            return
        whose = self.tagged.get(rule.id) if rule.kind == "tagged" else self.relatives.get(actor)
        for patient, number in sorted(doing.of_patient.items()):
            if whose and patient in whose and number >= limit:
                found.append(self._alert(rule, actor, begin, doing, number, limit)._replace(patient=patient))

    def _same_record(self, rule: Rule) -> list[Alert]:
        limit, found = rule.limit(""), []
        for patient, begin in sorted(self._touched_patients):
            number = len(self._lookers[begin][patient])
            if limit is not None and number >= limit:
                found.append(Alert(rule.id, "", patient, "", begin, begin + _LENGTH["day"], "", 0, number, limit))
        return found

    def _at_the_door(self, rule: Rule) -> list[Alert]:
        limit = rule.limit("")
        return [
            Alert(rule.id, "", 0, source, begin, begin + _LENGTH["hour"], "", 0, self._door[source, begin], limit)
            for source, begin in sorted(self._touched_doors)
            if limit is not None and self._door[source, begin] >= limit
        ]


_Check: TypeAlias = Callable[[Watch, Rule, str, datetime, _Doing, int, list[Alert]], None]
_LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_CHECKS: dict[str, _Check] = {
    "patients": Watch._patients,
    "baseline": Watch._baseline,
    "relatives": Watch._of_patients,
    "tagged": Watch._of_patients,
    "hours": Watch._hours,
    "statuses": Watch._statuses,
    "dormant": Watch._dormant,
    "emergency": Watch._emergency,
}
