"""Who used a device at an instant: the rule, and that no history that people can make has two users at once."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import PlatformError
from kangyun.devices.register import rows, users
from kangyun.devices.register.questions import reason_of
from kangyun.devices.register.wearers import NOBODY, Use, Wearers, holder_at

FATHER, MOTHER = 7, 8
ALONE = [Use("", FATHER, 10)]
KEYED = [Use("1", FATHER, 10)]
BOTH = [Use("1", FATHER, 10), Use("2", MOTHER, 20, 40)]


@pytest.mark.parametrize(
    ("uses", "key", "at", "holder"),
    [
        (ALONE, "", 10, FATHER), (ALONE, "", 9, None), (ALONE, "2", 10, FATHER), (KEYED, "", 10, FATHER),
        (KEYED, "1", 10, FATHER), (KEYED, "2", 10, None), (BOTH, "1", 30, FATHER), (BOTH, "2", 30, MOTHER),
        (BOTH, "", 30, None), (BOTH, "3", 30, None), (BOTH, "", 40, FATHER), (BOTH, "2", 40, None), ([], "", 5, None),
    ],
)  # fmt: skip
def test_a_reading_is_his_whose_key_it_is_or_whose_device_alone(uses, key, at, holder):
    assert holder_at(uses, key, at) == holder


@pytest.mark.parametrize(
    ("uses", "key", "reason"),
    [(BOTH, "", "no-key"), (BOTH, "3", "unknown-key"), (KEYED, "2", "unknown-key"), ([], "", None), ([], "2", None)],
)
def test_a_reading_of_nobody_is_asked_about_where_somebody_has_the_device(uses, key, reason):
    assert reason_of(uses, key, 30) == reason


periods = st.lists(
    st.builds(
        lambda key, holder, since, long: Use(key, holder, since, since + long),
        st.sampled_from(["", "1", "2"]), st.integers(1, 4), st.integers(0, 50), st.integers(1, 50),
    ),
    max_size=4,
)  # fmt: skip


class Pool:
    """In place of the database: histories of the devices 1, 2 and 3, and nothing was asked."""

    def __init__(self, histories):
        self._histories = histories

    @contextlib.asynccontextmanager
    async def connection(self):
        yield self

    async def fetch(self, statement, devices):
        return [
            {"device": device, "key": use.key, "holder": use.holder, "since": use.since, "until": use.until}
            for device in devices
            for use in self._histories[device - 1]
            if "device_user" in statement
        ]


asked = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "1", "2", "3"]), st.integers(0, 110)), max_size=20)


@given(st.lists(periods, min_size=3, max_size=3), asked)
def test_a_group_is_answered_as_each_alone(histories, readings):
    async def answers():
        columns = [list(column) for column in zip(*readings, strict=True)] or [[], [], []]
        return (await Wearers(Pool(histories)).of(*columns)).tolist()

    expected = [holder_at(histories[device - 1], key, at) or NOBODY for device, key, at in readings]
    assert asyncio.run(answers()) == expected


steps = st.lists(
    st.one_of(
        st.tuples(st.just("assign"), st.sampled_from(["", "1", "2"]), st.integers(1, 3)),
        st.tuples(st.just("return"), st.just(""), st.one_of(st.none(), st.integers(1, 3))),
    ),
    max_size=12,
)


@pytest.fixture
def new_device(platform, given_device):
    numbers = iter(range(10_000))

    async def make():
        return (await given_device(f"bp-{next(numbers):05d}", state="made"))[0]

    return make


async def carry_out(connection, device, step):
    act, key, holder = step
    row = await rows.by_number(connection, device, lock=True)
    if act == "assign":
        await users.assign(connection, row, key, holder, "test")
    else:
        await users.hand_back(connection, row, None if holder is None else [holder], "returned", "test")


async def tried(pool, device, step):
    """Does one step in a transaction of its own; what the rules refuse changes nothing."""
    try:
        async with pool.connection() as connection, connection.transaction():
            await carry_out(connection, device, step)
    except PlatformError:
        return False
    return True


def overlapping(history):
    return [
        (one, other)
        for place, one in enumerate(history)
        for other in history[place + 1 :]
        if one.key == other.key and one.since < other.until and other.since < one.until
    ]


async def test_no_instant_has_two_holders_for_a_device_and_key(platform, new_device):
    histories = []

    @settings(max_examples=30)
    @given(steps)
    def collect(taken):
        histories.append(taken)

    collect()
    for taken in histories:
        device = await new_device()
        for step in taken:
            await tried(platform.pool, device, step)
        async with platform.pool.connection() as connection:
            history = await rows.uses_of(connection, device)
        assert overlapping(history) == []
        assert all(use.since < use.until for use in history)
        # By any key and by none, an instant is one person's or nobody's, and shared devices have keys.
        current = [use for use in history if use.until > 2**62]
        assert len({use.holder for use in current}) < 2 or all(use.key for use in current)


async def test_of_many_who_are_given_a_device_at_once_one_has_it(platform, new_device):
    device = await new_device()
    done = await asyncio.gather(*(tried(platform.pool, device, ("assign", "", holder)) for holder in range(1, 9)))
    assert done.count(True) == 1
    async with platform.pool.connection() as connection:
        assert len(await rows.uses_of(connection, device)) == 1


async def test_who_wears_it_is_heard_of(platform, register, new_device):
    device, far = await new_device(), 1 << 60
    assert await register.wearers.at(device, "", far) is None
    await tried(platform.pool, device, ("assign", "", FATHER))
    await register.changes.look()
    assert await register.wearers.at(device, "", far) == FATHER
    assert (await register.wearers.of([device], [""], [far])).tolist() == [FATHER]
