"""Figures of samples as rules compare and people write them. Pure."""

import math
from typing import NamedTuple

import numpy as np

from kangyun.devices.metrics import metrics
from kangyun.devices.signals.limits import JUDGED, Side, Thresholds
from kangyun.devices.signals.memory import NUMBERS
from kangyun.devices.signals.model import Level, Rest


class Sample(NamedTuple):
    """One sample. column: as in `memory`."""

    at: int
    column: int
    value: float
    series: int


def level_of(row: Thresholds, side: Side, value: float) -> Level:
    """Returns the highest level that a value is beyond, INFO where it is beyond none."""
    single = np.float32(value)
    for level in (Level.RED, Level.AMBER, Level.YELLOW):
        limit = row[level + 2] if side == "high" else row[level - 1]
        if single >= limit if side == "high" else single <= limit:
            return level
    return Level.INFO


def rest(one: Sample) -> Rest:
    """Returns a sample as what a warning rests on."""
    return Rest(one.series, int(NUMBERS[one.column]), one.at, round(one.value, 6))


def joined(values: list[float], mine: list[Sample]) -> str:
    """Returns values of a pair of metrics as people write them, 186/112; of what has no limit, -."""
    return "/".join(shown(value, JUDGED[one.column]) for value, one in zip(values, mine, strict=True))


def shown(value: float, metric: str) -> str:
    """Returns a value with as many digits as its metric is read with."""
    if not math.isfinite(value):
        return "-"
    digits = 0 if metrics()[metric].resolution >= 0.5 or metric == "spo2" else 1
    return f"{value:.{digits}f}"
