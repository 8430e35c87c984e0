"""Alarms by websocket: a snapshot, then changes, to who may see them; breaks lose nothing; who does not read is cut."""

import asyncio
import time

import pytest

from kangyun.access.actor import Actor
from kangyun.base import clock
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.acting import Act, act
from kangyun.devices.signals import Level, Warning
from kangyun.testing.desks import Desk
from kangyun.testing.people import know
from kangyun.web import alarms as web

CENTRE = "Organization/centre"
ACTORS = {
    "officer": Actor("Practitioner/wang", "王", CENTRE, role="duty-officer"),
    "off-duty": Actor("Practitioner/off", "关", CENTRE, role="duty-officer"),
    "stranger": Actor("Practitioner/chen", "陈", "Organization/other", role="doctor"),
    "clerk": Actor("Practitioner/ma", "马", CENTRE, "PATADMIN", role="registrar"),
}
SETTLE = """
WITH made AS (INSERT INTO institution (reference) VALUES ('Organization/centre') ON CONFLICT DO NOTHING RETURNING id),
given AS (INSERT INTO device (name, institution, format) SELECT 'd1', id, 'plain' FROM made RETURNING id),
shift AS (INSERT INTO duty_shift (desk, day, starts, ends, who, given_by)
    SELECT id, 'daily', '00:00', '00:00', 'Practitioner/wang', 'test' FROM made)
INSERT INTO device_user (device, key, holder) SELECT id, holder::text, holder FROM given
CROSS JOIN unnest($1::int8[]) AS holder
"""


def found(holder: int) -> Warning:
    at = time.time_ns() // 1000
    return Warning(rule="sos", level=Level.RED, holder=holder, at=at, since=at, position=(30.1, 104.2))


class Region:
    """A desk of one officer, and people whose devices it gave out."""

    def __init__(self, platform, application) -> None:
        self.platform, self.application = platform, application
        self.alarms = Alarms.of(platform.gate)
        self.desks: list[Desk] = []

    def desk(self, who: str = "officer", since: int | None = None, **given) -> Desk:
        self.desks.append(Desk(self.application, who, since, **given))
        return self.desks[-1]

    async def raise_(self, holder: int) -> int:
        async with self.platform.pool.connection() as connection, connection.transaction():
            (one,) = await self.alarms.raise_(connection, [found(holder)])
        return one.alarm

    async def act(self, alarm: int, step: str, **given) -> None:
        async with self.platform.pool.connection() as connection, connection.transaction():
            asked = Act(step, "Practitioner/wang", **given)
            await act(connection, self.alarms, self.platform.gate.outbox, alarm, asked, clock.now())


@pytest.fixture
async def region(platform, open_client, monkeypatch):
    know(monkeypatch, ACTORS)
    client = await open_client(connections=8)
    made = Region(platform, client._transport.app)
    async with platform.pool.connection() as connection:
        await connection.execute(SETTLE, [n << 12 for n in range(1, 60)])
    for name in ("wang", "off"):
        await platform.sign_in.identities.admit(
            "staff", f"Practitioner/{name}", CENTRE, name, roles=["duty-officer"], vouched_by="Device/t", evidence="x"
        )
    yield made
    for desk in made.desks:
        await desk.leave()


def told(message) -> list[tuple[int, str]]:
    return [(one["id"], one["state"]) for one in message["alarms"]]


async def test_a_snapshot_and_then_each_change(region):
    first = await region.raise_(4096)
    desk = region.desk()
    snapshot = await desk.until("snapshot")
    assert told(snapshot) == [(first, "raised")]
    second = await region.raise_(8192)
    assert told(await desk.until("changes")) == [(second, "raised")]
    await region.act(first, "acknowledge")
    assert told(await desk.until("changes")) == [(first, "acknowledged")]
    await region.act(first, "close", outcome="已联系")
    assert told(await desk.until("changes")) == [(first, "closed")]


