"""Samples as they come in, on a real database: what is new is said, what comes again is nothing."""

import asyncio
import math
import random

import asyncpg
import pytest

from kangyun.base.errors import Unavailable
from kangyun.devices.model import Mark
from kangyun.devices.series.compacting import AT_ONCE
from kangyun.devices.series.packing import HOUR
from kangyun.devices.series.samples import Samples
from kangyun.devices.series.tests.conftest import HEART, LATER, SYSTOLIC

NOW = 1_795_000_000_000_000
DAY = 24 * HOUR
ALWAYS = (-(1 << 62), 1 << 62)


def rows_of(curve):
    return list(zip(curve.at.tolist(), curve.value.tolist(), curve.mark.tolist(), strict=True))


async def test_a_series_has_one_number_for_all(samples, kept):
    first = await samples.series_of([1, 1, 2, 1], [HEART, SYSTOLIC, HEART, HEART], [7, 7, None, 7])
    assert first[0] == first[3]
    assert len({*first.tolist()}) == 3
    other = await Samples(kept).series_of([2, 1], [HEART, HEART], [None, 7])
    assert other.tolist() == [first[2], first[0]]


async def test_what_comes_again_is_not_new(samples, platform, batch):
    rows = [(1, HEART, NOW, 70), (1, HEART, NOW + 1, 71), (2, HEART, NOW, 60)]
    async with platform.pool.connection() as connection:
        first = await samples.insert(connection, batch(*rows))
        again = await samples.insert(connection, batch(*rows, (2, HEART, NOW + 5, 61)))
    assert first.new.all()
    assert again.new.tolist() == [False, False, False, True]
    assert not again.conflicting.any()


async def test_the_first_value_of_an_instant_stands(samples, platform, batch):
    async with platform.pool.connection() as connection:
        within = await samples.insert(connection, batch((1, HEART, NOW, 70), (1, HEART, NOW, 80), (1, HEART, NOW, 70)))
        later = await samples.insert(connection, batch((1, HEART, NOW, 80), (1, HEART, NOW, 70.2)))
        value = await connection.fetchval("SELECT value FROM device_sample")
    assert (within.new.tolist(), within.conflicting.tolist()) == ([True, False, False], [False, True, False])
    assert (later.new.tolist(), later.conflicting.tolist()) == ([False, False], [True, False])
    assert value == 70


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300, -1e13])
async def test_what_is_no_number_harms_no_other(samples, platform, batch, value):
    async with platform.pool.connection() as connection:
        found = await samples.insert(connection, batch((1, HEART, NOW, value), (1, HEART, NOW + 1, 70)))
    assert found.unfit.tolist() == [True, False]
    assert found.new.tolist() == [False, True]


async def test_what_is_in_chunks_is_not_new_and_stands(samples, compaction, readings, platform, batch, holder):
    (series,) = (await samples.series_of([1], [HEART], [holder])).tolist()
    rows = [(series, HEART, NOW + place * 1_000_000, 60 + place % 9) for place in range(500)]
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch(*rows))
    assert await compaction.run(LATER) == 500
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM device_sample") == 0
        again = await samples.insert(connection, batch(*rows))
        other = await samples.insert(connection, batch((series, HEART, NOW, 99), (series, HEART, NOW + 1, 99)))
        assert await connection.fetchval("SELECT count(*) FROM device_sample") == 1
    assert not again.new.any()
    assert not again.conflicting.any()
    assert (other.new.tolist(), other.conflicting.tolist()) == ([False, True], [True, False])
    await compaction.run(LATER)
    async with readings.reading() as connection:
        curve = (await readings.curves(connection, [series], *ALWAYS))[series]
    assert rows_of(curve) == sorted([(at, value, 0) for _, _, at, value in rows] + [(NOW + 1, 99, 0)])


@pytest.mark.parametrize("seed", range(8))
async def test_any_order_and_repetition_equal_a_sorted_table(samples, compaction, readings, platform, batch, seed):
    chance = random.Random(seed)
    series = (await samples.series_of([1, 1], [HEART, SYSTOLIC], [None, None])).tolist()
    model: dict[tuple[int, int], int] = {}
    for _ in range(12):
        # Few instants and values, so that most of it was there before, the same or another.
        group = [
            (chance.choice(series), HEART, NOW + chance.randrange(20) * 7 * HOUR, 60 + chance.randrange(3))
            for _ in range(chance.randint(1, 15))
        ]
        async with platform.pool.connection() as connection, connection.transaction():
            found = await samples.insert(connection, batch(*group))
        for place, (one, _, at, value) in enumerate(group):
            assert found.new[place] == ((one, at) not in model)
            assert found.conflicting[place] == (model.setdefault((one, at), value) != value)
        await chance.choice((compaction.run, _nothing))(LATER)
    async with readings.reading() as connection:
        curves = await readings.curves(connection, series, *ALWAYS)
    assert {(one, at): value for one, curve in curves.items() for at, value, _ in rows_of(curve)} == model


