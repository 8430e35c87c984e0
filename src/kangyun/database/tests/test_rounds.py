"""Rounds and savepoints: what is away is asked again and told once; one of several works; one defect is no other's."""

import asyncio

import pytest
import pytest_asyncio

from kangyun.base.errors import Unavailable
from kangyun.database import rounds
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds, make_rounds_alone, work_off
from kangyun.database.savepoint import under_savepoint


@pytest_asyncio.fixture
async def pool(fresh_database):
    async with Pool(fresh_database, size=6) as opened:
        yield opened


async def test_what_is_away_is_asked_again_and_told_once(caplog):
    stop, times = asyncio.Event(), []

    async def work():
        times.append(1)
        if len(times) > 6:
            stop.set()
        elif len(times) != 4:
            raise Unavailable("database.did-not-start", log="x")

    await make_rounds("things", work, 0.001, stop)
    assert len(times) == 7
    assert len([one for one in caplog.messages if one.startswith("things: ")]) == 2  # Once before, once after it went.


async def test_a_defect_of_the_work_is_told_once_and_the_rounds_go_on(caplog, monkeypatch):
    monkeypatch.setattr(rounds, "AFTER_A_DEFECT", 0.001)
    stop, times = asyncio.Event(), []

    async def work():
        times.append(1)
        if len(times) == 4:
            stop.set()
        raise KeyError("张三")

    await make_rounds("things", work, 0.001, stop)
    assert len(times) == 4
    assert caplog.messages == ["things: KeyError, a defect"]


async def test_one_of_several_makes_the_rounds_and_the_next_follows(pool):
    first, second, stops = asyncio.Event(), asyncio.Event(), [asyncio.Event(), asyncio.Event()]

    async def hold(connection, entered, stop):
        async def work():
            entered.set()

        await work_off(connection, work, 0.001, stop)

    tasks = []
    for entered, stop in zip((first, second), stops, strict=True):
        tasks.append(asyncio.ensure_future(make_rounds_alone(
            pool, "things", lambda connection, e=entered, s=stop: hold(connection, e, s), 0.01, stop,
        )))  # fmt: skip
        await asyncio.wait_for(first.wait(), 10)
    await asyncio.sleep(0.05)
    assert not second.is_set()
    stops[0].set()
    await asyncio.wait_for(second.wait(), 10)
    stops[1].set()
    await asyncio.gather(*tasks)


async def test_a_defect_undoes_its_own_part_alone(pool, caplog):
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("CREATE TEMPORARY TABLE thing (name text) ON COMMIT DROP")

        async def put(name, error=None):
            await connection.execute("INSERT INTO thing VALUES ($1)", name)
            if error:
                raise error

        assert await under_savepoint(connection, "a thing", lambda: put("one"))
        assert not await under_savepoint(connection, "a thing", lambda: put("two", KeyError("张三")))
        assert [row["name"] for row in await connection.fetch("TABLE thing")] == ["one"]
        with pytest.raises(Unavailable):
            await under_savepoint(
                connection, "a thing", lambda: put("three", Unavailable("database.did-not-start", log="x"))
            )
    assert caplog.messages == ["a thing: KeyError"]
