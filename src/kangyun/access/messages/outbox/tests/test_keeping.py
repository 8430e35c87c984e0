"""How readers are reached by the record, and how long what was told is kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kangyun.access.messages.outbox import Urgency
from kangyun.access.messages.outbox.contacts import addresses_of, keep
from kangyun.access.messages.outbox.keeping import forget, outbox_vitals, sweep
from kangyun.base import clock

PHONE, OTHER = "13800000001", "13800000002"
BOTH = {"sms": PHONE, "voice": PHONE}


def phone(value=PHONE, **more):
    return {"system": "phone", "value": value} | more


@pytest.mark.parametrize(
    ("resource", "addresses"),
    [
        ({"telecom": [phone()]}, BOTH),
        ({"telecom": [phone("0571-88888888"), phone()]}, BOTH),
        ({"telecom": [phone(OTHER, use="old"), phone()]}, BOTH),
        ({"telecom": [phone(OTHER, rank=2), phone(rank=1)]}, BOTH),
        ({"telecom": [{"system": "email", "value": "li@example.org"}]}, {"e-mail": "li@example.org"}),
        ({"telecom": [{"system": "email", "value": "li@example.org\r\nBcc: x@y"}]}, {}),
        ({"telecom": [{"system": "phone"}, {"value": PHONE}]}, {}),
        ({"telecom": [phone()], "active": False}, {}),
        ({"telecom": [phone()], "deceasedBoolean": True}, {}),
        ({"telecom": [phone()], "deceasedDateTime": "2026"}, {}),
        ({}, {}),
    ],
)
def test_telephone_and_mailbox_are_those_of_the_record(resource, addresses):
    assert addresses_of(resource) == addresses


async def test_a_patient_is_reached_by_his_record_and_after_his_death_by_nothing(world, client):
    made = {"resourceType": "Patient", "telecom": [phone()]}
    id_ = (await client.post("Patient", json=made)).json()["id"]
    reader = f"Patient/{id_}"
    await world.reach(reader, wechat="openid-1")
    contacts = world.teller.contacts
    assert (await contacts.of(world.connection, [reader]))[reader].addresses == BOTH | {"wechat": "openid-1"}
    await client.put(reader, json=made | {"id": id_, "deceasedBoolean": True})
    assert (await contacts.of(world.connection, [reader]))[reader].addresses == {}


async def test_whom_the_record_names_no_telephone_is_reached_by_the_one_he_has_proven(world):
    async def proven(_, readers):
        return dict.fromkeys(readers, OTHER)

    contacts = replace(world.teller.contacts, proven=proven)
    await world.reach("Practitioner/li", wechat="openid-1")
    found = await contacts.of(world.connection, ["Practitioner/li", "desk/county"])
    assert found["Practitioner/li"].addresses == {"sms": OTHER, "voice": OTHER, "wechat": "openid-1"}
    assert found["desk/county"].addresses == {"voice": "13800000009"}


async def test_who_is_erased_leaves_nothing(world):
    await keep(world.connection, world.outbox.letters, "Patient/a", world.now, holder=7, addresses={"sms": PHONE})
    await world.put(holder=7)
    await world.put("alarm/2", holder=8)
    await world.run()
    await forget(world.connection, [7], [])
    assert await world.connection.fetchval("SELECT count(*) FROM outbox_message") == 1
    assert await world.connection.fetchval("SELECT count(*) FROM outbox_note") == 1
    assert await world.connection.fetchval("SELECT count(*) FROM outbox_reader") == 0


async def test_what_ended_long_ago_is_removed_and_what_goes_on_is_not(world):
    world.clock[0] = clock.now() - timedelta(days=200)
    await world.put("old")
    await world.until_over(200)
    world.clock[0] = clock.now()
    await world.put("new")
    assert await sweep(world.connection, 180) == 1
    keys = await world.connection.fetch("SELECT key FROM outbox_message")
    assert [row["key"] for row in keys] == ["new"]


async def test_the_watch_sees_what_is_late_and_what_failed(world):
    world.clock[0] = clock.now() - timedelta(minutes=5)
    await world.put("late")
    await world.put("waits", urgency=Urgency.PLAIN, not_before=clock.now() + timedelta(hours=1))
    found = {name: value for name, _, value in await outbox_vitals(world.connection)}
    assert 290 < found["kangyun_outbox_red_late_seconds"] < 330
    assert found["kangyun_outbox_waiting"] == 1
