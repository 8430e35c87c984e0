"""What rules know of a person, over HTTP: who may ask, who may set, and that a change is in the trail."""

import time

import numpy as np
import pytest

from kangyun.access.actor import Actor
from kangyun.access.kept import Kept
from kangyun.devices.metrics import metrics
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.samples import Samples
from kangyun.testing.people import know

HOME = "Organization/platform"
HOUR = 3_600_000_000
_DEVICE = """
INSERT INTO device (name, institution, format) SELECT 'one', id, 'plain' FROM institution WHERE reference = $1
ON CONFLICT (name) DO UPDATE SET format = 'plain' RETURNING id
"""


@pytest.fixture
async def patient(client):
    return (await client.post("Patient", json={"resourceType": "Patient", "birthDate": "1956-05-01"})).json()["id"]


@pytest.fixture
def ask(client, monkeypatch, patient):
    """`await ask("li", "$set-limits", why=…)`; without figures it is a GET."""
    know(
        monkeypatch,
        {
            "li": Actor("Practitioner/li", "李", HOME, role="doctor"),
            "app": Actor("Practitioner/li", "李", HOME, role="doctor", client="an-app"),
            "nurse": Actor("Practitioner/zhao", "赵", HOME, role="nurse"),
            "far": Actor("Practitioner/far", "远", "Organization/far", role="doctor"),
        },
    )
    kinds = {bool: "valueBoolean", str: "valueString", int: "valueInteger", float: "valueDecimal"}

    async def call(who, path, **given):
        headers = {"authorization": f"Bearer {who}", "accept-language": "zh"}
        if not given:
            return await client.get(f"Patient/{patient}/{path}", headers=headers)
        parameter = [{"name": name, kinds[type(value)]: value} for name, value in given.items()]
        body = {"resourceType": "Parameters", "parameter": parameter}
        return await client.post(f"Patient/{patient}/{path}", json=body, headers=headers)

    return call


@pytest.fixture
def stored(platform, patient):
    """Stores (metric, at, value) of the patient."""
    samples = Samples(Kept(platform.gate.store))
    person = platform.gate.store.ids.res_of(patient)

    async def store(*rows):
        numbers = [metrics()[name].number for name, _, _ in rows]
        async with platform.pool.connection() as connection:
            device = await connection.fetchval(_DEVICE, HOME)
            series = await samples.series_of([device] * len(rows), numbers, [person] * len(rows))
            await samples.insert(
                connection,
                Batch(
                    series, np.array(numbers, np.int16), np.array([row[1] for row in rows], np.int64),
                    np.array([row[2] for row in rows], float), np.zeros(len(rows), np.int16),
                ),
            )  # fmt: skip

    return store


def rows_of(answer):
    """The limits of an answer, each a dict of its parts."""
    return [
        {one["name"]: next(value for key, value in one.items() if key != "name") for one in parameter["part"]}
        for parameter in answer.json()["parameter"]
        if parameter["name"] == "limit"
    ]


def value_of(answer, name):
    (found,) = (one for one in answer.json()["parameter"] if one["name"] == name)
    return next(value for key, value in found.items() if key != "name")


RED = {"metric": "systolic-home", "side": "high", "level": "red", "value": 170.5, "why": "卒中后，须严格"}


async def test_limits_say_purpose_edition_and_source_by_age(ask):
    rows = rows_of(await ask("li", "$limits"))
    office = {(one["purpose"], one["edition"]): one["value"] for one in rows if one["metric"] == "systolic-office"}
    assert office["临床目标", "2025"] == 130
    assert office["临床目标", "2024"] == 140
    assert office["公卫考核口径", "2017"] == 150
    assert all(one["source"] for one in rows)