async def test_it_is_told_with_its_place_while_the_name_is_not(region):
    desk = region.desk()
    await desk.until("snapshot")
    began = time.perf_counter()
    await region.raise_(4096)
    (one,) = (await desk.until("changes"))["alarms"]
    assert time.perf_counter() - began < 1
    assert (one["level"], one["rule"]) == ("red", "sos") and "30.10000, 104.20000" in one["place"]


async def test_only_who_may_see_is_told(region):
    await region.raise_(4096)
    for who in ("off-duty", "stranger"):
        assert (await region.desk(who).until("snapshot"))["alarms"] == []
    assert await region.desk("clerk").hear() == {"code": 4403}
    assert await region.desk("nobody").hear() == {"code": 4401}


async def test_a_break_loses_nothing(region):
    desk = region.desk()
    number = (await desk.until("snapshot"))["number"]
    await desk.leave()
    ids = [await region.raise_(n << 12) for n in range(1, 6)]
    await region.act(ids[0], "close", outcome="误报")
    again = await region.desk(since=number).until("changes")
    assert sorted(told(again)) == [(ids[0], "closed"), *((id_, "raised") for id_ in ids[1:])]
    nothing = await region.desk(since=again["number"]).until("changes")
    assert nothing["alarms"] == []
    assert (await region.desk(since=1 << 50).until("snapshot"))["number"] >= again["number"]


async def test_what_commits_late_is_not_missed(region):
    await region.raise_(12288)
    desk = region.desk()
    await desk.until("snapshot")
    async with region.platform.pool.connection() as connection:
        slow = connection.transaction()
        await slow.start()
        (first,) = await region.alarms.raise_(connection, [found(4096)])
        second = await region.raise_(8192)
        assert told(await desk.until("changes")) == [(second, "raised")]
        await slow.commit()
    assert told(await desk.until("changes")) == [(first.alarm, "raised")]


async def test_many_at_once_are_all_told_each_once(region):
    desk = region.desk()
    await desk.until("snapshot")
    ids = await asyncio.gather(*(region.raise_(n << 12) for n in range(1, 30)))
    heard: list[int] = []
    while len(heard) < len(ids):
        heard += [id_ for id_, _ in told(await desk.until("changes"))]
    assert sorted(heard) == sorted(ids)


async def test_who_does_not_read_is_cut_and_the_others_are_told(region, monkeypatch):
    monkeypatch.setattr(web, "READS_WITHIN", 0.2)
    deaf, desk = region.desk(reads=False), region.desk()
    await desk.until("snapshot")
    id_ = await region.raise_(4096)
    assert told(await desk.until("changes")) == [(id_, "raised")]
    await asyncio.wait_for(asyncio.shield(deaf.task), 5)


async def test_a_beat_while_nothing_changes_and_a_snapshot_when_duty_changes(region, monkeypatch):
    monkeypatch.setattr(web, "BEAT", 0.1)
    id_ = await region.raise_(4096)
    desk = region.desk()
    first = await desk.until("snapshot")
    assert (await desk.until("beat"))["number"] >= first["number"]
    async with region.platform.pool.connection() as connection:
        await connection.execute("UPDATE duty_shift SET who = 'Practitioner/off'")
    assert (await desk.until("snapshot"))["alarms"] == []
    assert told(await region.desk("off-duty").until("snapshot")) == [(id_, "raised")]


async def test_a_page_signs_in_by_a_protocol_and_hears_sentences_in_its_language(region):
    await region.raise_(4096)
    by_protocol = region.desk("", protocols=("kangyun", "bearer.officer"), language="en")
    (one,) = (await by_protocol.until("snapshot"))["alarms"]
    assert "in touch at once" in one["text"]
    assert by_protocol.protocol == "kangyun"


async def test_what_comes_next_is_told_with_its_time(region):
    await region.raise_(4096)
    (one,) = (await region.desk().until("snapshot"))["alarms"]
    assert (one["next"], one["whom"], one["due"][:16]) == ("tell", "desk", one["since"][:16])
