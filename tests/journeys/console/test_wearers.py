"""The demonstration is alive: its people's devices send, and what they measure is there."""

import json

import httpx


def asked(demonstration, user, path):
    """Returns what a user of the demonstration is answered."""
    base = f"http://127.0.0.1:{demonstration.port}"
    accounts = json.loads((demonstration.data / "demo-sign-ins.json").read_text())
    password = next(one["password"] for one in accounts if one["user"] == user)
    token = httpx.post(f"{base}/sign-in", json={"user": user, "password": password}).json()["access_token"]
    return httpx.get(f"{base}/fhir/{path}", headers={"authorization": f"Bearer {token}"}, timeout=30).json()


def fleet(demonstration):
    said = asked(demonstration, "admin", "Device/$fleet")
    return {one["name"]: one.get("valueInteger") for one in said.get("parameter", ())}


def test_two_hundred_people_wear_devices_that_send(demonstration):
    # Each says something once a minute; that all of them do takes as long.
    demonstration.until(lambda: fleet(demonstration).get("sending", 0) >= 20)
    assert fleet(demonstration)["total"] > 300
    assert fleet(demonstration)["refused"] == 0
