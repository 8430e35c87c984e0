"""What somebody measures by hand: pressure twice a day, glucose, weight; and where the person is."""

import numpy as np

from kangyun.simulate.physiology.span import MINUTE, Floats, Ints, Span, Trace
from kangyun.simulate.physiology.vital import rhythm

METRES = 111_320.0  # a degree of latitude
KEPT = 0.85  # share of the times at which somebody who should measure does
MEALS = (7.0, 12.0, 18.0)  # hours
STEP = 5  # minutes between positions


def pressure(of: Span, times: tuple[float, ...] = (7.2, 20.0)) -> tuple[Trace, Trace]:
    """Returns systolic and diastolic pressure as measured at home at about these hours, mm[Hg]."""
    rng, body = of.rng(1), of.body
    at, hour, day = _moments(of, rng, times)
    ill = "hypertension" in body.person.conditions
    taken = rng.random(of.days) < body.person.adherence
    drug = np.where(taken, -14.0, -2.0)[day] * ill
    winter = 3.5 * np.cos((of.day + day - 15) / 365.25 * 2 * np.pi)
    shared = 4.5 * rng.standard_normal(of.days)[day] + 6 * rng.standard_normal(len(at))
    systolic = body.systolic + drug + winter + 4 * (hour < 12) + shared
    diastolic = body.diastolic + 0.5 * (drug + winter) + 2 * (hour < 12) + 0.45 * shared
    diastolic += 3 * rng.standard_normal(len(at))
    return (
        Trace("systolic-home", at, systolic.clip(75, 240).round()),
        Trace("diastolic-home", at, diastolic.clip(40, 140).round()),
    )


def glucose_course(of: Span) -> Trace:
    """Returns glucose each minute, mmol/L: what a sensor under the skin would see."""
    rng, body = of.rng(14), of.body
    ill = "diabetes" in body.person.conditions
    height = rng.normal(3.6 if ill else 1.6, 0.6, (of.days, len(MEALS))).clip(0.3)
    minute = np.arange(1440) / 60.0
    rise = np.zeros((of.days, 1440))
    for place, meal in enumerate(MEALS):
        since = np.maximum(minute - meal - 0.2, 0.0)
        rise += height[:, place, None] * (since * np.e * np.exp(-since))[None, :]
    value = body.glucose + rise.ravel() + 0.15 * rhythm(of, 3.0)
    return Trace("glucose", of.at, (value + 0.1 * rng.standard_normal(len(of.at))).clip(1.5).round(1))


def glucose(of: Span) -> Trace:
    """Returns glucose as pricked before breakfast and two hours after lunch, mmol/L."""
    course = glucose_course(of)
    at, _, _ = _moments(of, of.rng(2), (6.9, 14.0))
    place = np.searchsorted(course.at, at).clip(0, len(course.at) - 1)
    value = course.value[place] * of.rng(3).normal(1, 0.04, len(at))
    return Trace("glucose", at, value.round(1))


def weight(of: Span) -> Trace:
    """Returns the weight of each morning, kg."""
    rng = of.rng(15)
    at, _, day = _moments(of, rng, (6.8,))
    course = of.body.weight + 0.8 * np.sin((of.day + day) / 60.0)
    return Trace("weight", at, (course + 0.35 * rng.standard_normal(len(at))).round(1))


def positions(of: Span) -> tuple[Trace, Trace]:
    """Returns latitude and longitude each few minutes: at home, on walks of some hundred metres, a market weekly."""
    rng, person = of.rng(30), of.body.person
    moving = (of.activity > 0.3)[::STEP]
    at = of.at[::STEP]
    walk = np.cumsum(np.diff(moving.astype(np.int64), prepend=0) == 1)
    angle = rng.uniform(0, 2 * np.pi, walk[-1] + 1)[walk]
    reach = rng.uniform(80, 600, walk[-1] + 1)[walk] * moving
    hour, day = of.hour[::STEP], np.arange(len(at)) // (1440 // STEP) + of.day
    market = (day % 7 == person.number % 7) & (hour >= 9) & (hour < 11)
    reach, angle = np.where(market, 2500.0, reach), np.where(market, 0.7 + person.number, angle)
    north = reach * np.cos(angle) + rng.normal(0, 12, len(at))
    east = reach * np.sin(angle) + rng.normal(0, 12, len(at))
    return placed(of, at, north, east)


def placed(of: Span, at: Ints, north: Floats, east: Floats) -> tuple[Trace, Trace]:
    """Returns metres from home as positions."""
    person = of.body.person
    narrowing = np.cos(np.radians(person.latitude))
    return (
        Trace("latitude", at, (person.latitude + north / METRES).round(6)),
        Trace("longitude", at, (person.longitude + east / METRES / narrowing).round(6)),
    )


def _moments(of: Span, rng: np.random.Generator, hours: tuple[float, ...]) -> tuple[Ints, Floats, Ints]:
    """Returns when somebody measures: instants, hours of the day, days from the first."""
    planned = np.asarray(hours)[None, :] + rng.normal(0, 0.4, (of.days, len(hours)))
    kept = rng.random(planned.shape) < KEPT
    day, _ = np.nonzero(kept)
    hour = planned[kept].clip(0, 23.9)
    at = of.at[0] + (day * 1440 + (hour * 60).astype(np.int64)) * MINUTE
    return at, hour, day.astype(np.int64)
