"""Durable jobs on a real database: taken once, given back, taken over, retried, cancelled."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from kangyun.base.errors import Invalid, TooLong, Unavailable
from kangyun.database import jobs as jobs_module
from kangyun.database.jobs import Cancelled, Jobs, Running, work
from kangyun.database.pool import Pool


@pytest_asyncio.fixture
async def pool(fresh_database):
    async with Pool(fresh_database, size=6) as opened:
        yield opened


@pytest.fixture
def jobs(pool):
    return Jobs(pool)


@pytest_asyncio.fixture
async def start_worker(pool, monkeypatch):
    """Starts workers as processes would; each has its own way to stop."""
    monkeypatch.setattr(jobs_module, "LOOK", 0.01)
    monkeypatch.setattr(jobs_module, "BACK_OFF", 0.001)
    started = []

    def start(**handlers):
        stop = asyncio.Event()
        task = asyncio.ensure_future(work(pool, handlers, stop))
        started.append((stop, task))
        return stop, task

    yield start
    for stop, task in started:
        stop.set()
        task.cancel()
    await asyncio.gather(*(task for _, task in started), return_exceptions=True)


async def ended(jobs, number):
    """Waits until a job has ended."""
    async with asyncio.timeout(120):
        while (job := await jobs.look(number)).ended is None:
            await asyncio.sleep(0.01)
    return job


async def run_out(pool):
    """Lets all leases run out, as time does when a worker was killed."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE job SET due = clock_timestamp() - interval '1 second'")


async def test_each_job_is_done_once_by_one_of_many_workers(jobs, start_worker):
    done = []

    async def handle(running):
        done.append(running.job.asked)
        await asyncio.sleep(0.005)
        return b"result of " + running.job.asked

    numbers = [await jobs.ask("task", "Practitioner/li", b"%d" % i) for i in range(20)]
    for _ in range(3):
        start_worker(task=handle)
    found = [await ended(jobs, number) for number in numbers]
    assert sorted(done) == sorted(b"%d" % i for i in range(20))
    assert [job.result for job in found] == [b"result of %d" % i for i in range(20)]
    assert {job.owner for job in found} == {"Practitioner/li"}


async def test_a_kind_without_a_handler_waits_for_a_worker_that_has_one(jobs, start_worker):
    async def handle(running):
        return b""

    number = await jobs.ask("import", "", b"")
    start_worker(export=handle)
    await asyncio.sleep(0.1)
    assert (await jobs.look(number)).state == "waiting"


async def test_what_a_killed_worker_left_is_taken_over_where_it_stopped(jobs, pool, start_worker):
    stuck = asyncio.Event()

    async def dies(running):
        await running.save(b"half", "50 %")
        stuck.set()
        await asyncio.sleep(3600)

    async def goes_on(running):
        return b"rest after " + running.kept

    number = await jobs.ask("task", "", b"")
    _, worker = start_worker(task=dies)
    await stuck.wait()
    assert (await jobs.look(number)).progress == "50 %"
    worker.cancel()  # It holds the job and takes no other, this one again neither.
    await run_out(pool)
    start_worker(task=goes_on)
    job = await ended(jobs, number)
    assert (job.state, job.result) == ("done", b"rest after half")


async def test_who_lost_the_lease_can_write_nothing(jobs, pool):
    number = await jobs.ask("task", "", b"")
    first, _ = await jobs_module._claim(pool, ["task"])
    await run_out(pool)
    second, _ = await jobs_module._claim(pool, ["task"])
    with pytest.raises(Cancelled):
        await first.save(b"late", "")
    await first.end("failed")
    assert (await jobs.look(number)).state == "running"
    await second.end("done", b"")
    assert (await jobs.look(number)).state == "done"


async def test_a_worker_that_is_told_to_stop_gives_its_job_back_at_once(jobs, start_worker):
    began = asyncio.Event()

    async def slow(running):
        began.set()
        await asyncio.sleep(3600)

    number = await jobs.ask("task", "", b"")
    stop, task = start_worker(task=slow)
    await began.wait()
    stop.set()
    await task
    assert (await jobs.look(number)).state == "waiting"


async def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(jobs, start_worker):
    tries = []

    async def passing(running):
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable
        return b"at last"

    async def lasting(running):
        tries.append(1)
        raise Invalid("base.invalid", at="Parameters")

    start_worker(passing=passing, lasting=lasting)
    assert (await ended(jobs, await jobs.ask("passing", "", b""))).result == b"at last"
    assert len(tries) == 3
    job = await ended(jobs, await jobs.ask("lasting", "", b""))
    assert (job.state, job.issues[0].text, job.issues[0].at) == ("failed", "base.invalid", "Parameters")
    assert len(tries) == 4


async def test_a_defect_fails_in_the_end_and_tells_nothing_of_what_it_was_about(jobs, start_worker, caplog):
    async def broken(running):
        raise KeyError("张三 13800000000")

    start_worker(broken=broken)
    job = await ended(jobs, await jobs.ask("broken", "", b""))
    assert (job.state, job.issues[0].text) == ("failed", "database.job-failed")
    assert "张三" not in caplog.text


async def test_a_job_that_kills_its_workers_fails_at_last(jobs, pool, start_worker):
    number = await jobs.ask("deadly", "", b"")
    for _ in range(jobs_module.MOST_ATTEMPTS):
        assert isinstance((await jobs_module._claim(pool, ["deadly"]))[0], Running)
        await run_out(pool)

    async def never(running):
        raise AssertionError

    start_worker(deadly=never)
    assert (await ended(jobs, number)).state == "failed"


async def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_heart(jobs, start_worker, monkeypatch):
    monkeypatch.setattr(jobs_module, "LEASE", 0.2)
    began, ends = asyncio.Event(), []

    async def slow(running):
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ends.append(running.job.id)

    number = await jobs.ask("task", "", b"")
    assert await jobs.cancel(number)
    assert (await jobs.look(number)).state == "cancelled"
    assert not await jobs.cancel(number)
    number = await jobs.ask("task", "", b"")
    start_worker(task=slow)
    await began.wait()
    assert await jobs.cancel(number)
    assert (await ended(jobs, number)).state == "cancelled"
    assert ends == [number]


async def test_a_result_beyond_the_limit_is_no_result(jobs, start_worker, monkeypatch):
    monkeypatch.setattr(jobs_module, "LARGEST_RESULT", 10)

    async def large(running):
        return b"x" * 11

    start_worker(large=large)
    job = await ended(jobs, await jobs.ask("large", "", b""))
    assert job.issues == TooLong("database.result-too-long", limit=10).issues


async def test_what_ended_long_ago_is_swept(jobs, pool):
    number = await jobs.ask("task", "", b"")
    kept = await jobs.ask("task", "", b"")
    await jobs.cancel(number)
    assert await jobs.sweep(timedelta(days=1)) == [kept]
    assert await jobs.look(number) is not None
    assert await jobs.sweep(timedelta(0)) == [kept]
    assert await jobs.look(number) is None


async def test_a_lost_database_stops_no_worker(jobs, pool, start_worker, database_server):
    async def handle(running):
        return b"ok"

    start_worker(task=handle)
    async with pool.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
    other = await asyncpg.connect(database_server.replace("{database}", "postgres"))
    await other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await other.close()
    async with asyncio.timeout(120):
        while True:
            try:
                number = await jobs.ask("task", "", b"")
                break
            except Unavailable:
                continue
    assert (await ended(jobs, number)).result == b"ok"
