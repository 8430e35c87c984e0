"""People of two hospitals, for the tests of the gate."""

import pytest

from kangyun.access.actor import Actor, Circumstances

ABOUT = Circumstances("TEST /", "", "test")


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
