"""The next hours and days of a metric, with intervals that are as wide as past forecasts were wrong. Pure.

The middle is the person's own rhythm and what is left of the present deviation from it; how fast that fades is fitted
to the person's own past. The intervals are quantiles of the errors that the same forecast would have made on that past
(split conformal, with the finite-sample rank), so that they hold without a bell curve as long as tomorrow is like the
past; an illness is not, and then they do not hold. Source: Lei J et al. J Am Stat Assoc 2018;113:1094-111 (rank).
"""

from typing import NamedTuple

import numpy as np

from kangyun.devices.signals.model import Floats

SHARES = (0.8, 0.95)
"""Of forecasts that the intervals are to hold."""
FEWEST = 40
"""Past errors of a step, before an interval is said at all: the rank for 95 % of fewer is the largest error."""


class Forecast(NamedTuple):
    """Steps ahead, each array of that length. low, high: by SHARES; NaN where too little is known for an interval."""

    middle: Floats
    low: Floats
    high: Floats


def fading(rest: Floats) -> float:
    """Returns how much of a deviation is left a step later, 0 to 0.98. rest: deviations in order, NaN where missing."""
    before, after = rest[:-1], rest[1:]
    both = ~np.isnan(before) & ~np.isnan(after)
    if both.sum() < FEWEST:
        return 0.0
    power = float((before[both] ** 2).sum())
    return float(np.clip((before[both] * after[both]).sum() / power, 0.0, 0.98)) if power > 0 else 0.0


def forecast(rest: Floats, usual: Floats) -> Forecast:
    """Returns the next steps. rest: past deviations from the rhythm, in order, NaN where nothing was measured.

    usual: the rhythm of the steps ahead; as many are forecast.
    """
    steps = len(usual)
    share = fading(rest)
    known = np.flatnonzero(~np.isnan(rest))
    now, age = (float(rest[known[-1]]), len(rest) - 1 - int(known[-1])) if len(known) else (0.0, 0)
    ahead = np.arange(1, steps + 1)
    middle = usual + share ** (ahead + age) * now
    low, high = np.full((len(SHARES), steps), np.nan), np.full((len(SHARES), steps), np.nan)
    for step in range(steps):
        reach = step + 1 + age
        if reach >= len(rest):
            break
        errors = rest[reach:] - share**reach * rest[:-reach]
        errors = np.sort(np.abs(errors[~np.isnan(errors)]))
        if len(errors) < FEWEST:
            continue
        for place, wanted in enumerate(SHARES):
            rank = min(int(np.ceil((len(errors) + 1) * wanted)), len(errors)) - 1
            low[place, step], high[place, step] = middle[step] - errors[rank], middle[step] + errors[rank]
    return Forecast(middle, low, high)
