"""An SOS, from the warning to who has it: told by the outbox, answered in the app, and seen at the desk."""

import asyncio
import time

import pytest

from kangyun.access.actor import Actor
from kangyun.access.relations.whom import by_id
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.watching import keep_climbing
from kangyun.devices.signals import Level, Warning
from kangyun.testing.desks import Desk
from kangyun.testing.people import know

CENTRE = "Organization/centre"
ACTORS = {
    "officer": Actor("Practitioner/wang", "王", CENTRE, role="duty-officer"),
    "doctor": Actor("Practitioner/li", "李", CENTRE, role="doctor"),
}
SHIFT = """
INSERT INTO duty_shift (desk, day, starts, ends, who, given_by)
SELECT id, 'daily', '00:00', '00:00', 'Practitioner/wang', 'test' FROM institution
WHERE reference = 'Organization/centre'
"""
PATIENCE = 30


@pytest.fixture
def officer(monkeypatch):
    know(monkeypatch, ACTORS)
    return "officer"


async def test_an_sos_is_told_and_answered(platform, open_client, start_background, officer):
    doctor, client = await open_client("doctor"), await open_client(officer)
    person = {"resourceType": "Patient", "id": "centre-p", "name": [{"text": "王建国"}]}
    assert (await doctor.put("Patient/centre-p", json=person)).status_code == 201
    holder = (await by_id(platform.gate.store, "centre-p")).patient
    await platform.sign_in.identities.admit(
        "staff", "Practitioner/wang", CENTRE, "王", roles=["duty-officer"], vouched_by="Device/t", evidence="x"
    )
    start_background()
    stop = asyncio.Event()
    climbing = asyncio.ensure_future(keep_climbing(platform, stop))
    desk = Desk(client._transport.app, officer)
    await desk.until("snapshot")
    at = time.time_ns() // 1000
    async with platform.pool.connection() as connection, connection.transaction():
        await connection.execute(SHIFT)
        sos = Warning(rule="sos", level=Level.RED, holder=holder, at=at, since=at, position=(30.1, 104.2))
        await Alarms.of(platform.gate).raise_(connection, [sos])
    (first,) = (await desk.until("changes"))["alarms"]
    assert (first["state"], first["rule"]) == ("raised", "sos")
    async with asyncio.timeout(PATIENCE):
        while not (lines := (await client.get("$messages")).json()["parameter"][1:]):
            await asyncio.sleep(0.1)
    number = next(part["valueInteger"] for part in lines[0]["part"] if part["name"] == "id")
    answer = {
        "resourceType": "Parameters",
        "parameter": [{"name": "id", "valueInteger": number}, {"name": "answered", "valueBoolean": True}],
    }
    assert (await client.post("$message-read", json=answer)).status_code == 200
    async with asyncio.timeout(PATIENCE):
        while True:
            (one,) = (await desk.until("changes"))["alarms"]
            if one["state"] == "acknowledged":
                break
    # Whether by his own line or by that of the desk, which comes next where he has no telephone.
    assert one["owner"] == "Practitioner/wang"
    await desk.leave()
    stop.set()
    await climbing
