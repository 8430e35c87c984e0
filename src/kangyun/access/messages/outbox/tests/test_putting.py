"""Putting notices: in the caller's transaction, once for a key, sealed."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from kangyun.access.messages.outbox import Notice, Reader, Urgency
from kangyun.base.errors import Invalid

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # 12:00 in the region
NIGHT = datetime(2026, 11, 23, 15, tzinfo=UTC)  # 23:00
MORNING = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # 06:30 of the day after


def notice(key="alarm/1/doctor", urgency=Urgency.RED, reader="Practitioner/li", role="doctor", **given):
    given.setdefault("template", "warning")
    return Notice(key=key, urgency=urgency, readers=(Reader(reader, role),), **given)


@pytest.fixture
def outbox(platform):
    return platform.gate.outbox


@pytest.fixture
async def connection(platform):
    connection = await asyncpg.connect(platform.settings.database or platform.pool.url)
    yield connection
    await connection.close()


async def test_a_key_is_put_once(outbox, connection):
    assert await outbox.put(connection, [notice(), notice(), notice("alarm/2")]) == {"alarm/1/doctor", "alarm/2"}
    assert await outbox.put(connection, [notice(), notice("alarm/3")]) == {"alarm/3"}
    assert await connection.fetchval("SELECT count(*) FROM outbox_message") == 3


async def test_two_at_once_put_it_once(platform, outbox):
    async def put():
        async with platform.pool.connection() as connection, connection.transaction():
            return await outbox.put(connection, [notice(f"alarm/{number}") for number in range(20)])

    new = await asyncio.gather(*(put() for _ in range(5)))
    assert sum(map(len, new)) == 20


async def test_what_the_caller_takes_back_was_never_put(outbox, connection):
    transaction = connection.transaction()
    await transaction.start()
    await outbox.put(connection, [notice()])
    await transaction.rollback()
    assert await outbox.put(connection, [notice()]) == {"alarm/1/doctor"}


async def test_nothing_of_it_stands_in_clear(outbox, connection):
    await outbox.put(connection, [notice(variables={"name": "王建国", "sentence": "收缩压 186"})])
    row = await connection.fetchrow("SELECT * FROM outbox_message")
    assert "王建国" not in str(tuple(row)) and "王建国".encode() not in row["sealed"]
    assert outbox.letters.open(row["key"], row["sealed"]).variables["name"] == "王建国"


@pytest.mark.parametrize(
    ("urgency", "now", "due"),
    [
        (Urgency.RED, NIGHT, NIGHT),
        (Urgency.AMBER, NIGHT, MORNING),
        (Urgency.PLAIN, NIGHT, MORNING),
        (Urgency.AMBER, MORNING - timedelta(seconds=1), MORNING),
        (Urgency.AMBER, NOON, NOON),
        (Urgency.PLAIN, NOON, NOON + timedelta(minutes=30)),
        (Urgency.PLAIN, NIGHT - timedelta(minutes=70), MORNING),  # 21:50: its half hour ends in the night
    ],
)
async def test_all_but_red_waits_for_the_morning(outbox, connection, urgency, now, due):
    await outbox.put(connection, [notice(urgency=urgency)], now)
    assert await connection.fetchval("SELECT due FROM outbox_message") == due


@pytest.mark.parametrize(
    "wrong", [{"key": ""}, {"template": "nothing"}, {"template": "hidden", "role": "family"}, {"key": "x" * 201}]
)
async def test_what_nobody_could_be_told_is_refused(outbox, connection, wrong):
    with pytest.raises(Invalid):
        await outbox.put(connection, [notice(**wrong)])


async def test_what_is_withdrawn_is_told_no_more(outbox, connection):
    await outbox.put(connection, [notice(asker="alarm/1"), notice("other", asker="alarm/10")])
    assert await outbox.withdraw(connection, ["alarm/1"]) == 1
    assert await outbox.withdraw(connection, ["alarm/1"]) == 0
