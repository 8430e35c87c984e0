"""Who is on duty, and when nobody is."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.alarms.duty import KINDS, Roster, Shift, StandIn

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, 10, tzinfo=ZONE)
DAY, NIGHT = (time(8), time(20)), (time(20), time(8))


def roster(*shifts: Shift, stand_ins=(), holidays=None) -> Roster:
    return Roster(shifts, tuple(stand_ins), holidays or {}, ZONE)


WEEK = (
    Shift("workday", *DAY, "li"), Shift("workday", *NIGHT, "wang"), Shift("holiday", *DAY, "zhao"),
    Shift("sat", *NIGHT, "sun"),
    Shift("2026-11-25", *DAY, "chen"), Shift("2026-11-25", *NIGHT, "chen"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "who"),
    [
        (0, ("li",)), (12, ("wang",)), (21, ("wang",)), (22, ("li",)),
        (48, ("chen",)),  # its date wins
        (60, ("chen",)), (71, ("li",)),
        (5 * 24, ()),  # Saturday: a line of its weekday wins over `holiday`
        (5 * 24 + 12, ("sun",)), (6 * 24, ("zhao",)),
    ],
)  # fmt: skip
def test_the_most_particular_line_wins(hours, who):
    assert roster(*WEEK).on_duty(MONDAY + timedelta(hours=hours)) == who


def test_a_listed_holiday_is_one_and_a_listed_working_day_too():
    listed = roster(*WEEK, holidays={date(2026, 11, 23): True, date(2026, 11, 28): False})
    assert listed.on_duty(MONDAY) == ("zhao",)
    assert listed.on_duty(MONDAY + timedelta(days=5)) == ("li",)


def test_a_stand_in_is_there_instead():
    stands = StandIn(MONDAY, MONDAY + timedelta(hours=2), "qian", "li")
    asked = roster(*WEEK, stand_ins=[stands])
    assert asked.on_duty(MONDAY + timedelta(hours=1)) == ("qian",)
    assert asked.on_duty(MONDAY + timedelta(hours=2)) == ("li",)


def test_gaps_are_told():
    begin = datetime(2026, 11, 27, 8, tzinfo=ZONE)  # a Friday
    found = roster(*WEEK).gaps(begin, begin + timedelta(days=3))
    assert [(one.astimezone(ZONE), other.astimezone(ZONE)) for one, other in found] == [
        (begin + timedelta(days=1), begin + timedelta(days=1, hours=12)),
        (begin + timedelta(days=2, hours=12), begin + timedelta(days=3)),
    ]


PEOPLE = ["li", "wang", "zhao"]
shifts = st.builds(
    Shift,
    day=st.sampled_from([*KINDS, "2026-11-23", "2026-11-24"]),
    starts=st.times(max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0)),
    ends=st.times(max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0)),
    who=st.sampled_from(PEOPLE),
)


BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
minutes = st.integers(0, 72 * 60).map(lambda count: BEGIN + timedelta(minutes=count))
stand_ins = st.builds(
    StandIn, starts=minutes, ends=minutes, who=st.sampled_from([*PEOPLE, "qian"]), instead_of=st.sampled_from(PEOPLE)
)


@given(
    st.lists(shifts, max_size=8), st.lists(stand_ins.filter(lambda one: one.starts < one.ends), max_size=4),
    st.sets(st.sampled_from([*PEOPLE, "qian"])), minutes,
)  # fmt: skip
def test_an_instant_is_in_a_gap_where_nobody_is_on_duty(lines, stand_ins, there, at):
    asked = roster(*lines, stand_ins=stand_ins)
    gaps = asked.gaps(BEGIN, BEGIN + timedelta(hours=72, minutes=1), there)
    assert any(first <= at < last for first, last in gaps) == there.isdisjoint(asked.on_duty(at))
    assert asked.gaps(BEGIN, BEGIN + timedelta(hours=72)) == asked.gaps(
        BEGIN, BEGIN + timedelta(hours=72), {*PEOPLE, "qian"}
    )
