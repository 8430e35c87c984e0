"""`Patient/[id]/$call-help`: a cry for help of who has no device at hand."""

import pytest

from kangyun.access.actor import Actor
from kangyun.devices.formats import Context, read
from kangyun.devices.log import open_reader
from kangyun.devices.model import Lane
from kangyun.testing.people import know

HOUSE = "Organization/platform"
NOBODY = {"resourceType": "Parameters"}


@pytest.mark.parametrize(
    ("who", "status", "heard"),
    [("wang", 200, ["sos"]), ("daughter", 200, ["sos"]), ("neighbour", 404, []), ("nurse", 403, [])],
)
async def test_who_calls_is_heard_in_the_lane_of_events(client, platform, monkeypatch, who, status, heard):
    made = await client.post("Patient", json={"resourceType": "Patient", "name": [{"text": "测试甲"}]})
    wang = made.json()["id"]
    know(monkeypatch, {
        "wang": Actor(f"Patient/{wang}", "w", HOUSE, "PATRQT", role="resident", patients=(wang,)),
        "daughter": Actor("RelatedPerson/d", "d", HOUSE, "FAMRQT", role="guardian", patients=(wang,)),
        "neighbour": Actor("RelatedPerson/n", "n", HOUSE, "FAMRQT", role="guardian", patients=("other",)),
        "nurse": Actor("Practitioner/n", "n", HOUSE, "TREAT", role="nurse"),
    })  # fmt: skip
    headers = {"authorization": f"Bearer {who}"}
    assert (await client.post(f"Patient/{wang}/$call-help", json=NOBODY, headers=headers)).status_code == status
    reader = open_reader(platform)
    batches = await reader.read(Lane.EVENT, {}, most=10, most_bytes=1 << 20)
    await reader.close()
    records = [one for batch in batches for one in batch.records]
    events = [event for one in records for event in read(one.format, one.payload, Context(one.received))[0].events]
    assert [one.kind for one in events] == heard
