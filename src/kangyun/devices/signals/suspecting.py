"""What days of readings only suggest: a pressure that is high for days, a pulse that is uneven. Pure.

Nothing here is a diagnosis. Readings at home suspect and a doctor confirms; values of a watch by the minute say little
of rhythm, and an ECG has to.
"""

from typing import NamedTuple

import numpy as np

from kangyun.devices.signals.limits import LimitTable
from kangyun.devices.signals.model import Floats, Ints
from kangyun.devices.signals.watchtable import Pulse, Suspect

MINUTE = 60_000_000
HOUR = 60 * MINUTE


class Pressures(NamedTuple):
    """Measurements with both values. day: since 1970-01-01 by the region's clock."""

    day: Ints
    systolic: Floats
    diastolic: Floats


class Suspected(NamedTuple):
    """place: home or office. mean: systolic and diastolic. days: of the rule; readings: how many."""

    place: str
    mean: tuple[float, float]
    limit: tuple[float, float]
    days: int
    readings: int


def paired(at: Ints, systolic: Floats, at_diastolic: Ints, diastolic: Floats, offset: int) -> Pressures:
    """Returns the measurements of which both values are there. offset: of the region's clock, microseconds."""
    both, first, second = np.intersect1d(at, at_diastolic, return_indices=True)
    return Pressures((both + offset) // (24 * HOUR), systolic[first], diastolic[second])


def suspected(
    home: Pressures, office: Pressures, today: int, limits: LimitTable, table: Suspect
) -> Suspected | None:  # fmt: skip
    """Returns what the readings up to the day before `today` suggest; None for nothing. Office readings come first."""
    bounds = {one.metric: one.value for one in limits.limit if one.purpose == "可疑"}
    limit = bounds["systolic-office"], bounds["diastolic-office"]
    recent = (office.day >= today - table.office_days) & (office.day < today)
    high = recent & ((office.systolic >= limit[0]) | (office.diastolic >= limit[1]))
    if len(np.unique(office.day[high])) >= table.office_least_days and high.sum() == recent.sum():
        mean = float(office.systolic[high].mean()), float(office.diastolic[high].mean())
        return Suspected("office", mean, limit, table.office_days, int(high.sum()))
    recent = (home.day >= today - table.home_days) & (home.day < today)
    if recent.any():
        recent &= home.day > home.day[recent].min()  # The first day is for getting used to it.
    limit = bounds["systolic-home"], bounds["diastolic-home"]
    enough = len(np.unique(home.day[recent])) >= table.home_least_days and recent.sum() >= table.home_least_readings
    if not enough:
        return None
    mean = float(home.systolic[recent].mean()), float(home.diastolic[recent].mean())
    if mean[0] < limit[0] and mean[1] < limit[1]:
        return None
    return Suspected("home", mean, limit, table.home_days, int(recent.sum()))


def uneven_hours(at: Ints, rate: Floats, walked: Ints, table: Pulse) -> tuple[Ints, Floats]:
    """Returns the hours (since 1970, UTC) in which the heart rate at rest is uneven, and how much so.

    at, rate: of heart rates, oldest first. walked: instants with steps; the minutes around a walk do not count.
    """
    minute = at // MINUTE
    walking = walked // MINUTE
    near = np.unique(np.concatenate([walking + step for step in range(-1, 9)])) if len(walking) else walking
    still = ~np.isin(minute, near)
    follows = np.zeros(len(at), bool)
    follows[1:] = (np.diff(minute) == 1) & still[1:] & still[:-1]
    step = np.abs(np.diff(rate, prepend=rate[:1]))
    hour = at // HOUR
    hours, ratios = [], []
    for one in np.unique(hour[follows]):
        chosen = follows & (hour == one)
        if chosen.sum() < table.fewest_minutes:
            continue
        ratio = float(np.median(step[chosen]) / max(np.median(rate[chosen]), 1.0))
        if ratio >= table.ratio:
            hours.append(int(one))
            ratios.append(ratio)
    return np.array(hours, np.int64), np.array(ratios)
