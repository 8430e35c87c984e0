"""The sequencer and the readers of its feed, on a real database."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from kangyun.access.actor import Actor, Circumstances
from kangyun.base.errors import Invalid, Unavailable
from kangyun.store import feed
from kangyun.store.feed import Place, Reader
from kangyun.store.sequencer import sequence
from kangyun.testing.sequencing import give_positions

LI = Actor("Practitioner/li", "李", "Organization/county", administrator=True)


@pytest_asyncio.fixture
async def write(platform):
    """Writes Patients of the given ids as one commit."""
    record = await platform.gate.open(LI, Circumstances("PUT /Patient/[id]", "", "r1"))

    async def write_(*ids, **more):
        operations = [
            record.operation("update", "Patient", id=id_, resource={"resourceType": "Patient", "id": id_} | more)
            for id_ in ids
        ]
        return await record.commit(operations, "update")

    return write_


@pytest_asyncio.fixture
async def connection(platform):
    async with platform.pool.connection() as opened:
        yield opened


@pytest.fixture
def give(connection):
    return partial(give_positions, connection)


@pytest_asyncio.fixture
async def start(platform, monkeypatch):
    """Starts a coroutine that takes `stop` at its end, and stops it when the test ends."""
    monkeypatch.setattr(feed, "LOOK", 0.01)
    monkeypatch.setattr(feed, "PATIENCE", 0.02)
    monkeypatch.setattr(feed, "BACK_OFF", 0.001)
    stop, tasks = asyncio.Event(), []

    def start_(coroutine, *arguments):
        tasks.append(asyncio.ensure_future(coroutine(*arguments, stop)))
        return tasks[-1]

    yield start_
    stop.set()
    await asyncio.gather(*tasks)


async def until(condition):
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


async def test_positions_are_dense_and_in_the_order_of_the_writes(write, connection, give):
    for number in range(5):
        await write(f"p-{number}")
    assert await give() == 5
    await write("p-2", "p-9", active=True)
    assert await give() == 1
    assert await give() == 0
    events, reached = await feed.read(connection, Place(1, 0))
    assert [event.place.position for event in events] == [1, 2, 3, 4, 5, 6]
    assert reached == events[-1].place
    last = events[-1]
    assert [(change.type, change.version, change.action) for change in last.changes] == [
        ("Patient", 2, b"u"),
        ("Patient", 1, b"c"),
    ]
    assert last.changes[0].patient == last.changes[0].res
    assert (last.actor, last.purpose, last.depth, last.historic) == ("Practitioner/li", "TREAT", 0, False)


async def test_a_backlog_is_worked_off_in_parts(write, connection, give):
    for number in range(5):
        await write(f"p-{number}")
    assert [await give(2) for _ in range(4)] == [2, 2, 1, 0]
    events, _ = await feed.read(connection, Place(1, 0))
    assert [event.place.position for event in events] == [1, 2, 3, 4, 5]


async def test_what_an_unfinished_transaction_may_still_overtake_is_not_given_out(platform, write, connection):
    async with platform.pool.connection() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT pg_current_xact_id()")
        await write("p-1")
        row = await connection.fetchrow("SELECT given FROM sequence_commits(10)")
        assert row["given"] == 0
        await transaction.rollback()
    assert await give_positions(connection, 10) == 1


async def test_nothing_older_than_the_instant_can_still_arrive(platform, write, connection, give):
    """A transaction that has its id and its moment but is not committed holds the instant back."""
    await write("p-0")
    await give()
    before = await connection.fetchval("SELECT instant FROM sequencer")
    async with platform.pool.connection() as other:
        transaction = other.transaction()
        await transaction.start()
        moment = await other.fetchval("SELECT clock_timestamp() FROM pg_current_xact_id()")
        for number in range(3):
            await write(f"p-{number}", active=True)
            await give()
            await asyncio.sleep(0.01)
        during = await connection.fetchval("SELECT instant FROM sequencer")
        assert before <= during < moment
        await transaction.rollback()
    await give()
    after = await connection.fetchval("SELECT instant FROM sequencer")
    assert after > moment


async def test_the_instant_goes_on_while_nothing_is_written(platform, connection, start):
    start(sequence, platform.pool)
    asked = await connection.fetchval("SELECT clock_timestamp()")
    async with asyncio.timeout(120):
        while await connection.fetchval("SELECT instant < $1 FROM sequencer", asked):
            await asyncio.sleep(0.05)


async def test_the_sequencer_makes_the_next_segments_before_they_are_needed(platform, connection, write, start):
    numbers = await connection.fetchval("SELECT segment_numbers() * 4")
    await connection.execute("SELECT setval('audit_id', $1)", 2 * numbers - 2)
    start(sequence, platform.pool)
    async with asyncio.timeout(120):
        while await connection.fetchval("SELECT to_regclass('audit_2')") is None:
            await asyncio.sleep(0.05)
    await write("p-1")
    await write("p-2")
    assert await connection.fetchval("SELECT count(*) FROM audit_2") == 1


async def test_a_reader_gets_what_comes_after_it_began_and_goes_on_where_it_was(
    platform, write, start, connection, give
):
    await write("p-0")
    await give()
    seen = []

    async def handle(events):
        seen.extend(event.place.position for event in events)

    stop = asyncio.Event()
    first = asyncio.ensure_future(Reader(platform.pool, "views", handle).follow(stop))
    async with asyncio.timeout(120):
        while await feed.place_of(connection, "views") is None:
            await asyncio.sleep(0.01)
    await write("p-1")
    await write("p-2")
    await give()
    await until(lambda: seen == [2, 3])
    stop.set()
    await first
    await write("p-3")
    await give()
    start(Reader(platform.pool, "views", handle).follow)
    await until(lambda: seen == [2, 3, 4])


async def test_of_two_readers_of_one_name_one_reads(platform, write, start, give):
    seen = []

    async def handle(events):
        seen.extend(event.place.position for event in events)

    start(Reader(platform.pool, "views", handle, from_start=True).follow)
    start(Reader(platform.pool, "views", handle, from_start=True).follow)
    for number in range(10):
        await write(f"p-{number}")
        await give()
    await until(lambda: len(seen) >= 10)
    await asyncio.sleep(0.1)
    assert seen == list(range(1, 11))


@pytest.mark.parametrize(
    ("error", "reason", "attempts"),
    [(KeyError("张三"), "KeyError", feed.ATTEMPTS), (Invalid("fhir.search.no-branch"), "fhir.search.no-branch", 1)],
)
async def test_a_poisonous_event_is_parked_and_stops_nobody(
    platform, write, start, connection, give, caplog, error, reason, attempts
):
    seen = []

    async def handle(events):
        if any(event.place.position == 2 for event in events):
            raise error
        seen.extend(event.place.position for event in events)

    for number in range(4):
        await write(f"p-{number}")
    await give()
    start(Reader(platform.pool, "views", handle, from_start=True).follow)
    await until(lambda: seen == [1, 3, 4])
    row = await connection.fetchrow("SELECT name, position, reason, attempts FROM parked_event")
    assert tuple(row) == ("views", 2, reason, attempts)
    assert "张三" not in caplog.text


async def test_a_database_that_is_away_parks_nothing(platform, write, start, connection, give):
    seen, tries = [], []

    async def handle(events):
        tries.append(1)
        if len(tries) < 6:
            raise Unavailable
        seen.extend(event.place.position for event in events)

    await write("p-1")
    await give()
    start(Reader(platform.pool, "views", handle, from_start=True).follow)
    await until(lambda: seen == [1])
    assert await connection.fetchval("SELECT count(*) FROM parked_event") == 0


async def test_historic_commits_are_passed_over_where_they_are_not_wanted(write, connection, give):
    await write("p-1")
    await connection.execute("UPDATE commit SET historic = true")
    await write("p-2")
    await give()
    events, reached = await feed.read(connection, Place(1, 0), historic=False)
    assert [event.place.position for event in events] == [2]
    await connection.execute("UPDATE commit SET historic = true")
    assert await feed.read(connection, Place(1, 0), historic=False) == ([], reached)


async def test_after_a_restore_a_reader_goes_back_to_where_the_new_epoch_began(write, connection, give):
    for number in range(3):
        await write(f"p-{number}")
    await give()
    await feed.remember(connection, "views", Place(1, 9))
    await connection.execute("UPDATE sequencer SET epoch = 2")
    assert await feed.place_of(connection, "views") == Place(2, 3)
    await write("p-4")
    await give()
    assert await feed.place_of(connection, "views") == Place(2, 3)
    events, _ = await feed.read(connection, Place(2, 3))
    assert [event.place for event in events] == [Place(2, 4)]


async def test_large_commits_come_few_at_a_time(write, connection, give, monkeypatch):
    monkeypatch.setattr(feed, "MOST_VERSIONS", 5)
    for number in range(4):
        await write(*(f"p-{number}-{part}" for part in range(3)))
    await give()
    events, reached = await feed.read(connection, Place(1, 0))
    assert [event.place.position for event in events] == [1, 2]
    events, _ = await feed.read(connection, reached)
    assert [event.place.position for event in events] == [3, 4]


async def test_an_event_stands_for_an_instant(write, connection, give):
    done = await write("p-1")
    await give()
    events, _ = await feed.read(connection, Place(1, 0))
    assert abs(events[0].instant - done[0].stored.instant) < timedelta(milliseconds=1)
