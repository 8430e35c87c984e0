"""A red pressure that somebody types is an alarm, whoever types it and wherever it was measured."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kangyun.access.actor import Actor
from kangyun.access.kept import Kept
from kangyun.devices.series.reading import Readings
from kangyun.devices.signals.keeping import Judging
from kangyun.testing.people import know

_ALARMS = "SELECT rule, level, count FROM alarm"
HOUSE = "Organization/platform"


@pytest.fixture
async def type_in(client, monkeypatch):
    """`await type_in("doctor", "186/115")`."""
    patient = {"resourceType": "Patient", "gender": "male", "birthDate": "1979-03-02", "name": [{"text": "测试甲"}]}
    wang = (await client.post("Patient", json=patient)).json()["id"]
    know(monkeypatch, {
        "wang": Actor(f"Patient/{wang}", "w", HOUSE, "PATRQT", role="resident", patients=(wang,)),
        "doctor": Actor("Practitioner/d", "d", HOUSE, "TREAT", role="doctor"),
        "nurse": Actor("Practitioner/n", "n", HOUSE, "TREAT", role="nurse"),
    })  # fmt: skip

    async def ask(who, line, **given):
        parameter = [{"name": name, "valueString": value} for name, value in {"line": line, **given}.items()]
        answer = await client.post(
            f"Patient/{wang}/$add-reading", json={"resourceType": "Parameters", "parameter": parameter},
            headers={"authorization": f"Bearer {who}"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    return ask


@pytest.fixture
def judged(world, tmp_path):
    """The world with the rules that come with the platform."""
    world.judging = lambda: Judging.of(tmp_path, ZoneInfo("Asia/Shanghai"), Readings(Kept(world.platform.gate.store)))
    return world


@pytest.mark.parametrize(
    ("who", "rule"),
    [("doctor", "office-pressure-high"), ("nurse", "office-pressure-high"), ("wang", "blood-pressure-high")],
)
async def test_a_red_pressure_that_is_typed_is_an_alarm(judged, type_in, who, rule):
    for line in ("186/115", "196/118"):
        status, _ = await type_in(who, line)
        assert status == 200
        await judged.take()
    assert await judged.rows(_ALARMS) == [(rule, 3, 2)]


@pytest.mark.parametrize(
    ("hours", "told"), [(0.5, [("office-pressure-high", 3, 1)]), (20, [("office-pressure-high", 3, 1)]), (25, [])]
)
async def test_what_is_typed_within_a_day_is_no_history(judged, type_in, hours, told):
    at = datetime.now(UTC) - timedelta(hours=hours)
    assert (await type_in("doctor", "186/115", at=at.isoformat()))[0] == 200
    await judged.take()
    assert await judged.rows(_ALARMS) == told
