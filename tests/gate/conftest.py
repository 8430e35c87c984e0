"""People of two hospitals, for the tests of the gate."""

import json

import pytest

from kangyun.access.actor import Actor, Circumstances

ABOUT = Circumstances("TEST /", "", "test")
SITE = "http://127.0.0.1:8080"


@pytest.fixture
def opened(platform):
    """Opens the record for somebody: `await opened("doctor", "Organization/a", "Practitioner/li")`."""

    async def open_(role, institution="Organization/a", reference="Practitioner/li", purpose="TREAT", **rest):
        return await platform.gate.open(Actor(reference, "", institution, purpose, role=role, **rest), ABOUT)

    return open_


@pytest.fixture
async def administrator(platform):
    """Opens the record for who runs the installation, writing as an institution."""

    async def open_(institution="Organization/platform"):
        actor = Actor("Device/administrator", "", institution, "SYSADMIN", administrator=True)
        return await platform.gate.open(actor, ABOUT)

    return open_


@pytest.fixture
def written(administrator):
    """Writes a resource as an institution: `await written({…}, "Organization/a")`; returns what stands."""

    async def write(resource, institution="Organization/a", method=None):
        record = await administrator(institution)
        method = method or ("update" if "id" in resource else "create")
        operation = record.operation(method, resource["resourceType"], id=resource.get("id"), resource=resource)
        (done,) = await record.commit([operation], method)
        return done.stored

    return write


@pytest.fixture
async def signed_in(open_client, tmp_path):
    """Gives the client of a demonstration's account: `await signed_in("doctor")`."""

    async def sign_in(role):
        client = await open_client(token=None, demo=True)
        accounts = json.loads((tmp_path / "demo-sign-ins.json").read_bytes())
        account = next(one for one in accounts if one["role"] == role)
        body = {"user": account["user"], "password": account["password"]}
        token = (await client.post(f"{SITE}/sign-in", json=body)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        return client

    return sign_in
