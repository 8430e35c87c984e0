"""What devices do wrong: each a function from a trace to what arrives of it. Pure; rates are the caller's.

`Arrived` says when each sample reaches the platform, which after an outage is much later than when it was measured.
"""

from typing import NamedTuple

import numpy as np

from kangyun.simulate.physiology.span import MINUTE, Floats, Ints, Trace


class Arrived(NamedTuple):
    """A trace as it arrives: in the order of arrival. received: microseconds."""

    metric: str
    at: Ints
    value: Floats
    received: Ints

    @classmethod
    def at_once(cls, trace: Trace, delay: int = 2_000_000) -> "Arrived":
        """Returns the trace with nothing wrong. delay: microseconds on the way."""
        return cls(trace.metric, trace.at, trace.value, trace.at + delay)


def noisy(trace: Trace, rng: np.random.Generator, spread: float, share: float = 0.02) -> Trace:
    """Returns the trace with a share of its samples thrown off, as by a loose strap."""
    hit = rng.random(len(trace.at)) < share
    return trace._replace(value=(trace.value + hit * rng.normal(0, spread, len(trace.at))).round(1))


def stuck(trace: Trace, start: int, end: int) -> Trace:
    """Returns the trace with the value at `start` repeated until `end`."""
    chosen = trace.between(start, end)
    value = trace.value.copy()
    if chosen.any():
        value[chosen] = value[np.argmax(chosen)]
    return trace._replace(value=value)


def drifting(trace: Trace, a_day: float) -> Trace:
    """Returns the trace of a sensor that goes off by `a_day` each day."""
    days = (trace.at - trace.at[0]) / (1440 * MINUTE) if len(trace.at) else trace.at.astype(np.float64)
    return trace._replace(value=trace.value + a_day * days)


def off_body(trace: Trace, rng: np.random.Generator, start: int, end: int, floor: float) -> Trace:
    """Returns the trace of a sensor that is taken off: now and then something near `floor`, mostly nothing."""
    away = trace.between(start, end)
    ghost = away & (rng.random(len(trace.at)) < 0.1)
    value = np.where(ghost, floor + np.abs(rng.normal(0, 2, len(trace.at))), trace.value)
    kept = ~away | ghost
    return Trace(trace.metric, trace.at[kept], value[kept].round(1))


def clock_jump(trace: Trace, start: int, by: int) -> Trace:
    """Returns the trace of a device whose clock is off by `by` microseconds from `start` on."""
    return trace._replace(at=np.where(trace.at >= start, trace.at + by, trace.at))


def outage(arrived: Arrived, start: int, end: int) -> Arrived:
    """Returns what arrives when the line is down: all of it at the end, oldest first."""
    held = (arrived.received >= start) & (arrived.received < end)
    received = np.where(held, end + np.cumsum(held), arrived.received)
    order = np.argsort(received, kind="stable")
    return Arrived(arrived.metric, arrived.at[order], arrived.value[order], received[order])


def repeated(arrived: Arrived, rng: np.random.Generator, share: float = 0.01) -> Arrived:
    """Returns what arrives when a device sends a share of its samples twice, the second time a minute later."""
    twice = np.flatnonzero(rng.random(len(arrived.at)) < share)
    place = np.concatenate([np.arange(len(arrived.at)), twice])
    received = np.concatenate([arrived.received, arrived.received[twice] + MINUTE])
    order = np.argsort(received, kind="stable")
    place = place[order]
    return Arrived(arrived.metric, arrived.at[place], arrived.value[place], received[order])


def shared(own: Trace, other: Trace, rng: np.random.Generator, share: float) -> tuple[Trace, np.ndarray]:
    """Returns the trace of a cuff that somebody else uses, too, under the owner's key, and which samples are not his.

    share: of the other's measurements that are made under the owner's key.
    """
    lent = rng.random(len(other.at)) < share
    at = np.concatenate([own.at, other.at[lent]])
    value = np.concatenate([own.value, other.value[lent]])
    foreign = np.concatenate([np.zeros(len(own.at), bool), np.ones(int(lent.sum()), bool)])
    order = np.argsort(at, kind="stable")
    return Trace(own.metric, at[order], value[order]), foreign[order]
