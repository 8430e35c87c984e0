"""Samples as they come in, on a real database: what is new is said, what comes again is nothing."""

import numpy as np
import pytest

from kangyun.access.kept import Kept
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.samples import Samples

HEART, SYSTOLIC = 10, 1
NOW = 1_795_000_000_000_000


@pytest.fixture
def samples(platform):
    return Samples(Kept(platform.gate.store))


def batch(*rows):
    """Of (series, metric, at, value)."""
    columns = list(zip(*rows, strict=True))
    return Batch(
        np.array(columns[0], np.int64), np.array(columns[1], np.int16), np.array(columns[2], np.int64),
        np.array(columns[3], float), np.zeros(len(rows), np.int16),
    )  # fmt: skip


async def test_a_series_has_one_number_for_all(samples, platform):
    first = await samples.series_of([1, 1, 2, 1], [HEART, SYSTOLIC, HEART, HEART], [7, 7, None, 7])
    assert first[0] == first[3]
    assert len({*first.tolist()}) == 3
    other = await Samples(Kept(platform.gate.store)).series_of([2, 1], [HEART, HEART], [None, 7])
    assert other.tolist() == [first[2], first[0]]


async def test_what_comes_again_is_not_new(samples, platform):
    rows = [(1, HEART, NOW, 70), (1, HEART, NOW + 1, 71), (2, HEART, NOW, 60)]
    async with platform.pool.connection() as connection:
        first = await samples.insert(connection, batch(*rows))
        again = await samples.insert(connection, batch(*rows, (2, HEART, NOW + 5, 61)))
    assert first.new.all()
    assert again.new.tolist() == [False, False, False, True]
    assert not again.conflicting.any()


async def test_an_answered_question_moves_the_samples(samples, platform):
    (old,) = await samples.series_of([1], [SYSTOLIC], [None])
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch((old, SYSTOLIC, NOW, 150), (old, SYSTOLIC, NOW + 10, 160)))
        moved = await samples.move(connection, 1, (None, 7), NOW, NOW + 10)
        (new,) = await samples.series_of([1], [SYSTOLIC], [7])
        rows = await connection.fetch("SELECT series, at, value FROM device_sample ORDER BY at")
    assert moved == 1
    assert [tuple(row) for row in rows] == [(new, NOW, 300), (old, NOW + 10, 320)]
