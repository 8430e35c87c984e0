"""Persons who are registered, and what the index says of them."""

import httpx
import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know

NUMBER = "urn:oid:2.16.156.10011.1.3"


@pytest.fixture
def person():
    """Makes a Patient."""

    def person_(name="王建国", birth="1949-12-31", number=None, **more):
        resource = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": birth, **more}
        if number:
            resource["identifier"] = [{"system": NUMBER, "value": number}, *more.get("identifier", ())]
        return resource

    return person_


@pytest.fixture
def register(client, person):
    """Registers a person and returns the id of the Patient."""

    async def register_(*args, id=None, **more):
        resource = person(*args, **more)
        answer = await (
            client.put(f"Patient/{id}", json=resource | {"id": id}) if id else client.post("Patient", json=resource)
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["id"]

    return register_


@pytest.fixture
def resident(client):
    """Returns the id of the resident whose a registration is, and all of his registrations."""

    async def resident_(patient):
        said = (await client.get(f"Patient/{patient}/$links")).json()["parameter"]
        (whose,) = [one["valueReference"]["reference"] for one in said if one["name"] == "resident"]
        return whose.removeprefix("Patient/"), {
            one["valueReference"]["reference"].removeprefix("Patient/") for one in said if one["name"] == "registration"
        }

    return resident_


@pytest.fixture
def ask(client):
    """Calls an operation of a steward's and returns the number that it answers."""

    async def ask_(path, status=200, **inputs):
        given = [
            {"name": name, {bool: "valueBoolean", int: "valueInteger", str: "valueString"}[type(value)]: value}
            for name, value in {"reason": "核对过病案", **inputs}.items()
        ]
        answer = await client.post(path, json={"resourceType": "Parameters", "parameter": given})
        assert answer.status_code == status, answer.text
        return answer.json()["parameter"][0]["valueInteger"] if status == 200 else None

    return ask_


@pytest.fixture
def newest_decision(client):
    """Returns the number of the newest decision about a registration."""

    async def newest_decision_(patient):
        said = (await client.get(f"Patient/{patient}/$links")).json()["parameter"]
        return next(
            part["part"][0]["valueInteger"]
            for part in said
            if part["name"] == "decision"
            and {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}} in part["part"]
        )

    return newest_decision_


@pytest.fixture
def hospital(client, monkeypatch):
    """Opens the client of a hospital's own system: `hospital("a")` acts for Organization/a."""

    def open_(name, **more):
        token = f"token-of-the-system-of-hospital-{name}"
        known[token] = Actor(f"Device/{name}", "", f"Organization/{name}", "TREAT", role="application", **more)
        know(monkeypatch, known)
        headers = dict(client.headers) | {"authorization": f"Bearer {token}", "accept-language": "en"}
        return httpx.AsyncClient(transport=client._transport, base_url=str(client.base_url), headers=headers)

    known = {}
    return open_
