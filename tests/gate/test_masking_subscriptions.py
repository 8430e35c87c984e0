"""A rest-hook tells its owner no more than a read would: a doctor's receiver is sent persons masked until he opens."""

import asyncio
import json

import pytest

from kangyun.access.subscriptions import delivery

SITE = "http://127.0.0.1:8080"
NAME = "欧阳建国"
PATIENT = {"resourceType": "Patient", "name": [{"text": NAME}], "gender": "female"}
REASON = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "随访"}]}
PATIENCE = 20.0  # seconds


@pytest.fixture
async def received():
    """What a receiver was sent, by whom it is about; and its address."""
    got = []

    async def take(reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            got.append(json.loads(await reader.readexactly(length)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield got, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/on"
    server.close()
    await server.wait_closed()


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_a_doctor_s_receiver_is_sent_persons_masked(
    received, open_client, start_background, tmp_path, monkeypatch
):
    got, endpoint = received
    monkeypatch.setattr(delivery, "LOOK", 0.02)
    given = {"demo": True, "subscription_hosts": "127.0.0.1"}
    doctor = await open_client(token=None, **given)
    start_background(**given)
    accounts = json.loads((tmp_path / "demo-sign-ins.json").read_bytes())
    account = next(one for one in accounts if one["role"] == "doctor")
    body = {"user": account["user"], "password": account["password"]}
    doctor.headers["authorization"] = (
        f"Bearer {(await doctor.post(f'{SITE}/sign-in', json=body)).json()['access_token']}"
    )
    subscription = {
        "resourceType": "Subscription", "status": "requested", "reason": "x", "criteria": "Patient?gender=female",
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"},
    }  # fmt: skip
    made = (await doctor.post("Subscription", json=subscription)).json()

    async def is_active():
        return (await doctor.get(f"Subscription/{made['id']}")).json()["status"] == "active"

    await until(is_active)
    url = f"Patient/{(await doctor.post('Patient', json=PATIENT)).json()['id']}"

    async def was_told():
        return len(got) == told

    told = 1
    await until(was_told)
    assert got[0]["name"] == [{"text": "欧阳**"}]
    await doctor.post(f"{url}/$open", json=REASON)
    whole = (await doctor.get(url)).json()
    assert (await doctor.put(url, json=whole | {"active": True})).status_code == 200
    told = 2
    await until(was_told)
    assert got[1]["name"] == PATIENT["name"]


@pytest.mark.parametrize("payload", [{"payload": "application/fhir+json"}, {}], ids=["whole", "ping"])
async def test_a_doctor_s_receiver_is_one_that_the_region_has_registered(
    received, open_client, start_background, tmp_path, payload
):
    got, _ = received
    doctor = await open_client(token=None, demo=True)
    start_background(demo=True)
    accounts = json.loads((tmp_path / "demo-sign-ins.json").read_bytes())
    account = next(one for one in accounts if one["role"] == "doctor")
    entered = await doctor.post(f"{SITE}/sign-in", json={"user": account["user"], "password": account["password"]})
    doctor.headers["authorization"] = f"Bearer {entered.json()['access_token']}"
    channel = {"type": "rest-hook", "endpoint": "https://anywhere.example/hook"} | payload
    asked = {"status": "requested", "reason": "x", "criteria": "Patient?gender=female", "channel": channel}
    made = (await doctor.post("Subscription", json={"resourceType": "Subscription"} | asked)).json()

    async def is_refused():
        stands = (await doctor.get(f"Subscription/{made['id']}")).json()
        return stands["status"] == "error" and "receivers.toml" in stands["error"]

    await until(is_refused)
    assert got == []
