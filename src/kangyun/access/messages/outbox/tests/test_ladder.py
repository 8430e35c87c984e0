"""What is done next about a message: the whole of it as rules, without a clock or a database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.messages.outbox.ladder import Attempt, End, Rung, Send, Wait, next_step
from kangyun.access.messages.outbox.model import CHANNELS, Urgency
from kangyun.access.messages.outbox.rules import read_rules

RULES = read_rules(Path("/nonexistent"))
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
APP, SMS, VOICE = Rung(0, "in-app"), Rung(0, "sms"), Rung(0, "voice")
NEXT = Rung(1, "sms")
RED, AMBER, PLAIN = Urgency


def attempt(rung, state, ago=0.0, number=1, until=None):
    at = NOW - timedelta(seconds=ago)
    return Attempt(rung.turn, rung.channel, number, state, at, at, until)


def step(urgency, rungs, *attempts):
    return next_step(urgency, rungs, attempts, RULES, NOW)


@pytest.mark.parametrize(
    ("attempts", "then"),
    [
        ((), Send(APP, 1)),
        ((attempt(APP, "handed"),), Send(SMS, 1)),
        ((attempt(APP, "handed"), attempt(SMS, "handed", 29)), Wait(NOW + timedelta(seconds=1))),
        ((attempt(APP, "handed"), attempt(SMS, "handed", 30)), Send(VOICE, 1)),
        ((attempt(APP, "handed"), attempt(SMS, "refused")), Send(VOICE, 1)),
        ((attempt(APP, "handed"), attempt(SMS, "failed")), Send(VOICE, 1)),
        ((attempt(APP, "handed"), attempt(SMS, "unknown")), Send(VOICE, 1)),
        ((attempt(APP, "handed"), attempt(SMS, "received", 89)), Wait(NOW + timedelta(seconds=1))),
        ((attempt(APP, "handed"), attempt(SMS, "received", 90)), Send(VOICE, 1)),
        ((attempt(APP, "received", 10), attempt(SMS, "handed", 60)), Wait(NOW + timedelta(seconds=50))),
        ((attempt(APP, "handed"), attempt(SMS, "handed", 60), attempt(VOICE, "refused")), Send(NEXT, 1)),
        ((attempt(APP, "answered"), attempt(SMS, "handed")), End("answered")),
    ],
)
def test_red_climbs_channels_then_readers(attempts, then):
    assert step(RED, [APP, SMS, VOICE, NEXT], *attempts) == then


def test_red_tries_again_what_failed_for_the_moment_when_all_have_been_tried():
    tried = [attempt(APP, "handed", 99), attempt(SMS, "failed", 10), attempt(VOICE, "refused")]
    assert step(RED, [APP, SMS, VOICE], *tried) == Send(SMS, 2)


@pytest.mark.parametrize(
    ("states", "what"),
    [(("handed", "received"), "unanswered"), (("handed", "refused"), "not-reached"), (("handed",), "not-reached")],
)
def test_red_ends_with_the_truth(states, what):
    rungs = [APP, SMS][: len(states)]
    tried = [attempt(rung, state, 999) for rung, state in zip(rungs, states, strict=True)]
    assert step(RED, rungs, *tried) == End(what)


@pytest.mark.parametrize(
    ("attempts", "then"),
    [
        ((attempt(SMS, "handed", 29),), Wait(NOW + timedelta(seconds=1))),
        ((attempt(SMS, "handed", 30),), End("unconfirmed")),
        ((attempt(SMS, "received"),), End("reached")),
        ((attempt(SMS, "refused"),), Send(VOICE, 1)),
        ((attempt(SMS, "failed", 14),), Wait(NOW + timedelta(seconds=1))),
        ((attempt(SMS, "failed", 15),), Send(SMS, 2)),
        ((attempt(SMS, "throttled", 99, until=NOW + timedelta(seconds=5)),), Wait(NOW + timedelta(seconds=5))),
        ((attempt(SMS, "failed", 999, number=4),), Send(VOICE, 1)),
        ((attempt(SMS, "unknown", 30),), End("unconfirmed")),
    ],
)
def test_what_is_not_red_is_told_once(attempts, then):
    assert step(PLAIN, [APP, SMS, VOICE], attempt(APP, "handed"), *attempts) == then


@pytest.mark.parametrize("urgency", [RED, AMBER])
@pytest.mark.parametrize("state", ["unknown", "claimed"])
def test_what_may_have_left_is_sent_again_only_where_that_is_no_second_message(urgency, state):
    once, twice = Rung(0, "webhook", dedupes=True), Rung(0, "sms", dedupes=False)
    assert step(urgency, [once], attempt(once, state, 60)) == Send(once, 2)
    assert not isinstance(step(urgency, [twice], attempt(twice, state, 60)), Send)


def test_red_does_not_wait_for_a_channel_that_may_take_it_again():
    once = Rung(0, "webhook", dedupes=True)
    assert step(RED, [once, SMS], attempt(once, "unknown", 60)) == Send(SMS, 1)
    assert step(RED, [once, SMS], attempt(once, "unknown", 60), attempt(SMS, "refused")) == Send(once, 2)


STATES = ["claimed", "handed", "received", "refused", "failed", "throttled", "unknown", "no-address"]


@given(
    urgency=st.sampled_from(list(Urgency)),
    rungs=st.lists(
        st.builds(Rung, st.integers(0, 2), st.sampled_from(CHANNELS), st.booleans()),
        min_size=1, max_size=8, unique_by=lambda rung: (rung.turn, rung.channel),
    ),
    fates=st.lists(st.sampled_from(STATES), min_size=1, max_size=12),
)  # fmt: skip
def test_it_always_ends_and_sends_each_number_once(urgency, rungs, fates):
    rungs.sort(key=lambda rung: rung.turn)
    now, attempts, sent = NOW, [], []
    for turn in range(400):
        done = next_step(urgency, rungs, attempts, RULES, now)
        if isinstance(done, End):
            break
        if isinstance(done, Wait):
            assert done.until > now
            now = done.until
            continue
        sent.append((done.rung.turn, done.rung.channel, done.number))
        attempts.append(Attempt(done.rung.turn, done.rung.channel, done.number, fates[turn % len(fates)], now, now))
    assert isinstance(done, End)
    assert len(sent) == len(set(sent)) <= len(rungs) * RULES.tries.most
