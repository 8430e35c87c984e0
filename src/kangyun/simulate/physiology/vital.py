"""What a watch, a band or a patch measures each minute: heart rate, oxygen, breath, temperature, steps, sleep, bed."""

import numpy as np

from kangyun.simulate.physiology.span import Floats, Span, Trace, wandering

LAG = 8  # minutes in which the heart comes down after a walk
STAGES = np.array([2, 2, 3, 3, 2, 2, 1, 2, 2], dtype=np.float64)
"""One cycle of sleep in steps of ten minutes: 1 dreaming, 2 light, 3 deep; 0 is awake. The numbers are ours."""


def rhythm(of: Span, lowest: float = 4.5) -> Floats:
    """Returns the course of the day, -1 at the hour that is lowest, 1 twelve hours later."""
    day: Floats = -np.cos((np.arange(1440) / 60.0 - lowest) / 24 * 2 * np.pi)
    return np.tile(day, of.days)


def exertion(of: Span) -> Floats:
    """Returns the activity as the heart follows it."""
    kernel = np.exp(-np.arange(LAG) / 3.0)
    return np.convolve(of.activity, kernel / kernel.sum())[: len(of.at)]


def heart_rate(of: Span) -> Trace:
    """Returns the heart rate of each minute, /min."""
    rng, body = of.rng(10), of.body
    gain = 55 - 0.25 * max(body.person.age - 40, 0)
    value = body.heart_rate + 3 * rhythm(of) - 7 * of.asleep + gain * exertion(of)
    value += 2.5 * wandering(rng, len(of.at), 20) + 1.5 * rng.standard_normal(len(of.at))
    # Some days are harder than others.
    value += np.repeat(rng.normal(0, 1.2, of.days), 1440)
    return Trace("heart-rate", of.at, np.clip(value, 35, 200).round())


def spo2(of: Span) -> Trace:
    """Returns the oxygen saturation of each minute, per cent."""
    rng = of.rng(11)
    value = of.body.spo2 - 0.8 * of.asleep + 0.4 * wandering(rng, len(of.at), 15)
    return Trace("spo2", of.at, np.clip(value + 0.5 * rng.standard_normal(len(of.at)), 70, 100).round())


def temperature(of: Span) -> Trace:
    """Returns the body temperature of each minute, degrees Celsius."""
    rng = of.rng(12)
    value = of.body.temperature + 0.28 * rhythm(of) + 0.1 * exertion(of) + 0.06 * wandering(rng, len(of.at), 30)
    return Trace("body-temperature", of.at, (value + 0.03 * rng.standard_normal(len(of.at))).round(2))


def respiratory_rate(of: Span) -> Trace:
    """Returns breaths a minute."""
    rng = of.rng(13)
    value = of.body.respiratory_rate - 1.2 * of.asleep + 8 * exertion(of) + 0.7 * wandering(rng, len(of.at), 10)
    return Trace("respiratory-rate", of.at, (value + 0.5 * rng.standard_normal(len(of.at))).clip(6, 45).round())


def steps(of: Span) -> Trace:
    """Returns the steps of each minute."""
    noise = of.rng(20).uniform(0.85, 1.15, len(of.at))
    return Trace("steps", of.at, (of.activity * 115 * noise).round())


def sleep_stage(of: Span) -> Trace:
    """Returns the stage of sleep of each minute, as `STAGES` says."""
    stage = np.resize(np.repeat(STAGES, 10), len(of.at))
    return Trace("sleep-stage", of.at, stage * of.asleep)


def in_bed(of: Span) -> Trace:
    """Returns 1 for each minute in bed."""
    return Trace("in-bed", of.at, of.in_bed.astype(np.float64))


def motion(of: Span) -> Trace:
    """Returns 1 for each minute in which a sensor in the room saw somebody move."""
    seen = of.rng(41).random(len(of.at)) < np.where(of.in_bed, 0.01, 0.2 + 0.6 * of.activity)
    return Trace("motion", of.at, seen.astype(np.float64))


def battery(of: Span, days: float = 5.0) -> Trace:
    """Returns the battery of a watch each hour, per cent; it lasts `days` and is charged when it is nearly empty."""
    hours = np.arange(of.days * 24, dtype=np.float64)
    left: Floats = 100 - (hours + of.day * 24) % (days * 24) / (days * 24) * 94
    return Trace("battery", of.at[::60], left.round())