async def test_a_doctor_sets_replaces_and_takes_back_a_limit(ask, platform, patient):
    assert (await ask("li", "$set-limits", **RED)).status_code == 200
    (own,) = (one for one in rows_of(await ask("li", "$limits")) if one.get("own"))
    assert (own["value"], own["by"], own["why"]) == (170.5, "Practitioner/li", "卒中后，须严格")
    await ask("li", "$set-limits", **RED | {"value": 175.0})
    (own,) = (one for one in rows_of(await ask("li", "$limits")) if one.get("own"))
    assert own["value"] == 175
    await ask("li", "$set-limits", **{name: value for name, value in RED.items() if name != "value"})
    assert not [one for one in rows_of(await ask("li", "$limits")) if one.get("own")]
    async with platform.pool.connection() as connection:
        looks = await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'set-limits' AND outcome = 200")
        whys = await connection.fetch("SELECT why FROM signal_limit")
    assert looks == 3
    assert len(whys) == 2
    assert not any("卒中".encode() in row["why"] for row in whys)


async def test_conditions_are_set_for_the_rules(ask):
    answer = await ask("li", "$set-limits", condition="heart-failure", why="EF 35%")
    assert value_of(answer, "condition") == "heart-failure"
    assert [one for one in rows_of(answer) if one["metric"] == "weight"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "steps"}, {"side": "up"}, {"level": "info"}, {"value": 900.0}, {"why": " "}, {"until": "2020-01-01"},
        {"condition": "unknown"},
    ],
)  # fmt: skip
async def test_a_limit_that_cannot_be_is_refused(ask, wrong):
    assert (await ask("li", "$set-limits", **RED | wrong)).status_code == 400


@pytest.mark.parametrize(("who", "status"), [("nurse", 403), ("app", 403), ("far", 404)])
async def test_nobody_else_sets_limits(ask, who, status):
    assert (await ask(who, "$set-limits", **RED)).status_code == status


@pytest.mark.parametrize("path", ["$limits", "$rhythm?metric=heart-rate", "$forecast?metric=heart-rate", "$news2"])
async def test_who_does_not_see_the_person_learns_nothing(ask, path):
    answer = await ask("far", path)
    assert answer.status_code in (403, 404)
    assert "parameter" not in answer.json()


async def test_the_score_of_the_last_measurements_or_what_is_missing(ask, stored):
    now = time.time_ns() // 1000
    await stored(
        ("spo2", now, 93), ("heart-rate", now, 115), ("respiratory-rate", now, 22), ("systolic-home", now, 105)
    )
    answer = await ask("li", "$news2")
    assert value_of(answer, "missing") == "body-temperature"
    assert "total" not in {one["name"] for one in answer.json()["parameter"]}
    await stored(("body-temperature", now + 1, 38.5))
    answer = await ask("li", "$news2")
    assert (value_of(answer, "total"), value_of(answer, "level")) == (8, "red")


async def test_a_forecast_follows_the_hours_of_the_person(ask, stored, monkeypatch):
    now = time.time_ns() // 1000 // HOUR * HOUR
    hours = np.arange(-20 * 24, 0)
    local = (now // HOUR + hours + 8) % 24
    rng = np.random.default_rng(1)
    values = 65 - 8 * np.cos((local - 4) / 24 * 2 * np.pi) + rng.normal(0, 2, len(hours))
    await stored(*(("heart-rate", int(now + hour * HOUR), float(v)) for hour, v in zip(hours, values, strict=True)))
    answer = await ask("li", "$forecast?metric=heart-rate&hours=48")
    middle = np.array([float(one) for one in value_of(answer, "middle")["data"].split()])
    low = np.array([float(one) for one in value_of(answer, "low-80%")["data"].split()])
    ahead = (now // HOUR + np.arange(48) + 8) % 24
    assert len(middle) == 48
    assert middle[ahead == 16].mean() > middle[ahead == 4].mean() + 8
    assert (low < middle).all()


async def test_a_rhythm_that_is_not_learnt_yet_is_said_so(ask):
    assert (await ask("li", "$rhythm?metric=heart-rate")).status_code == 400
    assert (await ask("li", "$rhythm?metric=steps")).status_code == 400
