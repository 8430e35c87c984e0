"""Devices as rows, for tests of what asks for them; and people who are given devices, over HTTP."""

import pytest

from kangyun.access.actor import Actor
from kangyun.devices.register.credentials import digester, draw_secret
from kangyun.devices.register.register import open_register
from kangyun.testing.answers import told
from kangyun.testing.devices import COUNTY, OTHER, rows_of, sheet
from kangyun.testing.people import know


@pytest.fixture
def register(platform):
    return open_register(platform)


@pytest.fixture
def given_device(platform):
    """Makes a device of `Organization/county` with a secret; answers its number and the secret."""

    async def give(name="bp-0001", state="claimed"):
        secret = draw_secret()
        digest = digester(platform.gate.store.keys.index_key).of("secret", name, secret)
        async with platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO institution (reference) VALUES ('Organization/county') ON CONFLICT DO NOTHING"
            )
            device = await connection.fetchval(
                "INSERT INTO device (name, institution, format, state) SELECT $1, id, 'plain', $2 FROM institution"
                " WHERE reference = 'Organization/county' RETURNING id", name, state,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO device_credential (device, kind, digest, by) VALUES ($1, 'secret', $2, 'test')",
                device, digest,
            )  # fmt: skip
        return device, secret

    return give


@pytest.fixture
async def call(client, monkeypatch):
    """`await call("nurse", "Device/$claim", code=…)`: people whose tokens are their names; `parts` where it is GET."""
    patients = {}
    for name, gender in (("wang", "male"), ("zhao", "female"), ("far", "male")):
        patient = {"resourceType": "Patient", "gender": gender, "name": [{"text": f"{name} the patient"}]}
        answer = await client.post("Patient", json=patient)
        patients[name] = answer.json()["id"]
    wang, zhao, far = patients.values()
    staff = [
        ("officer", "device-officer", "HOPERAT", COUNTY), ("stranger", "device-officer", "HOPERAT", OTHER),
        ("nurse", "nurse", "TREAT", "Organization/platform"), ("far-nurse", "nurse", "TREAT", OTHER),
        ("registrar", "registrar", "PATADMIN", "Organization/platform"),
    ]  # fmt: skip
    actors = {name: Actor(f"Practitioner/{name}", name, house, purpose, role=role)
              for name, role, purpose, house in staff}  # fmt: skip
    for name, id_ in patients.items():
        actors[name] = Actor(f"Patient/{id_}", name, "Organization/platform", "PATRQT", role="resident",
                             patients=(id_,))  # fmt: skip
    actors["daughter"] = Actor("RelatedPerson/d", "d", "Organization/platform", "FAMRQT", role="guardian",
                               patients=(wang,))  # fmt: skip
    know(monkeypatch, actors)
    kinds = {bool: "valueBoolean", str: "valueString", int: "valueInteger"}

    async def ask(who, path, **given):
        headers = {"authorization": f"Bearer {who}", "accept-language": "zh"}
        parameter = [{"name": name.replace("_", "-"), kinds[type(value)]: value} for name, value in given.items()]
        body = {"resourceType": "Parameters", "parameter": parameter}
        return await client.post(path, json=body, headers=headers)

    ask.wang, ask.zhao, ask.far = wang, zhao, far
    return ask


@pytest.fixture
async def enrolled(call):
    """The three devices of LIST, by serial number: what the workbook says."""
    answer = told(await call("officer", "Device/$enrol", file=sheet()))
    assert answer["enrolled"] == 3
    return {row["序列号"]: row for row in rows_of(answer["devices"])}


@pytest.fixture
def claim(call, enrolled):
    """Claims one of the devices of LIST for wang, and answers its reference."""

    async def give(who="wang", serial="SN-1", **given):
        given = {"code": enrolled[serial]["领用码"], "patient": call.wang} | given
        return told(await call(who, "Device/$claim", **given))["device"]["reference"]

    return give
