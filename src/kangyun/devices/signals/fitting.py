"""Whether a reading fits whose it is said to be: for a cuff or a scale that several people use. Pure.

It asks, it does not decide: where a reading is far from what its owner's readings are, or much nearer to those of
somebody else who uses the device, the question is put to the people (这次是谁量的？).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kangyun.devices.signals.model import Floats
from kangyun.devices.signals.rhythm import MAD, populations

FEWEST = 6
"""Readings of a metric before anybody's pattern counts."""
FAR = 4.0
"""Spreads from the middle, on the mean of the metrics, beyond which a reading does not fit. Our choice, unverified."""
NEARER = 2.0
"""By how many spreads another's pattern must be nearer. Our choice, unverified."""
WIDER = {"systolic-home": 9.0, "diastolic-home": 6.0, "weight": 0.6, "heart-rate": 7.0}
"""The least spread that is believed: of single readings of one person, by chance alone. Our choice, unverified."""


class Pattern(NamedTuple):
    """What is usual for a person, by metric: middle, spread, count of readings."""

    metrics: Mapping[str, tuple[float, float, int]]


class Fit(NamedTuple):
    """distance: spreads from the owner's middle, None where no pattern is known. better: place among the others."""

    fits: bool
    distance: float | None
    better: int | None = None


def pattern(readings: Mapping[str, Floats]) -> Pattern:
    """Returns the pattern of somebody's last readings, by metric."""
    found = {}
    for metric, values in readings.items():
        if len(values) >= FEWEST:
            middle = float(np.median(values))
            spread = MAD * float(np.median(np.abs(values - middle)))
            least = WIDER.get(metric, populations()[metric].least_spread if metric in populations() else spread)
            found[metric] = (middle, max(spread, least), len(values))
    return Pattern(found)


def distance(reading: Mapping[str, float], usual: Pattern) -> float | None:
    """Returns how many spreads a reading is away, the root of the mean of squares over its metrics."""
    apart = [
        ((value - usual.metrics[metric][0]) / usual.metrics[metric][1]) ** 2
        for metric, value in reading.items() if metric in usual.metrics
    ]  # fmt: skip
    return float(np.sqrt(np.mean(apart))) if apart else None


def fit(reading: Mapping[str, float], owner: Pattern, others: Sequence[Pattern] = (), *, alarming: bool = False) -> Fit:
    """Returns whether a reading fits its owner. others: who else uses the device. alarming: it is beyond a limit.

    What is bad for its owner's health is far from its owner's pattern, too: a question must not keep it from being
    heard. So an alarming reading is asked about only where it is much nearer to somebody else who uses the device.
    """
    own = distance(reading, owner)
    if own is None:
        return Fit(True, None)
    away = [distance(reading, one) for one in others]
    nearest = min(((one, place) for place, one in enumerate(away) if one is not None), default=None)
    if nearest is not None and own - nearest[0] >= NEARER and own > 1.5:
        return Fit(False, own, nearest[1])
    return Fit(alarming or own <= FAR, own)
