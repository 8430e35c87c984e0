"""What is shown of series, over HTTP: curves whose peaks survive and whose gaps are gaps, to who may see them."""

import base64
import io
from dataclasses import replace

import pytest
from openpyxl import load_workbook

from kangyun.access.actor import Actor
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Mark, Wave
from kangyun.devices.series import operations
from kangyun.devices.series.packing import HOUR
from kangyun.devices.series.tests.conftest import HEART, LATER, SYSTOLIC
from kangyun.devices.series.waves import Waves
from kangyun.testing.people import know

BEGIN = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
DAY = 24 * HOUR
YEAR = "start=2026-01-01&end=2026-12-31"
PEAK_AT = BEGIN + 100 * DAY + 5 * HOUR
ECG = metrics()["ecg-lead-i"].number
SILENT = range(200, 210)
"""Days on which the device is silent."""


@pytest.fixture
async def patient(client):
    return (await client.post("Patient", json={"resourceType": "Patient"})).json()["id"]


@pytest.fixture
def measure(platform, samples, batch, patient):
    """Measures a heart for some days, so often an hour, with one peak and ten silent days; and three pressures."""

    async def take(length, an_hour):
        person = platform.gate.store.ids.res_of(patient)
        heart, pressure = (await samples.series_of([1, 2], [HEART, SYSTOLIC], [person] * 2)).tolist()
        steps = range(24 * an_hour)
        at = [BEGIN + day * DAY + step * HOUR // an_hour for day in length if day not in SILENT for step in steps]
        rows = [(heart, HEART, one, 190 if one == PEAK_AT else 60 + one // HOUR % 24) for one in at]
        rows.append((heart, HEART, PEAK_AT + 1, 300, int(Mark.DOUBTED)))
        rows += [(pressure, SYSTOLIC, BEGIN + day * DAY, 130 + day, int(Mark.TYPED)) for day in range(3)]
        async with platform.pool.connection() as connection:
            await samples.insert(connection, batch(*rows))
        return patient

    return take


@pytest.fixture
async def measured(measure):
    """The id of a person with a few days of curves."""
    return await measure(range(360, 365), 1)


def parts(answer):
    """Of the only series of an answer, by name."""
    (found,) = answer.json()["parameter"]
    return {part["name"]: next(value for name, value in part.items() if name != "name") for part in found["part"]}


def data(part):
    return part["data"].split(" ")


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_year_shows_each_peak_and_each_gap(client, compaction, measure, compacted):
    measured = await measure(range(365), 6)
    if compacted:
        await compaction.run(LATER)
    found = parts(await client.get(f"Patient/{measured}/$series?metric=heart-rate&points=365&{YEAR}"))
    assert found["period"] == 24 * 3_600_000
    high = data(found["high"])
    silent = [place for place, one in enumerate(high) if one == "E"]
    assert len(high) == 365
    assert max(int(one) for one in high if one != "E") == 190
    # Of the region's days: its first stretch begins at 16:00 UTC of the day before.
    assert silent == list(range(201, 210))
    assert set(data(found["low"])) == {"E", *map(str, (60, 60 + 16))} & {"E", "60", "76"}
    assert str(int(Mark.DOUBTED)) in found["mark"].split(" ")


async def test_few_samples_are_shown_as_they_are(client, measured):
    found = parts(await client.get(f"Patient/{measured}/$series?metric=8480-6&{YEAR}"))
    assert found["start"] == "2026-01-01T00:00:00.000Z"
    assert found["offsets"] == "0 86400000 172800000"
    assert found["values"]["factor"] == 0.5
    assert data(found["values"]) == ["260", "262", "264"]
    assert found["mark"] == "1 1 1"


async def test_the_last_readings_say_when(client, compaction, measured):
    await compaction.run(LATER)
    answer = (await client.get(f"Patient/{measured}/$last-readings")).json()["parameter"]
    told = [{part["name"]: part for part in one["part"]} for one in answer]
    assert [one["value"]["valueQuantity"]["value"] for one in told] == [83, 132]
    assert told[1]["at"]["valueInstant"] == "2026-01-03T00:00:00.000Z"
    assert told[1]["mark"]["valueCode"] == "typed"
    named = (await client.get(f"Patient/{measured}/$last-readings", headers={"accept-language": "zh"})).json()
    texts = [part["valueCodeableConcept"]["text"] for one in named["parameter"] for part in one["part"][:1]]
    assert texts == ["心率", "家测收缩压"]


async def test_a_wave_is_given_whole(client, platform, samples, kept, patient, monkeypatch):
    person = platform.gate.store.ids.res_of(patient)
    ((series,),) = [await samples.series_of([1], [ECG], [person])]
    async with platform.pool.connection() as connection:
        waves = [(int(series), Wave(ECG, BEGIN + nth * HOUR, 4000, 0.0005, 0.001, (3, -7, nth))) for nth in range(3)]
        await Waves(kept).insert(connection, waves)
    asked = f"Patient/{patient}/$series-samples?metric=ecg-lead-i&start=2026-01-01T01:00:00Z&end=2026-01-02T00:00:00Z"
    answer = (await client.get(asked)).json()["parameter"]
    assert [one["name"] for one in answer] == ["wave", "wave"]
    told = {part["name"]: part for part in answer[0]["part"]}
    assert told["start"]["valueInstant"] == "2026-01-01T01:00:00.000Z"
    assert told["values"]["valueSampledData"] == {
        "origin": {"value": 0.0005, "unit": "mV", "system": "http://unitsofmeasure.org", "code": "mV"},
        "period": 4, "factor": 0.001, "dimensions": 1, "data": "3 -7 1",
    }  # fmt: skip
    monkeypatch.setattr(operations, "MOST_OF_WAVES", 5)
    assert (await client.get(asked)).status_code == 422
    assert (await client.get(f"{asked}&form=xlsx")).status_code == 200  # It has no waves, so none are too many.


async def test_samples_are_exported_as_a_workbook(client, measured):
    answer = await client.get(f"Patient/{measured}/$series-samples?metric=systolic-home&form=xlsx&{YEAR}")
    rows = list(load_workbook(io.BytesIO(base64.b64decode(answer.json()["data"]))).active.values)
    assert [row[2] for row in rows] == ["Value", "130.0", "131.0", "132.0"]
    assert rows[1][0] == "2026-01-01 08:00:00+08:00"
    assert rows[1][4] == "typed"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("$series", 400), ("$series?metric=no", 400), ("$series?metric=spo2&start=2026-02-01&end=2026-01-01", 400),
        ("$series?metric=spo2&start=0001-01-01&end=9999-12-31&points=0", 200),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_said(client, patient, asked, status):
    assert (await client.get(f"Patient/{patient}/{asked}")).status_code == status


async def test_linked_registrations_are_shown_together(client, platform, samples, batch, measured):
    other = (await client.post("Patient", json={"resourceType": "Patient"})).json()["id"]
    person = platform.gate.store.ids.res_of(other)
    (series,) = (await samples.series_of([9], [SYSTOLIC], [person])).tolist()
    async with platform.pool.connection() as connection:
        await samples.insert(connection, batch((series, SYSTOLIC, BEGIN + 9 * DAY, 150)))
    alone = await client.get(f"Patient/{other}/$last-readings?metric=systolic-home")
    assert len(alone.json()["parameter"]) == 1
    told = {
        "parameter": [
            {"name": "to", "valueString": f"Patient/{measured}"},
            {"name": "reason", "valueString": "same person"},
        ]
    }
    linked = await client.post(f"Patient/{other}/$link", json={"resourceType": "Parameters"} | told)
    assert linked.status_code == 200, linked.text
    async with platform.pool.connection() as connection:
        resident = await connection.fetchval("SELECT resident FROM resident_link WHERE patient = $1", person)
    golden = platform.gate.store.ids.id_of(resident)
    together = await client.get(f"Patient/{golden}/$last-readings?metric=systolic-home")
    assert len(together.json()["parameter"]) == 2


async def test_who_may_not_see_a_person_gets_nothing(client, monkeypatch, measured):
    know(monkeypatch, {"li": Actor("Practitioner/li", "李", "Organization/far", role="doctor")})
    client.headers["authorization"] = "Bearer li"
    for asked in ("$series?metric=heart-rate", "$last-readings", "$series-samples?metric=heart-rate"):
        answer = await client.get(f"Patient/{measured}/{asked}")
        assert answer.status_code in (403, 404), answer.text
        assert "parameter" not in answer.json()


GIVEN_OUT = """
INSERT INTO device (id, name, institution, format) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, 'json')
"""
VITAL = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.mark.parametrize(
    ("scopes", "status", "count"),
    [
        (None, 200, 2),
        (("patient/Patient.r", "patient/Observation.rs"), 200, 2),
        (("patient/Patient.r", f"patient/Observation.rs?category={VITAL}|vital-signs"), 200, 2),
        (("patient/Patient.r", f"patient/Observation.rs?category={VITAL}|laboratory"), 200, 0),
        (("patient/Patient.r", "patient/Condition.rs"), 403, 0),
    ],
)
async def test_residents_see_their_own_and_applications_what_their_scopes_say(
    client, monkeypatch, measured, scopes, status, count
):
    own = Actor("Patient/" + measured, "", "Organization/platform", "PATRQT", role="resident", patients=(measured,))
    know(monkeypatch, {"own": replace(own, scopes=scopes, client="app", patient=measured) if scopes else own})
    client.headers["authorization"] = "Bearer own"
    answer = await client.get(f"Patient/{measured}/$last-readings")
    assert answer.status_code == status, answer.text
    assert len(answer.json().get("parameter", ())) == count


async def test_a_doctor_sees_what_devices_of_his_institution_measured(client, platform, monkeypatch, measured):
    know(monkeypatch, {"li": Actor("Practitioner/li", "", "Organization/platform", role="doctor")})
    client.headers["authorization"] = "Bearer li"
    async with platform.pool.connection() as connection:
        own = await connection.fetchval("SELECT id FROM institution WHERE reference = 'Organization/platform'")
        for device, institution in ((1, own), (2, own + 1_000)):
            await connection.execute(GIVEN_OUT, device, str(device), institution)
    answer = (await client.get(f"Patient/{measured}/$last-readings")).json()
    assert [part["valueString"] for one in answer["parameter"] for part in one["part"] if part["name"] == "device"] == [
        "1"
    ]


async def test_a_look_leaves_a_row(client, platform, measured):
    await client.get(f"Patient/{measured}/$last-readings")
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT patients, outcome FROM audit WHERE action = 'last-readings'")
    assert tuple(row) == ([platform.gate.store.ids.res_of(measured)], 200)
