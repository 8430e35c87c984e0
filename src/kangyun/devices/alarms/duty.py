"""Who is on duty at an instant, and when nobody is, by a desk's roster. Pure.

The most particular line of a day wins: those of its date, then of `holiday` or `workday` where the list of holidays has
the day, then of its weekday, then of `workday` or `holiday` as weeks go, then `daily`. A shift belongs to the day on
which it begins.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KINDS = (*WEEKDAYS, "workday", "holiday", "daily")
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Shift:
    """A line of the roster. day: an ISO date or one of KINDS. ends at or before starts: on the day after."""

    day: str
    starts: time
    ends: time
    who: str


@dataclass(frozen=True, slots=True)
class StandIn:
    """Somebody is there instead of somebody else for a time."""

    starts: datetime
    ends: datetime
    who: str
    instead_of: str


@dataclass(frozen=True, slots=True)
class Roster:
    """A desk's roster. holidays: by day, whether it is off (else it is worked although it is a weekend)."""

    shifts: tuple[Shift, ...]
    stand_ins: tuple[StandIn, ...]
    holidays: Mapping[date, bool]
    zone: tzinfo

    def on_duty(self, at: datetime) -> tuple[str, ...]:
        """Returns who is on duty at an instant, each once, those whose shift began first first."""
        there = [turn for turn in self._turns(at) if turn[0] <= at < turn[1]]
        found = [self._stands(who, at) for _, _, who in sorted(there)]
        return tuple(dict.fromkeys(found))

    def gaps(
        self, since: datetime, until: datetime, there: Collection[str] | None = None
    ) -> list[tuple[datetime, datetime]]:
        """Returns the times between two instants in which nobody is on duty. there: who may be, None for all."""
        turns: set[tuple[datetime, datetime]] = set()
        day = since
        while day <= until + timedelta(days=1):
            for turn in self._turns(day):
                turns |= {(begin, end) for begin, end, who in self._parts(*turn) if there is None or who in there}
            day += timedelta(days=1)
        found, covered = [], since
        for begin, end in sorted(turns):
            if begin > covered and covered < until:
                found.append((covered, min(begin, until)))
            covered = max(covered, end)
        if covered < until:
            found.append((covered, until))
        return found

    def _turns(self, at: datetime) -> Iterable[tuple[datetime, datetime, str]]:
        """The shifts that begin on the day of an instant or on the one before, as instants."""
        today = at.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            for shift in self._of(day):
                begin = datetime.combine(day, shift.starts, self.zone)
                last = day if shift.ends > shift.starts else day + timedelta(days=1)
                yield begin.astimezone(UTC), datetime.combine(last, shift.ends, self.zone).astimezone(UTC), shift.who

    def _of(self, day: date) -> list[Shift]:
        weekend = day.weekday() >= _SATURDAY
        by_list = self.holidays.get(day)
        kinds = [day.isoformat(), WEEKDAYS[day.weekday()], "holiday" if weekend else "workday", "daily"]
        if by_list is not None:
            kinds.insert(1, "holiday" if by_list else "workday")
        for kind in kinds:
            found = [shift for shift in self.shifts if shift.day == kind]
            if found:
                return found
        return []

    def _parts(self, begin: datetime, end: datetime, who: str) -> Iterable[tuple[datetime, datetime, str]]:
        """A turn by who is there in each of its parts: stand-ins come and go within it."""
        changes = {at for one in self.stand_ins if one.instead_of == who for at in (one.starts, one.ends)}
        for first, last in pairwise(sorted({begin, end, *(at for at in changes if begin < at < end)})):
            yield first, last, self._stands(who, first)

    def _stands(self, who: str, at: datetime) -> str:
        """Who is there for somebody; the last one that was named, and nobody for a stand-in himself."""
        for one in reversed(self.stand_ins):
            if one.instead_of == who and one.starts <= at < one.ends:
                return one.who
        return who
