"""Dates and times: against the standard library where it has the same notion, else by the specification's examples."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import Quantity, Temporal, compile, temporal

zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# The bounds are without a zone, as the strategy wants them.
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001


def text_of(moment):
    return moment.isoformat(timespec="milliseconds")


def one(expression):
    return compile(expression).evaluate({}, type_name="Patient")


@given(moments, moments)
def test_instants_are_in_the_order_of_time(left, right):
    left, right = (each.replace(microsecond=each.microsecond // 1000 * 1000) for each in (left, right))
    order = temporal.compare(temporal.read(text_of(left)), temporal.read(text_of(right)))
    assert order == (left > right) - (left < right)


@given(moments)
def test_one_instant_in_any_zone_is_equal_and_has_one_hash(moment):
    here, there = (temporal.read(text_of(each)) for each in (moment, moment.astimezone(UTC)))
    assert (here == there, hash(here) == hash(there)) == (True, True)


@given(moments, st.integers(-400_000, 400_000), st.sampled_from(["day", "hour", "minute", "second", "millisecond"]))
def test_definite_durations_are_added_like_anywhere(moment, amount, unit):
    start = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    moved = temporal.shift(temporal.read(text_of(start)), Decimal(amount), unit)
    try:
        expected = text_of(start + timedelta(**{f"{unit}s": amount}))
    except OverflowError:
        expected = "None"
    assert str(moved).replace("Z", "+00:00") == expected


@given(
    st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?", fullmatch=True)
)
def test_any_text_is_a_date_or_none(text):
    found = temporal.read(text)
    assert found is None or (str(found) == text and temporal.read(str(found)) == found)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2016 = @2016-01", []),
        ("@2016 < @2017-01", [True]),
        ("@2016-02-29 + 1 year", [Temporal("Date", (2017, 2, 28))]),
        ("@2016-01-31 + 1 month", [Temporal("Date", (2016, 2, 29))]),
        ("@2016-03-31 - 1 month", [Temporal("Date", (2016, 2, 29))]),
        ("@2016 + 24 months", [Temporal("Date", (2018,))]),
        ("@2016 + 365 days", [Temporal("Date", (2017,))]),
        ("@2016-05 - 12 months", [Temporal("Date", (2015, 5))]),
        ("@2016-05 + 31 days", [Temporal("Date", (2016, 6))]),
        ("@0001-01-01 - 1 day", []),
        ("@9999-12-31 + 1 day", []),
        ("@2016-01-01 + 1000000000000000 days", []),
        ("@T23:30 + 45 minutes", [Temporal("Time", (0, 15))]),
        ("@T00:00:00 - 1 second", [Temporal("Time", (23, 59, Decimal(59)))]),
        ("@2020-01-01T00:00Z = @2020-01-01T08:00+08:00", [True]),
        ("@2020-01-01T00:00Z = @2020-01-01T08:00", []),
        ("@2020-01-01T00:00Z < @2020-01-02T15:00", [True]),
        ("@2020-01-01 = @T10:00", [False]),
        ("@2020-01-01 ~ @2020-01", [False]),
        ("(@2020-01-01T00:00Z | @2020-01-01T08:00+08:00).count()", [1]),
        ("@2016-12-31T23:59:60Z.exists()", [True]),
        ("@2020-01-01T10:00:00.5 + 250 milliseconds = @2020-01-01T10:00:00.750", [True]),
    ],
)
def test_by_example(expression, expected):
    assert one(expression) == expected


@pytest.mark.parametrize(
    "expression", ["@2020 < @T10", "@2020 + 1 'mo'", "@2020 + 1 'kg'", "@T10 + 1 day", "@2020 + 1", "1 + @2020"]
)
def test_what_has_no_meaning_is_invalid(expression):
    with pytest.raises(Invalid):
        one(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 year = 12 months", [True]),
        ("1 year = 365 days", []),
        ("1 year ~ 365.25 days", [True]),
        ("1 'mg' = 0.001 'g'", [True]),
        ("1 'mg' = 1 'mL'", []),
        ("1 'mg' ~ 1 'mL'", [False]),
        ("1 'foo' = 1 'foo'", [True]),
        ("1 'foo' = 1 'bar'", []),
        ("3 'm' + 10 'cm' = 310 'cm'", [True]),
        ("1 'm' + 1 's'", []),
        ("6 'm2' / 2 'm' = 3 'm'", [True]),
        ("2 'mg' * 3 = 6 'mg'", [True]),
        ("98.6 '[degF]' = 37 'Cel'", [True]),
        ("-(5 'mg')", [Quantity(Decimal(-5), "mg")]),
        ("(1 'g' | 1000 'mg').count()", [1]),
        ("1 'h' = 60 minutes", [True]),
        ("1 / 0 'mg'", []),
    ],
)
def test_quantities_by_example(expression, expected):
    assert one(expression) == expected
