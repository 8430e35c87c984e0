import asyncio
import gc
import weakref

import pytest

from kangyun.base.errors import TooCostly, Unavailable
from kangyun.database.gathering import Apart, Gathering


class Work:
    """Doubles numbers; a group that holds one of `bad` fails by it."""

    def __init__(self, bad=()):
        self.bad = dict(bad)
        self.groups = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, items):
        self.groups.append(list(items))
        await self.go.wait()
        for item in items:
            if item in self.bad:
                raise self.bad[item]
        return [2 * item for item in items]


async def gathered(gathering, items):
    return await asyncio.gather(*(gathering.join(item) for item in items), return_exceptions=True)


async def test_who_comes_at_once_goes_together():
    work = Work()
    assert await gathered(Gathering(work, most=10, patience=60), range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert work.groups == [[0, 1, 2, 3, 4, 5, 6]]


async def test_a_full_group_leaves():
    work = Work()
    assert await gathered(Gathering(work, most=3, patience=0.001), range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert work.groups == [[0, 1, 2], [3, 4, 5], [6]]


async def test_who_comes_while_a_group_is_under_way_waits_no_longer_than_the_patience():
    work = Work()
    work.go.clear()
    gathering = Gathering(work, most=10, patience=0.01)
    first = asyncio.ensure_future(gathering.join(1))
    while not work.groups:
        await asyncio.sleep(0)
    others = asyncio.ensure_future(gathered(gathering, [2, 3]))
    while len(work.groups) < 2:
        await asyncio.sleep(0.001)
    assert work.groups == [[1], [2, 3]]
    work.go.set()
    assert await first == 2
    assert await others == [4, 6]


async def test_without_patience_there_is_one_group_at_a_time():
    work = Work()
    work.go.clear()
    gathering = Gathering(work, most=2, patience=None)
    first = asyncio.ensure_future(gathering.join(1))
    while not work.groups:
        await asyncio.sleep(0)
    others = asyncio.ensure_future(gathered(gathering, [2, 3, 4]))
    await asyncio.sleep(0.01)
    assert work.groups == [[1]]
    work.go.set()
    assert [await first, *await others] == [2, 4, 6, 8]
    assert work.groups == [[1], [2, 3], [4]]


async def test_the_fault_of_one_is_nobody_elses():
    fault = ValueError()
    gathering = Gathering(Work({2: fault}), most=10, patience=60)
    assert [type(result) for result in await gathered(gathering, [1, 2, 3])] == [Apart] * 3
    assert await gathered(gathering, [2]) == [fault]
    assert await gathered(gathering, [1]) == [2]


async def test_what_is_too_costly_for_one_is_said_to_nobody_else():
    fault = TooCostly()
    gathering = Gathering(Work({2: fault}), most=10, patience=60)
    assert [type(result) for result in await gathered(gathering, [1, 2, 3])] == [Apart] * 3


async def test_without_the_platform_all_are_told_so():
    fault = Unavailable()
    assert await gathered(Gathering(Work({2: fault}), most=10, patience=60), [1, 2, 3]) == [fault] * 3


async def test_who_was_cancelled_in_time_is_left_out():
    work = Work()
    work.go.clear()
    gathering = Gathering(work, most=10, patience=0.01)
    first = asyncio.ensure_future(gathering.join(1))
    while not work.groups:
        await asyncio.sleep(0)
    second, third = asyncio.ensure_future(gathering.join(2)), asyncio.ensure_future(gathering.join(3))
    await asyncio.sleep(0)
    second.cancel()
    work.go.set()
    assert await third == 6
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await first == 2
    assert work.groups == [[1], [3]]


async def test_who_was_cancelled_later_takes_nobody_along():
    work = Work()
    work.go.clear()
    gathering = Gathering(work, most=10, patience=60)
    first, second = asyncio.ensure_future(gathering.join(1)), asyncio.ensure_future(gathering.join(2))
    while not work.groups:
        await asyncio.sleep(0)
    first.cancel()
    work.go.set()
    assert await second == 4


async def test_nobody_waits_for_results_that_do_not_come():
    async def too_few(items):
        return []

    gathering = Gathering(too_few, most=10, patience=60)
    assert [type(result) for result in await gathered(gathering, [1, 2])] == [Apart] * 2
    assert [type(result) for result in await gathered(gathering, [1])] == [ValueError]


class Large:
    """Something that is not to be kept."""


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("error", [Unavailable, ValueError])
async def test_what_failed_is_not_kept(count, error):
    async def fail(items):
        raise error

    gathering = Gathering(fail, most=10, patience=60)
    gc.collect()
    gc.disable()  # What keeps itself alive would go only with the collector.
    try:
        items = [Large() for _ in range(count)]
        seen = [weakref.ref(item) for item in items]

        async def join(item):
            with pytest.raises((error, Apart)):
                await gathering.join(item)

        await asyncio.gather(*map(join, items))
        items.clear()
        await asyncio.sleep(0)
        assert [ref() for ref in seen] == [None] * count
    finally:
        gc.enable()
