"""Our own JSON: what is taken, marked and refused, and where."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.formats import Context, names, read
from kangyun.devices.lanes import lane_of
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Lane, Mark, Message, Refusal

NOW = 1_795_000_000_000  # milliseconds: 2026-11-18
CONTEXT = Context(received=NOW * 1000)
MINUTE = 60_000


def said(value: Any, context: Context = CONTEXT) -> tuple[Message, tuple[Refusal, ...]]:
    return read("plain", json.dumps(value).encode(), context)


def values(message: Message) -> list[tuple[int, float, int]]:
    return [(one.metric, one.value, one.mark) for one in message.readings]


def why(refusals: tuple[Refusal, ...]) -> list[tuple[str, str]]:
    return [(one.text.removeprefix("devices.formats."), one.at) for one in refusals]


def test_one_value_several_and_a_batch() -> None:
    spo2 = metrics()["spo2"].number
    assert values(said({"m": "spo2", "v": 97, "t": NOW})[0]) == [(spo2, 97.0, 0)]
    assert [one.value for one in said({"v": {"sys": 152, "dia": 94, "hr": 78}, "t": NOW})[0].readings] == [152, 94, 78]
    message, refusals = said({"s": 17, "b": 80, "h": True, "z": 480, "r": [{"m": "hr", "v": 71, "t": NOW, "k": "B"}]})
    assert (message.sequence, message.battery, message.historic, message.zone, refusals) == (17, 80.0, True, 480, ())
    assert message.readings[0].key == "B"


@pytest.mark.parametrize(
    ("metric", "value", "unit", "stored"),
    [
        ("glu", 100, "mg/dL", 5.6), ("glu", 5.6, "mmol/L", 5.6), ("temp", 98.6, "℉", 37.0), ("sys", 20, "kPa", 150.0),
        ("weight", 130, "斤", 65.0), ("weight", 154, "lb", 69.85), ("spo2", 0.97, "1", 97.0), ("hr", 1.2, "Hz", 72),
        ("uric-acid", 6, "mg/dL", 357), ("height", 1.72, "m", 172.0), ("sleep-duration", 7.25, "h", 435),
    ],
)  # fmt: skip
def test_units_become_those_of_the_metric(metric: str, value: float, unit: str, stored: float) -> None:
    message, refusals = said({"m": metric, "v": value, "u": unit, "t": NOW})
    assert (refusals, [one.value for one in message.readings]) == ((), [stored])


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"m": "temp", "v": 37, "u": "kg"}, ("wrong-unit", "$")),
        ({"m": "temp", "v": 37, "u": "parsecs?"}, ("unknown-unit", "$")),
        ({"m": "phase-of-moon", "v": 1}, ("unknown-metric", "$")),
        ({"m": "hr", "v": 1e250}, ("magnitude", "$")),
        ({"m": "hr", "v": "71"}, ("unreadable", "$")),
        ({"m": "hr"}, ("empty", "$")),
        ({"v": {"sys": 1, "x": 2}}, ("unknown-metric", "$")),
        ({"v": {"sys": 120}, "u": "mm[Hg]"}, ("one-name", "$")),
        ({"m": "hr", "v": 70, "p": "moon"}, ("unknown-place", "$")),
        ({"m": "hr", "v": 70, "t": NOW + 6 * MINUTE}, ("future", "$")),
        ({"m": "hr", "v": 70, "t": 5000}, ("clock-unset", "$")),
        ({"m": "hr", "v": 70, "t": "2000-01-01T00:03:00Z"}, ("clock-unset", "$")),
        ({"m": "hr", "v": 70, "z": 900}, ("zone", "$.z")),
        ({"b": 200}, ("battery", "$.b")),
        ({"e": "birthday"}, ("unknown-event", "$.e")),
        ({"v": {"lat": 31.2}}, ("half-a-position", "$")),
        ({"v": {"lat": 91, "lon": 121}}, ("no-such-place", "$")),
        ({"v": {"lat": 0, "lon": 0}}, ("no-fix", "$")),
        ({"v": {"lat": 31, "lon": 121}, "d": "mars"}, ("unknown-datum", "$")),
        ({}, ("empty", "$")),
        ([], ("empty", "$")),
        (7, ("unreadable", "$")),
        ({"name": "张三"}, ("unreadable", "$")),
        ({"r": [{"m": "hr", "v": 70}, {"m": "hr", "w": 1}, {"m": "x", "v": 1}]}, ("unreadable", "$.r[1]")),
        ([{"m": "hr", "v": 70}, {"m": "x", "v": 1}], ("unknown-metric", "$[1]")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(sent: Any, refused: tuple[str, str]) -> None:
    assert refused in why(said(sent)[1])


def test_what_is_refused_takes_nothing_else_with_it() -> None:
    message, refusals = said({"r": [{"m": "hr", "v": 70}, {"m": "hr", "v": None, "q": 1}, {"m": "spo2", "v": 96}]})
    assert [one.value for one in message.readings] == [70, 96]
    assert why(refusals) == [("unreadable", "$.r[1]")]


def test_what_no_living_person_has_is_kept_and_doubted() -> None:
    assert [one[1:] for one in values(said({"m": "hr", "v": 400})[0])] == [(400, Mark.DOUBTED)]


def test_pressures_are_of_the_place_where_they_were_taken() -> None:
    numbers = [
        said({"v": {"sys": 130}, **place})[0].readings[0].metric
        for place in ({}, {"p": "office"}, {"p": "ambulatory"})
    ]  # fmt: skip
    assert numbers == [metrics()[f"systolic-{place}"].number for place in ("home", "office", "ambulatory")]


# --- clocks and zones


def test_a_clock_that_is_ahead_is_set_right_by_the_send_time() -> None:
    message, refusals = said({"n": NOW + 60 * MINUTE, "r": [{"m": "hr", "v": 70, "t": NOW + 55 * MINUTE}]})
    assert refusals == ()
    assert (message.readings[0].at, message.readings[0].mark) == ((NOW - 5 * MINUTE) * 1000, Mark.CLOCK)


def test_a_clock_that_was_reset_is_set_right_by_the_send_time() -> None:
    message, _ = said({"n": 600_000, "r": [{"m": "hr", "v": 70, "t": 0}]})
    assert (message.readings[0].at, message.readings[0].mark) == ((NOW - 10 * MINUTE) * 1000, Mark.CLOCK)


def test_a_message_that_waited_six_hours_is_no_wrong_clock() -> None:
    sent = NOW - 360 * MINUTE
    message, _ = said({"n": sent, "r": [{"m": "hr", "v": 70, "t": sent}]})
    assert (message.readings[0].at, message.readings[0].mark) == (sent * 1000, 0)


def test_an_offset_that_is_known_of_the_device_corrects() -> None:
    context = Context(received=NOW * 1000, offset=-3_600_000_000)
    message, _ = said({"m": "hr", "v": 70, "t": NOW + 60 * MINUTE}, context)
    assert (message.readings[0].at, message.readings[0].mark) == (NOW * 1000, Mark.CLOCK)


def test_times_without_a_zone_take_the_devices_and_say_so() -> None:
    message, _ = said({"m": "hr", "v": 70, "t": "2026-11-18T08:00:00"})
    assert (message.readings[0].mark, message.zone) == (Mark.ZONE, None)
    told, _ = said({"m": "hr", "v": 70, "t": "2026-11-18T08:00:00+08:00"})
    assert (told.readings[0].at, told.readings[0].mark, told.zone) == (message.readings[0].at, 0, 480)


def test_a_cry_for_help_is_heard_whatever_its_clock_and_place_say() -> None:
    message, refusals = said({"e": "sos", "t": 5, "lat": 999, "lon": 0})
    assert [(one.kind, one.at, one.latitude) for one in message.events] == [("sos", NOW * 1000, None)]
    assert why(refusals) == [("clock-unset", "$.e"), ("no-such-place", "$.e")]


def test_a_wave_keeps_its_period_and_its_scale() -> None:
    message, _ = said({"w": [{"m": "ecg-lead-i", "t": NOW, "hz": 250, "factor": 0.005, "v": [1, -2, 3]}]})
    wave = message.waves[0]
    assert (wave.metric, wave.period, wave.factor, wave.samples) == (70, 4000, 0.005, (1, -2, 3))


def test_no_refusal_quotes_what_was_sent() -> None:
    _, refusals = said({"v": {"张三 13800000000": 7}})
    assert why(refusals) == [("unknown-metric", "$")]


# --- whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = [*"mvutkpdsnzhberwc", "lat", "lon", "text", "resourceType", "code", "component", "header", "body", "data"]
SHAPED = st.dictionaries(
    st.sampled_from(MEMBERS),
    JSON | st.sampled_from(["hr", "sos", NOW, "2026-11-18T08:00:00", "0" * 400, [{"m": "hr", "v": 1}], {"sys": 120}]),
    max_size=8,
)


@pytest.mark.parametrize("format_", [*names(), "none"])
@given(
    payload=st.binary(max_size=60)
    | (JSON | SHAPED | st.lists(SHAPED, max_size=3)).map(lambda it: json.dumps(it).encode())
)
def test_no_payload_raises_and_none_vanishes(format_: str, payload: bytes) -> None:
    message, refusals = read(format_, payload, CONTEXT)
    kept = message.readings or message.events or message.waves or message.battery is not None
    assert kept or refusals
    assert all(0 < one.at <= CONTEXT.received + 300_000_000 for one in message.readings)


@pytest.mark.parametrize("format_", names())
@pytest.mark.parametrize(
    "payload", [b"[" * 100_000, b'{"a":' * 100_000, b"", b"\xff\xfe", b'{"v":1e999}', b'{"t":' + b"9" * 5000 + b"}"]
)
def test_what_is_made_to_break_is_refused(format_: str, payload: bytes) -> None:
    assert read(format_, payload, CONTEXT)[1]


@given(value=st.floats(allow_nan=False, allow_infinity=False), name=st.sampled_from(sorted(metrics())))
def test_a_stored_value_is_a_whole_number_of_steps(value: float, name: str) -> None:
    metric = metrics()[name]
    for one in said({"v": {name: value}})[0].readings:
        steps = one.value / metric.resolution
        assert abs(steps - round(steps)) < 1e-6 * max(1, abs(steps))
        assert bool(one.mark & Mark.DOUBTED) == (not metric.lowest <= one.value <= metric.highest)


@pytest.mark.parametrize(
    ("sent", "offset"), [(NOW - 2 * MINUTE, 0), (NOW + 60 * MINUTE, -60 * MINUTE * 1000), (None, None)]
)
def test_what_is_known_of_the_clock_is_told(sent: int | None, offset: int | None) -> None:
    message, _ = said({"m": "hr", "v": 70, "n": sent})
    assert message.offset == offset


# --- cries for help


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"e": "SOS"}, []),
        ({"e": "sos", "x": 1}, [("unreadable", "$")]),
        ({"e": "sos", "lat": "30.1", "lon": 121.4}, [("unreadable", "$.lat")]),
        ({"e": "sos", "t": "yesterday"}, [("unreadable", "$.t")]),
        ({"e": "sos", "t": {}, "n": "soon"}, [("unreadable", "$.n"), ("unreadable", "$.t")]),
        ({"e": "sos", "h": 7, "s": -1.5, "text": "x" * 300}, [("unreadable", "$.h"), ("unreadable", "$.s")]),
        ({"e": [{"e": "Sos", "x": 1}]}, [("unreadable", "$.e[0]")]),
        ({"e": [{"e": "sos", "t": []}], "q": 1}, [("unreadable", "$"), ("unreadable", "$.e[0].t")]),
        ({"r": [{"m": "hr", "v": "x"}], "e": "sos"}, [("unreadable", "$.r[0]")]),
        ([{"e": "sos"}], []),
    ],
)  # fmt: skip
def test_a_cry_for_help_is_heard_whatever_else_the_message_says(sent: Any, refused: list[tuple[str, str]]) -> None:
    message, refusals = said(sent)
    assert [(one.kind, one.at, one.latitude) for one in message.events] == [("sos", NOW * 1000, None)]
    assert sorted(why(refusals)) == refused
    assert lane_of(message, NOW * 1000) == Lane.EVENT


SLOW = NOW - 16 * MINUTE - 30_000


@pytest.mark.parametrize(
    ("sent", "at", "lane"),
    [
        ({"n": SLOW, "t": SLOW}, NOW, Lane.EVENT),
        ({"n": SLOW, "t": SLOW, "x": 1}, NOW, Lane.EVENT),
        ({"n": SLOW, "t": SLOW - MINUTE}, NOW - MINUTE, Lane.EVENT),
        ({"n": NOW, "t": SLOW}, SLOW, Lane.BACKFILL),
        ({"t": SLOW}, NOW, Lane.EVENT),
        ({"t": NOW - 23 * 60 * MINUTE}, NOW, Lane.EVENT),
        ({"t": NOW - 25 * 60 * MINUTE}, NOW - 25 * 60 * MINUTE, Lane.BACKFILL),
        ({"t": NOW - 5 * MINUTE}, NOW - 5 * MINUTE, Lane.EVENT),
        ({"t": SLOW, "h": True}, SLOW, Lane.BACKFILL),
        ({"t": SLOW, "h": True, "x": 1}, SLOW, Lane.BACKFILL),
        ({"n": SLOW, "t": SLOW, "h": True}, SLOW, Lane.BACKFILL),
    ],
)  # fmt: skip
def test_a_slow_clock_makes_no_history_of_a_cry_for_help(sent: Any, at: int, lane: Lane) -> None:
    message, _ = said({"e": "sos", **sent})
    assert [one.at for one in message.events] == [at * 1000]
    assert lane_of(message, NOW * 1000) == lane


def test_the_own_time_of_a_cry_for_help_is_kept() -> None:
    message, _ = said({"e": "sos", "t": 1_794_998_800_000, "text": "SOS-1"})
    assert message.events[0].text == "t=2026-11-18T10:46:40Z SOS-1"


def test_what_is_no_cry_for_help_keeps_its_time() -> None:
    message, _ = said({"e": "worn", "t": SLOW})
    assert [one.at for one in message.events] == [SLOW * 1000]
