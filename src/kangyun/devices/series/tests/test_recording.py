"""What the record hears of: each measurement once, a day's summary, a stretch; told again it changes nothing."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from kangyun.access.intake import check_form
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Mark
from kangyun.devices.series.packing import HOUR
from kangyun.devices.series.recording import Recording, tell_of
from kangyun.devices.series.tests.conftest import HEART, LATER, SYSTOLIC

DIASTOLIC, GLUCOSE, STEPS = (metrics()[name].number for name in ("diastolic-home", "glucose", "steps"))
BEGIN = 1_767_196_800_000_000  # 2026-01-01T00:00:00+08:00
MINUTE = HOUR // 60
DOUBTED = int(Mark.DOUBTED)


@pytest.fixture
async def patient(client):
    return (await client.post("Patient", json={"resourceType": "Patient"})).json()["id"]


@pytest.fixture
def person(platform, patient):
    return platform.gate.store.ids.res_of(patient)


@pytest.fixture
def take(platform, samples, batch, person):
    """Takes in samples of device 1: `take((metric, at, value), …)`."""

    async def take_in(*rows, holder=person):
        numbers = (await samples.series_of([1] * len(rows), [row[0] for row in rows], [holder] * len(rows))).tolist()
        async with platform.pool.connection() as connection:
            await samples.insert(connection, batch(*((n, *row) for n, row in zip(numbers, rows, strict=True))))
        return numbers

    return take_in


@pytest.fixture
def recording(platform):
    return Recording(platform)


@pytest.fixture
def observations(client, patient):
    """Returns the Observations of the patient by their codes, each of them valid."""

    async def read():
        text = (await client.get(f"Observation?patient={patient}&_count=100&_sort=date")).text
        answer = json.loads(text, parse_float=Decimal)
        found = [entry["resource"] for entry in answer.get("entry", ())]
        for one in found:
            check_form(one)
        return found

    return read


def components(resource):
    """By the last code of each."""
    return {
        one["code"]["coding"][-1]["code"]: one.get("valueQuantity", {}).get("value", one.get("valueInteger"))
        for one in resource["component"]
    }


async def test_pressures_of_an_instant_are_one_panel_with_the_pulse(take, recording, observations):
    await take((SYSTOLIC, BEGIN, 152), (DIASTOLIC, BEGIN, 94), (HEART, BEGIN, 78), (GLUCOSE, BEGIN, 6.1))
    await recording.run()
    glucose, panel = sorted(await observations(), key=lambda one: "component" in one)
    assert components(panel) == {"systolic-home": 152, "diastolic-home": 94, "heart-rate": 78}
    assert panel["code"]["coding"][0] == {"system": "http://loinc.org", "code": "85354-9"}
    assert panel["effectiveDateTime"] == "2025-12-31T16:00:00.000Z"
    assert panel["category"][0]["coding"][0]["code"] == "vital-signs"
    assert glucose["valueQuantity"] == {
        "value": Decimal("6.1"), "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L",
    }  # fmt: skip


async def test_what_is_told_again_makes_no_version(take, platform, recording, observations):
    (series,) = await take((GLUCOSE, BEGIN, 6.1))
    await recording.run()
    async with platform.pool.connection() as connection:
        await connection.execute("INSERT INTO device_news (series, at) VALUES ($1, $2)", series, BEGIN)
    assert await recording.run() == 1
    (found,) = await observations()
    assert found["meta"]["versionId"] == "1"
    assert await recording.run() == 0


async def test_a_day_is_summed_up_and_late_samples_change_it(take, compaction, recording, observations):
    await take(
        *((HEART, BEGIN + place * MINUTE, 60 + place % 3) for place in range(90)), (HEART, BEGIN + 1, 250, DOUBTED)
    )
    await take(*((STEPS, BEGIN + place * MINUTE, 100) for place in range(10)))
    await compaction.run(LATER)
    await recording.run()
    heart, steps = sorted(await observations(), key=lambda one: len(one["component"]))
    assert components(heart) == {"minimum": 60, "average": 61, "maximum": 62, "median": 61, "count": 90}
    assert components(steps)["sum"] == 1000
    assert heart["effectivePeriod"] == {"start": "2025-12-31T16:00:00.000Z", "end": "2026-01-01T16:00:00.000Z"}
    assert "/$series?metric=heart-rate&" in heart["extension"][0]["valueUrl"]
    await take((HEART, BEGIN + 5 * HOUR, 120, int(Mark.LATE)))
    await compaction.run(LATER)
    await recording.run()
    heart, _ = sorted(await observations(), key=lambda one: len(one["component"]))
    assert (components(heart)["maximum"], components(heart)["count"], heart["meta"]["versionId"]) == (120, 91, "2")


async def test_a_stretch_is_told_with_its_rule(take, platform, recording, observations):
    (series, *_) = await take(*((HEART, BEGIN + place * MINUTE, 130 + place) for place in range(30)))
    found = SimpleNamespace(
        rule="heart-rate-high", since=BEGIN, at=BEGIN + 20 * MINUTE, rests=[SimpleNamespace(series=series)]
    )
    longer = SimpleNamespace(rule=found.rule, since=found.since, at=BEGIN + 25 * MINUTE, rests=found.rests)
    async with platform.pool.connection() as connection:
        await tell_of(connection, [found])
        await tell_of(connection, [longer])
    await recording.run()
    (told,) = await observations()
    assert told["interpretation"][0]["coding"][0]["code"] == "heart-rate-high"
    assert (components(told)["maximum"], components(told)["count"]) == (155, 26)


async def test_of_nobody_certain_nothing_is_told_until_it_is_answered(
    take, platform, samples, recording, observations, person
):
    await take((GLUCOSE, BEGIN, 6.1, int(Mark.QUESTION)), holder=None)
    await recording.run()
    assert await observations() == []
    async with platform.pool.connection() as connection, connection.transaction():
        await samples.move(connection, 1, (None, person), BEGIN, BEGIN + 1)
    await recording.run()
    assert [one["valueQuantity"]["value"] for one in await observations()] == [Decimal("6.1")]


async def test_what_was_anothers_is_taken_back(take, platform, samples, recording, observations, person, holder):
    await take((GLUCOSE, BEGIN, 6.1))
    await recording.run()
    async with platform.pool.connection() as connection, connection.transaction():
        await samples.move(connection, 1, (person, holder), BEGIN, BEGIN + 1)
    await recording.run()
    assert await observations() == []


async def test_what_is_doubted_is_no_observation(take, recording, observations):
    await take((GLUCOSE, BEGIN, 49.0, DOUBTED))
    await recording.run()
    assert await observations() == []


async def test_a_chunk_that_cannot_be_read_keeps_no_other_waiting(
    take, platform, compaction, recording, observations, readings
):
    broken, *_ = await take(*((HEART, BEGIN + place * MINUTE, 60) for place in range(5)))
    await take((STEPS, BEGIN, 100))
    await compaction.run(LATER)
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE device_chunk SET body = 'x' || body WHERE series = $1", broken)
    await take((HEART, BEGIN + HOUR, 61), (STEPS, BEGIN + HOUR, 50))
    assert await compaction.run(LATER) == 2
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM device_sample WHERE series = $1", broken) == 1
        assert await connection.fetchval("SELECT count(*) FROM device_sample WHERE series <> $1", broken) == 0
    await recording.run()
    (steps,) = await observations()
    assert components(steps)["sum"] == 150
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT refused FROM device_news") == "base.unreadable"
