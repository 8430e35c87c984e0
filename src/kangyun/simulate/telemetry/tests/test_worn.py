"""What simulated devices say: plausible, the same each time, nothing lost by an outage, readable as our own JSON."""

import json
from collections import Counter

import pytest

from kangyun.simulate.physiology import MINUTE, Person
from kangyun.simulate.telemetry import KINDS, Faults, Worn, kit_of

START = 20_000 * 1440 * MINUTE  # a midnight in UTC, morning in Beijing
HOUR = 60 * MINUTE
OLD = Person(7, 82.0, conditions=frozenset({"hypertension", "diabetes", "heart-failure", "dementia"}))


def said(worn, start, end, step=MINUTE):
    """Returns what a device says in steps, decoded; what an outage kept back comes when it is over."""
    messages, spoke, was_away = [], start, False
    for now in range(start + step, end + 1, step):
        if worn.is_away(now):
            was_away = True
            continue
        messages += [json.loads(one) for one in worn.between(spoke, now, now, history=was_away)]
        spoke, was_away = now, False
    return messages


def instants(messages):
    return [reading["t"] for one in messages for reading in one.get("r", ())]


def of(key, faults, every=MINUTE, person=OLD, episodes=0.0):
    return Worn(next(one for one in kit_of(person) if one.key == key), every, faults, episodes)


def test_who_is_old_and_ill_has_what_measures_it():
    assert {one.key for one in kit_of(OLD)} >= {"watch", "cuff", "meter", "scale", "button", "locator"}
    assert {one.key for one in kit_of(Person(1, 30.0))} <= {"watch", "cuff", "scale"}
    assert set(KINDS) >= {one.key for one in kit_of(OLD)}


@pytest.mark.parametrize(("every", "count"), [(MINUTE, 120), (MINUTE // 4, 480), (5 * MINUTE, 24)])
def test_each_value_is_said_once(every, count):
    heard = instants(said(of("watch", Faults.none(), every), START, START + 2 * HOUR))
    assert len(heard) == len(set(heard)) == count


def test_what_an_outage_kept_back_comes_as_history():
    often = Faults(outages=1.0, shortest=30, longest=31, repeated=0.0, odd=0.0, wrong_clock=0.0)
    worn = of("watch", often)
    messages = said(worn, START, START + 24 * HOUR)
    whole = instants(messages)
    assert len(set(whole)) == 24 * 60
    late = [one for one in messages if one.get("h")]
    assert late
    assert all(len(one["r"]) >= 29 for one in late)


def test_some_messages_come_twice_with_the_same_number():
    twice = Faults(outages=0.0, repeated=0.5, odd=0.0, wrong_clock=0.0)
    counts = Counter(one["s"] for one in said(of("watch", twice), START, START + 2 * HOUR))
    assert set(counts.values()) == {1, 2}


def test_a_wrong_clock_shows_itself_by_the_time_of_sending():
    wrong = Faults(outages=0.0, repeated=0.0, odd=0.0, wrong_clock=1.0)
    worn = of("watch", wrong)
    (message,) = [json.loads(one) for one in worn.between(START, START + MINUTE, START + MINUTE)]
    off = message["n"] - (START + MINUTE) // 1000
    assert off != 0
    assert abs(message["r"][0]["t"] - off - START // 1000) <= 60_000


def test_somebody_who_needs_help_is_heard():
    worn = of("button", Faults.none(), episodes=1.0)
    events = [event for one in said(worn, START, START + 48 * HOUR) for event in one.get("e", ())]
    assert {one["e"] for one in events} == {"sos"}


def test_values_are_of_a_living_person():
    readings = [one["v"] for message in said(of("watch", Faults.none()), START, START + 24 * HOUR)
                for one in message["r"]]  # fmt: skip
    assert all(35 <= one["hr"] <= 200 and 70 <= one["spo2"] <= 100 and 34 < one["temp"] < 40 for one in readings)


def test_the_same_device_says_the_same_on_the_same_day():
    one, other = (said(of("cuff", Faults()), START, START + 48 * HOUR) for _ in range(2))
    assert one == other
    assert one


def test_what_is_measured_besides_is_said_as_all_else():
    worn = of("cuff", Faults(outages=0.0, repeated=0.0, odd=0.0, wrong_clock=1.0))
    message = json.loads(worn.measured({"sys": 196, "dia": 118}, START))
    assert message["r"][0]["v"] == {"sys": 196, "dia": 118}
    assert message["r"][0]["t"] - message["n"] == 0
    event = json.loads(of("button", Faults.none()).happened("sos", START))
    assert (event["s"], event["e"]) == (1, [{"e": "sos", "t": START // 1000}])
