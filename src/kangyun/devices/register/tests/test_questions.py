"""这次是谁量的？ Readings of nobody certain are asked about once, answered by who may know, and become his."""

from datetime import timedelta

import numpy as np
import pytest

from kangyun.access.kept import Kept
from kangyun.base import clock
from kangyun.devices.register import questions
from kangyun.devices.register.questions import Asked, microseconds
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.samples import Samples
from kangyun.testing.answers import told, value_of

SYSTOLIC, PULSE = 1, 2


@pytest.fixture
async def shared(call, claim, platform):
    """A cuff of wang (key 1) and zhao (key 2), and a press that names no key: asked about, its samples nobody's."""
    device = await claim("nurse", key="1")
    told(await call("nurse", f"{device}/$assign", patient=call.zhao, key="2"))
    at, samples = clock.now(), Samples(Kept(platform.gate.store))
    async with platform.pool.connection() as connection, connection.transaction():
        number = await connection.fetchval("SELECT id FROM device WHERE serial = 'SN-1'")
        numbers = await samples.series_of([number] * 2, [SYSTOLIC, PULSE], [None, None])
        batch = Batch(
            numbers, np.array([SYSTOLIC, PULSE], np.int16), np.array([microseconds(at)] * 2),
            np.array([150.0, 70.0]), np.array([16, 16], np.int16),
        )  # fmt: skip
        await samples.insert(connection, batch)
        asked = [Asked(number, at, "", "no-key", (metric,)) for metric in (SYSTOLIC, PULSE)]
        assert await questions.ask(connection, asked) == 1
        assert await questions.ask(connection, asked) == 0
    return number


async def question(call, who):
    (one,) = (await call(who, f"Patient/{getattr(call, who)}/$who-questions")).json()["parameter"]
    return {part["name"]: value_of(part) for part in one["part"]}


async def holders(platform):
    async with platform.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT s.holder FROM device_series AS s JOIN device_sample AS d ON d.series = s.id ORDER BY s.metric"
        )
    return [row["holder"] for row in rows]


async def test_it_is_asked_of_each_who_shares_the_device_and_of_nobody_else(call, shared):
    asked = await question(call, "wang")
    assert asked["text"].endswith("这次是谁量的？")
    assert asked["who"]["reference"] == f"Patient/{call.wang}"
    assert asked["who-else"] == "共用这台设备的另一位"  # Who that is, is not told.
    assert (await question(call, "zhao"))["id"] == asked["id"]
    assert told(await call("far", f"Patient/{call.far}/$who-questions")) == {}


@pytest.mark.parametrize(("who", "whom"), [("wang", "wang"), ("zhao", "zhao"), ("nurse", "zhao"), ("daughter", "wang")])
async def test_whose_it_was_it_becomes(call, shared, platform, who, whom):
    asked = await question(call, "wang")
    told(await call(who, "Device/$answer-who", question=asked["id"], patient=getattr(call, whom)))
    number = platform.gate.store.ids.res_of(getattr(call, whom))
    assert await holders(platform) == [number, number]
    told(await call("zhao", "Device/$answer-who", question=asked["id"], patient=call.zhao), 409)


async def test_a_guest_s_reading_stays_nobody_s(call, shared, platform):
    asked = await question(call, "wang")
    told(await call("wang", "Device/$answer-who", question=asked["id"], patient="nobody"))
    assert await holders(platform) == [None, None]


@pytest.mark.parametrize(
    ("who", "whom", "status"),
    [
        ("far", "far", 404), ("wang", "zhao", 404), ("nurse", "far", 400), ("officer", "wang", 403),
        ("far-nurse", "wang", 404),
    ],
)  # fmt: skip
async def test_nobody_else_says_whose_it_was(call, shared, platform, who, whom, status):
    asked = await question(call, "wang")
    told(await call(who, "Device/$answer-who", question=asked["id"], patient=getattr(call, whom)), status)
    assert await holders(platform) == [None, None]


async def test_what_was_answered_counts_when_it_is_taken_in_again(call, shared, platform, register):
    asked = await question(call, "wang")
    async with platform.pool.connection() as connection:
        at = microseconds((await questions.one(connection, asked["id"])).at)
    assert await register.wearers.at(shared, "", at) is None
    told(await call("zhao", "Device/$answer-who", question=asked["id"], patient=call.zhao))
    await register.changes.look()
    assert await register.wearers.at(shared, "", at) == platform.gate.store.ids.res_of(call.zhao)
    assert await register.wearers.at(shared, "", at + 1) is None


async def test_what_does_not_fit_is_nobody_s_until_it_is_answered(shared, platform, register):
    at = clock.now() + timedelta(minutes=1)
    holder = await register.wearers.at(shared, "1", microseconds(at))
    assert holder is not None
    async with platform.pool.connection() as connection, connection.transaction():
        await questions.ask(connection, [Asked(shared, at, "1", "does-not-fit", (SYSTOLIC,), holder)])
    await register.changes.look()
    assert await register.wearers.at(shared, "1", microseconds(at)) is None


async def test_staff_are_shown_masked_names(call, shared):
    (one,) = (await call("nurse", f"Patient/{call.wang}/$who-questions")).json()["parameter"]
    names = [part["valueReference"]["display"] for part in one["part"] if part["name"] == "who"]
    assert len(names) == 2
    assert all("patient" not in name for name in names)


async def test_a_question_about_an_earlier_user_is_his(call, shared, platform):
    async with platform.pool.connection() as connection, connection.transaction():
        asked = [Asked(shared, clock.now() - timedelta(days=1), "", "no-key", (SYSTOLIC,))]
        await questions.ask(connection, asked)  # Nobody had it then: nobody is asked.
    assert len((await call("wang", f"Patient/{call.wang}/$who-questions")).json()["parameter"]) == 1
