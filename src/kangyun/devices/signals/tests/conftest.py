"""Samples as a group has them, for tests of rules."""

import numpy as np
import pytest

from kangyun.devices.metrics import metrics
from kangyun.devices.signals.model import Group

MINUTE = 60_000_000
NOON = 1_767_240_000_000_000  # 2026-01-01T12:00:00+08:00


@pytest.fixture
def samples():
    """Makes a group of rows (minutes after noon, metric, value), of one holder unless a fourth says whose."""

    def make(*rows, holder=7, mark=0, new=True):
        known = metrics()
        numbers = np.array([known[row[1]].number for row in rows], np.int64)
        holders = np.array([row[3] if len(row) > 3 else holder for row in rows], np.int64)
        return Group(
            holders, holders * 100 + numbers, numbers,
            np.array([NOON + round(row[0] * MINUTE) for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
            np.full(len(rows), mark, np.int64), np.full(len(rows), new, bool),
        )  # fmt: skip

    return make