async def _nothing(_):
    pass


async def test_inserts_while_it_is_compacted_are_new_once(samples, compaction, readings, platform, batch, holder):
    """Four insert the same in orders of their own while compaction goes on in small steps."""
    series = (await samples.series_of([1, 2, 3], [HEART] * 3, [holder] * 3)).tolist()
    rows = [(one, HEART, NOW + place * 60_000_000, 60 + place % 9) for one in series for place in range(300)]
    new = []
    done = asyncio.Event()

    async def send(seed):
        order = random.Random(seed).sample(rows, len(rows))
        for begin in range(0, len(order), 30):
            async with platform.pool.connection() as connection, connection.transaction():
                found = await samples.insert(connection, batch(*order[begin : begin + 30]))
            new.append(int(found.new.sum()))

    async def compact():
        while not done.is_set():
            await compaction.step("device_sample_rest", (-(1 << 63), -(1 << 63)), NOW + DAY, 20)

    compacting = asyncio.create_task(compact())
    await asyncio.gather(*(send(seed) for seed in range(3)))
    done.set()
    await compacting
    assert sum(new) == len(rows)
    async with readings.reading() as connection:
        curves = await readings.curves(connection, series, *ALWAYS)
    assert {one: len(curve) for one, curve in curves.items()} == dict.fromkeys(series, 300)
    await compaction.run(LATER)
    async with readings.reading() as connection:
        after = await readings.curves(connection, series, *ALWAYS)
        assert await connection.fetchval("SELECT sum(samples) FROM device_chunk") == len(rows)
    assert {one: rows_of(curve) for one, curve in after.items()} == {one: rows_of(c) for one, c in curves.items()}


async def test_a_compaction_that_is_killed_leaves_each_sample_in_one_place(
    samples, compaction, readings, platform, batch, holder, monkeypatch
):
    (series,) = (await samples.series_of([1], [HEART], [holder])).tolist()
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch(*((series, HEART, NOW + at, 70) for at in range(100))))

    async def killed(connection, news):
        pid = connection.get_server_pid()
        async with platform.pool.connection() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)
        await connection.execute("SELECT 1")

    with monkeypatch.context() as patched:
        patched.setattr("kangyun.devices.series.compacting.tell", killed)
        with pytest.raises((asyncpg.PostgresError, Unavailable)):
            await compaction.step("device_sample_rest", (-(1 << 63), -(1 << 63)), NOW + DAY, AT_ONCE)
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM device_sample") == 100
        assert await connection.fetchval("SELECT count(*) FROM device_chunk") == 0
    assert await compaction.run(LATER) == 100
    async with readings.reading() as connection:
        assert len((await readings.curves(connection, [series], *ALWAYS))[series]) == 100


@pytest.mark.parametrize("compacted", [False, True])
async def test_an_answered_question_moves_the_samples(
    samples, compaction, readings, platform, batch, holder, compacted
):
    (old,) = (await samples.series_of([1], [SYSTOLIC], [None])).tolist()
    asked = int(Mark.QUESTION | Mark.TYPED)
    async with platform.pool.connection() as connection:
        rows = [(old, SYSTOLIC, NOW, 150, asked), (old, SYSTOLIC, NOW + 10, 160, asked)]
        await samples.insert(connection, batch(*rows))
    await (compaction.run if compacted else _nothing)(LATER)
    async with platform.pool.connection() as connection, connection.transaction():
        moved = await samples.move(connection, 1, (None, holder), NOW, NOW + 10)
    (new,) = (await samples.series_of([1], [SYSTOLIC], [holder])).tolist()
    await compaction.run(LATER)
    async with readings.reading() as connection:
        curves = await readings.curves(connection, [old, new], *ALWAYS)
    assert moved == 1
    assert rows_of(curves[new]) == [(NOW, 300, int(Mark.TYPED))]
    assert rows_of(curves[old]) == [(NOW + 10, 320, asked)]
