"""What is done next about a message: sent by a channel, waited for, or ended. Pure: no clock, no database.

A rung is a channel of a reader; rungs stand in their order, all of the first reader before those of the next. Red
climbs: when a rung brings no receipt in its seconds, or a receipt and no answer, the next one is tried, and what failed
for the moment is tried again when all have been. What is not red goes on to the next rung only where the one before
would not take it, and is over when it was handed over.

It always ends: a rung is tried `rules.tries.most` times at most, and each wait has an end.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from kangyun.access.messages.outbox.model import Channel, Urgency, What
from kangyun.access.messages.outbox.rules import Rules

State = Literal["claimed", "handed", "received", "answered", "refused", "failed", "throttled", "unknown", "no-address"]
"""Of an attempt. claimed: it may have left. handed: the provider has it. received: a receipt. refused: for good.
failed, throttled: it did not leave, and may later. unknown: it left, and nothing came back."""
AGAIN = frozenset({"failed", "throttled"})
LEFT = frozenset({"claimed", "unknown"})
"""It may have left: sent again only where one key is taken once."""
OVER = frozenset({"refused", "no-address"})


class Rung(NamedTuple):
    """A channel of a reader. dedupes: what is sent twice under one key is taken once there."""

    turn: int
    channel: Channel
    dedupes: bool = False


class Attempt(NamedTuple):
    """One request to a channel. number: 1, 2, … on its rung. until: not again before."""

    turn: int
    channel: Channel
    number: int
    state: State
    made: datetime
    changed: datetime
    until: datetime | None = None


class Send(NamedTuple):
    """Send by this rung; `number` is the new attempt's."""

    rung: Rung
    number: int


class Wait(NamedTuple):
    """Nothing is to be done until then."""

    until: datetime


class End(NamedTuple):
    """It is over."""

    what: What


Step = Send | Wait | End
_PASSED = None


def next_step(
    urgency: Urgency, rungs: Sequence[Rung], attempts: Collection[Attempt], rules: Rules, now: datetime
) -> Step:
    """Returns what is done next about a message that is not over."""
    last: dict[tuple[int, str], Attempt] = {}
    for one in sorted(attempts, key=lambda one: one.number):
        last[one.turn, one.channel] = one
    if any(one.state == "answered" for one in attempts):
        return End("answered")
    decide = _red if urgency is Urgency.RED else _other
    for rung in rungs:
        step = decide(rung, last.get((rung.turn, rung.channel)), rules, now)
        if step is not _PASSED:
            return step
    return _when_all_passed(urgency, rungs, last, rules, now)


def _red(rung: Rung, attempt: Attempt | None, rules: Rules, now: datetime) -> Step | None:
    if attempt is None:
        return Send(rung, 1)
    patience = rules.channel[rung.channel]
    if attempt.state == "claimed":
        return _until(attempt.made, rules.tries.claim, now)
    if attempt.state == "handed":
        return _until(attempt.changed, patience.receipt, now)
    if attempt.state == "received":
        return _until(attempt.changed, patience.answer, now)
    return _PASSED  # What failed, too: the next rung does not wait for it.


def _other(rung: Rung, attempt: Attempt | None, rules: Rules, now: datetime) -> Step | None:
    if attempt is None:
        return Send(rung, 1)
    if attempt.state == "received":
        return End("reached")
    if attempt.state in OVER or rung.channel == "in-app":
        return _PASSED
    if attempt.state in AGAIN:
        again = _again_at(attempt, rules.tries.pause)
        return (
            _PASSED
            if attempt.number >= rules.tries.most
            else Send(rung, attempt.number + 1)
            if now >= again
            else Wait(again)
        )
    if attempt.state == "claimed" and (wait := _until(attempt.made, rules.tries.claim, now)):
        return wait
    if attempt.state in LEFT and (step := _retried(rung, attempt, rules, now)):
        return step
    # It left, or may have left: sent by another channel too it would be told twice.
    return _until(attempt.changed, rules.channel[rung.channel].receipt, now) or End("unconfirmed")


def _retried(rung: Rung, attempt: Attempt, rules: Rules, now: datetime) -> Step | None:
    """What is unknown is sent again where that is no second message, and nowhere else."""
    if not rung.dedupes or attempt.number >= rules.tries.most:
        return _PASSED
    again = _again_at(attempt, rules.tries.pause)
    return Send(rung, attempt.number + 1) if now >= again else Wait(again)


def _when_all_passed(
    urgency: Urgency, rungs: Sequence[Rung], last: dict[tuple[int, str], Attempt], rules: Rules, now: datetime
) -> Step:
    known = [(rung, last[rung.turn, rung.channel]) for rung in rungs]
    if urgency is Urgency.RED:
        again = [
            (_again_at(one, rules.tries.red_pause), rung, one.number)
            for rung, one in known
            if (one.state in AGAIN or (rung.dedupes and one.state in LEFT)) and one.number < rules.tries.most
        ]
        if again:
            at, rung, number = min(again)
            return Send(rung, number + 1) if now >= at else Wait(at)
        answers = [
            one.changed + timedelta(seconds=rules.channel[rung.channel].answer)
            for rung, one in known
            if one.state in ("handed", "received")
        ]
        if answers and max(answers) > now:
            return Wait(max(answers))
        return End("unanswered" if any(one.state == "received" for _, one in known) else "not-reached")
    # Nothing but the list in the app is no failure of a channel; it is there, and nobody has read it yet.
    only_in_app = all(rung.channel == "in-app" for rung in rungs)
    return End("unconfirmed" if only_in_app else "not-reached")


def _again_at(attempt: Attempt, pause: float) -> datetime:
    usual = attempt.changed + timedelta(seconds=pause * 2 ** (attempt.number - 1))
    return usual if attempt.until is None else max(usual, attempt.until)


def _until(since: datetime, seconds: float, now: datetime) -> Wait | None:
    deadline = since + timedelta(seconds=seconds)
    return Wait(deadline) if now < deadline else None
