"""More than a process can take: each class keeps to its places, the queue is bounded, and who is sent away knows it."""

import asyncio
import resource
import time

import pytest

from kangyun.base.errors import Throttled, Unavailable
from kangyun.web import limits
from kangyun.web.limits import Limits, TooSlow, in_time


def make(**most):
    return Limits(body_bytes=1000, **({"interactive": 2, "feed": 1, "bulk": 1} | most))


async def hold(places, kind, until):
    async with places.place(kind):
        await until.wait()


async def test_a_place_goes_to_who_waits_longest():
    places, order, go = make(interactive=1), [], asyncio.Event()

    async def one(number):
        async with places.place("interactive"):
            order.append(number)
            await go.wait()

    tasks = [asyncio.ensure_future(one(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert (places.in_use("interactive"), places.waiting("interactive")) == (1, 3)
    go.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]
    assert (places.in_use("interactive"), places.waiting("interactive")) == (0, 0)


@pytest.mark.parametrize(("kind", "refusal"), [("interactive", Unavailable), ("feed", Throttled), ("bulk", Throttled)])
async def test_a_full_queue_sends_away_at_once(kind, refusal):
    places, until = make(), asyncio.Event()
    count = places.most[kind] * (1 + limits.QUEUE)
    tasks = [asyncio.ensure_future(hold(places, kind, until)) for _ in range(count)]
    await asyncio.sleep(0.01)
    with pytest.raises(refusal):
        await hold(places, kind, until)
    until.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results.count(None) == count
    assert places.free == places.most


async def test_a_class_takes_no_place_of_another():
    places, until = make(), asyncio.Event()
    feed = asyncio.ensure_future(hold(places, "feed", until))
    await asyncio.sleep(0)
    until.set()
    await hold(places, "interactive", until)
    await feed


async def test_who_has_waited_long_enough_is_sent_away(monkeypatch):
    monkeypatch.setitem(limits.PATIENCE, "interactive", 0.05)
    places, until = make(interactive=1), asyncio.Event()
    first = asyncio.ensure_future(hold(places, "interactive", until))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hold(places, "interactive", until)
    assert (places.waiting("interactive"), places.refused["interactive"]) == (0, 1)
    until.set()
    await first
    assert places.free == places.most


async def test_who_goes_while_waiting_loses_nobody_a_place():
    places, until = make(interactive=1), asyncio.Event()
    first = asyncio.ensure_future(hold(places, "interactive", until))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(hold(places, "interactive", until)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[2].cancel()
    until.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert places.free == places.most
    assert places.waiting("interactive") == 0


async def test_a_turn_that_comes_to_who_just_went_is_the_next_ones():
    places, until = make(interactive=1), asyncio.Event()
    first = asyncio.ensure_future(hold(places, "interactive", until))
    await asyncio.sleep(0)
    going = asyncio.ensure_future(hold(places, "interactive", until))
    staying = asyncio.ensure_future(hold(places, "interactive", until))
    await asyncio.sleep(0)
    until.set()
    await first  # The turn of `going` has come, and it has not run since.
    going.cancel()
    await asyncio.wait_for(staying, 1)
    await asyncio.gather(going, return_exceptions=True)
    assert places.free == places.most


def test_bodies_share_the_room_and_one_alone_always_has_it():
    room = make().room
    first, second = room.open(), room.open()
    first.take(5000)
    with pytest.raises(Throttled):
        second.take(1)
    first.close()
    second.take(400)
    with pytest.raises(Throttled):
        first.take(700)
    second.close()
    assert room.used == 0


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "BODY_PATIENCE", 0.05)

    async def never():
        await asyncio.sleep(60)

    with pytest.raises(TooSlow):
        await in_time(never)()


async def test_a_body_that_drips_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "BODY_PATIENCE", 0.05)
    monkeypatch.setattr(limits, "SLOWEST_BODY", 1_000_000)

    async def drop():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    receive = in_time(drop)
    with pytest.raises(TooSlow):
        for _ in range(1000):
            await receive()


async def test_a_body_that_comes_steadily_is_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "BODY_PATIENCE", 0.2)
    monkeypatch.setattr(limits, "SLOWEST_BODY", 1000)

    async def part():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": bytes(100), "more_body": True}

    receive = in_time(part)
    began = time.monotonic()
    for _ in range(30):
        await receive()
    assert time.monotonic() - began > 0.5


async def test_500_at_once_on_8_places_end_in_a_bounded_time_and_room(open_client):
    client = await open_client(interactive_limit=8)
    made = (await client.post("Patient", json={"resourceType": "Patient", "name": [{"text": "a" * 10_000}]})).json()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = []

    async def ask(number):
        began = time.monotonic()
        path = f"Patient/{made['id']}" if number % 2 else "Patient?name=a"
        answer = await client.get(path)
        took.append(time.monotonic() - began)
        return answer

    answers = await asyncio.gather(*(ask(number) for number in range(500)))
    assert {answer.status_code for answer in answers} == {200, 503}
    # 8 are worked on and 32 wait: no more than that, and each place served several.
    assert sum(answer.status_code == 200 for answer in answers) >= 8 * (1 + limits.QUEUE)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)
    assert max(took) < limits.PATIENCE["interactive"] + 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    # And it is over: nothing is left behind.
    assert (await client.get(f"Patient/{made['id']}")).status_code == 200
    figures = (await client.get("../metrics")).text
    assert 'kangyun_places_refused_total{class="interactive"}' in figures
    assert 'kangyun_places_waiting{class="interactive"} 0' in figures


async def test_bundles_over_their_limit_are_told_429_and_reads_go_on(open_client):
    client = await open_client(feed_limit=1)
    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": "a"}},
        "request": {"method": "POST", "url": "Basic"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 300}
    sending = [asyncio.ensure_future(client.post("", json=bundle)) for _ in range(12)]
    await asyncio.sleep(0.05)
    assert (await client.get("Basic?_summary=count")).status_code == 200
    statuses = [answer.status_code for answer in await asyncio.gather(*sending)]
    assert statuses.count(200) == 1 + limits.QUEUE
    assert statuses.count(429) == 12 - (1 + limits.QUEUE)
