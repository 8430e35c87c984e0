"""What was delivered taken in once more: by another mapping, or after it was only judged."""

import pytest

from kangyun.access.kept import Kept
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.feeds.replaying import Replay, Which

TABLE = "V_PAT"
COLUMNS = ("NO", "NAME", "SEX", "MADE")
MAPPING = """
name = "own"
title = "本院患者"
edition = "2026-11-23"
tables = ["V_PAT"]
key = ["NO"]
day = "MADE"
[[resources]]
type = "Patient"
kind = "patient"
[resources.body]
active = true
name = [{{ use = "official", text = "@!{column} name" }}]
"""
BY = "Practitioner/wang"


@pytest.fixture
async def replay(centre, gateway, staff):
    """A replay of the feed, whose table has a mapping of its own, a wrong one at first."""
    await map_(centre, "SEX")
    feed = await Register(centre.pool).get("house-1-tables")
    return Replay(centre, Kept(centre.gate.store)), feed


async def map_(centre, column):
    await Register(centre.pool).map("house-1-tables", MAPPING.format(column=column), BY)


def row(number, name="测试甲", sex="男甲"):
    return [number, name, sex, "2025-12-01"]


async def names(region):
    found = (await region.client.get("Patient")).json().get("entry", ())
    return sorted(one["resource"]["name"][0]["text"] for one in found)


async def test_a_mapping_is_tried_and_then_applied_to_what_came_before(replay, gateway, worked, centre, region):
    replaying, feed = replay
    await gateway.put(1, [row("1"), row("2", "测试乙")], table=TABLE, columns=COLUMNS)
    await gateway.put(2, [row("2", "测试丙")], table=TABLE, columns=COLUMNS)
    await worked(2)
    assert await names(region) == ["男甲", "男甲"]
    right = {"own": MAPPING.format(column="NAME")}
    found = await replaying.compare(feed, Which(TABLE), BY, right)
    assert (found.deliveries, found.rows, found.updated, found.unchanged) == (2, 2, 2, 0)
    assert await names(region) == ["男甲", "男甲"]
    await map_(centre, "NAME")
    assert await replaying.replay(feed, Which(TABLE), BY) == 2
    await worked(2)
    assert await names(region) == ["测试丙", "测试甲"]
    found = await replaying.compare(feed, Which(TABLE), BY)
    assert (found.updated, found.unchanged) == (0, 2)


async def test_what_was_only_judged_is_looked_at_and_then_taken_in(replay, gateway, worked, staff, region, centre):
    replaying, feed = replay
    await map_(centre, "NAME")
    await gateway.put(1, [row("1")], table=TABLE, columns=COLUMNS)
    await worked(1)
    assert (await staff("POST", "/house-1-tables/move", {"to": "testing"}))[0] == 200
    await gateway.put(2, [row("1", "测试乙"), row("3"), row("4", name="")], table=TABLE, columns=COLUMNS)
    (answer,) = await worked(2, 1)
    assert answer["fate"] == "tried"
    found = await replaying.compare(feed, Which(TABLE, since=2, tried=True), BY)
    assert (found.rows, found.created, found.updated, found.aside) == (3, 1, 1, 1)
    assert await replaying.replay(feed, Which(TABLE, since=2), BY) == 0
    assert await replaying.replay(feed, Which(TABLE, since=2, tried=True), BY) == 1
    (answer,) = await worked(2, 1)
    assert (answer["fate"], answer["stored"]) == ("taken", 2)
    assert await names(region) == ["测试乙", "测试甲"]


TWICE = MAPPING.replace('key = ["NO"]', 'key = ["NO", "MADE"]').replace(
    'kind = "patient"', 'kind = "patient"\nkey = ["NO"]'
)


async def test_what_two_rows_create_is_created_once(replay, gateway, worked, staff, region, centre):
    replaying, feed = replay
    await Register(centre.pool).map("house-1-tables", TWICE.format(column="NAME"), BY)
    assert (await staff("POST", "/house-1-tables/move", {"to": "testing"}))[0] == 200
    rows = [row("1"), [*row("1")[:3], "2025-12-02"], [*row("1", "测试乙")[:3], "2025-12-03"], row("2")]
    await gateway.put(1, rows, table=TABLE, columns=COLUMNS)
    await worked(1)
    found = await replaying.compare(feed, Which(TABLE, tried=True), BY)
    assert (found.rows, found.created, found.updated, found.unchanged) == (4, 2, 1, 1)
    await replaying.replay(feed, Which(TABLE, tried=True), BY)
    await worked(1)
    assert await names(region) == ["测试乙", "测试甲"]
