"""`Patient/[id]/$add-reading`: by the resident, the family and staff, down into the log."""

import json

import pytest

from kangyun.access.actor import Actor
from kangyun.devices.formats import Context, read
from kangyun.devices.log import open_reader
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Lane, Mark
from kangyun.testing.people import know

HOUSE = "Organization/platform"


@pytest.fixture
async def type_in(client, monkeypatch):
    """`await type_in("wang", line="152/94")`: what is answered, by people whose tokens are their names."""
    answer = await client.post(
        "Patient", json={"resourceType": "Patient", "gender": "male", "name": [{"text": "测试甲"}]}
    )
    wang = answer.json()["id"]
    know(monkeypatch, {
        "wang": Actor(f"Patient/{wang}", "w", HOUSE, "PATRQT", role="resident", patients=(wang,)),
        "daughter": Actor("RelatedPerson/d", "d", HOUSE, "FAMRQT", role="guardian", patients=(wang,)),
        "neighbour": Actor("RelatedPerson/n", "n", HOUSE, "FAMRQT", role="guardian", patients=("other",)),
        "nurse": Actor("Practitioner/n", "n", HOUSE, "TREAT", role="nurse"),
        "registrar": Actor("Practitioner/r", "r", HOUSE, "PATADMIN", role="registrar"),
        "app": Actor(f"Patient/{wang}", "a", HOUSE, "PATRQT", role="resident", patients=(wang,), client="app"),
    })  # fmt: skip

    async def ask(who, **given):
        parameter = [
            {"name": name, "valueDecimal" if name == "value" else "valueString": value} for name, value in given.items()
        ]
        answer = await client.post(
            f"Patient/{wang}/$add-reading", json={"resourceType": "Parameters", "parameter": parameter},
            headers={"authorization": f"Bearer {who}", "accept-language": "zh"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    return ask


def part(answer, name):
    return next(
        value for one in answer["parameter"] if one["name"] == name for key, value in one.items() if key != "name"
    )


@pytest.fixture
async def stored(platform):
    """Says what stands in the log: metric, value and mark."""

    async def look(lane=Lane.LIVE):
        reader = open_reader(platform)
        batches = await reader.read(lane, {}, most=100, most_bytes=1 << 20)
        await reader.close()
        records = [one for batch in batches for one in batch.records]
        messages = [read(one.format, one.payload, Context(one.received))[0] for one in records]
        return [
            (metrics_by_number()[one.metric].name, one.value, one.mark)
            for message in messages
            for one in message.readings
        ]

    return look


@pytest.mark.parametrize(("who", "place"), [("wang", "home"), ("daughter", "home"), ("nurse", "office")])
async def test_a_line_is_on_disk_and_marked_as_typed(type_in, stored, who, place):
    status, answer = await type_in(who, line="152/94")
    assert (status, part(answer, "state")) == (200, "kept")
    assert await stored() == [(f"systolic-{place}", 152, Mark.TYPED), (f"diastolic-{place}", 94, Mark.TYPED)]


async def test_what_is_unusual_is_asked_back_and_taken_the_second_time(type_in, stored):
    _, asked = await type_in("wang", line="1520/94")
    assert (part(asked, "state"), await stored()) == ("asked", [])
    assert part(asked, "question").startswith("您输入的是 1520/94（血压），是不是 152/94？")
    again = {"line": "1520/94", "at": part(asked, "at"), "confirm": part(asked, "confirm")}
    assert (await type_in("wang", **again | {"line": "1521/94"}))[0] == 422
    assert part((await type_in("wang", **again))[1], "state") == "kept"
    assert await stored() == [
        ("systolic-home", 1520, Mark.TYPED | Mark.DOUBTED), ("diastolic-home", 94, Mark.TYPED),
    ]  # fmt: skip


@pytest.mark.parametrize(("line", "impossible"), [("1520/94", True), ("220/125", False), ("血糖 300", True)])
async def test_who_types_what_cannot_be_is_told_that_it_warns_nobody(type_in, line, impossible):
    _, asked = await type_in("wang", line=line)
    assert part(asked, "state") == "asked"
    assert ("不会提醒任何人" in part(asked, "question")) is impossible


async def test_one_metric_by_name_with_its_unit(type_in, stored):
    status, answer = await type_in("nurse", metric="glucose", value=100, unit="mg/dL")
    assert (status, part(answer, "state"), await stored()) == (200, "kept", [("glucose", 5.6, Mark.TYPED)])


async def test_what_was_measured_yesterday_is_history(type_in, stored):
    await type_in("wang", line="152/94", at="2026-01-05T08:00:00+08:00")
    assert (len(await stored()), len(await stored(Lane.BACKFILL))) == (0, 2)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"line": "hello"}, 400), ({}, 400), ({"line": "152/94", "metric": "glucose"}, 400),
        ({"metric": "latitude", "value": 5}, 400), ({"line": "152/94", "at": "1999-01-01T00:00:00Z"}, 422),
        ({"metric": "glucose", "value": 5, "unit": "kg"}, 400), ({"line": "152/94", "place": "moon"}, 400),
        ({"line": "152/94", "at": "2099-01-01T00:00:00Z"}, 422),
        ({"line": "152/94", "at": "yesterday"}, 400), ({"metric": "glucose"}, 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused(type_in, stored, given, status):
    assert ((await type_in("wang", **given))[0], await stored()) == (status, [])


@pytest.mark.parametrize(("who", "status"), [("neighbour", 404), ("registrar", 403), ("app", 403)])
async def test_nobody_else_types_for_him(type_in, stored, who, status):
    assert ((await type_in(who, line="152/94"))[0], await stored()) == (status, [])


async def test_two_typings_are_of_one_person_and_leave_their_rows(type_in, platform):
    await type_in("wang", line="152/94")
    await type_in("daughter", line="150/90")
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM device") == 1
        assert await connection.fetchval("SELECT count(*) FROM device_user") == 1
        rows = await connection.fetch("SELECT outcome FROM audit WHERE action = 'add-reading'")
    assert [row["outcome"] for row in rows] == [200, 200]
    assert "152" not in json.dumps([dict(row) for row in rows])
